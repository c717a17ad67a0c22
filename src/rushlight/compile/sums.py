"""Sums of large values, in the order in which these lie in memory.

A sum over the batch and over all places, such as that for a channel, would walk through memory once for each
result, with a jump from sample to sample. Instead each short piece is summed when its turn comes, and then
the sums of the pieces are.
"""

from __future__ import annotations

from rushlight.compile import host
from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.lower import Reduce
from rushlight.core.spec import Spec

__all__ = ["sum_in_order"]

PIECE = 32
"""Elements beside each other from which they are summed by themselves."""


def sum_in_order(graph: Graph) -> Graph:
    """A graph of the same results, but for rounding, whose large sums are over one stretch of axes each."""
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += _in_two(node) or [node]
    if len(nodes) == len(graph.nodes):
        return graph
    return Graph(graph.inputs, nodes, graph.outputs, graph.updates, graph.late)


def _in_two(node: Node) -> list[Node] | None:
    """The reduction over the last axes, and then over the others, if there is a kept one between them."""
    lower, source = node.op.lower, node.inputs[0] if node.inputs else None
    if not isinstance(lower, Reduce) or lower.position or lower.test or not isinstance(source, Value):
        return None
    spec, dim = source.spec, node.attrs["dim"]
    if spec.dtype.kind != "f" or spec.dtype.itemsize < 4 or node.out.spec.dtype != spec.dtype or dim is None:
        return None
    axes = {dim} if isinstance(dim, int) else {*dim}
    last, piece = spec.ndim, 1
    while last and last - 1 in axes:
        last -= 1
        piece *= spec.shape[last]
    outer = tuple(sorted(d for d in axes if d < last))
    if not outer or piece < PIECE or spec.size * spec.dtype.itemsize <= host.describe().caches.l2:
        return None
    inner = tuple(range(last, spec.ndim))
    partial = Value(Spec((*spec.shape[:last], *[1] * len(inner)), spec.dtype), f"{node.out.name}.part")
    rest = {**node.attrs, "dim": outer if node.attrs["keepdim"] else (*outer, *inner)}
    first = Node(node.op, (source, *node.inputs[1:]), {**node.attrs, "dim": inner, "keepdim": True}, partial)
    return [first, Node(node.op, (partial, *node.inputs[1:]), rest, node.out)]
