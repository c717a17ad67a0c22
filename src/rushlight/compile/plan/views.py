"""Views move no data. Reading through them is an affine access."""

from __future__ import annotations

from dataclasses import dataclass

from rushlight.compile.graph import Node, Value
from rushlight.core.lower import View
from rushlight.core.strides import row_major

__all__ = ["Access", "Edge", "contiguous", "is_view", "look_through"]


@dataclass(frozen=True, slots=True)
class Edge:
    """Along one axis of the memory the element lies at ``first + steps . index``, if that is one of the
    `size` places that there are; else it is beyond the edge."""

    first: int
    steps: tuple[int, ...]
    size: int

    def may_be_crossed(self, shape: tuple[int, ...]) -> bool:
        """Whether any element of a tensor of `shape` lies beyond."""
        ends = [step * (n - 1) for step, n in zip(self.steps, shape, strict=True)]
        low, high = (self.first + sum(f(0, e) for e in ends) for f in (min, max))
        return low < 0 or high >= self.size


@dataclass(frozen=True, slots=True)
class Access:
    """Element [i0, ...] of a tensor lies at ``offset + sum(strides[d] * i_d)`` in the buffer of `value`, or
    is the number `beyond` where that is beyond one of the `edges`."""

    value: Value
    offset: int
    strides: tuple[int, ...]
    edges: tuple[Edge, ...] = ()
    beyond: float = 0

    @property
    def stands_still(self) -> bool:
        """Whether it leads along some axis to the same element, until that is left."""
        return any(s == 0 and any(edge.steps[d] for edge in self.edges) for d, s in enumerate(self.strides))


def contiguous(value: Value) -> Access:
    """The access to a value that lies in memory as it is."""
    return Access(value, 0, row_major(value.spec.shape))


def is_view(node: Node) -> bool:
    """Whether the node only looks at its input in another way, whatever its op does eagerly."""
    return isinstance(node.op.lower, View)


def look_through(node: Node, source: Access) -> Access | None:
    """The access to a view's result, given that to its input; None where no affine access can say it."""
    lower, shape, out = node.op.lower, node.inputs[0].spec.shape, node.out.spec.shape
    assert isinstance(lower, View)
    strides = source.strides
    if lower.beyond is not None:
        # Who moves along an axis of one element leaves it.
        strides = tuple(s or 1 if n == 1 else s for s, n in zip(strides, shape, strict=True))
    found = lower.access(source.offset, strides, shape, out, node.attrs)
    if found is None:
        return None
    if lower.beyond is None and not source.edges:
        return Access(source.value, *found)
    edges, beyond = [*source.edges], source.beyond
    if lower.beyond is not None:
        axes, beyond = lower.beyond(node.attrs)
        if source.edges and repr(beyond) != repr(source.beyond):
            return None
        edges += [Edge(0, tuple(int(d == axis) for d in range(len(shape))), shape[axis]) for axis in axes]
    moved = []
    for edge in edges:
        # Where an element lies along an axis follows from its index as its place in memory does.
        place = lower.access(edge.first, edge.steps, shape, out, node.attrs)
        if place is None:
            return None
        moved.append(Edge(*place, edge.size))
    kept = tuple(edge for edge in moved if edge.may_be_crossed(out))
    return Access(source.value, *found, kept, beyond if kept else 0)
