"""Simplify: the same results, bit for bit, of fewer nodes.

One walk over the nodes: what is made of constants alone becomes a constant, the rules of the ops' records
(`Op.fold`) are applied, views that change nothing go, and of equal nodes the first does for all. Then goes
what nothing reads, but for what may raise an error.
"""

from __future__ import annotations

from operator import is_
from typing import Any

from rushlight.compile.graph import Graph, Node, Value, key, used
from rushlight.compile.loops import trimmed
from rushlight.compile.wide import in_float32
from rushlight.core.fold import Operand, is_zero
from rushlight.core.lower import (
    Contract,
    Cumulate,
    Draw,
    Fill,
    Gather,
    Join,
    Opaque,
    Reduce,
    Scatter,
    Sort,
    View,
)
from rushlight.core.narrow import compute
from rushlight.core.op import REGISTRY, Op
from rushlight.core.spec import Spec
from rushlight.core.strides import row_major
from rushlight.device import xp

__all__ = ["simplify"]

SMALL = 4096
"""Elements up to which an op of constants is computed to see whether its result is one."""
TURNS = 8
"""How many rules may follow one another at one node."""
OF_NOTHING = Reduce, Contract, Cumulate, Sort, Draw
"""Operations that make one number of no elements, or nothing."""
OF_ONE = Reduce, Contract, Cumulate, Join
"""Operations that may make one number of inputs that are one number each."""


def simplify(graph: Graph) -> Graph:
    """A graph of the same inputs whose results are the same bits. It shares values with the old one."""
    return _Simplifier(graph).run()


class _Known(Operand):
    """An operand that is a Value, or a Python number; of a view, where in the memory of its base it lies."""

    __slots__ = ("base", "place", "value")
    spec: Any
    place: Any

    def __init__(self, value: Any, node: Node | None = None, inputs: tuple[Any, ...] = ()) -> None:
        self.value, self.op, self.inputs, self.attrs = value, None, inputs, {}
        self.base, self.place = self, None
        if isinstance(value, Value):
            self.spec, self.number = value.spec, None
            self.place = 0, row_major(value.spec.shape)
        else:
            self.spec, self.number = None, value
        if node is not None:
            self.op, self.attrs = node.op, node.attrs
            if isinstance(node.op.lower, Fill):
                self.number = node.attrs["value"]
            elif isinstance(node.op.lower, Gather | View):  # that remains, because it may raise
                self.number = _seen(node.op.lower, inputs[0].number, node.attrs)


class _Simplifier:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.known = {id(v): _Known(v) for v in graph.inputs}
        self.seen: dict[Any, _Known] = {}
        self.nodes: list[Node] = []

    def run(self) -> Graph:
        """The simpler graph."""
        graph = self.graph
        for node in in_float32(graph.nodes):
            inputs = tuple([self.known[id(v)] if isinstance(v, Value) else _Known(v) for v in node.inputs])
            self.known[id(node.out)] = self._made(node, inputs)
        outputs = [self.known[id(v)].value for v in graph.outputs]
        updates = [(target, self._apart(self.known[id(v)])) for target, v in graph.updates]
        found = Graph(graph.inputs, self.nodes, outputs, updates, graph.late)
        found.nodes = used(found, lambda node: may_raise(node.op))
        found = trimmed(found, simplify)
        found.nodes = used(found, lambda node: may_raise(node.op))
        return found

    def _apart(self, known: _Known) -> Value:
        """What an update writes: the result of a node that may write it in its place, no input or view, which
        may lie in the memory that is written."""
        if known.op is not None and known.base is known:
            return known.value
        copied = Value(known.spec, f"{known.value}c{len(self.nodes)}")
        self.nodes.append(Node(REGISTRY["clone"], (known.value,), {}, copied))
        return copied

    def _made(self, node: Node, inputs: tuple[_Known, ...]) -> _Known:
        """What is known of a node's result: an earlier one, or that of a node made now."""
        op, attrs, out = node.op, node.attrs, node.out
        for _ in range(TURNS):
            found = _constant(op, inputs, attrs, out.spec)
            if found is None and op.fold is not None:
                found = op.fold(*inputs, **attrs)
            if isinstance(found, _Known):
                if found.spec == out.spec:
                    return found
                found = found.number
            if found is None:
                break
            if isinstance(found, tuple):
                given = tuple([i if isinstance(i, _Known) else _Known(i) for i in found[1]])
                specs = [i.number if i.spec is None else i.spec for i in given]
                if found[0].infer(*specs, **found[2]) != out.spec:  # an operand that is spread out is gone
                    break
                op, inputs, attrs = found[0], given, found[2]
            else:
                dtype = out.spec.dtype
                number = xp.asarray(found).astype(dtype).item()
                op, inputs = REGISTRY["full"], ()
                attrs = {"shape": out.spec.shape, "value": number, "dtype": dtype}
        values = tuple([i.value for i in inputs])
        same = op is node.op and attrs is node.attrs and all(map(is_, values, node.inputs))
        return self._once(node if same else Node(op, values, attrs, out), inputs)

    def _once(self, node: Node, inputs: tuple[_Known, ...]) -> _Known:
        """What is known of the result of a node, or of an earlier one that is equal."""
        lower, spec = node.op.lower, node.out.spec
        made, source = _Known(node.out, node, inputs), inputs[0] if inputs else None
        found = None
        if isinstance(lower, View) and lower.limits is None and lower.beyond is None and source is not None:
            offset, strides = source.place
            found = lower.access(offset, strides, source.spec.shape, spec.shape, node.attrs)
        if source is not None and found is not None:
            made.base, made.place = source.base, found
            seen: Any = id(source.base), *_normal(*found, spec.shape), spec.shape
            if source.base.spec == spec and seen[1:3] == _normal(0, row_major(spec.shape), spec.shape):
                return source.base
        else:
            seen = key(node, id)
        if seen is not None:
            first = self.seen.setdefault(seen, made)
            if first is not made:
                return first
        self.nodes.append(node)
        return made


