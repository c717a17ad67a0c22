"""Views move no data. Reading through them is an affine access."""

from __future__ import annotations

from dataclasses import dataclass

from rushlight.compile.graph import Node, Value
from rushlight.core.lower import View
from rushlight.core.strides import row_major

__all__ = ["Access", "contiguous", "is_view", "look_through"]


@dataclass(frozen=True, slots=True)
class Access:
    """Element [i0, ...] of a tensor lies at ``offset + sum(strides[d] * i_d)`` in the buffer of `value`."""

    value: Value
    offset: int
    strides: tuple[int, ...]


def contiguous(value: Value) -> Access:
    """The access to a value that lies in memory as it is."""
    return Access(value, 0, row_major(value.spec.shape))


def is_view(node: Node) -> bool:
    """Whether the node only looks at its input in another way, whatever its op does eagerly."""
    return isinstance(node.op.lower, View)


def look_through(node: Node, source: Access) -> Access | None:
    """The access to a view's result, given that to its input; None where no affine access can say it."""
    lower, shape = node.op.lower, node.inputs[0].spec.shape
    assert isinstance(lower, View)
    found = lower.access(source.offset, source.strides, shape, node.out.spec.shape, node.attrs)
    return None if found is None else Access(source.value, *found)
