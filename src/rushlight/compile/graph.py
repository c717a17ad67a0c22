"""The program as a flat graph: inputs lifted from tensors, one node per operation, results and updates.

Every stage of the compiler takes a Graph and gives a Graph. `verify` says whether one is sound, `str(graph)`
prints it, one line per node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rushlight.core.op import REGISTRY, Op
from rushlight.core.spec import Spec
from rushlight.device import xp
from rushlight.errors import RushlightError

__all__ = ["Graph", "GraphError", "Node", "Value", "key", "plain", "structure", "used", "verify"]


class GraphError(RushlightError, AssertionError):
    """A graph that no stage may hand on: a fault of the compiler, not of the user's program."""


@dataclass(eq=False, slots=True)
class Value:
    """What one input or node of the graph stands for: a shape and a dtype, and a name to print."""

    spec: Spec
    name: str

    def __repr__(self) -> str:
        return self.name


@dataclass(eq=False, slots=True)
class Node:
    """One operation: ``out = op(*inputs, **attrs)``; an input is a Value or a Python number.

    sound  whether the op infers what `out` is, as `verify` found before; a node does not change.
    """

    op: Op
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    out: Value
    sound: bool = False
    _values: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        self._values = tuple([v for v in self.inputs if isinstance(v, Value)])

    def values(self) -> Iterator[Value]:
        """The inputs that are Values."""
        return iter(self._values)

    def distinct(self) -> Iterable[Value]:
        """The same, each once."""
        return {id(v): v for v in self._values}.values()

    @property
    def graphs(self) -> list[Graph]:
        """The graphs among the attributes."""
        return [v for v in self.attrs.values() if isinstance(v, Graph)]

    def __repr__(self) -> str:
        written = [repr(v) for v in self.inputs] + [f"{k}={v!r}" for k, v in self.attrs.items()]
        return f"{self.out} = {self.op.name}({', '.join(written)})"