def _normal(offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """A view's place; along an axis of one element any stride will do."""
    return offset, tuple([s if n != 1 else 0 for s, n in zip(strides, shape, strict=True)])


def may_raise(op: Op) -> bool:
    """Whether an op may refuse the numbers that it is given."""
    lower = op.lower
    return isinstance(lower, Gather | Scatter | Opaque) or (
        isinstance(lower, View) and lower.limits is not None
    )


def _constant(op: Op, inputs: tuple[_Known, ...], attrs: dict[str, Any], out: Spec) -> Any:
    """The number that every element of the result is, where that is known; else None."""
    lower = op.lower
    if isinstance(lower, Fill) or may_raise(op):
        return None
    if 0 in out.shape:
        return 0
    tensors = [i for i in inputs if i.spec is not None]
    if isinstance(lower, OF_NOTHING) and any(0 in t.spec.shape for t in tensors):
        return _computed(op, inputs, attrs)
    if not tensors or any(t.number is None for t in tensors):
        return None
    if isinstance(lower, View):
        return _seen(lower, tensors[0].number, attrs)
    if op.elementwise:
        return _computed(op, inputs, attrs, 0)
    if isinstance(lower, Reduce) and (lower.rounding == "none" or is_zero(tensors[0])):
        return _computed(op, inputs, attrs, 2)
    if isinstance(lower, OF_ONE) and sum(t.spec.size for t in tensors) + out.size <= SMALL:
        return _computed(op, inputs, attrs)
    return None


def _seen(lower: Any, number: Any, attrs: dict[str, Any]) -> Any:
    """The number that is everywhere in what is seen, or gathered, of a tensor that is `number` everywhere."""
    beyond = getattr(lower, "beyond", None)
    return number if beyond is None or repr(beyond(attrs)[1]) == repr(number) else None


def _computed(op: Op, inputs: tuple[_Known, ...], attrs: dict[str, Any], most: int | None = None) -> Any:
    """The number that an op makes of constants, or None if it makes several. With `most` no axis is longer,
    and with 0 there are none: the result would be the same."""
    arrays = []
    for i in inputs:
        if i.spec is None:
            arrays.append(i.number)
        else:
            shape = i.spec.shape if most is None else tuple([min(n, most) for n in i.spec.shape if most])
            arrays.append(xp.full(shape, 0 if i.number is None else i.number, i.spec.dtype))
    with xp.silence():
        found = xp.reshape(xp.asarray(compute(op, arrays, attrs)), -1)
    first = found[:1]
    return first.item() if found.tobytes() == first.tobytes() * found.size else None
