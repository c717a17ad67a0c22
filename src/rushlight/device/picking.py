"""Reading slices by number, and finding the largest elements."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["slices_at", "stable_order", "top_places"]

FEW = 4
"""So many times as many elements as are wanted, and looking for their least one is faster than sorting."""


def slices_at(x: Any, index: Any, axis: int) -> Any:
    """The slices of x along `axis` whose numbers are `index`; the result is C-contiguous where x is."""
    if x.flags.c_contiguous and index.dtype.kind == "i":
        return x.take(index, axis)
    return x[(*(slice(None),) * axis, index)]


def stable_order(x: Any, axis: int, descending: bool) -> Any:
    """The indices that sort along `axis`; of equal elements the first stays first."""
    if not descending:
        return np.argsort(x, axis, stable=True)
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, stable=True), axis)


def top_places(x: Any, k: int, axis: int, largest: bool) -> Any:
    """Where the `k` largest or smallest along `axis` stand: the first of what `stable_order` gives."""
    count = x.shape[axis]
    if not 0 < k * FEW <= count or x.dtype.kind not in "fiu" or (x.dtype.kind == "f" and np.isnan(x).any()):
        return stable_order(x, axis, largest)[(*(slice(None),) * axis, slice(k))]
    rows = x.swapaxes(axis, -1)
    at = count - k if largest else k - 1
    edge = np.partition(rows, at, -1)[..., at : at + 1]
    kept = rows >= edge if largest else rows <= edge
    if np.count_nonzero(kept) != edge.size * k:
        # Of those that equal the least only the first ones.
        equal = rows == edge
        kept ^= equal
        kept |= equal & (equal.cumsum(-1) <= k - kept.sum(-1, keepdims=True))
    places = (np.flatnonzero(kept) % count).reshape(*edge.shape[:-1], k)
    order = stable_order(np.take_along_axis(rows, places, -1), -1, largest)
    return np.take_along_axis(places, order, -1).swapaxes(axis, -1)
