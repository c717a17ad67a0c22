"""Loops as parts of a graph: without what nobody reads of them, and written out where none can be run.

A loop is a node whose attribute `body` is a graph, and a node for each of its results; see `ops/loop.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.lower import Fill, Loop, Result
from rushlight.core.op import REGISTRY
from rushlight.core.spec import Spec

__all__ = ["is_loop", "is_result", "trimmed", "unrolled"]


def is_loop(node: Node) -> bool:
    """Whether a node is a loop."""
    return isinstance(node.op.lower, Loop)


def is_result(node: Node) -> bool:
    """Whether a node is a result of a loop."""
    return isinstance(node.op.lower, Result)


def unrolled(graph: Graph, which: set[int] | None = None) -> Graph:
    """The graph with the rounds of all loops, or of those whose ids are among `which`, one after the other.

    It shares the values of what is no loop; results of loops are the same values.
    """
    while any(_named(node, which) for node in graph.nodes):
        graph = _Unrolled(graph, which).run()
    return graph


def _named(node: Node, which: set[int] | None) -> bool:
    return is_loop(node) and (which is None or id(node) in which)


def trimmed(graph: Graph, simplify: Callable[[Graph], Graph]) -> Graph:
    """The graph with loops whose bodies are simplified, and make and read no more than is needed."""
    if not any(map(is_loop, graph.nodes)):
        return graph
    found = Graph(graph.inputs, [], graph.outputs, graph.updates, graph.late)
    made = {id(n.out): n for n in graph.nodes}
    results: dict[int, dict[int, Node]] = {}
    for node in filter(is_result, graph.nodes):
        results.setdefault(id(node.inputs[0]), {})[node.attrs["place"]] = node
    for node in graph.nodes:
        if is_loop(node):
            found.nodes += _Trimmed(node, made, results.get(id(node.out), {}), simplify).run()
        elif not is_result(node):
            found.nodes.append(node)
    return found


class _Trimmed:
    """A loop and its results, made anew, after what of the body is the same in every round.

    given  what the loop reads, by the body's inputs.
    """

    def __init__(
        self,
        node: Node,
        made: dict[int, Node],
        results: dict[int, Node],
        simplify: Callable[[Graph], Graph],
    ) -> None:
        self.node, self.results = node, results
        self.carried, self.count = node.attrs["carried"], node.attrs["count"]
        self.reverse: bool = node.attrs["reverse"]
        self.nodes: list[Node] = []
        body: Graph = node.attrs["body"]
        numbers: list[Node] = []
        self.given: dict[Value, Value] = {}
        for place, (value, inner) in enumerate(zip(node.inputs, body.inputs, strict=True)):
            maker = made.get(id(value))
            if place >= self.carried and maker is not None and isinstance(maker.op.lower, Fill):
                attrs = {**maker.attrs, "shape": inner.spec.shape}
                numbers.append(Node(maker.op, (), attrs, inner))
            else:
                self.given[inner] = value
        self.states = body.inputs[: self.carried]
        self.slices = [v for v in body.inputs[self.carried :][: node.attrs["stacked"]] if v in self.given]
        self.body = self._apart(simplify(Graph(list(self.given), [*numbers, *body.nodes], body.outputs)))

    def _apart(self, body: Graph) -> Graph:
        """The body without what is the same in every round: that is computed once, before the loop."""
        varying = {id(v) for v in [*self.states, *self.slices]}
        around: dict[Value, Value] = dict(self.given)
        numbers: dict[int, Node] = {}
        kept = []
        for node in body.nodes:
            if isinstance(node.op.lower, Fill):
                numbers[id(node.out)] = node
                kept.append(node)
            elif any(id(v) in varying for v in node.values()):
                varying.add(id(node.out))
                kept.append(node)
            else:
                for value in node.values():
                    if value not in around:
                        around[value] = self._before(numbers[id(value)], ())
                inputs = tuple(around[v] if isinstance(v, Value) else v for v in node.inputs)
                around[node.out] = self.given[node.out] = self._before(node, inputs)
        return Graph(list(self.given), kept, body.outputs)

    def _before(self, node: Node, inputs: tuple[Any, ...]) -> Value:
        """The result of a node of the body, made outside of it."""
        out = Value(node.out.spec, f"{self.node.out}.{node.out}")
        self.nodes.append(Node(node.op, inputs, node.attrs, out))
        return out

    def run(self) -> list[Node]:
        ends, n = self.body.outputs, self.carried
        rows = self._rows()
        stacks = sorted({p for p in rows.values() if p >= 2 * n})
        kept, body = self._needed([ends[p - n] for p in stacks], rows)
        read = {id(v) for v in [*body.outputs, *[v for node in body.nodes for v in node.values()]]}
        states = [self.states[k] for k in kept]
        slices = [v for v in self.slices if id(v) in read]
        rest = [v for v in self.given if id(v) in read and v not in self.states and v not in self.slices]
        inner = body.part([*states, *slices, *rest], body.outputs)
        facts = {
            "body": inner, "count": self.count, "carried": len(kept), "stacked": len(slices),
            "reverse": self.reverse,
        }  # fmt: skip
        inputs = tuple(self.given[v] for v in inner.inputs)
        packed = Value(self.node.op.infer(*[v.spec for v in inputs], **facts), str(self.node.out))
        self.nodes.append(Node(self.node.op, inputs, facts, packed))
        lies = {k: i for i, k in enumerate(kept)}
        lies.update({n + k: len(kept) + i for i, k in enumerate(kept)})
        lies.update({p: 2 * len(kept) + i for i, p in enumerate(stacks)})
        self._results(packed, rows, lies, result_starts(inner, len(kept), self.count))
        return self.nodes

    def _rows(self) -> dict[int, int]:
        """For each result that is read, the place of what it is, or is seen in: of a state that is wanted
        after the last round and after all, the last is a row of the stack; a stack may be a state's."""
        ends, n = self.body.outputs, self.carried
        found: dict[int, int] = {}
        for place in self.results:
            if place < 2 * n:
                found[place] = n + place if place < n and self._has_rows(place) else place
                continue
            value = ends[place - n]
            state = next((k for k in range(n) if value in (ends[k], self.states[k])), None)
            found[place] = place if state is None else n + state
        return found

    def _has_rows(self, state: int) -> bool:
        ends, n = self.body.outputs, self.carried
        own = (ends[state], self.states[state])
        return n + state in self.results or any(p >= 2 * n and ends[p - n] in own for p in self.results)

    def _needed(self, outputs: list[Value], rows: dict[int, int]) -> tuple[list[int], Graph]:
        """The states that are needed, and the body that makes them and the outputs."""
        n, ends = self.carried, self.body.outputs
        kept = {p % n for p in rows.values() if p < 2 * n}
        while True:
            order = sorted(kept)
            body = self.body.part(self.body.inputs, [*[ends[k] for k in order], *outputs])
            read = {id(v) for v in [*body.outputs, *[v for node in body.nodes for v in node.values()]]}
            more = {k for k in range(n) if id(self.states[k]) in read} | kept
            if more == kept:
                return order, body
            kept = more

    def _results(
        self, packed: Value, rows: dict[int, int], lies: dict[int, int], starts: list[tuple[int, Spec]]
    ) -> None:
        n, stacks = self.carried, dict[int, Value]()
        for place, node in self.results.items():
            where = rows[place]
            if where not in stacks:
                start, spec = starts[lies[where]]
                stacks[where] = node.out if where == place else Value(spec, f"{node.out}.all")
                attrs = {"place": lies[where], "start": start, "shape": spec.shape, "dtype": spec.dtype}
                self.nodes.append(Node(node.op, (packed,), attrs, stacks[where]))
            if stacks[where] is not node.out:
                self._look(node.out, stacks[where], place, where - n)

    def _look(self, out: Value, stack: Value, place: int, state: int) -> None:
        """See a result in the stack of a state."""
        after = place < self.carried or self.body.outputs[place - self.carried] is self.body.outputs[state]
        part: Any = ("slice", 1, None, None) if after != self.reverse else ("slice", None, -1, None)
        if place < self.carried:
            part = 0 if self.reverse else self.count
        elif place < 2 * self.carried:
            part = ("slice", None, None, None)
        self.nodes.append(Node(REGISTRY["slice"], (stack,), {"pattern": (part,)}, out))


