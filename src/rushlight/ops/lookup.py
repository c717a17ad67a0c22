"""Looking up rows of a table by number: embeddings, and bags of them."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply
from rushlight.core.lower import Gather
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, refuse_dtype
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.elementwise import clamp
from rushlight.ops.gather import cumsum, gather
from rushlight.ops.index import INDEX, INDEX_ADD
from rushlight.ops.norm import norm
from rushlight.ops.ranges import arange
from rushlight.ops.select import kept, where

__all__ = ["embedding", "embedding_renorm_"]

_ROWS = ("positions",)


def _infer(w: Spec, index: Spec, **attrs: Any) -> Spec:
    if w.ndim != 2:
        raise ShapeError(message("embedding", f"a weight of shape {w.shape}", "(rows, columns)"))
    return Spec((*index.shape, w.shape[1]), w.dtype)


def _grad(
    g: Tensor,
    out: None,
    w: Spec,
    index: Tensor,
    *,
    pattern: Any,
    padding: int | None,
    by_count: bool,
    sparse: bool,
) -> list[Tensor | None]:
    if padding is not None:
        g = kept((index != padding).unsqueeze(-1), g)
    if by_count:
        g = g / _count(index, w.shape[0], g)[index].unsqueeze(-1)
    if sparse:
        return [_rows_alone(g.reshape(-1, w.shape[1]), index.reshape(-1), w.shape, padding), None]
    return [apply(INDEX_ADD, g, index, pattern=pattern, shape=w.shape), None]


def _rows_alone(rows: Tensor, index: Tensor, shape: tuple[int, ...], padding: int | None) -> Tensor:
    """The gradient of a table of this shape, of the rows that were looked up and no others."""
    from rushlight.ops.coo import SparseTensor

    if padding is not None and not state.tracing:
        keep = (index != padding).nonzero().squeeze(1)
        rows, index = rows.index_select(0, keep), index.index_select(0, keep)
    return SparseTensor(index.long().unsqueeze(0), rows, shape)


def _as_index(
    w: Tensor, index: Tensor, *, pattern: Any, padding: int | None, by_count: bool, sparse: bool
) -> Tensor | None:
    """Plain indexing has the same derivative, unless a row is left out of it or divided."""
    if padding is not None or by_count or sparse:
        return None
    return apply(INDEX, w, index, pattern=pattern)


def _count(index: Tensor, size: int, like: Tensor) -> Tensor:
    """How often each number below `size` is in the index."""
    return apply(INDEX_ADD, like.new_full(index.shape, 1), index, pattern=_ROWS, shape=(size,))


EMBEDDING = register(
    Op(
        "embedding",
        lambda m, w, index, *, pattern, **_: m.slices_at(w, m.from_front(index, w.shape[0], 0), 0),
        _infer,
        _grad,
        spare=(0,),
        lower=Gather(),
        decompose=_as_index,
    )
)


def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (V, D) that `indices` (*) name, as (*, D).

    padding_idx         the row that gets no gradient, if it is 0 or more.
    scale_grad_by_freq  a row's gradient is divided by how often it was named.
    sparse              the gradient is a sparse tensor, of the rows that were looked up.

    Raises IndexingError for a number that is no row, DTypeError for indices that are no integers.

    >>> import rushlight as rl
    >>> rl.embedding(rl.tensor([[1.0, 2.0], [3.0, 4.0]]), rl.tensor([1, 0, 1]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    check_index("embedding", indices)
    padding = padding_idx if padding_idx >= 0 else None
    return apply(
        EMBEDDING,
        weight,
        indices,
        pattern=_ROWS,
        padding=padding,
        by_count=bool(scale_grad_by_freq),
        sparse=bool(sparse),
    )


def check_index(name: str, index: Any) -> None:
    """Raises DTypeError unless `index` is a tensor of int64 or int32."""
    if not isinstance(index, Tensor):
        raise DTypeError(message(name, f"a {type(index).__name__}", "a tensor of int64 or int32"))
    refuse_dtype(name, "indices", index.dtype, "int64", "int32")


@no_grad()
def limit_rows(weight: Tensor, index: Tensor, largest: float, power: float) -> None:
    """Scale the rows of `weight` that the index names, in place, to a norm of at most `largest`.

    >>> import rushlight as rl
    >>> weight = rl.tensor([[3.0, 4.0], [6.0, 8.0]])
    >>> rl.ops.lookup.limit_rows(weight, rl.tensor([1]), 1.0, 2.0)
    >>> weight
    tensor([[3.0000, 4.0000],
            [0.6000, 0.8000]])
    """
    index = index.reshape(-1)
    rows = apply(INDEX, weight, index, pattern=_ROWS)
    size = norm(rows, power, 1, True)
    weight[index] = where(size > largest, rows * (largest / (size + 1e-7)), rows)


def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """The table `input` (V, D), of which the rows that `indices` names are scaled down, in place, to a norm
    of at most `max_norm`.

    >>> import rushlight as rl
    >>> rl.embedding_renorm_(rl.tensor([[3.0, 4.0], [6.0, 8.0]]), rl.tensor([1]), 5.0, 2.0)
    tensor([[3., 4.],
            [3., 4.]])
    """
    check_index("embedding_renorm_", indices)
    limit_rows(input, indices, max_norm, norm_type)
    return input


def _infer_top(x: Spec, bag: Spec, keep: Spec, *, bags: int) -> Spec:
    return Spec((bags, x.shape[1]), xp.int64)


TOP = register(Op("bag_top", lambda m, x, bag, keep, *, bags: m.first_top_at(x, bag, keep, bags), _infer_top))


def bagged(
    weight: Tensor,
    index: Tensor,
    offsets: Tensor,
    mode: str,
    factors: Tensor | None,
    padding: int | None,
    by_count: bool,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (V, D) that the bags of `index` (n,) name, merged bag by bag into (B, D).

    offsets   (B,): where each bag begins.
    mode      "sum", "mean" or "max".
    factors   (n,): what each row is multiplied by.
    padding   a number that counts as not there.

    An empty bag gives 0. Of equal largest elements the first gets the gradient.
    """
    bags = offsets.shape[0]
    # A bag begins one behind the last index, where it is empty.
    starts = apply(
        INDEX_ADD, offsets.new_full((bags,), 1), offsets, pattern=_ROWS, shape=(index.shape[0] + 1,)
    )
    bag = (cumsum(starts, 0) - 1)[: index.shape[0]]
    rows = embedding(weight, index, -1 if padding is None else padding, by_count, sparse)
    keep = index >= 0 if padding is None else index != padding
    if mode == "max":
        return _largest(rows, bag, keep, bags)
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    if padding is not None:
        rows = kept(keep.unsqueeze(1), rows)
    total = apply(INDEX_ADD, rows, bag, pattern=_ROWS, shape=(bags, weight.shape[1]))
    if mode == "sum":
        return total
    counts = apply(INDEX_ADD, keep.to(weight.dtype), bag, pattern=_ROWS, shape=(bags,))
    return total / clamp(counts, min=1).unsqueeze(1)


def _largest(rows: Tensor, bag: Tensor, keep: Tensor, bags: int) -> Tensor:
    if not rows.shape[0]:
        return rows.new_full((bags, rows.shape[1]), 0.0)
    place = apply(TOP, rows.detach(), bag, keep, bags=bags)
    none = place >= rows.shape[0]
    return gather(rows, 0, place.masked_fill(none, 0)).masked_fill(none, 0.0)


def bags_of_rows(index: Tensor) -> Tensor:
    """The offsets of bags that are the rows of an index (B, L), read one after the other."""
    return arange(index.shape[0]) * index.shape[1]


def check_mode(name: str, mode: str) -> None:
    """Raises ArgumentError unless `mode` is one of the three."""
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(message(name, f"mode={mode!r}", "'sum', 'mean' or 'max'"))