@dataclass(eq=False, slots=True, repr=False)
class Graph:
    """Inputs, nodes in an order in which each comes after what it reads, results, and updates of inputs.

    outputs  what the program returns.
    updates  pairs (input, value): when all nodes have run, the value is written into that input's memory.
    late     pairs (i, j) of inputs' places: the traced function reads i after it has written j.
    """

    inputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    updates: list[tuple[Value, Value]] = field(default_factory=list)
    late: set[tuple[int, int]] = field(default_factory=set)

    def __repr__(self) -> str:
        return f"<{len(self.nodes)} nodes>"

    def _repr_html_(self) -> str:
        from rushlight.notebook.programs import graph_html

        return graph_html(self)

    def __str__(self) -> str:
        """The graph as text: what comes in, each node with its result's shape, what goes out."""
        lines = [f"input  {v}: {v.spec}" for v in self.inputs]
        width = max((len(repr(n)) for n in self.nodes), default=0)
        for node in self.nodes:
            lines.append(f"{node!r:<{width}}  : {node.out.spec}")
            lines += [f"    {line}" for graph in node.graphs for line in str(graph).splitlines()]
        lines += [f"update {target} <- {value}" for target, value in self.updates]
        return "\n".join([*lines, f"return {', '.join(map(repr, self.outputs))}"])

    def fresh(self, spec: Spec) -> Value:
        """A value that nothing makes yet."""
        return Value(spec, f"%v{len(self.nodes)}")

    def append(self, op: Op, *inputs: Any, **attrs: Any) -> Value:
        """The result of one more node."""
        out = self.fresh(op.infer(*map(_spec, inputs), **attrs))
        self.nodes.append(Node(op, inputs, attrs, out))
        return out

    def part(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
        """What leads from these values to those, as a graph of its own; it shares the nodes."""
        given = {id(v) for v in inputs}
        needed = {id(v) for v in outputs}
        nodes: list[Node] = []
        for node in reversed(self.nodes):
            if id(node.out) in needed and id(node.out) not in given:
                nodes.append(node)
                needed.update(id(v) for v in node.values())
        return Graph(list(inputs), nodes[::-1], list(outputs))


def verify(graph: Graph) -> Graph:
    """The graph itself if it is sound, else GraphError: each value made once and before it is read, every
    node's shape and dtype those that its op infers, updates into inputs of the same shape and dtype."""
    known: set[int] = set()
    for value in graph.inputs:
        _define(value, known)
    for node in graph.nodes:
        for value in node.values():
            if id(value) not in known:
                raise GraphError(f"{node}: reads {value}, which nothing before it made")
        for inner in node.graphs:
            verify(inner)
        if not node.sound:
            inferred = node.op.infer(*[_spec(v) for v in node.inputs], **node.attrs)
            if inferred != node.out.spec:
                raise GraphError(f"{node}: is {node.out.spec}, but its op infers {inferred}")
            node.sound = True
        _define(node.out, known)
    _verify_ends(graph, known)
    return graph


def _define(value: Value, known: set[int]) -> None:
    if id(value) in known:
        raise GraphError(f"{value} is made twice")
    known.add(id(value))


def _verify_ends(graph: Graph, known: set[int]) -> None:
    for value in [*graph.outputs, *[v for _, v in graph.updates]]:
        if id(value) not in known:
            raise GraphError(f"{value} goes out, but nothing made it")
    targets = [id(t) for t, _ in graph.updates]
    if len(set(targets)) != len(targets) or not set(targets) <= {id(v) for v in graph.inputs}:
        raise GraphError("an update goes into something that is no input, or twice into one")
    for target, value in graph.updates:
        if target.spec != value.spec:
            raise GraphError(f"update {target} <- {value}: {target.spec} is not {value.spec}")


def _spec(value: Any) -> Any:
    return value.spec if isinstance(value, Value) else value


def used(graph: Graph, keep: Callable[[Node], bool] | None = None) -> list[Node]:
    """The nodes that some output or update depends on, in order, and those that `keep` names."""
    needed = {id(v) for v in [*graph.outputs, *[v for _, v in graph.updates]]}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if id(node.out) in needed or (keep is not None and keep(node)):
            kept.append(node)
            needed.update(id(v) for v in node.values())
    return kept[::-1]


def key(node: Node, place: Callable[[Value], int], op: Callable[[Op], Any] = id) -> Any:
    """What a node computes, hashable: equal for nodes whose results are. None where that cannot be said.

    place  the number of a value among those that are told apart; op: what tells its op from others.
    """
    try:
        return (
            op(node.op),
            plain(node.inputs, place),
            tuple([(k, plain(v, place)) for k, v in node.attrs.items()]),
        )
    except TypeError:
        return None


def plain(value: Any, place: Callable[[Value], int]) -> Any:
    """An input or attribute, or a nest of them, hashable; TypeError where that cannot be said."""
    kind = type(value)
    if kind is Value:
        return Value, place(value)
    if isinstance(value, tuple | list):  # a Size is a tuple
        return isinstance(value, list), *[plain(v, place) for v in value]
    if kind is Graph:
        return Graph, structure(value)
    if isinstance(value, xp.DTYPES):
        return xp.dtype, value.str
    if isinstance(value, bool | int | float | str | None | slice | type(Ellipsis)):
        return kind, repr(value)  # 0.0 and -0.0 are equal, and differ
    raise TypeError


def structure(graph: Graph) -> Any:
    """All that a graph computes, hashable: equal for graphs that do the same, in other processes too;
    TypeError where that cannot be said."""
    places = {id(v): i for i, v in enumerate((*graph.inputs, *(node.out for node in graph.nodes)))}

    def place(value: Value) -> int:
        return places[id(value)]

    nodes = [(key(n, place, _name), n.out.spec.shape) for n in graph.nodes]
    if any(found is None for found, _ in nodes):
        raise TypeError
    return (
        tuple((v.spec.shape, v.spec.dtype.str) for v in graph.inputs),
        tuple(nodes),
        plain(graph.outputs, place),
        plain([*map(list, graph.updates)], place),
        tuple(sorted(graph.late)),
    )


def _name(op: Op) -> str:
    """The name of an op that is known by it; TypeError for one that a program made for itself."""
    if REGISTRY.get(op.name) is not op:
        raise TypeError
    return op.name
