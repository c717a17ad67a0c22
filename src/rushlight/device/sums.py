"""Sums and products whose rounding errors grow no faster than the logarithm of the number of terms.

A running total in the terms' own precision may be off by half a unit for each of them, and is where all are
alike: NumPy adds that way along every axis but the one whose elements lie side by side. Here a running total
takes at most BLOCK terms, and the totals of blocks are added up the same way; or it is kept in a wider dtype.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

__all__ = ["add_at", "cumsum", "matmul", "mean", "prod", "sum"]

BLOCK = 128
"""Terms of one running total."""
LONG = 4096
"""Terms of a product's sums from which they are cut in two; below, the library adds up in its own way."""
PIECE = 16384
"""Elements of which so many, and their places, stay in the cache."""

_ALL = slice(None)
_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce


def sum(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The sum over `axis`, an axis, a tuple of axes or None for all, in the dtype of `x` or another one."""
    last = x.ndim - 1
    if last > 0 and x.dtype.kind == "f":
        # Of short sums the product with a vector of ones is several times as fast.
        if axis == (0,) and last == 1 and x.shape[0] <= BLOCK:
            total = _ones(x.shape[0], x.dtype) @ x
            return total[np.newaxis] if keepdims else total
        if axis in (last, (last,)) and 0 < x.shape[last] <= BLOCK and x.flags.c_contiguous:
            total = x.reshape(-1, x.shape[last]) @ _ones(x.shape[last], x.dtype)
            return total.reshape((*x.shape[:last], 1) if keepdims else x.shape[:last])
    return _total(x, axis, keepdims, dtype)


def mean(x: Any, axis: Any, keepdims: bool, part: float) -> Any:
    """The sum over `axis` times `part`, 1/n."""
    return sum(x, axis, keepdims) * part


def _total(x: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
    """The sum, of blocks and then of their totals where there are many."""
    if x.dtype.kind != "f":
        return _add(x, axis=axis, dtype=dtype or x.dtype, keepdims=keepdims)
    if x.size <= BLOCK:
        return _add(x, axis=axis, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    count = 1
    for d in axes:
        count *= x.shape[d]
    if count <= BLOCK or (count == x.size and x.flags.c_contiguous):
        # A short sum, or one over all of what lies side by side: that NumPy adds up by halves.
        return _add(x, axis=axes, keepdims=keepdims)
    shape = [1 if d in axes else n for d, n in enumerate(x.shape)]
    out = _one_by_one(x, [d in axes for d in range(x.ndim)])
    return out.reshape(shape if keepdims else [n for d, n in enumerate(x.shape) if d not in axes])[()]


def _one_by_one(x: Any, reduced: list[bool]) -> Any:
    """The sum over those axes, the last of them first; they stay with size 1."""
    while True in reduced:
        x, reduced = _joined(x, reduced)
        d = len(reduced) - 1 - reduced[::-1].index(True)
        x, reduced[d] = _along(x, d), False
    return x


def _joined(x: Any, reduced: list[bool]) -> tuple[Any, list[bool]]:
    """The same elements over fewer axes: neighbours are one where their elements lie as along one."""
    shape, strides, kept = [*x.shape], [*x.strides], [*reduced]
    for d in reversed(range(x.ndim - 1)):
        if 1 in shape[d : d + 2] or (kept[d] == kept[d + 1] and strides[d] == strides[d + 1] * shape[d + 1]):
            other = d if shape[d] == 1 else d + 1
            if 1 not in shape[d : d + 2]:
                shape[d] *= shape[d + 1]
                strides[d] = strides[d + 1]
            del shape[other], strides[other], kept[other]
    return x.reshape(shape), kept


def _along(x: Any, d: int) -> Any:
    """The sum along one axis, which stays with size 1."""
    count, step = x.shape[d], abs(x.strides[d])
    if not step:
        return x.take([0], d) * count
    if count <= BLOCK or all(step < abs(s) for k, s in enumerate(x.strides) if k != d):
        return _add(x, axis=d, keepdims=True)
    return np.expand_dims(_in_blocks(x.swapaxes(d, -2)), -2).swapaxes(d, -2)


def _in_blocks(x: Any) -> Any:
    """The sum over the last axis but one: a product of each block with ones, again and again."""
    while x.shape[-2] > BLOCK:
        *outer, count, inner = x.shape
        whole, rest = divmod(count, BLOCK)
        totals = np.empty((*outer, whole + (rest > 0), inner), x.dtype)
        blocks = x[..., : count - rest, :].reshape(*outer, whole, BLOCK, inner)
        np.matmul(_ones(BLOCK, x.dtype), blocks, out=totals[..., :whole, :])
        if rest:
            np.matmul(_ones(rest, x.dtype), x[..., count - rest :, :], out=totals[..., whole, :])
        x = totals
    return np.matmul(_ones(x.shape[-2], x.dtype), x)


@functools.lru_cache(maxsize=256)
def _ones(count: int, dtype: Any) -> Any:
    return np.ones(count, dtype)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product over `axis`, in the dtype of `x` or another one."""
    return _multiply(x, axis=axis, dtype=dtype or x.dtype, keepdims=keepdims)


def cumsum(x: Any, axis: int, dtype: Any = None) -> Any:
    """The sums of the first 1, 2, ... elements along `axis`; of floats they are kept in float64 and each is
    rounded by itself."""
    # np.cumsum is Python, its warnings laid to NumPy's own file.
    if x.dtype.kind != "f" or x.itemsize == 8:
        return np.add.accumulate(x, axis, dtype or x.dtype)
    rows = np.ascontiguousarray(x.swapaxes(axis, -1), np.float64)
    return np.add.accumulate(rows, -1, out=rows).swapaxes(axis, -1).astype(x.dtype, order="C")


def matmul(a: Any, b: Any) -> Any:
    """The product of matrices, or of stacks of them; sums of more than LONG terms by halves."""
    if a.shape[-1] <= LONG:
        return np.matmul(a, b)
    if a.dtype.kind != "f":
        return np.matmul(a, b)
    half = a.shape[-1] // 2
    rows = (slice(half), slice(half, None))
    low, high = (b[r] if b.ndim == 1 else b[..., r, :] for r in rows)
    return matmul(a[..., :half], low) + matmul(a[..., half:], high)


def add_at(shape: tuple[int, ...], index: Any, values: Any) -> Any:
    """Zeros of `shape` with `values` added at `index`, one after the other; positions that repeat add up."""
    out = np.zeros(shape, values.dtype)
    numbers = _slice_numbers(shape, index, values)
    if numbers is None:
        np.add.at(out, index, values)
    else:
        # One number for each element instead of one for each slice: NumPy adds at those much faster, and to
        # each element in the same order.
        axis = len(index) - 1
        width = math.prod(shape[axis + 1 :])
        lead = math.prod(shape[:axis])
        parts, flat = values.reshape(lead, numbers.size, width), out.reshape(-1)
        columns = np.arange(lead)[:, np.newaxis, np.newaxis] * (shape[axis] * width) + np.arange(width)
        step = max(PIECE // (lead * width), 1)
        for i in range(0, numbers.size, step):
            place = columns + numbers[i : i + step, np.newaxis] * width
            np.add.at(flat, place.reshape(-1), parts[:, i : i + step].reshape(-1))
    return out


def _slice_numbers(shape: tuple[int, ...], index: Any, values: Any) -> Any:
    """Which slices along one axis, counted from the front, `index` names; None where it names others."""
    *before, last = index
    axis = len(before)
    if axis >= len(shape) or any(i.__class__ is not slice or i != _ALL for i in before):
        return None
    if getattr(last, "dtype", values.dtype).kind != "i" or len(shape) < 2 or not values.size:
        return None
    if values.shape != (*shape[:axis], *last.shape, *shape[axis + 1 :]):
        return None
    numbers = last.reshape(-1).astype(np.int64, copy=False)
    size, low, high = shape[axis], numbers.min(), numbers.max()
    if low < -size or high >= size:
        return None  # NumPy's error says which
    return numbers if low >= 0 else np.where(numbers < 0, numbers + size, numbers)
