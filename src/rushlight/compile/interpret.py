"""The slow, plain executor: what a graph means.

It runs node after node on NumPy by the ops' own formulas. Tests hold every other executor against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.compile.graph import Graph, Value
from rushlight.device import xp

__all__ = ["interpret"]


def interpret(graph: Graph, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """(outputs, updates) of `graph` on the inputs' arrays; it writes into none of them."""
    values: dict[int, Any] = {id(v): a for v, a in zip(graph.inputs, arrays, strict=True)}
    with xp.silence():
        for node in graph.nodes:
            operands = [values[id(v)] if isinstance(v, Value) else v for v in node.inputs]
            values[id(node.out)] = xp.asarray(node.op.formula(xp, *operands, **node.attrs))
    kept = {id(a) for a in arrays}
    outputs = [values[id(v)] for v in graph.outputs]
    outputs = [a.copy() if id(a) in kept or a.base is not None else a for a in outputs]
    return outputs, [values[id(v)] for _, v in graph.updates]
