"""Windows of arrays: borders around them, the parts that a window moved along them sees, and the sums of
products with those, which are convolutions.

Convolutions are products of matrices whose columns are windows. Not all columns are made at once: samples are
taken a few at a time, so that their columns stay in the cache, and along the first axis, where windows are
moved by single steps, they are the same rows read from another place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.device.sums import matmul

__all__ = ["convolve", "convolve_input", "convolve_weight", "fold", "pad", "windows"]

PIECE = 1 << 18
"""Elements of columns that are made at a time."""

Sizes = tuple[int, ...]


def pad(x: Any, low: Sizes, high: Sizes, inner: Sizes, value: Any) -> Any:
    """`low` elements before and `high` after those of `x` along each axis, `inner` between any two of them,
    all `value`; where a number is negative so many elements go."""
    shape, into, out_of = [], [], []
    for n, before, after, between in zip(x.shape, low, high, inner, strict=True):
        step = between + 1
        size = before + after + (n - 1) * step + 1 if n else before + after
        first = -(min(before, 0) // step)  # the first element that stays
        last = min(n, -((before - size) // step))
        shape.append(size)
        out_of.append(slice(first, max(first, last)))
        start = before + first * step
        into.append(slice(start, start + (last - first - 1) * step + 1, step) if last > first else slice(0))
    zero = not value and math.copysign(1, value) > 0
    out = np.zeros(shape, x.dtype) if zero else np.full(shape, value, x.dtype)
    out[tuple(into)] = x[tuple(out_of)]
    return out


def windows(x: Any, dims: Sizes, sizes: Sizes, steps: Sizes, spread: Sizes) -> Any:
    """Windows moved along `dims` by `steps`, of so many elements, `spread` apart: a view that may not be
    written. The axes within a window come last."""
    shape, strides = [*x.shape], [*x.strides]
    for d, n, step, apart in zip(dims, sizes, steps, spread, strict=True):
        shape.append(n)
        strides.append(x.strides[d] * apart)
        if apart * (n - 1) >= shape[d] and n:
            raise ValueError(f"windows of {n} elements, {apart} apart, along {shape[d]}")
        shape[d] = (shape[d] - (apart * (n - 1) + 1 if n else 0)) // step + 1
        strides[d] *= step
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def fold(g: Any, shape: Sizes, dims: Sizes, sizes: Sizes, steps: Sizes, spread: Sizes) -> Any:
    """Zeros of `shape`, with the elements of windows added where they come from."""
    out = np.zeros(shape, g.dtype)
    for place in np.ndindex(*sizes):
        index = [slice(None)] * len(shape)
        for d, at, step, apart in zip(dims, place, steps, spread, strict=True):
            first = at * apart
            index[d] = slice(first, first + (g.shape[d] - 1) * step + 1, step)
        out[tuple(index)] += g[(..., *place)]
    return out


def _bordered(x: Any, low: Sizes, high: Sizes) -> Any:
    """`x` with zeros around its last axes."""
    if not any(low) and not any(high):
        return x
    none = (0,) * (x.ndim - len(low))
    return pad(x, (*none, *low), (*none, *high), (0,) * x.ndim, 0)


def _columns(
    x: Any, kernel: Sizes, sizes: Sizes, stride: Sizes, spread: Sizes, groups: int
) -> Iterator[tuple[slice, list[Any]]]:
    """For some samples at a time which they are, and what they are multiplied with: of each group a matrix of
    a row for each channel and element of a window, a column for each place of the window.

    Where the first stride is 1 there is a matrix for each element along the first axis.
    """
    n, channels = x.shape[:2]
    shift = stride[0] == 1
    axes = tuple(range(3 if shift else 2, x.ndim))
    start = 1 if shift else 0
    seen = windows(x, axes, kernel[start:], stride[start:], spread[start:])
    count = len(sizes)
    seen = seen.transpose(0, 1, *range(2 + count, seen.ndim), *range(2, 2 + count))
    rows = channels // groups * math.prod(kernel[start:])
    line = math.prod(sizes[1:])
    at_once = max(1, PIECE // max(1, math.prod(seen.shape[1:])))
    for i in range(0, n, at_once):
        part = np.ascontiguousarray(seen[i : i + at_once])
        flat = part.reshape(len(part), groups, rows, part.shape[-count] * line)
        places = [k * spread[0] * line for k in range(kernel[0])] if shift else [0]
        yield slice(i, i + at_once), [flat[..., p : p + sizes[0] * line] for p in places]


def _by_place(w: Any, groups: int, stride: Sizes) -> list[Any]:
    """The matrices of a weight that belong to those of `_columns`."""
    shape = groups, w.shape[0] // groups, w.shape[1]
    if stride[0] != 1:
        return [w.reshape(*shape[:2], -1)]
    whole = w.reshape(*shape, w.shape[2], -1)
    return [whole[:, :, :, k].reshape(*shape[:2], -1) for k in range(w.shape[2])]


def convolve(x: Any, w: Any, *, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """The sum of the products of a weight (O, C/groups, *K) with each window of `x` (N, C, *S)."""
    x = _bordered(x, padding, padding)
    sizes = _places(x.shape[2:], w.shape[2:], stride, dilation)
    out = np.empty((x.shape[0], groups, w.shape[0] // groups, math.prod(sizes)), x.dtype)
    weights = _by_place(w, groups, stride)
    for some, matrices in _columns(x, w.shape[2:], sizes, stride, dilation, groups):
        part = out[some]
        part[...] = matmul(weights[0], matrices[0])
        for weight, matrix in zip(weights[1:], matrices[1:], strict=True):
            part += matmul(weight, matrix)
    return out.reshape(x.shape[0], w.shape[0], *sizes)


def _places(size: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    return tuple(
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    )


def convolve_weight(
    x: Any, g: Any, *, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """The sum, over samples and places, of the products of `g` (N, O, *P) with the windows of `x`."""
    x = _bordered(x, padding, padding)
    outputs, channels = g.shape[1], x.shape[1] // groups
    rows = g.reshape(g.shape[0], groups, outputs // groups, math.prod(g.shape[2:]))
    count = kernel[0] if stride[0] == 1 else 1
    totals = np.zeros((count, groups, outputs // groups, channels * (math.prod(kernel) // count)), x.dtype)
    for some, matrices in _columns(x, kernel, g.shape[2:], stride, dilation, groups):
        for total, matrix in zip(totals, matrices, strict=True):
            total += matmul(rows[some], matrix.swapaxes(-1, -2)).sum(0)
    apart = totals.reshape(count, outputs, channels, math.prod(kernel) // count)
    return np.ascontiguousarray(apart.transpose(1, 2, 0, 3)).reshape(outputs, channels, *kernel)


def convolve_input(
    g: Any, w: Any, *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """The sum, for each element of an input of `size`, of the products of `g` with the weights that the
    element met: the transpose of `convolve`."""
    facts: dict[str, Any] = {"dilation": dilation, "groups": groups}
    kernel = w.shape[2:]
    reach = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
    if all(s == 1 for s in stride):
        low = tuple(r - p for r, p in zip(reach, padding, strict=True))
        high = tuple(
            n + r - before - m for n, r, before, m in zip(size, reach, low, g.shape[2:], strict=True)
        )
        none = (0,) * len(stride)
        return convolve(_bordered(g, low, high), _turned(w, groups), stride=stride, padding=none, **facts)
    outputs, channels = w.shape[0] // groups, w.shape[1]
    rows = g.reshape(g.shape[0], groups, outputs, math.prod(g.shape[2:]))
    matrix = w.reshape(groups, outputs, channels * math.prod(kernel)).swapaxes(-1, -2)
    wide = tuple(n + 2 * p for n, p in zip(size, padding, strict=True))
    out = np.empty((g.shape[0], groups * channels, *size), g.dtype)
    inside = (..., *[slice(p, p + n) for p, n in zip(padding, size, strict=True)])
    at_once = max(1, PIECE // max(1, groups * channels * math.prod(kernel) * rows.shape[-1]))
    dims = tuple(range(2, g.ndim))
    for i in range(0, g.shape[0], at_once):
        columns = matmul(matrix, rows[i : i + at_once])
        places = columns.reshape(len(columns), groups * channels, *kernel, *g.shape[2:])
        count = len(kernel)
        seen = places.transpose(0, 1, *range(2 + count, 2 + 2 * count), *range(2, 2 + count))
        shape = len(columns), groups * channels, *wide
        out[i : i + at_once] = fold(seen, shape, dims, kernel, stride, dilation)[inside]
    return out


def _turned(w: Any, groups: int) -> Any:
    """The weight (C, O/groups, *K) of the transpose: both channels exchanged, the elements in reverse."""
    outputs, channels, *kernel = w.shape
    apart = w.reshape(groups, outputs // groups, channels, *kernel).swapaxes(1, 2)
    apart = np.flip(apart, tuple(range(3, apart.ndim)))
    return apart.reshape(groups * channels, outputs // groups, *kernel)
