"""Borders and windows: more elements around those of a tensor, and what a window that moves along it sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import apply
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


# Before, after and between: what a slice with steps leaves out, this puts in.
PAD: Op = register(
    Op(
        "pad",
        lambda m, x, *, low, high, inner, value: m.pad(x, low, high, inner, value),
        _infer_pad,
        (_pad_grad,),
        saves="specs",
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
    )
)
FOLD: Op = register(
    Op(
        "fold",
        lambda m, x, *, shape, dims, sizes, steps, spread: m.fold(x, shape, dims, sizes, steps, spread),
        lambda x, *, shape, dims, sizes, steps, spread: Spec(shape, x.dtype),
        (lambda g, out, x, *, shape, **windows: apply(WINDOWS, g, **windows),),
        saves="specs",
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
