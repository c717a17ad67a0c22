"""Pooling: the largest element or the mean of each window that moves along the last axes.

A window's elements are `spread` apart, windows `steps`, the first begins `low` before the first element, and
there are `places` of them along each axis: all that is beyond the edges counts as absent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.ops.arithmetic import div
from rushlight.ops.gather import ADD_ALONG, GATHER
from rushlight.ops.pad import FOLD, PAD, WINDOWS
from rushlight.ops.ranges import arange
from rushlight.ops.select import where

__all__ = ["avg_pool", "max_pool", "per_axis", "windowed"]

Sizes = tuple[int, ...]
Numbers = int | Sequence[int]
"""One number for all axes, or one for each."""


def _infer(x: Spec, **how: Any) -> Spec:
    return Spec((*x.shape[: x.ndim - len(how["places"])], *how["places"]), x.dtype)


def _seen(x: Tensor, value: Any, how: dict[str, Any]) -> tuple[Tensor, Sizes]:
    """Each window's elements along new axes at the end, and those axes; `value` beyond the edges."""
    count = len(how["sizes"])
    x = bordered(x, how["low"], _beyond(x.shape[-count:], how), value)
    return windows(x, how["sizes"], how["steps"], how["spread"]), tuple(range(x.ndim, x.ndim + count))


def bordered(x: Tensor, low: Sizes, high: Sizes, value: Any = 0) -> Tensor:
    """`value` before and after the last axes of x; negative numbers crop."""
    none = (0,) * x.ndim
    lead = none[: x.ndim - len(low)]
    return apply(PAD, x, low=(*lead, *low), high=(*lead, *high), inner=none, value=value)


def windows(x: Tensor, sizes: Sizes, steps: Sizes, spread: Sizes) -> Tensor:
    """What windows that move along the last axes see: the axes within a window come last."""
    dims = tuple(range(x.ndim - len(sizes), x.ndim))
    return apply(WINDOWS, x, dims=dims, sizes=sizes, steps=steps, spread=spread)


def overlaid(g: Tensor, size: Sizes, sizes: Sizes, steps: Sizes, spread: Sizes) -> Tensor:
    """The transpose of `windows`: planes of `size` in which each element is the sum over its windows."""
    count = len(size)
    lead = g.shape[: g.ndim - 2 * count]
    dims = tuple(range(len(lead), len(lead) + count))
    return apply(FOLD, g, shape=(*lead, *size), dims=dims, sizes=sizes, steps=steps, spread=spread)


def _beyond(size: Sizes, how: dict[str, Any]) -> Sizes:
    """How far the last windows reach over the end of each axis; negative where they do not reach it."""
    return tuple(
        (count - 1) * step + (k - 1) * apart + 1 - low - n
        for n, count, k, step, apart, low in zip(
            size, how["places"], how["sizes"], how["steps"], how["spread"], how["low"], strict=True
        )
    )


def _largest(x: Tensor, **how: Any) -> Tensor:
    seen, axes = _seen(x, xp.smallest(x.dtype), how)
    out = seen.amax(axes)
    # amax shares a gradient among equal elements. Where one is to follow, the first is picked instead.
    tracked = state.grad_enabled and x.requires_grad
    return _picked(x, apply(INDICES, x, out, **how), len(axes)) if tracked else out


def _picked(x: Tensor, index: Tensor, count: int) -> Tensor:
    """The elements at these places of the planes that the last axes of x span."""
    lead = x.shape[: x.ndim - count]
    flat = x.reshape(*lead, math.prod(x.shape[-count:]))
    return apply(GATHER, flat, index.reshape(*lead, -1), dim=len(lead)).reshape(index.shape)


def _total(x: Tensor, **how: Any) -> Tensor:
    seen, axes = _seen(x, 0, how)
    return seen.sum(axes)


def _spread(g: Tensor, *, size: Sizes, **how: Any) -> Tensor:
    count = len(size)
    beyond = _beyond(size, how)
    wide = tuple(n + a + b for n, a, b in zip(size, how["low"], beyond, strict=True))
    g = g[(..., *[None] * count)].expand(*g.shape, *how["sizes"])
    out = overlaid(g, wide, how["sizes"], how["steps"], how["spread"])
    return bordered(out, tuple(-n for n in how["low"]), tuple(-n for n in beyond))


def _first(x: Tensor, out: Tensor, **how: Any) -> Tensor:
    """The smallest index in the plane among the elements that equal the largest."""
    count = len(how["sizes"])
    size = x.shape[-count:]
    end = math.prod(size)
    seen, axes = _seen(x, xp.smallest(x.dtype), how)
    index, _ = _seen(arange(end).reshape(size), end, how)
    largest = out[(..., *[None] * count)]
    return where(_hit(seen, largest), index, end).amin(axes)


