"""Sums of parts: where each term is zero but for a part of its own, the parts are joined, not added.

The gradient of a tensor that was taken apart, step by step or head by head, is such a sum: it would read and
write the whole once for each part. The bits are the same: each part is added to 0, which matters to -0.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from rushlight.compile.graph import Graph, Node, Value, used
from rushlight.compile.simplify import may_raise
from rushlight.core.lower import Map, View
from rushlight.core.op import REGISTRY
from rushlight.core.spec import Spec

__all__ = ["join_parts"]

FEW = 2
"""Parts that are added up in one loop, which reads each where it is."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a sum is from `low` on; elsewhere the part is 0."""

    value: Value
    low: tuple[int, ...]


def join_parts(graph: Graph) -> Graph:
    """A graph of the same results, whose sums of more than a FEW parts are joins."""
    return _Parts(graph).run()


class _Parts:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.made = {id(n.out): n for n in graph.nodes}
        self.parts: dict[int, list[_Part]] = {}
        self.nodes: list[Node] = []

    def run(self) -> Graph:
        graph = self.graph
        for node in graph.nodes:
            part = _padded(node)
            if part is not None:
                self.parts[id(node.out)] = [part]
            elif isinstance(node.op.lower, Map) and node.op.lower.adds:
                self._add(node)
        ends = {id(v) for v in [*graph.outputs, *[v for _, v in graph.updates]]}
        ends.update(id(v) for n in graph.nodes if id(n.out) not in self.parts for v in n.values())
        changed = False
        for node in graph.nodes:
            parts = self.parts.get(id(node.out), [])
            axis = _axis(parts, node.out.spec) if len(parts) > FEW and id(node.out) in ends else None
            if axis is None:
                self.nodes.append(node)
            else:
                self._join(node, sorted(parts, key=lambda p: p.low[axis]), axis)
                changed = True
        if not changed:
            return graph
        found = Graph(graph.inputs, self.nodes, graph.outputs, graph.updates, graph.late)
        found.nodes = used(found, lambda node: may_raise(node.op))
        return found

    def _add(self, node: Node) -> None:
        """Note that a sum of sums of parts is one too."""
        terms = [self.parts.get(id(v)) if isinstance(v, Value) else None for v in node.inputs]
        if any(t is None or v.spec != node.out.spec for t, v in zip(terms, node.inputs, strict=True)):
            return
        one, other = [t for t in terms if t is not None]
        if all(_apart(p, q) for p in one for q in other):
            self.parts[id(node.out)] = [*one, *other]

    def _join(self, node: Node, parts: list[_Part], axis: int) -> None:
        """Have the parts one after the other, with zeros in the gaps, in the place of `node`."""
        shape, dtype = node.out.spec.shape, node.out.spec.dtype
        pieces: list[Value] = []
        end = 0

        def fill(to: int) -> None:
            if to > end:
                gap = (*shape[:axis], to - end, *shape[axis + 1 :])
                facts = {"shape": gap, "value": 0, "dtype": dtype}
                pieces.append(self._new(REGISTRY["full"], (), facts, Spec(gap, dtype)))

        for part in parts:
            fill(part.low[axis])
            pieces.append(self._unsigned(part.value))
            end = part.low[axis] + part.value.spec.shape[axis]
        fill(shape[axis])
        self.nodes.append(Node(REGISTRY["cat"], tuple(pieces), {"dim": axis}, node.out))

    def _unsigned(self, value: Value) -> Value:
        """`value` + 0, added where it is made, before other views of it."""
        if value.spec.dtype.kind != "f":
            return value
        maker = self.made.get(id(value))
        if maker is not None and isinstance(maker.op.lower, View):
            source, limits = maker.inputs[0], maker.op.lower.limits
            if limits is None and source.spec.size == value.spec.size:
                return self._new(
                    maker.op, (self._unsigned(source), *maker.inputs[1:]), maker.attrs, value.spec
                )
        return self._new(REGISTRY["add"], (value, 0), {}, value.spec)

    def _new(self, op: object, inputs: tuple[object, ...], attrs: dict[str, object], spec: Spec) -> Value:
        out = Value(spec, f"%j{len(self.nodes)}")
        self.nodes.append(Node(op, inputs, attrs, out))  # type: ignore[arg-type]
        return out


def _padded(node: Node) -> _Part | None:
    """What a border of zeros is around."""
    lower = node.op.lower
    if not isinstance(lower, View) or lower.beyond is None or repr(lower.beyond(node.attrs)[1]) != "0":
        return None
    source, shape = node.inputs[0], node.out.spec.shape
    low = []
    for d, n in enumerate(source.spec.shape):
        unit = tuple(int(d == k) for k in range(len(shape)))
        place = lower.access(0, unit, source.spec.shape, shape, node.attrs)
        if place is None or place[1] != unit or not 0 <= -place[0] <= shape[d] - n:
            return None
        low.append(-place[0])
    return _Part(source, tuple(low))


def _apart(a: _Part, b: _Part) -> bool:
    """Whether two parts have no element in common."""
    sides = zip(a.low, a.value.spec.shape, b.low, b.value.spec.shape, strict=True)
    return any(p + n <= q or q + m <= p for p, n, q, m in sides)


def _axis(parts: list[_Part], whole: Spec) -> int | None:
    """The axis along which the parts lie, if of all others they have everything."""
    axes = [d for d, n in enumerate(whole.shape) if any(p.value.spec.shape[d] != n for p in parts)]
    return axes[0] if len(axes) == 1 else None
