"""Large values that cost less to compute than to keep: each of their readers makes its own.

Where a value follows from one other large value in an operation or two, such as a difference from the mean,
a kernel may as well read that one. So nothing is written for the others, and the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.compile import host
from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.lower import Map, Reduce, View

__all__ = ["make_again"]

CHEAP = 3.0
"""Operations for an element up to which it is made again."""
MUCH = 8
"""Times smaller than a value from which what else it follows from hardly counts."""


def make_again(graph: Graph, per_element: Callable[[Node], float]) -> Graph:
    """A graph of the same results, in which large values that are cheap have one reader each.

    per_element  says how many operations each element of a node's result takes.
    """
    found = _Again(graph, per_element)
    return found.run() if found.chosen else graph


class _Again:
    def __init__(self, graph: Graph, per_element: Callable[[Node], float]) -> None:
        self.graph, self.per_element = graph, per_element
        self.chosen: dict[int, Node] = {}
        """What is made again, by id: in the end by each reader."""
        self.nodes: list[Node] = []
        self.places: dict[int, int] = {}
        for place, node in enumerate(graph.nodes):
            seen = isinstance(node.op.lower, View)
            self.places[id(node.out)] = self._place(node.inputs[0]) if seen else place
        written = {id(v) for v, _ in graph.updates}
        kept = {id(v) for v in graph.outputs} | {id(v) for _, v in graph.updates}
        readers: dict[int, list[Node]] = {}
        # Backwards, so that the readers of a value are known when it is met.
        for node in reversed(graph.nodes):
            own = readers.get(id(node.out), [])
            if len(own) > 1 and id(node.out) not in kept and self._pays(node, own, written):
                self.chosen[id(node.out)] = node
            else:
                own = [node]
            # Each reader of a value that is made again reads what that one does.
            for v in node.distinct():
                readers.setdefault(id(v), []).extend(own)

    def _place(self, value: Value) -> int:
        """Where among the nodes a value is made, or what it is a view of; -1 for an input."""
        return self.places.get(id(value), -1)

    def _pays(self, node: Node, readers: list[Node], written: set[int]) -> bool:
        """Whether all readers can make the node's result on their way, and read no more than now."""
        spec = node.out.spec
        if not isinstance(node.op.lower, Map) or _bytes(node.out) <= host.describe().caches.l1:
            return False
        large = [v for v in node.distinct() if v.spec.size * MUCH > spec.size]
        if len(large) != 1 or large[0].spec.shape != spec.shape or id(large[0]) in written:
            return False
        # Where nothing else is waited for, it is computed in the loop that makes the other value.
        if max(self._place(v) for v in node.values()) == self._place(large[0]) >= 0:
            return False
        joined = all(isinstance(r.op.lower, (Map, Reduce)) for r in readers)
        here = all(v.spec.shape == spec.shape for r in readers for v in r.values() if v is node.out)
        return joined and here and _bytes(large[0]) <= _bytes(node.out) and self.per_element(node) <= CHEAP

    def run(self) -> Graph:
        graph = self.graph
        for node in graph.nodes:
            if id(node.out) not in self.chosen:
                self.nodes.append(self._reading(node, node.out))
        return Graph(graph.inputs, self.nodes, graph.outputs, graph.updates, graph.late)

    def _reading(self, node: Node, out: Value) -> Node:
        """The node, after all that it reads of what is made again."""
        own: dict[int, Value] = {}
        for v in node.values():
            if id(v) in self.chosen and id(v) not in own:
                own[id(v)] = Value(v.spec, f"{v.name}.{len(self.nodes)}")
                self.nodes.append(self._reading(self.chosen[id(v)], own[id(v)]))
        if not own and out is node.out:
            return node
        return Node(node.op, tuple(own.get(id(v), v) for v in node.inputs), node.attrs, out)


def _bytes(value: Value) -> int:
    return value.spec.size * value.spec.dtype.itemsize