def _hit(seen: Tensor, largest: Tensor) -> Tensor:
    """Which elements are the largest of their window, or nan as that is."""
    return (seen == largest) | (seen != seen) if seen.is_floating_point() else seen == largest


def _max_grad(g: Tensor, out: Tensor, x: Tensor, **how: Any) -> Tensor:
    """The first of the largest has the whole gradient, as in PyTorch."""
    size = x.shape[-len(how["sizes"]) :]
    if _tiles(size, how):
        return apply(MAX_SPREAD, g, x.detach(), out.detach(), **how)
    return put_at(g, apply(INDICES, x.detach(), out.detach(), **how), size)


def _tiles(size: Sizes, how: dict[str, Any]) -> bool:
    """Whether each element is in one window, and all are in some."""
    dense = all(apart == 1 or k == 1 for apart, k in zip(how["spread"], how["sizes"], strict=True))
    covers = all(k * count == n for k, count, n in zip(how["sizes"], how["places"], size, strict=True))
    return dense and covers and how["steps"] == how["sizes"] and not any(how["low"])


def _spread_to_first(g: Tensor, x: Tensor, out: Tensor, **how: Any) -> Tensor:
    """By comparing places within the windows, with no index: each element knows its window."""
    sizes = how["sizes"]
    lead = x.shape[: x.ndim - len(sizes)]
    cut = (*lead, *(n for pair in zip(how["places"], sizes, strict=True) for n in pair))
    each = (*lead, *(n for count in how["places"] for n in (count, 1)))
    within = tuple(range(len(lead) + 1, len(cut), 2))
    end = math.prod(sizes)
    place = arange(end, dtype=xp.int32).reshape([n for k in sizes for n in (1, k)])
    seen, largest = x.reshape(cut), out.reshape(each)
    first = where(_hit(seen, largest), place, end).amin(within, keepdim=True)
    return where(place == first, g.reshape(each), 0).reshape(x.shape)


def _spread_to_first_grad(h: Tensor, res: Any, g: Any, x: Tensor, out: Tensor, **how: Any) -> Tensor:
    return _picked(h, apply(INDICES, x, out, **how), len(how["sizes"]))


def put_at(g: Tensor, indices: Tensor, size: Sizes) -> Tensor:
    """Planes of `size` of zeros, with `g` added where `indices` say."""
    lead = g.shape[: g.ndim - len(size)]
    flat = indices.reshape(*lead, math.prod(g.shape[len(lead) :]))
    g = g.reshape(flat.shape)
    return apply(ADD_ALONG, g, flat, dim=len(lead), shape=(*lead, math.prod(size))).reshape(*lead, *size)


MAX_POOL: Op = register(
    Op(
        "max_pool",
        lambda m, x, **how: m.pool_max(x, **how),
        _infer,
        (_max_grad,),
        saves="both",
        decompose=_largest,
    )
)
INDICES: Op = register(
    Op(
        "max_pool_indices",
        lambda m, x, out, **how: m.pool_indices(x, out, **how),
        lambda x, out, **how: Spec(out.shape, xp.int64),
        decompose=_first,
    )
)
MAX_SPREAD: Op = register(
    Op(
        "max_pool_spread",
        lambda m, g, x, out, **how: m.pool_first(g, x, out, **how),
        lambda g, x, out, **how: Spec(x.shape, g.dtype),
        (_spread_to_first_grad, None, None),
        decompose=_spread_to_first,
    )
)
SUM_POOL: Op = register(
    Op(
        "sum_pool",
        lambda m, x, **how: m.pool_sum(x, **how),
        _infer,
        (lambda g, out, x, **how: apply(SPREAD, g, size=x.shape[-len(how["sizes"]) :], **how),),
        saves="specs",
        decompose=_total,
    )
)
SPREAD: Op = register(
    Op(
        "sum_pool_spread",
        lambda m, g, **how: m.pool_spread(g, **how),
        lambda g, *, size, **how: Spec((*g.shape[: g.ndim - len(size)], *size), g.dtype),
        (lambda h, out, g, *, size, **how: apply(SUM_POOL, h, **how),),
        saves="specs",
        decompose=_spread,
    )
)


def per_axis(name: str, what: str, given: int | Sequence[int], count: int, least: int | None = None) -> Sizes:
    """One whole number for each of `count` axes, given as such or as one for all."""
    found: tuple[Any, ...] = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not all(hasattr(n, "__index__") and not isinstance(n, bool) for n in found):
        raise ArgumentError(message(name, f"{what}={given!r}", "whole numbers"))
    found = tuple(n.__index__() for n in found)
    found = found * count if len(found) == 1 else found
    if len(found) != count or (least is not None and any(n < least for n in found)):
        bound = "" if least is None else f" of at least {least}"
        expected = f"one number{bound}, or {count}, one for each axis" if count > 1 else f"one number{bound}"
        raise ArgumentError(message(name, f"{what}={given}", expected))
    return found


