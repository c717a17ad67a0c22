"""Reshapes sink below the elementwise nodes that follow them.

A loop that makes a large value and one that reads it in another shape cannot be one loop. If the elementwise
node behind the reshape is computed in the shape before it, they can, and the bits are the same: the gradient
of ReLU in the loop that spreads the gradient of pooling, say.
"""

from __future__ import annotations

from typing import Any

from rushlight.compile import host
from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.lower import Map, View
from rushlight.core.op import REGISTRY
from rushlight.core.spec import Spec
from rushlight.core.strides import row_major

__all__ = ["sink_reshapes"]


def sink_reshapes(graph: Graph) -> Graph:
    """A graph of the same results, whose large elementwise values have followers of the same shape."""
    found = _Sinking(graph)
    found.run()
    if len(found.nodes) == len(graph.nodes):
        return graph
    return Graph(graph.inputs, found.nodes, graph.outputs, graph.updates, graph.late)


class _Sinking:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.made: dict[int, Node] = {}
        self.readers: dict[int, int] = {}
        for node in graph.nodes:
            for v in node.distinct():
                self.readers[id(v)] = self.readers.get(id(v), 0) + 1
        for v in [*graph.outputs, *[v for pair in graph.updates for v in pair]]:
            self.readers[id(v)] = self.readers.get(id(v), 0) + 2
        self.straight = {id(v) for v in graph.inputs}
        """Values that lie in memory in the order of their elements, or are views that do."""

    def run(self) -> None:
        """Walk over the nodes, each behind what it reads."""
        for node in self.graph.nodes:
            before = self._before(node)
            if before is None:
                self._append(node)
            else:
                self._sink(node, *before)

    def _append(self, node: Node) -> None:
        self.nodes.append(node)
        self.made[id(node.out)] = node
        if not isinstance(node.op.lower, View) or self._is_reshape(node):
            self.straight.add(id(node.out))

    def _is_reshape(self, node: Node) -> bool:
        """Whether a node only gives the elements of a value another shape."""
        lower, source = node.op.lower, node.inputs[0] if node.inputs else None
        if not isinstance(lower, View) or lower.limits is not None or lower.beyond is not None:
            return False
        if not isinstance(source, Value) or id(source) not in self.straight:
            return False
        if source.spec.size != node.out.spec.size:
            return False
        shape, out = source.spec.shape, node.out.spec.shape
        found = lower.access(0, row_major(shape), shape, out, node.attrs)
        return found is not None and found[0] == 0 and _moves(found[1], out) == _moves(row_major(out), out)

    def _before(self, node: Node) -> tuple[Value, Value] | None:
        """(what the node reads, the elementwise value that it is a reshape of), where nobody else reads
        either."""
        spec = node.out.spec
        if not isinstance(node.op.lower, Map) or spec.size * spec.dtype.itemsize <= host.describe().caches.l1:
            return None
        large = [v for v in node.values() if v.spec.size > 1]
        if any(v.spec.shape != spec.shape or id(v) not in self.straight for v in large):
            return None
        for v in large:
            source = v
            while (maker := self.made.get(id(source))) is not None and self.readers[id(source)] == 1:
                if not self._is_reshape(maker):
                    break
                source = next(maker.values())
            made = maker is not None and isinstance(maker.op.lower, Map) and self.readers[id(source)] == 1
            if source is not v and made:
                return v, source
        return None

    def _sink(self, node: Node, seen: Value, source: Value) -> None:
        """The node in the shape of `source`, and its result in its own."""
        shape = source.spec.shape
        inputs = [
            source if v is seen else self._reshaped(v, shape) if _is_large(v) else v for v in node.inputs
        ]
        found = Value(Spec(shape, node.out.spec.dtype), f"{node.out.name}.whole")
        self._append(Node(node.op, tuple(inputs), node.attrs, found))
        self._append(Node(REGISTRY["reshape"], (found,), {"shape": node.out.spec.shape}, node.out))
        self.readers[id(found)] = 1

    def _reshaped(self, value: Value, shape: tuple[int, ...]) -> Value:
        seen = Value(Spec(shape, value.spec.dtype), f"{value.name}.as{len(self.nodes)}")
        self._append(Node(REGISTRY["reshape"], (value,), {"shape": shape}, seen))
        self.readers[id(seen)] = 1
        return seen


def _moves(strides: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides along axes of more than one element."""
    return tuple(s for s, n in zip(strides, shape, strict=True) if n != 1)


def _is_large(operand: Any) -> bool:
    return isinstance(operand, Value) and operand.spec.size > 1
