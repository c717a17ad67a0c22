"""A program proves itself: its first results are compared with the interpreter's on the same inputs.

Two right programs differ by rounding, and how much that is depends on the graph: where numbers cancel, all
that remains is noise; where they are compared, a bit decides. So when results differ by more than sums in
another order do, the graph is run a few times more with every intermediate result shaken by a few units in
the last place: what moves as far by itself is no fault of the program.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.compile.interpret import evaluate, run_node
from rushlight.device import xp

__all__ = ["agrees", "close", "disagreements"]

TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "float16": 1e-2}
"""Relative to the largest number of the tensor: sums in another order round differently, and no more."""

SHAKES, ULPS, FACTOR = 16, 4.0, 32.0
"""How often a graph is shaken, by how many units in the last place, and how many times as far a right program
may be off."""


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
    if not far:
        return []
    noise: list[Any] = [0.0] * len(far)
    still = evaluate(graph, arrays)
    for seed in range(SHAKES):
        shaken = evaluate(graph, arrays, functools.partial(_shaken, seed))
        ids = [id(values[i]) for i in far]
        noise = [_larger(n, shaken[v], still[v]) for n, v in zip(noise, ids, strict=True)]
    return [i for n, i in zip(noise, far, strict=True) if not close(found[i], expected[i], n * FACTOR)]


def _shaken(seed: int, node: Node, operands: Sequence[Any], result: Any) -> Any:
    """A node's result, as rounding might have it. Whether two numbers are equal is then anybody's guess where
    they nearly are; what is added up rounds by the size of its terms, not of their sum."""
    dtypes = [a.dtype for a in operands if hasattr(a, "dtype")]
    if node.op.name in ("eq", "ne") and all(d.kind == "f" for d in dtypes):
        a, b = operands
        with xp.silence():
            near = xp.abs(a - b) <= 10 * TOLERANCE[str(dtypes[0])] * xp.abs(a)
        return xp.where(near, bool(seed % 2), result)
    if not (node.op.elementwise or node.op.view) and operands:
        near_by = [xp.shaken(a, ULPS, seed + k) if hasattr(a, "dtype") else a for k, a in enumerate(operands)]
        result = run_node(node, near_by)
    return xp.shaken(result, ULPS, seed)


def _larger(noise: Any, shaken: Any, still: Any) -> Any:
    """How far a result moved, or moved before; infinitely far where it is not even finite in both."""
    with xp.silence():
        moved = xp.abs(shaken.astype(xp.float64) - still.astype(xp.float64))
    same = xp.equal(shaken, still) | (_isnan(shaken) & _isnan(still))
    moved = xp.where(same, 0.0, xp.where(_isnan(moved), float("inf"), moved))
    return xp.maximum(noise, moved)


def _isnan(a: Any) -> Any:
    return xp.isnan(a) if a.dtype.kind == "f" else xp.zeros(a.shape, xp.bool_)


def close(a: Any, b: Any, noise: Any = 0.0) -> bool:
    """Whether `a` is `b` up to the rounding of sums, and up to the noise given for each element."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.size:
        return True
    same = xp.equal(a, b) | (_isnan(a) & _isnan(b))
    if a.dtype.kind != "f":
        return bool(xp.all(same | (noise > 0.0)))
    finite = xp.isfinite(b)
    scale = float(xp.amax(xp.where(finite, xp.abs(b), 0.0), axis=None))
    with xp.silence():
        near = xp.abs(a.astype(xp.float64) - b) <= TOLERANCE[str(a.dtype)] * scale + noise
    return bool(xp.all(same | (finite & near) | (noise == float("inf"))))