def windowed(name: str, input: Tensor, count: int) -> Sizes:
    """The sizes of the last `count` axes; refuses an input without channels, or with more than a batch."""
    if input.ndim not in (count + 1, count + 2):
        axes = ", ".join("DHW"[-count:]) if count > 1 else "L"
        raise ShapeError(message(name, f"an input of shape {input.shape}", f"(N, C, {axes}) or (C, {axes})"))
    if any(n == 0 for n in input.shape[1 if input.ndim == count + 2 else 0 :]):
        got = f"an input of shape {input.shape}"
        raise ShapeError(message(name, got, "at least one element along each axis but the batch's"))
    return input.shape[-count:]


def _how(
    name: str, size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> dict[str, Any]:
    """The attributes of a pooling op."""
    if any(2 * p > d * (k - 1) + 1 for p, k, d in zip(padding, kernel, dilation, strict=True)):
        got = f"padding={padding} for windows of {kernel}"
        raise ArgumentError(message(name, got, "at most half a window", "Pad less, or use F.pad."))
    places = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        # A window that would begin behind the padding's start is none.
        places.append(count - 1 if ceil_mode and (count - 1) * s >= n + p else count)
    if any(n < 1 for n in places):
        got = f"sizes {size} with padding {padding} for windows of {kernel}"
        raise ShapeError(message(name, got, "room for one window", "Use smaller windows, or pad more."))
    return {"sizes": kernel, "steps": stride, "spread": dilation, "low": padding, "places": tuple(places)}


def max_pool(
    name: str,
    input: Tensor,
    count: int,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
    ceil_mode: bool,
    indices: bool = False,
) -> Any:
    """The largest of each window over the last `count` axes, and with ``indices`` where in the flattened
    plane each of them stands."""
    size = windowed(name, input, count)
    if input.dtype.kind == "b":
        remedy = "Use x.to(rl.uint8), and == 1 on the result."
        raise NotSupportedError(message(name, "bool", "a tensor of numbers", remedy))
    kernel = per_axis(name, "kernel_size", kernel_size, count, 1)
    how = _how(
        name,
        size,
        kernel,
        per_axis(name, "stride", _stride(stride, kernel), count, 1),
        per_axis(name, "padding", padding, count, 0),
        per_axis(name, "dilation", dilation, count, 1),
        ceil_mode,
    )
    out = apply(MAX_POOL, input, **how)
    return (out, apply(INDICES, input.detach(), out.detach(), **how)) if indices else out


def _stride(given: int | Sequence[int] | None, kernel: Sizes) -> int | Sequence[int]:
    """A whole window where none is given; PyTorch takes an empty list for none too."""
    return kernel if given is None or (isinstance(given, (list, tuple)) and not given) else given


def avg_pool(
    name: str,
    input: Tensor,
    count: int,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last `count` axes."""
    size = windowed(name, input, count)
    kernel = per_axis(name, "kernel_size", kernel_size, count, 1)
    stride = per_axis(name, "stride", _stride(stride, kernel), count, 1)
    padding = per_axis(name, "padding", padding, count, 0)
    how = _how(name, size, kernel, stride, padding, (1,) * count, ceil_mode)
    if divisor_override is not None and not divisor_override:
        raise ArgumentError(message(name, "divisor_override=0", "another number"))
    total = apply(SUM_POOL, input, **how)
    divisor = divisor_override or _divisor(size, how, count_include_pad)
    if isinstance(divisor, Tensor):
        divisor = divisor.to(input.dtype)
    return total / divisor if input.is_floating_point() else div(total, divisor, rounding_mode="trunc")


def _divisor(size: Sizes, how: dict[str, Any], include_pad: bool) -> Any:
    """How many elements each window has: a number where all have as many. What is beyond the padding never
    counts, the padding itself with `include_pad`."""
    counts = []
    for n, k, s, p, places in zip(size, how["sizes"], how["steps"], how["low"], how["places"], strict=True):
        begins = xp.arange(places) * s - p
        ends = m.minimum(begins + k, n + p if include_pad else n)
        counts.append(ends - (begins if include_pad else m.maximum(begins, 0)))
    if all((c == c[0]).all() for c in counts):
        return math.prod(int(c[0]) for c in counts)
    total = counts[0]
    for c in counts[1:]:
        total = total[..., None] * c
    return wrap(total)
