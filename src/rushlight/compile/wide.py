"""16-bit floats in a graph: computed with as float32, and each result rounded once, as in eager code.

A traced function is written down so by the tracer. The body of a loop may have been made node by node.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.core.apply import CAST
from rushlight.core.narrow import computes_wide, widened
from rushlight.core.spec import Spec
from rushlight.device import xp

__all__ = ["in_float32"]


def in_float32(nodes: Sequence[Node]) -> Iterator[Node]:
    """The nodes, those that compute with 16-bit floats among conversions to float32 and from it. The values
    that they make stay."""
    for node in nodes:
        if node.op is CAST or not any(map(_is_narrow, node.values())) or not computes_wide(node.op):
            yield node
            continue
        given: list[Any] = []
        for value in node.inputs:
            if isinstance(value, Value) and _is_narrow(value):
                made = _cast(value, Value(widened(value.spec), f"{node.out}.{len(given)}"))
                yield made
                value = made.out
            given.append(value)
        specs = [v.spec if isinstance(v, Value) else v for v in given]
        found: Spec = node.op.infer(*specs, **node.attrs)
        if found == node.out.spec:
            yield Node(node.op, tuple(given), node.attrs, node.out)
        else:
            wide = Value(found, f"{node.out}.wide")
            yield Node(node.op, tuple(given), node.attrs, wide)
            yield _cast(wide, node.out)


def _is_narrow(value: Value) -> bool:
    return xp.is_narrow(value.spec.dtype)


def _cast(value: Value, out: Value) -> Node:
    return Node(CAST, (value,), {"dtype": out.spec.dtype}, out)
