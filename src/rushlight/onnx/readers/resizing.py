"""Resize and Upsample: along each axis a weighted sum of picked elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import rushlight as rl
from rushlight.onnx.readers.moving import ints
from rushlight.onnx.readers.table import reads
from rushlight.ops.resample import resample

Tensor = rl.Tensor


@reads("Resize")
def resize(
    x: Tensor, *given: Any, mode: str = "nearest", coordinate_transformation_mode: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor", cubic_coeff_a: float = -0.75, exclude_outside: int = 0,
    extrapolation_value: float = 0.0, antialias: int = 0, axes: Any = None,
    keep_aspect_ratio_policy: str = "stretch",
) -> Tensor:  # fmt: skip
    if len(given) == 1:  # operator set 10 has the scales second
        given = (None, given[0])
    roi, scales, sizes = (*given, None, None, None)[:3]
    dims = list(range(x.ndim)) if axes is None else [d % x.ndim for d in axes]
    factors, lengths = _lengths(x, dims, scales, sizes, keep_aspect_ratio_policy)
    corners = [] if roi is None else roi.tolist()
    outside = None
    for k, d in enumerate(dims):
        crop = coordinate_transformation_mode == "tf_crop_and_resize"
        part = (corners[k], corners[k + len(dims)]) if crop else (0.0, 1.0)
        if lengths[k] == x.shape[d] and factors[k] == 1 and not crop:
            continue
        at = _coordinates(x.shape[d], lengths[k], factors[k], coordinate_transformation_mode, part)
        if crop:
            beyond = [not 0 <= c <= x.shape[d] - 1 for c in at]
            beyond_here = rl.tensor(beyond).reshape(-1, *(1,) * (x.ndim - d - 1))
            outside = beyond_here if outside is None else rl.logical_or(outside, beyond_here)
        taps = _taps(
            at, x.shape[d], factors[k], mode, nearest_mode, cubic_coeff_a, exclude_outside, antialias
        )
        x = _resampled(x, d, taps)
    return x if outside is None else rl.where(outside, rl.full_like(x, extrapolation_value), x)


@reads("Upsample")
def upsample(x: Tensor, given: Tensor | None = None, *, scales: Any = None, mode: str = "nearest") -> Tensor:
    factors = rl.tensor(scales) if given is None else given
    return resize(
        x, None, factors, mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )


def _lengths(
    x: Tensor, dims: list[int], scales: Any, sizes: Any, policy: str
) -> tuple[list[float], list[int]]:
    """By what factor each axis grows, and how long it becomes."""
    old = [x.shape[d] for d in dims]
    if sizes is None or not sizes.numel():
        factors = [float(s) for s in scales.tolist()]
        return factors, [math.floor(n * s) for n, s in zip(old, factors, strict=True)]
    new = ints(sizes)
    factors = [m / n for n, m in zip(old, new, strict=True)]
    if policy == "stretch":
        return factors, new
    factor = min(factors) if policy == "not_larger" else max(factors)
    return [factor] * len(old), [math.floor(n * factor + 0.5) for n in old]


def _coordinates(n: int, length: int, scale: float, mode: str, part: tuple[float, float]) -> list[float]:
    """Where each place of the result lies among the n elements."""
    places = range(length)
    if mode == "asymmetric":
        return [i / scale for i in places]
    if mode == "align_corners":
        return [i * (n - 1) / (n * scale - 1) if length > 1 else 0.0 for i in places]
    if mode == "tf_crop_and_resize":
        begin, end = part
        if length == 1:
            return [0.5 * (begin + end) * (n - 1)]
        return [begin * (n - 1) + i * (end - begin) * (n - 1) / (length - 1) for i in places]
    if mode == "pytorch_half_pixel" and length == 1:
        return [0.0]
    if mode == "half_pixel_symmetric":
        adjusted = length / (n * scale)
        shift = n / 2 * (1 - adjusted)
        return [shift + (i + 0.5) / scale - 0.5 for i in places]
    return [(i + 0.5) / scale - 0.5 for i in places]


def _nearest(at: float, how: str) -> int:
    if how == "floor":
        return math.floor(at)
    if how == "ceil":
        return math.ceil(at)
    return math.ceil(at - 0.5) if how == "round_prefer_floor" else math.floor(at + 0.5)


def _cubic(t: float, a: float) -> float:
    """Keys' kernel (1981)."""
    t = abs(t)
    if t <= 1:
        return ((a + 2) * t - (a + 3)) * t * t + 1
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a if t < 2 else 0.0


def _taps(
    at: Sequence[float], n: int, scale: float, mode: str, nearest: str, a: float, exclude: int, antialias: int
) -> list[list[tuple[int, float]]]:
    """For each place of the result the elements that go into it, with their shares."""
    found = []
    wide = max(1.0, 1.0 / scale) if antialias else 1.0
    for c in at:
        if mode == "nearest":
            found.append([(min(max(_nearest(c, nearest), 0), n - 1), 1.0)])
            continue
        reach = (2 if mode == "cubic" else 1) * wide
        first, last = math.floor(c - reach) + 1, math.ceil(c + reach) - 1
        if mode == "cubic" and not antialias:
            first, last = math.floor(c) - 1, math.floor(c) + 2
        pairs = []
        for i in range(first, last + 1):
            t = (i - c) / wide
            share = _cubic(t, a) if mode == "cubic" else max(0.0, 1 - abs(t))
            if exclude and not 0 <= i < n:
                share = 0.0
            pairs.append((min(max(i, 0), n - 1), share))
        total = sum(share for _, share in pairs)
        if exclude or antialias:
            pairs = [(i, share / total) for i, share in pairs]
        found.append(pairs)
    return found


def _resampled(x: Tensor, dim: int, taps: list[list[tuple[int, float]]]) -> Tensor:
    most = max((len(t) for t in taps), default=1)
    filled = [t + [(0, 0.0)] * (most - len(t)) for t in taps]
    index = rl.tensor([[t[k][0] for t in filled] for k in range(most)], dtype=rl.int64)
    if most == 1 and all(t[0][1] == 1 for t in filled):
        return resample(x, dim, index)
    shares = rl.tensor([[t[k][1] for t in filled] for k in range(most)], dtype=rl.float64)
    out = resample(
        x if x.is_floating_point() else x.float(),
        dim,
        index,
        shares.to(x.dtype if x.is_floating_point() else rl.float32),
    )
    return out.to(x.dtype)
