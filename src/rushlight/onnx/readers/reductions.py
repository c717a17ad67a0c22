"""Sums and the like over axes, the largest and their places, sorting, softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight as rl
from rushlight.nn import functional as F
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor


def _axes_of(x: Tensor, given: Any, none_is_none: int) -> tuple[int, ...]:
    """The axes of a reduction: an input of newer operator sets, an attribute of older ones."""
    axes = given.tolist() if isinstance(given, rl.Tensor) else given
    if not axes:
        return () if none_is_none else tuple(range(x.ndim))
    return tuple(d % x.ndim for d in axes)


def _enter(name: str, compute: Callable[[Tensor, tuple[int, ...], bool], Tensor], alone: Any = None) -> None:
    """A reduction; `alone` is what it does of every element where there are no axes."""

    def reduction(
        x: Tensor,
        axes_given: Any = None,
        *,
        axes: Any = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        dims = _axes_of(x, axes if axes_given is None else axes_given, noop_with_empty_axes)
        if not dims:
            return x if alone is None else alone(x)
        return compute(x, dims, bool(keepdims)).to(x.dtype)

    reads(name)(reduction)


def _prod(x: Tensor, dims: tuple[int, ...], keep: bool) -> Tensor:
    for d in sorted(dims, reverse=True):
        x = rl.prod(x, d, keep)
    return x


def _extreme(largest: bool) -> Callable[[Tensor, tuple[int, ...], bool], Tensor]:
    def compute(x: Tensor, dims: tuple[int, ...], keep: bool) -> Tensor:
        if all(x.shape[d] for d in dims):
            return (rl.amax if largest else rl.amin)(x, dims, keep)
        shape = [1 if keep and d in dims else n for d, n in enumerate(x.shape) if keep or d not in dims]
        if x.is_floating_point():
            end = float("-inf" if largest else "inf")
        else:
            end = (
                not largest if x.dtype == rl.bool else getattr(rl.iinfo(x.dtype), "min" if largest else "max")
            )
        return rl.full(shape, end, dtype=x.dtype)

    return compute


_enter("ReduceSum", lambda x, d, k: rl.sum(x, d, k))
_enter("ReduceMean", lambda x, d, k: rl.mean(x, d, k) if x.is_floating_point() else rl.mean(x.double(), d, k))
_enter("ReduceProd", _prod)
_enter("ReduceMax", _extreme(True))
_enter("ReduceMin", _extreme(False))
_enter("ReduceL1", lambda x, d, k: rl.sum(rl.abs(x), d, k), rl.abs)
_enter("ReduceL2", lambda x, d, k: rl.sqrt(rl.sum(x * x, d, k)), rl.abs)
_enter("ReduceLogSum", lambda x, d, k: rl.log(rl.sum(x, d, k)), rl.log)
_enter("ReduceLogSumExp", lambda x, d, k: rl.logsumexp(x, d, k))
_enter("ReduceSumSquare", lambda x, d, k: rl.sum(x * x, d, k), lambda x: x * x)


def _place(find: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def place(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
        if not select_last_index:
            return find(x, axis, bool(keepdims))
        return x.shape[axis] - 1 - find(rl.flip(x, (axis,)), axis, bool(keepdims))

    return place


reads("ArgMax")(_place(rl.argmax))
reads("ArgMin")(_place(rl.argmin))


@reads("CumSum")
def cumsum(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _running(rl.cumsum, x, int(axis.item()), exclusive, reverse, 0)


@reads("CumProd")
def cumprod(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    return _running(rl.cumprod, x, int(axis.item()), exclusive, reverse, 1)


def _running(run: Any, x: Tensor, axis: int, exclusive: int, reverse: int, first: int) -> Tensor:
    axis %= x.ndim
    x = rl.flip(x, (axis,)) if reverse else x
    if exclusive:
        size = x.shape[axis]
        begin = rl.full_like(rl.narrow(x, axis, 0, min(size, 1)), first)
        x = rl.cat([begin, rl.narrow(x, axis, 0, max(size - 1, 0))], axis)
    out = run(x, axis).to(x.dtype)
    return rl.flip(out, (axis,)) if reverse else out


@reads("TopK")
def topk(
    x: Tensor, count: Tensor | None = None, *, k: int = 0, axis: int = -1, largest: int = 1, sorted: int = 1
) -> Any:
    found = rl.topk(x, k if count is None else int(count.item()), axis, bool(largest), True)
    return found[0], found[1]


def _by_rows(compute: Callable[..., Tensor], x: Tensor, axis: int) -> Tensor:
    """What operator sets before 13 do: all axes from `axis` on are one."""
    axis = axis % x.ndim if x.ndim else 0
    return compute(x.flatten(axis), axis).reshape(x.shape)


@reads("Softmax")
def softmax_of_rows(x: Tensor, *, axis: int = 1) -> Tensor:
    return _by_rows(F.softmax, x, axis)


@reads("LogSoftmax")
def log_softmax_of_rows(x: Tensor, *, axis: int = 1) -> Tensor:
    return _by_rows(F.log_softmax, x, axis)


@reads("Softmax", since=13)
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return F.softmax(x, axis)


@reads("LogSoftmax", since=13)
def log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return F.log_softmax(x, axis)


def _hardmax(x: Tensor, axis: int) -> Tensor:
    return (rl.argmax(x, axis, True) == _along(x, axis)).to(x.dtype)


def _along(x: Tensor, axis: int) -> Tensor:
    """The numbers of the places along an axis, as they broadcast against x."""
    axis %= x.ndim
    return rl.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - axis - 1))


@reads("Hardmax")
def hardmax_of_rows(x: Tensor, *, axis: int = 1) -> Tensor:
    return _by_rows(_hardmax, x, axis)


@reads("Hardmax", since=13)
def hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return _hardmax(x, axis)


@reads("NonZero")
def nonzero(x: Tensor) -> Tensor:
    return rl.nonzero(x).T


@reads("Unique")
def unique(x: Tensor, *, axis: int | None = None, sorted: int = 1) -> Any:
    if axis is None:
        x, axis = x.reshape(-1), 0
    rows, inverse, counts = rl.unique(x, return_inverse=True, return_counts=True, dim=axis)
    n = x.shape[axis]
    # The first place of each: of those that equal it the smallest.
    at = rl.where(inverse.reshape(1, -1) == rl.arange(rows.shape[axis]).reshape(-1, 1), rl.arange(n), n)
    first = at.amin(1)
    if not sorted:
        order = rl.argsort(first)
        back = rl.argsort(order)
        rows, first, counts, inverse = (
            rows.index_select(axis, order),
            first[order],
            counts[order],
            back[inverse],
        )
    return rows, first, inverse, counts


@reads("Det")
def det(x: Tensor) -> Tensor:
    return rl.det(x)
