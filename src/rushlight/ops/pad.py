"""Borders and windows: more elements around those of a tensor, and what a window that moves along it sees."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from rushlight.core import strides
from rushlight.core.apply import apply
from rushlight.core.fold import Operand, of
from rushlight.core.lower import View
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, as_held, normalize_axis
from rushlight.core.tensor import Tensor, method
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.index import SLICE

__all__ = ["constant_pad", "unfold"]

Sizes = tuple[int, ...]


def _infer_pad(x: Spec, *, low: Sizes, high: Sizes, inner: Sizes, value: Any) -> Spec:
    if not len(low) == len(high) == len(inner) == x.ndim:
        raise ShapeError(message("pad", f"{len(low)} pairs for shape {x.shape}", "a pair for each axis"))
    shape = tuple(
        a + b + (n + (n - 1) * between if n else 0)
        for n, a, b, between in zip(x.shape, low, high, inner, strict=True)
    )
    if any(n < 0 for n in shape):
        got = f"{low} before and {high} after shape {x.shape}"
        raise ShapeError(message("pad", got, "at least nothing to be left", "Crop less."))
    return Spec(shape, x.dtype)


def _pad_grad(g: Tensor, out: Any, x: Any, *, low: Sizes, high: Sizes, inner: Sizes, value: Any) -> Tensor:
    none = (0,) * len(low)
    g = apply(PAD, g, low=tuple(-n for n in low), high=tuple(-n for n in high), inner=none, value=0)
    if inner == none:
        return g
    return apply(SLICE, g, pattern=tuple(("slice", None, None, n + 1) for n in inner))


def _beyond(attrs: dict[str, Any]) -> tuple[list[int], Any]:
    pairs = zip(attrs["low"], attrs["high"], strict=True)
    return [d for d, pair in enumerate(pairs) if max(pair) > 0], attrs["value"]


def _in_ops(x: Tensor, *, low: Sizes, high: Sizes, inner: Sizes, value: Any) -> Tensor | None:
    """What lies between elements, as a border of a new axis, which then becomes part of the old one."""
    if not any(inner):
        return None
    wide = x.reshape([n for size in x.shape for n in (size, 1)])
    after = tuple(n for between in inner for n in (0, between))
    none = (0,) * len(after)
    wide = apply(PAD, wide, low=none, high=after, inner=none, value=value)
    x = wide.reshape([n * (between + 1) for n, between in zip(x.shape, inner, strict=True)])
    # After the last element there is nothing between.
    ends = tuple(n - between if size else n for n, between, size in zip(high, inner, x.shape, strict=True))
    return apply(PAD, x, low=low, high=ends, inner=(0,) * x.ndim, value=value)


def _fold_pad(x: Operand, *, low: Sizes, high: Sizes, inner: Sizes, value: Any) -> Any:
    if x.spec is None:
        return None
    if not x.spec.size:
        return value
    if not any(low) and not any(high) and not any(inner):
        return x
    first = of(x, PAD)
    if first is None or repr(x.attrs["value"]) != repr(value) or any(inner) or any(x.attrs["inner"]):
        return None
    sides = zip((*x.attrs["low"], *x.attrs["high"]), (*low, *high), strict=True)
    if any(a < 0 < b for a, b in sides):  # what was cropped does not come back
        return None
    before, after = (
        tuple(a + b for a, b in zip(x.attrs[side], more, strict=True))
        for side, more in (("low", low), ("high", high))
    )
    return PAD, (first,), {"low": before, "high": after, "inner": inner, "value": value}


# Before, after and between: what a slice with steps leaves out, this puts in.
PAD: Op = register(
    Op(
        "pad",
        lambda m, x, *, low, high, inner, value: m.pad(x, low, high, inner, value),
        _infer_pad,
        (_pad_grad,),
        saves="specs",
        lower=View(strides.padded, beyond=_beyond),
        decompose=_in_ops,
        fold=_fold_pad,
    )
)


def _infer_windows(x: Spec, *, dims: Sizes, sizes: Sizes, steps: Sizes, spread: Sizes) -> Spec:
    shape = [*x.shape]
    for d, n, step, apart in zip(dims, sizes, steps, spread, strict=True):
        reach = apart * (n - 1) + 1 if n else 0
        if reach > x.shape[d]:
            got = f"windows that reach over {reach} elements on axis {d} of shape {x.shape}"
            raise ShapeError(message("unfold", got, f"at most {x.shape[d]}", "Make them smaller, or pad."))
        shape[d] = (x.shape[d] - reach) // step + 1
    return Spec((*shape, *sizes), x.dtype)


WINDOWS: Op = register(
    Op(
        "unfold",
        lambda m, x, *, dims, sizes, steps, spread: m.windows(x, dims, sizes, steps, spread),
        _infer_windows,
        (lambda g, out, x, **windows: apply(FOLD, g, shape=x.shape, **windows),),
        saves="specs",
        view=True,
        put=lambda x, value, attrs: None,
        lower=View(strides.windowed),
    )
)


def _folded(g: Tensor, *, shape: Sizes, dims: Sizes, sizes: Sizes, steps: Sizes, spread: Sizes) -> Tensor:
    """The sum of all elements of windows, each moved to where it comes from."""
    if 0 in g.shape:
        return _bordered(g.reshape(0), [0], [math.prod(shape)]).reshape(shape)
    if any(n != 1 for n in spread):
        return _place_by_place(g, shape, dims, sizes, steps, spread)
    # Element k of window q lies at q step + k, which is (q + m) step + r: those of one m, over q and r, lie
    # side by side.
    rank, rounds = len(shape), [-(-n // step) for n, step in zip(sizes, steps, strict=True)]
    filled = [m * step - n for m, step, n in zip(rounds, steps, sizes, strict=True)]
    g = _bordered(g, [0] * g.ndim, [0] * rank + filled)
    g = g.reshape((*g.shape[:rank], *[n for pair in zip(rounds, steps, strict=True) for n in pair]))
    total = None
    for place in itertools.product(*map(range, rounds)):
        part = g
        for k, m in enumerate(place):
            part = part.select(rank + k, m)  # of the axes (m, r) of each window the first
        low, high = [0] * part.ndim, [0] * part.ndim
        for d, m, most in zip(dims, place, rounds, strict=True):
            low[d], high[d] = m, most - 1 - m
        part = _bordered(part, low, high)
        total = part if total is None else total + part
    assert total is not None
    order = [
        d for axis in range(rank) for d in (axis, *[rank + k for k, at in enumerate(dims) if at == axis])
    ]
    wide = [
        n * math.prod(s for s, at in zip(steps, dims, strict=True) if at == d)
        for d, n in enumerate(total.shape[:rank])
    ]
    total = total.permute(order).reshape(wide)
    return _bordered(total, [0] * rank, [n - m for n, m in zip(shape, wide, strict=True)])


def _place_by_place(
    g: Tensor, shape: Sizes, dims: Sizes, sizes: Sizes, steps: Sizes, spread: Sizes
) -> Tensor:
    """The same for windows whose elements lie apart."""
    total = None
    for place in itertools.product(*map(range, sizes)):
        part = g
        low, inner = [0] * len(shape), [0] * len(shape)
        for d, k, step, apart in zip(dims, place, steps, spread, strict=True):
            part = part.select(len(shape), k)
            low[d], inner[d] = k * apart, step - 1
        high = [
            n - before - (m - 1) * (between + 1) - 1
            for n, before, m, between in zip(shape, low, part.shape, inner, strict=True)
        ]
        part = apply(PAD, part, low=tuple(low), high=tuple(high), inner=tuple(inner), value=0)
        total = part if total is None else total + part
    assert total is not None
    return total


def _bordered(x: Tensor, low: Sequence[int], high: Sequence[int]) -> Tensor:
    if not any(low) and not any(high):
        return x
    return apply(PAD, x, low=tuple(low), high=tuple(high), inner=(0,) * x.ndim, value=0)


FOLD: Op = register(
    Op(
        "fold",
        lambda m, x, *, shape, dims, sizes, steps, spread: m.fold(x, shape, dims, sizes, steps, spread),
        lambda x, *, shape, dims, sizes, steps, spread: Spec(shape, x.dtype),
        (lambda g, out, x, *, shape, **windows: apply(WINDOWS, g, **windows),),
        saves="specs",
        decompose=_folded,
    )
)


def constant_pad(input: Tensor, pad: Sequence[int], value: Any = 0.0) -> Tensor:
    """`input` with elements of `value` around it: pad = (before, after) of the last axis, then of the one
    before it, and so on; negative numbers crop.

    >>> import rushlight as rl
    >>> from rushlight.ops.pad import constant_pad
    >>> constant_pad(rl.ones(1, 2), (0, 1, -1, 1), 7.0)
    tensor([[7., 7., 7.]])
    """
    amounts = [n.__index__() for n in pad]
    if len(amounts) % 2 or len(amounts) > 2 * input.ndim:
        got = f"{len(amounts)} numbers for shape {input.shape}"
        raise ArgumentError(message("pad", got, "a pair for each of the last axes"))
    rest = (0,) * (input.ndim - len(amounts) // 2)
    low, high = (*rest, *amounts[-2::-2]), (*rest, *amounts[::-2])
    value = as_held("pad", 0 if value is None else value, input.dtype)
    return apply(PAD, input, low=low, high=high, inner=(0,) * input.ndim, value=value)


@method("unfold")
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """The parts of `size` elements along `dimension`, each `step` after the one before, as a view: which part
    along `dimension`, the element within it along a new last axis.

    >>> import rushlight as rl
    >>> rl.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    axis = normalize_axis("unfold", dimension, input.ndim)
    if size < 0 or step <= 0:
        raise ArgumentError(message("unfold", f"size={size}, step={step}", "a size from 0, a step from 1"))
    if not input.ndim:
        return unfold(input.reshape(1), 0, size, step).squeeze(0)
    return apply(WINDOWS, input, dims=(axis,), sizes=(size,), steps=(step,), spread=(1,))
