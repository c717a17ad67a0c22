"""Windows whose elements are merged: the largest, the sum, and where the largest stands.

NumPy reduces over short axes slowly. So the elements are taken by their place within the windows: the first
of all windows at once, then the second, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.device.arrays import smallest

__all__ = ["pool_first", "pool_indices", "pool_max", "pool_spread", "pool_sum", "resample", "resample_back"]

Sizes = tuple[int, ...]


def _elements(
    n: int, count: int, size: int, step: int, apart: int, low: int
) -> Iterator[tuple[slice, slice]]:
    """For each element of a window on an axis of n elements: which of the `count` windows have it, and where
    it stands in them. Windows begin `low` before the first element."""
    for k in range(size):
        at = k * apart - low
        first = max(0, -(at // step))
        last = min(count, (n - 1 - at) // step + 1)
        if last > first:
            start = at + first * step
            yield slice(first, last), slice(start, start + (last - first - 1) * step + 1, step)


def _merged(merge: Any, neutral: Any, x: Any, how: Any) -> Any:
    """The windows' elements merged, along one axis after the other."""
    axis = x.ndim - len(how["sizes"])
    for facts in zip(how["places"], how["sizes"], how["steps"], how["spread"], how["low"], strict=True):
        lead = (slice(None),) * axis
        out = None
        for windows, elements in _elements(x.shape[axis], *facts):
            part = x[(*lead, elements)]
            if out is None:
                out = _begun(part, windows, facts[0], axis, neutral)
            else:
                at = out[(*lead, windows)]
                merge(at, part, out=at)
        if out is None:
            out = np.full((*x.shape[:axis], facts[0], *x.shape[axis + 1 :]), neutral, x.dtype)
        x = out
        axis += 1
    return x


def _begun(part: Any, windows: slice, count: int, axis: int, neutral: Any) -> Any:
    """A result of `count` windows in which those of the first element have it."""
    if windows.stop - windows.start == count:
        return part.copy()
    out = np.full((*part.shape[:axis], count, *part.shape[axis + 1 :]), neutral, part.dtype)
    out[(slice(None),) * axis + (windows,)] = part
    return out


def pool_max(x: Any, **how: Any) -> Any:
    """The largest element of each window; nan where there is one."""
    return _merged(np.maximum, smallest(x.dtype), x, how)


def pool_sum(x: Any, **how: Any) -> Any:
    """The sum of each window."""
    return _merged(np.add, 0, x, how)


def pool_spread(g: Any, *, size: Sizes, **how: Any) -> Any:
    """For each element of an input of `size` the sum of `g` over the windows that have it: the transpose of
    `pool_sum`."""
    axis = g.ndim - len(size)
    for n, *facts in zip(
        size, how["places"], how["sizes"], how["steps"], how["spread"], how["low"], strict=True
    ):
        lead = (slice(None),) * axis
        out = np.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
        for windows, elements in _elements(n, *facts):
            out[(*lead, elements)] += g[(*lead, windows)]
        g = out
        axis += 1
    return g


def pool_indices(x: Any, out: Any, **how: Any) -> Any:
    """Where in its plane the largest element of each window stands, the first of equal ones."""
    count = len(how["sizes"])
    size = x.shape[-count:]
    plane = np.arange(math.prod(size)).reshape(size)
    found = np.zeros(out.shape, np.int64)
    missing = out.dtype.kind == "f" and out.size and np.isnan(out.min())
    axes = [
        list(_elements(*facts))
        for facts in zip(
            size, how["places"], how["sizes"], how["steps"], how["spread"], how["low"], strict=True
        )
    ]
    for place in reversed(list(np.ndindex(*[len(a) for a in axes]))):
        pairs = [a[k] for a, k in zip(axes, place, strict=True)]
        windows = (..., *[p[0] for p in pairs])
        elements = tuple(p[1] for p in pairs)
        part = x[(..., *elements)]
        hit = part == out[windows]
        if missing:
            hit |= part != part
        np.copyto(found[windows], plane[elements], where=hit)
    return found


def pool_first(g: Any, x: Any, out: Any, **how: Any) -> Any:
    """`g` at the first of each window's largest elements, 0 at the others; windows that tile the plane."""
    result = np.zeros(x.shape, g.dtype)
    left = np.ones(out.shape, bool)
    missing = out.dtype.kind == "f" and out.size and np.isnan(out.min())
    for place in np.ndindex(*how["sizes"]):
        elements: Any = (..., *[slice(k, None, step) for k, step in zip(place, how["steps"], strict=True)])
        part = x[elements]
        hit = part == out
        if missing:
            hit |= part != part
        hit &= left
        left ^= hit
        np.copyto(result[elements], g, where=hit)
    return result


def resample(x: Any, index: Any, weight: Any = None, *, dim: int) -> Any:
    """Σ_k weight[k, i] x[index[k, i]] along `dim`."""
    if weight is None:
        return x.take(index[0], dim)
    shape = (-1, *(1,) * (x.ndim - dim - 1))
    out = x.take(index[0], dim)
    out *= weight[0].reshape(shape)
    for place, share in zip(index[1:], weight[1:], strict=True):
        part = x.take(place, dim)
        part *= share.reshape(shape)
        out += part
    return out


def resample_back(g: Any, index: Any, weight: Any = None, *, dim: int, size: int) -> Any:
    """The transpose of `resample` for an axis of `size`: what each element gave is summed."""
    lead = (slice(None),) * dim
    out = np.zeros((*g.shape[:dim], size, *g.shape[dim + 1 :]), g.dtype)
    for k, places in enumerate(index.tolist()):
        for i, place in enumerate(places):
            part = g[(*lead, i)]
            out[(*lead, place)] += part if weight is None else part * weight[k, i]
    return out
