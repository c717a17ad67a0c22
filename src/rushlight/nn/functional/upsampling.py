"""Resizing as functions: nearest elements, linear and cubic interpolation, means of areas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.core.tensor import Tensor, wrap
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.ops.adaptive import adaptive_avg_pool
from rushlight.ops.resample import cubic_far, cubic_near, cubic_shares, resample

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

Sizes = tuple[int, ...]
Taps = tuple[Any, Any]
"""Which elements go into each place, (taps, places), and with what share."""


def _hat(t: Any) -> Any:
    return m.maximum(1 - t, 0)


def _keys(t: Any) -> Any:
    return m.where(t < 1, cubic_near(t, -0.5), m.where(t < 2, cubic_far(t, -0.5), 0))


def _step(n: int, places: int, scale: float | None, align: bool) -> float:
    """How far two places are apart, in elements."""
    if align:
        return (n - 1) / (places - 1) if places > 1 else 0.0
    return 1.0 / scale if scale else n / places


def _positions(n: int, places: int, scale: float | None, align: bool, dtype: Any) -> Any:
    """Where the places stand among the elements, those counted by their middles."""
    step = dtype.type(_step(n, places, scale, align))
    count = xp.arange(places).astype(dtype)
    return count * step if align else (count + dtype.type(0.5)) * step - dtype.type(0.5)


def _nearest(n: int, places: int, scale: float | None, align: bool, dtype: Any) -> Taps:
    count = xp.arange(places).astype(dtype)
    index = m.floor(count * dtype.type(_step(n, places, scale, False))).astype(xp.int64)
    return m.minimum(index, n - 1)[None], None


def _nearest_exact(n: int, places: int, scale: float | None, align: bool, dtype: Any) -> Taps:
    count = xp.arange(places).astype(dtype) + dtype.type(0.5)
    index = m.floor(count * dtype.type(_step(n, places, scale, False))).astype(xp.int64)
    return m.minimum(index, n - 1)[None], None


def _linear(n: int, places: int, scale: float | None, align: bool, dtype: Any) -> Taps:
    at = m.maximum(_positions(n, places, scale, align, dtype), 0)
    low = m.minimum(m.floor(at).astype(xp.int64), n - 1)
    share = m.minimum(at - low.astype(dtype), 1)
    return _stack([low, m.minimum(low + 1, n - 1)]), _stack([1 - share, share])


def _bicubic(n: int, places: int, scale: float | None, align: bool, dtype: Any) -> Taps:
    at = _positions(n, places, scale, align, dtype)
    first = m.floor(at)
    around = first.astype(xp.int64) + xp.arange(-1, 3)[:, None]
    return m.minimum(m.maximum(around, 0), n - 1), _stack(cubic_shares(at - first))


def _stack(parts: list[Any]) -> Any:
    return m.concatenate([p[None] for p in parts], 0)


def _smooth(kernel: Callable[[Any], Any], reach: float) -> Callable[..., Taps]:
    """Taps of a kernel that becomes wider where elements outnumber places, so that all of them count."""

    def taps(n: int, places: int, scale: float | None, align: bool, dtype: Any) -> Taps:
        step = _step(n, places, scale, align)
        wide = max(step, 1.0)
        middle = step * (xp.arange(places) + 0.5)
        begins = m.maximum((middle - reach * wide + 0.5).astype(xp.int64), 0)
        ends = m.minimum((middle + reach * wide + 0.5).astype(xp.int64), n)
        index = begins + xp.arange(max(int((ends - begins).max()), 1))[:, None]
        share = m.where(index < ends, kernel(m.abs(index - middle + 0.5) / wide), 0)
        share = share / m.sum(share, 0, keepdims=True)
        return m.minimum(index, n - 1), share

    return taps


# The axes that each mode is for, and its taps along one of them, plain and antialiased.
MODES: dict[str, tuple[tuple[int, ...], Any]] = {
    "nearest": ((1, 2, 3), _nearest),
    "nearest-exact": ((1, 2, 3), _nearest_exact),
    "linear": ((1,), _linear),
    "bilinear": ((2,), _linear),
    "trilinear": ((3,), _linear),
    "bicubic": ((2,), _bicubic),
    "area": ((1, 2, 3), None),
}
SMOOTH = {"bilinear": _smooth(_hat, 1.0), "bicubic": _smooth(_keys, 2.0)}
ALIGNS = ("linear", "bilinear", "trilinear", "bicubic")


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """An input (N, C, *sizes) of one to three axes resized to `size`, or to floor(scale_factor * sizes).

    mode           "nearest", "nearest-exact" (which counts elements by their middles), "linear" for one axis,
                   "bilinear" or "bicubic" for two, "trilinear" for three, "area": means of equal parts.
    align_corners  the middles of the first and last elements stay where they are; else the outer edges do.
    recompute_scale_factor  places are apart by what the sizes say, and not by ``scale_factor``.
    antialias      of "bilinear" and "bicubic": where the result is smaller, all elements count.

    Raises ArgumentError for options that do not go together, ShapeError for an input of other axes.

    >>> import rushlight as rl
    >>> rl.nn.functional.interpolate(rl.tensor([[[0.0, 4.0]]]), size=4, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    """
    _check(input, mode, align_corners, antialias)
    places, scales = _target(input.shape[2:], size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return adaptive_avg_pool("interpolate", input, len(places), places)
    if input.dtype.kind != "f" and not mode.startswith("nearest"):
        got = f"{input.dtype} with mode={mode!r}"
        raise NotSupportedError(message("interpolate", got, "floats", "Use x.float(), or mode='nearest'."))
    taps = SMOOTH[mode] if antialias else MODES[mode][1]
    kind = input.dtype if input.dtype == xp.float64 else xp.dtype("float32")
    for axis, (n, o, scale) in enumerate(zip(input.shape[2:], places, scales, strict=True), 2):
        if n == o and (scale is None or scale == 1):
            continue
        index, weight = taps(n, o, scale, bool(align_corners), kind)
        weight = None if weight is None else wrap(weight.astype(input.dtype))
        input = resample(input, axis, wrap(index), weight)
    return input


def _check(input: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    if mode not in MODES:
        raise ArgumentError(message("interpolate", f"mode={mode!r}", f"one of: {', '.join(MODES)}"))
    axes = MODES[mode][0]
    if input.ndim - 2 not in axes:
        got = f"an input of shape {input.shape} with mode={mode!r}"
        expected = f"(N, C, *sizes) with {' or '.join(map(str, axes))} sizes"
        raise ShapeError(message("interpolate", got, expected))
    if 0 in input.shape[1:]:
        got = f"an input of shape {input.shape}"
        raise ShapeError(message("interpolate", got, "at least one element along each axis but the batch's"))
    if align_corners is not None and mode not in ALIGNS:
        got = f"align_corners={align_corners} with mode={mode!r}"
        raise ArgumentError(message("interpolate", got, f"None, or one of the modes {', '.join(ALIGNS)}"))
    if antialias and mode not in SMOOTH:
        raise ArgumentError(message("interpolate", f"antialias=True with mode={mode!r}", " or ".join(SMOOTH)))


def _target(
    sizes: Sizes, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[Sizes, list[float | None]]:
    """How many places there are to be, and the factors that their distances follow, if they do."""
    if (size is None) == (scale_factor is None):
        got = f"size={size} and scale_factor={scale_factor}"
        raise ArgumentError(message("interpolate", got, "one of the two"))
    count = len(sizes)
    given = scale_factor if size is None else size
    numbers = list(given) if isinstance(given, (tuple, list)) else [given] * count
    if len(numbers) != count:
        got = f"{'scale_factor' if size is None else 'size'}={given}"
        raise ArgumentError(message("interpolate", got, f"a number, or one for each of {count} axes"))
    if size is not None and recompute:
        got = "recompute_scale_factor with a size"
        raise ArgumentError(message("interpolate", got, "it with scale_factor only"))
    places = [math.floor(float(n) * f) for n, f in zip(sizes, numbers, strict=True)] if size is None else [
        n.__index__() for n in numbers
    ]  # fmt: skip
    if any(n < 1 for n in places):
        raise ArgumentError(message("interpolate", f"a result of sizes {tuple(places)}", "sizes from 1"))
    follows = size is None and not recompute
    return tuple(places), [float(f) for f in numbers] if follows else [None] * count


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`, which PyTorch prefers.

    >>> import rushlight as rl
    >>> rl.nn.functional.upsample(rl.tensor([[[0.0, 4.0]]]), scale_factor=2)
    tensor([[[0., 0., 4., 4.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode "nearest".

    >>> import rushlight as rl
    >>> rl.nn.functional.upsample_nearest(rl.tensor([[[0.0, 4.0]]]), 4)
    tensor([[[0., 0., 4., 4.]]])
    """
    return interpolate(input, size, scale_factor)


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode "bilinear" and align_corners.

    >>> import rushlight as rl
    >>> rl.nn.functional.upsample_bilinear(rl.tensor([[[[0.0, 4.0]]]]), (1, 3))
    tensor([[[[0., 2., 4.]]]])
    """
    return interpolate(input, size, scale_factor, "bilinear", True)
