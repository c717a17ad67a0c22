"""Pooling, and other things that look through windows."""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.core.apply import apply
from rushlight.nn import functional as F
from rushlight.onnx.readers.moving import ints
from rushlight.onnx.readers.products import borders
from rushlight.onnx.readers.table import reads
from rushlight.ops.pool import INDICES, MAX_POOL, SUM_POOL

Tensor = rl.Tensor


def _how(
    x: Tensor, kernel: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str, ceil: int
) -> tuple[dict[str, Any], list[int]]:
    """The attributes of a pooling op, and what is added behind each axis."""
    count = len(kernel)
    strides, dilations = strides or [1] * count, dilations or [1] * count
    size = x.shape[2:]
    low, high = borders(size, kernel, strides, dilations, pads, auto_pad)
    places = []
    for n, k, s, d, a, b in zip(size, kernel, strides, dilations, low, high, strict=True):
        room = n + a + b - d * (k - 1) - 1
        found = (-(-room // s) if ceil else room // s) + 1
        places.append(found - 1 if ceil and (found - 1) * s >= n + a else found)
    how = {"sizes": kernel, "steps": strides, "spread": dilations, "low": low, "places": places}
    return {name: tuple(value) for name, value in how.items()}, high


@reads("MaxPool")
def max_pool(
    x: Tensor, *, kernel_shape: Any, strides: Any = None, dilations: Any = None, pads: Any = None,
    auto_pad: str = "NOTSET", ceil_mode: int = 0, storage_order: int = 0, outputs: int = 1,
) -> Any:  # fmt: skip
    how, _ = _how(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    out = apply(MAX_POOL, x, **how)
    if outputs == 1:
        return out
    at = apply(INDICES, x.detach(), out.detach(), **how)
    size = x.shape[2:]
    if storage_order:  # the first axis of the plane runs fastest
        columns, found = at, rl.zeros_like(at)
        stride = [math.prod(size[:d]) for d in range(len(size))]
        for d in reversed(range(len(size))):
            found = found + rl.remainder(columns, size[d]) * stride[d]
            columns = rl.div(columns, size[d], rounding_mode="floor")
        at = found
    planes = rl.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * len(size))
    return out, at + planes * math.prod(size)


@reads("AveragePool")
def average_pool(
    x: Tensor, *, kernel_shape: Any, strides: Any = None, dilations: Any = None, pads: Any = None,
    auto_pad: str = "NOTSET", ceil_mode: int = 0, count_include_pad: int = 0,
) -> Tensor:  # fmt: skip
    how, high = _how(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    ones = rl.ones(1, 1, *x.shape[2:], dtype=x.dtype)
    counted = how
    if count_include_pad:
        pairs = [n for a, b in zip(how["low"][::-1], high[::-1], strict=True) for n in (a, b)]
        ones = F.pad(ones, pairs, value=1.0)
        counted = {**how, "low": (0,) * len(how["low"])}
    return apply(SUM_POOL, x, **how) / apply(SUM_POOL, ones, **counted)


@reads("LpPool")
def lp_pool(
    x: Tensor, *, kernel_shape: Any, strides: Any = None, dilations: Any = None, pads: Any = None,
    auto_pad: str = "NOTSET", ceil_mode: int = 0, p: float = 2,
) -> Tensor:  # fmt: skip
    how, _ = _how(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    return apply(SUM_POOL, x.abs() ** p, **how) ** (1 / p)


def _all_places(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


@reads("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return x.mean(_all_places(x), keepdim=True)


@reads("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return x.amax(_all_places(x), keepdim=True)


@reads("GlobalLpPool")
def global_lp_pool(x: Tensor, *, p: float = 2) -> Tensor:
    return (x.abs() ** p).sum(_all_places(x), keepdim=True) ** (1 / p)


@reads("MaxUnpool")
def max_unpool(
    x: Tensor, indices: Tensor, output_shape: Tensor | None = None, *, kernel_shape: Any, strides: Any = None,
    pads: Any = None,
) -> Tensor:  # fmt: skip
    count = len(kernel_shape)
    strides, pads = strides or [1] * count, pads or [0] * (2 * count)
    least = [
        (n - 1) * s - a - b + k
        for n, s, k, a, b in zip(x.shape[2:], strides, kernel_shape, pads[:count], pads[count:], strict=True)
    ]
    size = tuple(x.shape[:2]) + tuple(least if output_shape is None else ints(output_shape)[2:])
    at = indices.reshape(-1)
    if output_shape is not None:  # the numbers count in the least size
        place, rest, stride = rl.zeros_like(at), at, 1
        for n, m in zip((*x.shape[:2], *least)[::-1], size[::-1], strict=True):
            place = place + rl.remainder(rest, n) * stride
            rest, stride = rl.div(rest, n, rounding_mode="floor"), stride * m
        at = place
    flat = rl.zeros(math.prod(size), dtype=x.dtype)
    return rl.scatter(flat, 0, at, x.reshape(-1)).reshape(size)


@reads("Col2Im")
def col2im(
    x: Tensor, image_shape: Tensor, block_shape: Tensor, *, dilations: Any = None, pads: Any = None,
    strides: Any = None,
) -> Tensor:  # fmt: skip
    from rushlight.ops.pool import bordered, overlaid

    size, block = tuple(ints(image_shape)), tuple(ints(block_shape))
    count = len(size)
    dilations, strides = tuple(dilations or (1,) * count), tuple(strides or (1,) * count)
    pads = tuple(pads or (0,) * (2 * count))
    wide = tuple(n + a + b for n, a, b in zip(size, pads[:count], pads[count:], strict=True))
    places = tuple(
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(wide, block, strides, dilations, strict=True)
    )
    channels = x.shape[1] // math.prod(block)
    g = x.reshape(x.shape[0], channels, *block, *places)
    order = (0, 1, *range(2 + count, 2 + 2 * count), *range(2, 2 + count))
    out = overlaid(g.permute(*order), wide, block, strides, dilations)
    return bordered(out, tuple(-n for n in pads[:count]), tuple(-n for n in pads[count:]))
