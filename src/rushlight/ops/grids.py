"""Grids of coordinates, combinations, and shapes that broadcast."""

from __future__ import annotations

import itertools
import math
from typing import Any

from rushlight.core.placement import check_device
from rushlight.core.spec import broadcast
from rushlight.core.state import untraced
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, IndexingError, ShapeError, message
from rushlight.ops.arranging import each_tensor
from rushlight.ops.join import listed_tensors, stack
from rushlight.ops.movement import as_sizes
from rushlight.ops.ranges import arange

__all__ = [
    "broadcast_shapes",
    "broadcast_tensors",
    "cartesian_prod",
    "combinations",
    "meshgrid",
    "tril_indices",
    "triu_indices",
    "unravel_index",
]


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that shapes broadcast to; a number stands for a vector's.

    >>> import rushlight as rl
    >>> rl.broadcast_shapes((4, 1), (3,))
    (4, 3)
    """
    listed = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    return broadcast("broadcast_shapes", listed)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape that they broadcast to.

    >>> import rushlight as rl
    >>> rl.broadcast_tensors(rl.tensor([1, 2]), rl.tensor([[3]]))
    (tensor([[1, 2]]), tensor([[3, 3]]))
    """
    listed = each_tensor(tensors)
    shape = broadcast("broadcast_tensors", [t.shape for t in listed])
    return tuple(t.expand(shape) for t in listed)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of a grid whose axes have the numbers of the vectors: one tensor for each vector, of
    the grid's shape.

    indexing  "ij" (by default): the first vector runs along the first axis; "xy": along the second, as in
              pictures.

    >>> import rushlight as rl
    >>> rl.meshgrid(rl.tensor([1, 2]), rl.tensor([3, 4, 5]), indexing="ij")[1]
    tensor([[3, 4, 5],
            [3, 4, 5]])
    """
    listed = [t.reshape(1) if not t.ndim else t for t in listed_tensors("meshgrid", each_tensor(tensors))]
    if indexing not in (None, "ij", "xy"):
        raise ArgumentError(message("meshgrid", f"indexing={indexing!r}", "'ij' or 'xy'"))
    for t in listed:
        if t.ndim != 1 or t.dtype != listed[0].dtype:
            raise ShapeError(message("meshgrid", f"{t.dtype} of shape {t.shape}", "vectors of one dtype"))
    swaps = indexing == "xy" and len(listed) > 1
    if swaps:
        listed[:2] = listed[1::-1]
    sizes = [t.shape[0] for t in listed]
    grids = [
        t.reshape([-1 if i == k else 1 for i, _ in enumerate(sizes)]).expand(sizes)
        for k, t in enumerate(listed)
    ]
    if swaps:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All ways to take one number of each vector, a row for each; of one vector itself.

    >>> import rushlight as rl
    >>> rl.cartesian_prod(rl.tensor([1, 2]), rl.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    listed = listed_tensors("cartesian_prod", each_tensor(tensors))
    for t in listed:
        if t.ndim != 1:
            raise ShapeError(message("cartesian_prod", f"shape {t.shape}", "vectors"))
    if len(listed) == 1:
        return listed[0]
    return stack([g.reshape(-1) for g in meshgrid(*listed)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take `r` elements of a vector, a row for each, in their order; with `with_replacement` the
    same may be taken again.

    >>> import rushlight as rl
    >>> rl.combinations(rl.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1 or r < 0:
        raise ShapeError(
            message("combinations", f"shape {input.shape}, r={r}", "a vector, and r of 0 or more")
        )
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    if not r:
        return input.new_full((0,), 0)
    return input[xp.asarray(rows, xp.int64).reshape(len(rows), r)]


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates in `shape` of positions in the flattened tensor, a tensor for each axis.

    >>> import rushlight as rl
    >>> rl.unravel_index(rl.tensor([5]), (2, 3))
    (tensor([1]), tensor([2]))
    """
    sizes = as_sizes((shape,)) if not isinstance(shape, int) else (shape,)
    if indices.dtype.kind not in "iu":
        raise DTypeError(message("unravel_index", str(indices.dtype), "whole numbers"))
    if any(n < 0 for n in sizes) or (not math.prod(sizes) and indices.numel()):
        raise IndexingError(message("unravel_index", f"shape {sizes}", "sizes above 0"))
    found, rest = [], indices.long()
    for n in sizes[::-1]:
        found.append(rest % max(n, 1))
        rest = rest // max(n, 1)
    return tuple(found[::-1])


def _triangle(name: str, row: int, col: int, keep: Any, dtype: Any, device: Any) -> Tensor:
    check_device(device)
    if row < 0 or col < 0:
        raise ArgumentError(message(name, f"row={row}, col={col}", "0 or more"))
    with untraced():
        inside = keep(arange(col) - arange(row).unsqueeze(1))
        found = stack(list(inside.nonzero(as_tuple=True)))
    return found if dtype is None else found.to(dtype)


def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """The rows and columns of a lower triangle's elements, in two rows.

    >>> import rushlight as rl
    >>> rl.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", row, col, lambda gap: gap <= offset, dtype, device)


def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """The rows and columns of an upper triangle's elements, in two rows."""
    return _triangle("triu_indices", row, col, lambda gap: gap >= offset, dtype, device)
