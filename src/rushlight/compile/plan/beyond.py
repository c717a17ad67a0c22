"""Views that go beyond the ends of what they look at: which of them need no memory of their own.

Loops read them lane by lane where the elements are, and blocks of products take what is beyond for the rest.
What only those read is not written. All else, and who gets a result, wants them in memory; and so do products
that read each element of them in many windows, since then the copy costs less than looking for the ends.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.compile.graph import Graph, Node
from rushlight.core.lower import Contract, Map, Reduce, View

__all__ = ["readable_beyond"]


def readable_beyond(
    graph: Graph, can_emit: Callable[[Node], bool], use_library: Callable[[Node], bool]
) -> set[int]:
    """The views, by id, that may be read as they are if they go beyond an end."""
    return _Readers(graph, can_emit, use_library).found


class _Readers:
    def __init__(
        self, graph: Graph, can_emit: Callable[[Node], bool], use_library: Callable[[Node], bool]
    ) -> None:
        self._can_emit, self._use_library = can_emit, use_library
        self._refused = {id(v) for v in [*graph.outputs, *[v for _, v in graph.updates]]}
        self._multiplied: set[int] = set()
        self.found: set[int] = set()
        for node in reversed(graph.nodes):
            if isinstance(node.op.lower, View) and id(node.out) not in self._refused:
                self.found.add(id(node.out))
            if not self._reads_beyond(node):
                self._refused.update(id(v) for v in node.values())

    def _reads_beyond(self, node: Node) -> bool:
        """Whether what is written for the node reads views that go beyond an end."""
        lower = node.op.lower
        if isinstance(lower, View):
            return self._looks_on(node, lower)
        if isinstance(lower, Map):
            return self._can_emit(node)
        if isinstance(lower, Reduce):
            return not lower.position
        wide = all(v.spec.dtype.kind == "f" and v.spec.dtype.itemsize > 2 for v in node.values())
        if not isinstance(lower, Contract) or not wide or self._use_library(node):
            return False
        self._multiplied.update(id(v) for v in node.values())
        return True

    def _looks_on(self, node: Node, lower: View) -> bool:
        """Whether the view is read, and all that it looks at is seen through it, not copied."""
        source = node.inputs[0]
        if id(node.out) in self._multiplied:
            if node.out.spec.size > source.spec.size:
                return False
            self._multiplied.add(id(source))
        return lower.always and lower.limits is None and lower.beyond is None and id(node.out) in self.found
