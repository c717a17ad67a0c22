"""A part of a kernel's work: the nodes that lead to some elements of a value, and nothing of the rest.

An elementwise operation needs those elements of its operands, a product some rows and some columns, a sum
whole lines. So what is cut out is a graph like any other, only small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.lower import Contract, Reduce

__all__ = ["Some", "part_of", "sample", "some_of"]

Some = tuple[int, ...]
"""How many places are looked at along each axis; 0 for all."""
FEW, FEWER = 1 << 16, 1 << 12
"""Elements up to which a value is looked at whole; and one that a kernel made whose like was right before."""
ALONG = {1: 4096, 2: 96}
"""Places along an axis, by the number of axes; 24 of more than two. A quarter where the like was right."""
GOLDEN = 0.6180339887498949


class _Whole(Exception):
    """The operation cannot be cut."""


def some_of(shape: tuple[int, ...], again: bool = False) -> Some:
    """The part of a value of this shape to look at; `again` where the like of it was right before."""
    most = ALONG.get(sum(n > 1 for n in shape), 24) // (4 if again else 1)
    whole = math.prod(shape) <= (FEWER if again else FEW)
    return tuple(0 if whole or n <= most else most for n in shape)


def sample(array: Any, some: Some) -> Any:
    """A copy of the elements at those places."""
    for axis, count in enumerate(some):
        if count:
            array = array[(slice(None),) * axis + (_places(array.shape[axis], count),)]
    return array.copy()


def _places(size: int, count: int) -> list[int]:
    """Both ends, where blocks and vectors may be left unfinished, and places between, spread out unevenly."""
    ends = count // 3
    between = {int(size * (k * GOLDEN % 1.0)) for k in range(1, count - 2 * ends)}
    return sorted({*range(ends), *range(size - ends, size), *between})


def part_of(
    values: Sequence[Value], made: Mapping[int, Node], known: Callable[[Value], Any], somes: Sequence[Some]
) -> tuple[Graph, list[Any]]:
    """(graph, arrays): what computes some of the elements of each of `values`, or all where their operations
    cannot be cut, and what it is computed from.

    made   the node that makes each value, by the value's id.
    known  the array of a value that is not to be computed; None of others.
    """
    try:
        return _Cut(made, known).graph(values, somes)
    except _Whole:
        return _Cut(made, known).graph(values, [(0,) * len(some) for some in somes])


class _Cut:
    def __init__(self, made: Mapping[int, Node], known: Callable[[Value], Any]) -> None:
        self._made, self._known = made, known
        self._done: dict[tuple[int, Some], Value] = {}
        self._graph, self._arrays = Graph(), list[Any]()

    def graph(self, values: Sequence[Value], somes: Sequence[Some]) -> tuple[Graph, list[Any]]:
        self._graph.outputs = [self._value(v, some) for v, some in zip(values, somes, strict=True)]
        return self._graph, self._arrays

    def _value(self, value: Value, some: Some) -> Value:
        key = id(value), some
        if key not in self._done:
            array = self._known(value)
            self._done[key] = self._node(value, some) if array is None else self._input(value, array, some)
        return self._done[key]

    def _input(self, value: Value, array: Any, some: Some) -> Value:
        array = sample(array, some) if any(some) else array
        small = Value(type(value.spec)(array.shape, value.spec.dtype), value.name)
        self._graph.inputs.append(small)
        self._arrays.append(array)
        return small

    def _node(self, value: Value, some: Some) -> Value:
        node = self._made[id(value)]
        parts = iter(_operands(node, some))
        inputs = tuple(self._value(v, next(parts)) if isinstance(v, Value) else v for v in node.inputs)
        spec = node.op.infer(*[v.spec if isinstance(v, Value) else v for v in inputs], **node.attrs)
        out = Value(spec, value.name)
        self._graph.nodes.append(Node(node.op, inputs, node.attrs, out))
        return out


def _operands(node: Node, some: Some) -> list[Some]:
    """For each value that the node reads, the part that it takes for `some` of the result."""
    shapes = [v.spec.shape for v in node.values()]
    if not any(some):
        return [(0,) * len(shape) for shape in shapes]
    if node.op.elementwise:
        return [_broadcast(some, node.out.spec.shape, shape) for shape in shapes]
    if isinstance(node.op.lower, Contract):
        terms, result = node.op.lower.letters([len(shape) for shape in shapes], node.attrs)
        sizes, kept = (
            dict(zip(result, node.out.spec.shape, strict=True)),
            dict(zip(result, some, strict=True)),
        )
        return [
            tuple(kept.get(c, 0) if n == sizes.get(c) else 0 for c, n in zip(term, shape, strict=True))
            for term, shape in zip(terms, shapes, strict=True)
        ]
    if isinstance(node.op.lower, Reduce) and isinstance(node.attrs.get("dim"), tuple):
        dims, rank = node.attrs["dim"], len(shapes[0])
        axes = range(rank) if node.attrs["keepdim"] else [d for d in range(rank) if d not in dims]
        counts = dict(zip(axes, some, strict=True))
        return [tuple(0 if d in dims else counts[d] for d in range(rank))]
    raise _Whole


def _broadcast(some: Some, shape: tuple[int, ...], operand: tuple[int, ...]) -> Some:
    """The part of an operand of an operation that broadcasts."""
    extra = len(shape) - len(operand)
    pairs = zip(some[extra:], shape[extra:], operand, strict=True)
    return tuple(count if n == m else 0 for count, n, m in pairs)
