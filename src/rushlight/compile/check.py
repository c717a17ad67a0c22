"""A program proves itself: its first results are compared with the interpreter's on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.device import xp

__all__ = ["agrees"]

TOLERANCE = {"float32": 2e-4, "float64": 1e-9, "float16": 2e-2}
"""Relative to the largest number of the tensor: sums in another order round differently, and no more."""


def agrees(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether two lists of arrays are equal up to rounding; NaN equals NaN."""
    return all(_close(a, b) for a, b in zip(found, expected, strict=True))


def _close(a: Any, b: Any) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool(xp.all(xp.equal(a, b)))
    if not a.size:
        return True
    finite = xp.isfinite(b)
    same = xp.equal(a, b) | (xp.isnan(a) & xp.isnan(b))
    scale = float(xp.amax(xp.where(finite, xp.abs(b), 0.0), axis=None))
    allowed = TOLERANCE[str(a.dtype)] * max(scale, 1e-30)
    with xp.silence():
        near = xp.abs(a - b) <= allowed
    return bool(xp.all(same | (finite & near)))
