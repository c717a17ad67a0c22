"""Indices that are data: where, in the memory of what is indexed, each element lies.

Slices and numbers of an index are an offset and strides; each index tensor adds its own number times the
stride of the axis that it indexes. What reads so is a gather, what writes so a scatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.records import Check, Schedule
from rushlight.core.lower import Gather, Reduce, Scatter, Sort, View
from rushlight.core.strides import row_major
from rushlight.device import xp

__all__ = [
    "Indexing",
    "Term",
    "below",
    "checks",
    "indexing",
    "source_of",
]


@dataclass(frozen=True, slots=True)
class Term:
    """One index tensor.

    tensor  the index itself.
    axis    the axis of what is indexed, of size `size`; along it one step moves by `stride`.
    axes    the axis of the space at which each axis of the tensor lies.
    """

    tensor: Value
    axis: int
    size: int
    stride: int
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Indexing:
    """The element at a point of `space` lies at ``offset + strides . point + sum(term.stride * index)``.

    looks  whether there is any point at all at which the index tensors are read.
    """

    space: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]
    terms: tuple[Term, ...]
    looks: bool


def indexing(node: Node, strides: Sequence[int]) -> Indexing:
    """How a gather reads its first input, or a scatter writes its result, which lies there with `strides`."""
    shape = _indexed_shape(node)
    if _lower(node).along:
        return _along(node, shape, strides)
    return _by_pattern(node, shape, strides)


def _lower(node: Node) -> Any:
    """The node's Gather or Scatter."""
    return node.op.lower


def source_of(node: Node) -> Value | bool | int | float:
    """What a scatter writes: a value, or one number."""
    source: Value | bool | int | float = node.inputs[_lower(node).source]
    return source


def _along(node: Node, shape: Sequence[int], strides: Sequence[int]) -> Indexing:
    """The index stands for one axis and has all of them."""
    index, dim = node.inputs[1], node.attrs["dim"]
    space = index.spec.shape
    kept = tuple(0 if d == dim else step for d, step in enumerate(strides))
    term = Term(index, dim, shape[dim], strides[dim], tuple(range(len(space))))
    return Indexing(space, 0, kept, (term,), 0 not in space)


def _by_pattern(node: Node, shape: Sequence[int], strides: Sequence[int]) -> Indexing:
    """What stood between brackets. The index tensors' common axes lie where the first of them stands or, if
    something stands between them, in front; a number beside them counts as one of them."""
    tensors = node.inputs[getattr(node.op.lower, "tensors", 1) :]
    common = xp.broadcast_shapes(*(t.spec.shape for t in tensors))
    pattern = node.attrs["pattern"]
    space: list[int] = []
    steps: list[int] = []
    places: list[int] = []
    found: list[tuple[Value, int]] = []
    offset = axis = 0
    rest = iter(tensors)
    rows = [p for p in pattern if p is not None]
    for p in (*pattern, *[("slice", None, None, None)] * (len(shape) - len(rows))):
        if p is None:
            space.append(1)
            steps.append(0)
            continue
        if isinstance(p, tuple):
            start, stop, step = slice(*p[1:]).indices(shape[axis])
            space.append(len(range(start, stop, step)))
            steps.append(strides[axis] * step)
            offset += strides[axis] * start
        else:
            places.append(len(space))
            if isinstance(p, str):
                found.append((next(rest), axis))
            else:
                offset += p % shape[axis] * strides[axis]
        axis += 1
    at = places[0] if places and places[0] == places[-1] else 0
    if tensors:
        space[at:at], steps[at:at] = common, [0] * len(common)
    end = at + len(common)
    terms = tuple(Term(t, d, shape[d], strides[d], tuple(range(end - t.spec.ndim, end))) for t, d in found)
    return Indexing(tuple(space), offset, tuple(steps), terms, 0 not in common)


def below(node: Node, known: dict[int, int]) -> int | None:
    """What all numbers of a node's result are less than, if it follows that none of them is negative either;
    `known` says so of values, by id."""
    lower = node.op.lower
    if isinstance(lower, Sort) or (isinstance(lower, Reduce) and lower.position):
        x, dim = next(node.values()).spec, node.attrs["dim"]
        return x.size if dim is None else x.shape[dim] if x.ndim else 1
    if isinstance(lower, View) and lower.beyond is not None:
        return None
    if isinstance(lower, (View, Gather)):
        return known.get(id(next(node.values())))
    return None


def checks(plan: Schedule, node: Node) -> list[Check] | None:
    """What must be checked before `node` may run; nothing where no index can be wrong, or the same was
    checked before. None if no native code can do what the node does."""
    if isinstance(node.op.lower, Scatter) and not _fits(source_of(node), node.out):
        return None
    needed: list[Check] = []
    for check in _wanted(node):
        if check.value.spec.dtype.kind not in "iu":
            return None
        if id(check.value) in plan.constants:
            if not check.holds(plan.constants[id(check.value)]):
                return None  # it fails whatever happens, and NumPy says so
            continue
        access = plan.access[id(check.value)]
        place = id(access.value), access.offset, access.strides, check.value.spec.shape
        key = *place, check.size, check.low, check.free
        if plan.below.get(id(check.value), check.size + 1) > check.size and key not in plan.checked:
            plan.checked.add(key)
            needed.append(check)
    return needed


def _wanted(node: Node) -> list[Check]:
    if isinstance(node.op.lower, View):
        value, limits = next(node.values()), node.op.lower.limits
        if limits is None or not value.spec.size:
            return []
        low, high, free = limits(node.attrs)
        return [Check(node, value, 0, high, low, free)]
    found = indexing(node, row_major(_indexed_shape(node)))
    if not found.looks:
        return []
    ends = not _lower(node).along and "positions" not in node.attrs["pattern"]
    return [Check(node, t.tensor, t.axis, t.size, -t.size if ends else 0) for t in found.terms]


def _indexed_shape(node: Node) -> tuple[int, ...]:
    return (next(node.values()) if isinstance(node.op.lower, Gather) else node.out).spec.shape


def _fits(source: Value | bool | int | float, out: Value) -> bool:
    """Whether a number to be written is one that the result can hold."""
    dtype = out.spec.dtype
    if isinstance(source, Value) or dtype.kind not in "iu":
        return True
    bits = 8 * dtype.itemsize
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if dtype.kind == "i" else (0, 1 << bits)
    return isinstance(source, int) and low <= source < high
