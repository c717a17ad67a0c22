"""The slow, plain executor: what a graph means.

It runs node after node on NumPy by the ops' own formulas. Tests hold every other executor against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.graph import Graph, GraphError, Node, Value
from rushlight.core.narrow import compute
from rushlight.core.refused import explain
from rushlight.device import xp

__all__ = ["evaluate", "interpret", "run_node"]

Change = Callable[[Node, Sequence[Any], Any], Any]


def interpret(
    graph: Graph, arrays: Sequence[Any], change: Change | None = None
) -> tuple[list[Any], list[Any]]:
    """(outputs, updates) of `graph` on the inputs' arrays; it writes into none of them.

    change  ``change(node, operands, result)`` gives another result, to see how much rounding matters.
    """
    wanted = {id(v) for v in [*graph.outputs, *[v for _, v in graph.updates]]}
    values = evaluate(graph, arrays, change, wanted)
    kept = {id(a) for a in arrays}
    outputs = [values[id(v)] for v in graph.outputs]
    outputs = [a.copy() if id(a) in kept or a.base is not None else a for a in outputs]
    return outputs, [values[id(v)] for _, v in graph.updates]


def evaluate(
    graph: Graph, arrays: Sequence[Any], change: Change | None = None, wanted: set[int] | None = None
) -> dict[int, Any]:
    """The arrays of all values of the graph, by the values' ids, or of those `wanted`: others are dropped
    when the last node has read them."""
    values: dict[int, Any] = {id(v): a for v, a in zip(graph.inputs, arrays, strict=True)}
    last = {id(v): i for i, node in enumerate(graph.nodes) for v in node.values()}
    for i, node in enumerate(graph.nodes):
        operands = [values[id(v)] if isinstance(v, Value) else v for v in node.inputs]
        result = run_node(node, operands)
        values[id(node.out)] = result if change is None else change(node, operands, result)
        del operands, result
        for v in node.values() if wanted is not None else ():
            if last[id(v)] == i and id(v) not in (wanted or ()):
                values.pop(id(v), None)
    return values


def run_node(node: Node, operands: Sequence[Any]) -> Any:
    """One node on NumPy; its errors are those of eager code."""
    try:
        with xp.silence():
            result = xp.asarray(compute(node.op, operands, node.attrs, node.out.spec.dtype))
    except Exception as error:
        clear = explain(node.op, list(operands), node.attrs, error)
        try:
            raise clear from clear.__cause__
        finally:
            del clear, error  # which would keep this frame, and be kept by it
    if (result.shape, result.dtype) != (node.out.spec.shape, node.out.spec.dtype):
        raise GraphError(f"{node}: is {node.out.spec}, but its formula gives {result.dtype}{result.shape}")
    return result
