"""Views and places that NumPy has no plain function for: diagonals, any strides; search, merging."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["diagonal", "merge_at", "searchsorted", "strided"]


def diagonal(x: Any, offset: int) -> Any:
    """The diagonal of the last two axes, as the last axis: a view that may be written as `x` may."""
    out = np.diagonal(x, offset, -2, -1)
    out.flags.writeable = x.flags.writeable
    return out


def strided(x: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
    """A view of a vector without gaps with these sizes and strides, in elements, from `offset` on."""
    step = x.itemsize
    return np.ndarray(size, x.dtype, x, offset * step, tuple(s * step for s in stride))


def searchsorted(table: Any, values: Any, right: bool) -> Any:
    """Where `values` are to stand in the sorted `table`; of more than one axis, row by row."""
    side: Any = "right" if right else "left"
    if table.ndim == 1:
        return np.asarray(np.searchsorted(table, values, side), np.int64)
    rows = table.reshape(-1, table.shape[-1]) if table.size else np.empty((0, table.shape[-1]), table.dtype)
    found = np.zeros(values.shape, np.int64)
    if values.size:
        into = found.reshape(-1, values.shape[-1])
        for k, (row, wanted) in enumerate(zip(rows, values.reshape(into.shape), strict=True)):
            into[k] = np.searchsorted(row, wanted, side)
    return found


_MERGES = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def merge_at(x: Any, index: Any, values: Any, axis: int, merge: str) -> Any:
    """A copy of `x` into which `values` are multiplied, or their extremes taken, along `axis` at `index`."""
    out = x.copy()
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[axis] = index
    _MERGES[merge].at(out, tuple(grid), values)
    return out