def result_starts(body: Graph, carried: int, count: int) -> list[tuple[int, Spec]]:
    """Where each result of a loop begins, in bytes, and what it is."""
    ends = [v.spec for v in body.outputs]
    stacks = [(count + 1, s) for s in ends[:carried]] + [(count, s) for s in ends[carried:]]
    found, start = [], 0
    for spec in [*ends[:carried], *[Spec((n, *s.shape), s.dtype) for n, s in stacks]]:
        found.append((start, spec))
        start += spec.size * spec.dtype.itemsize
    return found


class _Unrolled:
    def __init__(self, graph: Graph, which: set[int] | None) -> None:
        self.graph, self.which = graph, which
        self.found = Graph(graph.inputs, [], graph.outputs, graph.updates, graph.late)
        self.loops: dict[int, list[list[Value]]] = {}

    def run(self) -> Graph:
        for node in self.graph.nodes:
            if _named(node, self.which):
                self.loops[id(node.out)] = self._rounds(node)
            elif is_result(node) and id(node.inputs[0]) in self.loops:
                self._result(node, self.loops[id(node.inputs[0])])
            else:
                self.found.nodes.append(node)
        return self.found

    def _rounds(self, node: Node) -> list[list[Value]]:
        """For each of the results what it consists of: one value, or the rows of a stack."""
        facts, body = node.attrs, node.attrs["body"]
        carried, stacked = facts["carried"], facts["stacked"]
        given = list(node.inputs)
        states, rows = given[:carried], list[Any]()
        before = [states]
        for t in range(facts["count"])[:: -1 if facts["reverse"] else 1]:
            slices = [self._new("slice", x, pattern=(t,)) for x in given[carried : carried + stacked]]
            ends = self._round(body, [*states, *slices, *given[carried + stacked :]])
            states = ends[:carried]
            before.append(states)
            rows.append(ends[carried:])
        if facts["reverse"]:
            before.reverse()
            rows.reverse()
        return [
            *[[v] for v in states],
            *map(list, zip(*before, strict=True)),
            *map(list, zip(*rows, strict=True)),
        ]

    def _round(self, body: Graph, given: Sequence[Value]) -> list[Value]:
        values = {id(v): found for v, found in zip(body.inputs, given, strict=True)}
        for node in body.nodes:
            inputs = tuple(values.get(id(v), v) for v in node.inputs)
            values[id(node.out)] = self._add(Node(node.op, inputs, node.attrs, self._value(node.out.spec)))
        return [values[id(v)] for v in body.outputs]

    def _result(self, node: Node, results: Sequence[Sequence[Value]]) -> None:
        """Make a result of its rows, or of the value that it is."""
        rows = results[node.attrs["place"]]
        if rows[0].spec == node.out.spec:
            self._add(Node(REGISTRY["clone"], (rows[0],), {}, node.out))
            return
        pieces = tuple(self._new("reshape", v, shape=(1, *v.spec.shape)) for v in rows)
        self._add(Node(REGISTRY["cat"], pieces, {"dim": 0}, node.out))

    def _new(self, name: str, value: Value, **attrs: Any) -> Value:
        op = REGISTRY[name]
        return self._add(Node(op, (value,), attrs, self._value(op.infer(value.spec, **attrs))))

    def _add(self, node: Node) -> Value:
        self.found.nodes.append(node)
        return node.out

    def _value(self, spec: Spec) -> Value:
        return Value(spec, f"%u{len(self.found.nodes)}")
