"""Making sparse tensors: of places and values, or of what is not 0 in dense ones."""

from __future__ import annotations

from typing import Any, NoReturn

from rushlight.core.apply import apply
from rushlight.core.placement import check_device
from rushlight.core.spec import as_dtype
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, method
from rushlight.errors import (
    ArgumentError,
    DTypeError,
    IndexingError,
    NotSupportedError,
    ShapeError,
    message,
)
from rushlight.ops.coo import SparseTensor, coo_only
from rushlight.ops.creation import as_tensor, zeros
from rushlight.ops.index import INDEX, nonzero
from rushlight.ops.join import stack
from rushlight.ops.matmul import mm

__all__ = ["dsmm", "sparse_coo_tensor", "spmm"]


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """A sparse tensor with ``values[k]`` at the place ``indices[:, k]``; places that repeat add up.

    indices           (axes, nnz), whole numbers.
    values            (nnz, *): more axes than one are dense. Gradients flow to a tensor that is given here.
    size              the shape; unless given, the smallest that holds all places. Alone: of an empty tensor.
    requires_grad     make the result a leaf of its own, cut off from `values`.
    check_invariants  False leaves out looking whether the places lie within `size`; True looks also whether
                      what `is_coalesced` says is so.
    is_coalesced      that every place is named once, in row-major order, is known.

    Raises ShapeError for indices, values and size that do not fit together, IndexingError for a place
    outside, ArgumentError for indices that are not coalesced.

    >>> import rushlight as rl
    >>> rl.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    tensor(indices=tensor([[0, 1, 1],
                           [2, 0, 2]]),
           values=tensor([3., 4., 5.]),
           size=(2, 3), nnz=3, layout=rushlight.sparse_coo)
    """
    check_device(device)
    if values is None:
        size = tuple(indices if size is None else size)
        made = SparseTensor(zeros(len(size), 0).long(), zeros(0, dtype=dtype), size, True)
        return made.requires_grad_() if requires_grad else made
    places, numbers = as_tensor(indices).detach().long(), as_tensor(values, dtype=dtype)
    size = _size_of(places, numbers, size)
    if check_invariants is not False and not state.tracing:
        _check_places(places, size)
    made = SparseTensor(places, numbers, size, bool(is_coalesced) or places.shape[1] < 2)
    if is_coalesced and check_invariants and not bool((made.flat().diff() > 0).all()):
        got = "is_coalesced=True for indices that repeat or are out of order"
        raise ArgumentError(message("sparse_coo_tensor", got, "row-major order", "Use coalesce()."))
    return made.detach().requires_grad_() if requires_grad else made


def _size_of(places: Tensor, numbers: Tensor, size: Any) -> tuple[int, ...]:
    name = "sparse_coo_tensor"
    if places.ndim != 2:
        got = f"indices of shape {tuple(places.shape)}"
        raise ShapeError(message(name, got, "(axes, nnz)", "Of one axis: indices.unsqueeze(0)."))
    if not numbers.ndim or numbers.shape[0] != places.shape[1]:
        got = f"indices of shape {tuple(places.shape)} and values of shape {tuple(numbers.shape)}"
        raise ShapeError(message(name, got, "a value for each column of the indices"))
    dense = tuple(numbers.shape[1:])
    if size is None:
        if not places.shape[1]:
            return (*(0,) * places.shape[0], *dense)
        return (*(n + 1 for n in places.amax(1).tolist()), *dense)
    size = tuple(int(n) for n in size)
    if len(size) != places.shape[0] + len(dense) or size[places.shape[0] :] != dense:
        got = f"size {size} for {places.shape[0]} sparse axes and values of shape {tuple(numbers.shape)}"
        raise ShapeError(message(name, got, "a size for each row of the indices, then those of a value"))
    return size


def _check_places(places: Tensor, size: tuple[int, ...]) -> None:
    if not places.shape[1]:
        return
    low, high = places.amin(1).tolist(), places.amax(1).tolist()
    for axis, (a, b) in enumerate(zip(low, high, strict=True)):
        if a < 0 or b >= size[axis]:
            got = f"index {a if a < 0 else b} on axis {axis} of size {size}"
            raise IndexingError(message("sparse_coo_tensor", got, f"0 to {size[axis] - 1}"))


@method()
def to_sparse(input: Tensor, sparse_dim: int | None = None, *, layout: Any = None) -> SparseTensor:
    """The tensor in coordinate form: what is not 0, by place.

    sparse_dim  how many axes, from the first, are counted by indices; all unless given. What is not 0
                anywhere along the others is held whole.

    Raises NotSupportedError for a layout that is not sparse_coo.

    >>> import rushlight as rl
    >>> rl.eye(2).to_sparse().indices()
    tensor([[0, 1],
            [0, 1]])
    """
    coo_only("to_sparse", layout)
    count = input.ndim if sparse_dim is None else sparse_dim
    if not 0 < count <= input.ndim:
        got = f"sparse_dim={count} for a tensor of {input.ndim} axes"
        raise ArgumentError(message("to_sparse", got, f"1 to {input.ndim}"))
    held = input.detach() != 0
    if count < input.ndim:
        held = held.flatten(count).any(-1)
    rows = nonzero(held, as_tuple=True)
    values = apply(INDEX, input, *rows, pattern=("tensor",) * count)
    return SparseTensor(stack(list(rows)), values, tuple(input.shape), True)


@method()
def to_sparse_coo(input: Tensor) -> SparseTensor:
    """The tensor in coordinate form, as `to_sparse`."""
    return to_sparse(input)


@method()
def to_dense(input: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, or of another dtype: it is dense."""
    return input if dtype is None else input.to(as_dtype(dtype))


@method()
def sparse_mask(input: Tensor, mask: SparseTensor) -> SparseTensor:
    """The numbers of a dense tensor at the places of a sparse one.

    >>> import rushlight as rl
    >>> rl.ones(2, 2).sparse_mask(rl.eye(2).to_sparse()).values()
    tensor([1., 1.])
    """
    if not isinstance(mask, SparseTensor) or isinstance(input, SparseTensor):
        got = f"a {type(input).__name__} and a mask that is a {type(mask).__name__}"
        raise DTypeError(message("sparse_mask", got, "a dense tensor and a sparse mask"))
    if mask.shape != input.shape:
        got = f"shapes {tuple(input.shape)} and {tuple(mask.shape)}"
        raise ShapeError(message("sparse_mask", got, "one shape"))
    mask = mask.coalesce()
    rows = mask.rows()
    return mask.rebuilt((mask._indices(), apply(INDEX, input, *rows, pattern=("tensor",) * len(rows))))


def spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, of which the first may be sparse: `rl.mm`.

    >>> import rushlight as rl
    >>> rl.spmm(rl.eye(2).to_sparse(), rl.tensor([[1.0], [2.0]]))
    tensor([[1.],
            [2.]])
    """
    return mm(input, mat2)


dsmm = spmm


def _refuser(name: str) -> None:
    def refused(input: Tensor, *args: Any, **options: Any) -> NoReturn:
        raise NotSupportedError(message(name, "another layout", "sparse_coo", "Use x.to_sparse()."))

    refused.__doc__ = "Refused: sparse tensors are in coordinate form, `to_sparse()`."
    method(name)(refused)


for _name in ("to_sparse_csr", "to_sparse_csc", "to_sparse_bsr", "to_sparse_bsc"):
    _refuser(_name)
