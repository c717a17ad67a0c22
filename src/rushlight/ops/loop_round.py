"""The derivative of one round of a loop, as a graph, and what it reads of the round's own values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rushlight.core.autograd import grad
from rushlight.core.lower import Fill, Map, View
from rushlight.core.state import enable_grad, no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.ops.creation import zeros

if TYPE_CHECKING:
    from rushlight.compile.graph import Graph, Node, Value
    from rushlight.core.spec import Spec

__all__ = ["Joint", "joint", "zeros_of"]

CHEAP = ("none", "once")
"""Roundings of operations that are computed again rather than read from memory."""


class Joint(NamedTuple):
    """The derivative of one round, as a graph of the round's inputs and of the gradients of its outputs.

    grads  what came for each input that was sought; None where nothing did.
    made   the round's own values, for each node of the body.
    """

    graph: Graph
    besides: list[Tensor]
    primals: int
    grads: list[Value | None]
    made: list[Value | None]

    def node_of(self) -> dict[int, Node]:
        """The node that makes each value, by the value's id."""
        return {id(n.out): n for n in self.graph.nodes}

    def read(self, varying: int) -> list[int]:
        """Which of the round's own values the derivative shall read: not what is a view, or quickly computed
        again, of others; nor what follows from none of the `varying` first inputs, but from constants."""
        graph, nodes = self.graph, self.node_of()
        later = _following(graph, graph.inputs[self.primals :])
        local = _following(graph, graph.inputs[:varying])
        own = {id(v): i for i, v in enumerate(self.made) if v is not None}
        kept: set[int] = set()
        cheap: set[int] = set()
        seen: set[int] = set()
        todo = [v for n in graph.nodes if id(n.out) in later for v in n.values() if id(v) not in later]
        while todo:
            value = todo.pop()
            node = nodes.get(id(value))
            if node is None or id(value) in seen:
                continue
            seen.add(id(value))
            if id(value) in own and id(value) in local and not isinstance(node.op.lower, View | Fill):
                (cheap if _is_quick(node) else kept).add(id(value))
            else:
                todo.extend(node.values())
        far: set[int] = set()
        for node in graph.nodes:
            value = node.out
            if id(value) not in local or id(value) in kept:
                continue
            if not _is_quick(node) or any(id(v) in far for v in node.values()):
                far.add(id(value))
                if id(value) in cheap:
                    far.discard(id(value))
                    kept.add(id(value))
        return sorted(own[v] for v in kept)

    def inputs(self, kept: Sequence[int]) -> set[int]:
        """The places of the round's inputs that Python's rounds would save for the derivative, where it is
        given the values `kept`: those that it reads as they are, or views of them. What it computes of others
        anew, they would have saved."""
        given = [v for i in kept if (v := self.made[i]) is not None]
        part = self.graph.part([*self.graph.inputs, *given], self.graph.outputs)
        later = _following(part, self.graph.inputs[self.primals :])
        found: set[int] = set()
        seen: dict[int, int] = {}
        for node in part.nodes:
            sources = [seen.get(id(v), id(v)) for v in node.values()]
            if id(node.out) in later:
                found.update(sources)
            elif isinstance(node.op.lower, View):
                seen[id(node.out)] = sources[0]
        return {i for i, v in enumerate(self.graph.inputs[: self.primals]) if id(v) in found}


def _is_quick(node: Node) -> bool:
    """Whether a value is rather computed again than read from memory."""
    lower = node.op.lower
    return isinstance(lower, View) or (isinstance(lower, Map) and lower.rounding in CHEAP)


def _following(graph: Graph, inputs: Iterable[Value]) -> set[int]:
    """What follows from some of the inputs, by id."""
    found = {id(v) for v in inputs}
    for node in graph.nodes:
        if any(id(v) in found for v in node.values()):
            found.add(id(node.out))
    return found


Replay = Callable[["Graph", Sequence[Tensor]], dict[int, Tensor]]


def joint(
    body: Graph, carried: int, sought: Sequence[int], given: Sequence[int], replay: Replay
) -> Joint | None:
    """The derivative of `body` by the inputs at the places `sought`, given gradients of the outputs at the
    places `given`, one place perhaps twice; None where no loop can run it. Those of states are never None.

    replay  gives the values of a body on tensors, by the ids of its Values.
    """
    specs = [v.spec for v in body.inputs]
    count = len(specs)
    some: list[bool] = []
    own: list[bool] = []

    def derivative(*tensors: Tensor) -> list[Tensor]:
        with enable_grad():
            leaves = [
                t.detach().requires_grad_() if i in sought else t for i, t in enumerate(tensors[:count])
            ]
            made = replay(body, leaves)
        pairs = [(made[id(body.outputs[place])], g) for place, g in zip(given, tensors[count:], strict=True)]
        pairs = [(end, g) for end, g in pairs if end.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(sought)
        if pairs and sought:
            ends, arrived = zip(*pairs, strict=True)
            found = grad(ends, [leaves[i] for i in sought], arrived, allow_unused=True)
        found = [
            zeros_of(specs[i]) if g is None and i < carried else g for i, g in zip(sought, found, strict=True)
        ]
        some[:] = [g is not None for g in found]
        own[:] = [id(n.out) in made for n in body.nodes]
        values = [made[id(n.out)].detach() for n in body.nodes if id(n.out) in made]
        return [*[g for g in found if g is not None], *values]

    assert state.body is not None
    with no_grad():
        traced = state.body(derivative, [*specs, *[body.outputs[place].spec for place in given]])
    if traced is None:
        return None
    graph, besides = traced
    ends = iter(graph.outputs)
    grads = [next(ends) if there else None for there in some]
    made = [next(ends) if there else None for there in own]
    return Joint(graph.part(graph.inputs, [v for v in grads if v is not None]), besides, count, grads, made)


def zeros_of(spec: Spec) -> Tensor:
    """Zeros of a shape and dtype."""
    return zeros(*spec.shape, dtype=spec.dtype)
