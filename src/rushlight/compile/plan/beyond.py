"""Views that go beyond the ends of what they look at: which of them need no memory of their own.

Loops read them lane by lane where the elements are, and blocks of products take zeros for the rest. What only
those read is not written. All else, and who gets a result, wants them in memory.
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
    refused = {id(v) for v in [*graph.outputs, *[v for _, v in graph.updates]]}
    found: set[int] = set()
    for node in reversed(graph.nodes):
        if isinstance(node.op.lower, View) and id(node.out) not in refused:
            found.add(id(node.out))
        if not _reads_beyond(node, found, can_emit, use_library):
            refused.update(id(v) for v in node.values())
    return found


def _reads_beyond(
    node: Node, found: set[int], can_emit: Callable[[Node], bool], use_library: Callable[[Node], bool]
) -> bool:
    """Whether what is written for the node reads views that go beyond an end."""
    lower = node.op.lower
    if isinstance(lower, View):
        # Of what it cannot look through it makes a copy.
        return lower.always and lower.limits is None and lower.beyond is None and id(node.out) in found
    if isinstance(lower, Map):
        return can_emit(node)
    if isinstance(lower, Reduce):
        return not lower.position
    wide = all(v.spec.dtype.kind == "f" and v.spec.dtype.itemsize > 2 for v in node.values())
    return isinstance(lower, Contract) and wide and not use_library(node)
