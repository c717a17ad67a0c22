"""Fourier transforms, with real and imaginary parts side by side in the last axis, and the mel scale."""

from __future__ import annotations

import math

import rushlight as rl
from rushlight.onnx.dtypes import dtype_of
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor


def _waves(rows: Tensor, columns: Tensor, n: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin of 2π j k / n, from products taken modulo n, which lose no digits."""
    angles = rl.remainder(rows.reshape(-1, 1) * columns, n).double() * (2 * math.pi / n)
    return rl.cos(angles).to(like.dtype), rl.sin(angles).to(like.dtype)


def _cut(x: Tensor, n: int) -> Tensor:
    """The first n along the last axis, with zeros behind them where there are fewer."""
    have = x.shape[-1]
    return x[..., :n] if have >= n else rl.cat([x, rl.zeros(*x.shape[:-1], n - have, dtype=x.dtype)], -1)


def transformed(x: Tensor, axis: int, length: int | None, inverse: int, onesided: int) -> Tensor:
    """The discrete Fourier transform along an axis of (..., 1 or 2), a product with a matrix of waves."""
    real, imaginary = x[..., 0], x[..., 1] if x.shape[-1] == 2 else None
    axis = axis % x.ndim
    halved = bool(onesided and inverse)  # the spectrum of real numbers, without its mirror image
    n = length or (2 * (x.shape[axis] - 1) if halved else x.shape[axis])
    parts = [p.movedim(axis, -1) if p is not None else None for p in (real, imaginary)]
    if halved:
        parts = [_cut(p, n // 2 + 1) if p is not None else None for p in parts]
        middle = rl.arange(n // 2 + 1)
        twice = rl.where((middle == 0) | (2 * middle == n), 1.0, 2.0).to(x.dtype)
        parts = [p * twice if p is not None else None for p in parts]
        rows, columns = middle, rl.arange(n)
    else:
        parts = [_cut(p, n) if p is not None else None for p in parts]
        rows, columns = rl.arange(n), rl.arange(n // 2 + 1 if onesided else n)
    cos, sin = _waves(rows, columns, n, x)
    sin = sin if inverse else -sin
    re, im = parts
    assert re is not None
    first = re @ cos if im is None else re @ cos - im @ sin
    second = re @ sin if im is None else re @ sin + im @ cos
    scale = 1 / n if inverse else 1.0
    found = [first] if halved else [first, second]
    return rl.stack([(p * scale).movedim(-1, axis) for p in found], -1)


def _number(t: Tensor | None) -> int | None:
    return None if t is None else int(t.item())


@reads("DFT", since=17)
def dft_of_17(
    x: Tensor, length: Tensor | None = None, *, axis: int = 1, inverse: int = 0, onesided: int = 0
) -> Tensor:
    return transformed(x, axis, _number(length), inverse, onesided)


@reads("DFT", since=20)
def dft(
    x: Tensor,
    length: Tensor | None = None,
    axis: Tensor | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    found = _number(axis)
    return transformed(x, -2 if found is None else found, _number(length), inverse, onesided)


@reads("STFT")
def stft(
    x: Tensor, step: Tensor, window: Tensor | None = None, length: Tensor | None = None, *, onesided: int = 1
) -> Tensor:
    size = _number(length) or (x.shape[1] if window is None else window.shape[0])
    frames = x.unfold(1, size, int(step.item())).movedim(-1, 2)  # (batch, frames, size, parts)
    if window is not None:
        frames = frames * _cut(window, size).reshape(-1, 1)
    return transformed(frames, 2, None, 0, onesided)


@reads("MelWeightMatrix")
def mel_weights(
    bins: Tensor, length: Tensor, rate: Tensor, low: Tensor, high: Tensor, *, output_datatype: int = 1
) -> Tensor:
    """Triangles between points that are equally far apart on the mel scale, at whole bins of the spectrum."""
    count, size, samples = (int(t.item()) for t in (bins, length, rate))
    ends = [2595 * math.log10(1 + float(t.item()) / 700) for t in (low, high)]
    gap = (ends[1] - ends[0]) / (count + 2)
    hertz = [700 * (10 ** ((ends[0] + k * gap) / 2595) - 1) for k in range(count + 2)]
    places = [math.floor((size + 1) * f / samples) for f in hertz]
    rows: list[list[float]] = [[0.0] * count for _ in range(size // 2 + 1)]
    for k in range(count):
        a, b, c = places[k : k + 3]
        for i in range(a, b + 1):
            rows[i][k] = 1.0 if a == b else (i - a) / (b - a)
        for i in range(b, c):
            rows[i][k] = (c - i) / (c - b)
    return rl.tensor(rows).to(dtype_of(output_datatype))
