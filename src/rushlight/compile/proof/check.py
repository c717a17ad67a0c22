"""A program proves itself: its first results are compared with the interpreter's on the same inputs.

Two right programs differ by rounding, and how much that is depends on the graph: where numbers cancel, all
that remains is noise; where they are compared, a bit decides. So when results differ by more than sums in
another order do, it is measured how far the graph's own rounding moves each of their elements (`noise`): what
moves as far by itself is no fault of the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.compile.graph import Graph, Value
from rushlight.compile.proof.noise import noise, widest
from rushlight.device import xp

__all__ = ["agrees", "close", "disagreements"]

TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "float16": 1e-2, "bfloat16": 8e-2}
"""Relative to the largest number of the tensor: sums in another order round differently, and no more."""


def agrees(graph: Graph, arrays: Sequence[Any], found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether the outputs and updates that a program found are right up to rounding; NaN equals NaN.

    arrays  the inputs on which both were computed.
    """
    values = [*graph.outputs, *[v for _, v in graph.updates]]
    return not disagreements(graph, arrays, values, found, expected)


def disagreements(
    graph: Graph,
    arrays: Sequence[Any],
    values: Sequence[Value],
    found: Sequence[Any],
    expected: Sequence[Any],
) -> list[int]:
    """Which of `values`, by their place, are further off than rounding explains."""
    far = [i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if not close(a, b)]
    for thorough in (False, True):
        allowed = noise(graph, arrays, [values[i] for i in far], thorough) if far else []
        far = [i for n, i in zip(allowed, far, strict=True) if not close(found[i], expected[i], n)]
    return far


def close(a: Any, b: Any, allowed: Any = 0.0) -> bool:
    """Whether `a` is `b` up to the rounding of sums, and up to what is allowed for each element."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.size:
        return True
    tolerance = TOLERANCE.get(str(a.dtype), 0.0)
    a, b = widest(a), widest(b)
    same = xp.equal(a, b)
    if a.dtype.kind != "f":
        return bool(xp.all(same | (allowed > 0.0)))
    same = same | (xp.isnan(a) & xp.isnan(b))
    finite = xp.isfinite(b)
    scale = float(xp.amax(xp.where(finite, xp.abs(b), 0.0), axis=None))
    with xp.silence():
        near = xp.abs(a.astype(xp.float64) - b) <= tolerance * scale + allowed
    return bool(xp.all(same | (finite & near) | (allowed == float("inf"))))
