"""The loop that runs the other way, for the gradients of what a loop reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rushlight.core.apply import apply
from rushlight.core.lower import Contract, Map, Reduce, View
from rushlight.core.tensor import Tensor
from rushlight.ops.arithmetic import ADD
from rushlight.ops.einsum import EINSUM
from rushlight.ops.loop_round import Joint, Replay, joint, zeros_of

if TYPE_CHECKING:
    from rushlight.compile.graph import Node, Value

__all__ = ["Back"]

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Back:
    """The loop that gives the gradients of a loop's inputs.

    kept    those of the body's nodes whose values are stacked, in `stacks`.
    before  the states before each round, stacked.
    grads   what came for the states after the last round, for those after each, and for the rest.
    states, slices, fixed  what this loop begins with, what its rounds read slices of, and what each reads.
    heads, ends, rows      the states of a round in the graph, what becomes of them, and what else is stacked.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Tensor], dict[str, Any]], list[Tensor]],
        facts: dict[str, Any],
        kept: Sequence[int],
        inputs: Sequence[Tensor],
        before: Sequence[Tensor],
        stacks: Sequence[Tensor],
        grads: Sequence[Tensor | None],
    ) -> None:
        self._run = run
        self.body, self.reverse, self.inputs = facts["body"], facts["reverse"], inputs
        self.carried, self.stacked = facts["carried"], facts["stacked"]
        self.count = facts["count"]
        self.kept, self.before, self.stacks, self.grads = kept, before, stacks, grads
        self.states: list[Tensor] = []
        self.heads: list[Value] = []
        self.ends: list[Value] = []
        self.slices: dict[Value, Tensor] = {}
        self.fixed: dict[Value, Tensor] = {}
        self.rows: list[Value] = []
        self.done: list[Tensor] = []

    def gradients(self, wanted: Sequence[bool], replay: Replay) -> list[Tensor | None]:
        """The gradients of those of the inputs that are wanted."""
        n = self.carried
        states = [i for i in range(n) if self.inputs[i].dtype.kind == "f"]
        others = [i for i in range(n, len(self.inputs)) if wanted[i] and self.inputs[i].dtype.kind == "f"]
        besides = [i for i in states if self.grads[n + i] is not None]
        rest = [i for i in range(n, len(self.body.outputs)) if self.grads[n + i] is not None]
        derived = joint(self.body, n, [*states, *others], [*states, *besides, *rest], replay)
        assert derived is not None
        self.graph, self.nodes = derived.graph, derived.node_of()
        self._name(derived, states, besides, rest)
        for i, value in zip(states, derived.grads[: len(states)], strict=True):
            assert value is not None
            given = self.grads[i]
            self.states.append(zeros_of(self.inputs[i].spec) if given is None else given)
            self.ends.append(value)
        found: dict[int, Callable[[], Tensor]] = {}
        for i, value in zip(others, derived.grads[len(states) :], strict=True):
            if value is not None:
                found[i] = self._stack(value) if i < n + self.stacked else self._sum(value)
        self._loop()
        gradients = dict(zip(states, self.done, strict=False))
        gradients.update((i, get()) for i, get in found.items())
        return [gradients.get(i) if wanted[i] else None for i in range(len(self.inputs))]

    def _name(
        self, derived: Joint, states: Sequence[int], besides: Sequence[int], rest: Sequence[int]
    ) -> None:
        """Say what the inputs of the joint graph are, and those of its values that the first loop stacked."""
        n, given = self.carried, iter(derived.graph.inputs)
        for i, tensor in enumerate(self.inputs):
            value = next(given)
            if i < n:
                self.slices[value] = self.before[i]
            elif i < n + self.stacked:
                self.slices[value] = tensor
            else:
                self.fixed[value] = tensor
        self.heads = [next(given) for _ in states]
        for i in [*besides, *rest]:
            self.slices[next(given)] = self.grads[n + i]
        self.fixed.update(zip(given, derived.besides, strict=True))
        for i, tensor in zip(self.kept, self.stacks, strict=False):
            made = derived.made[i]
            assert made is not None
            self.slices[made] = tensor

    def _stack(self, value: Value) -> Callable[[], Tensor]:
        """What a value is in all rounds: it has been stacked, or comes out of the loop."""
        if value in self.slices:
            return lambda: self.slices[value]
        if value not in self.rows:
            self.rows.append(value)
        return lambda: self.done[2 * len(self.ends) + self.rows.index(value)]

    def _sum(self, value: Value) -> Callable[[], Tensor]:
        """The sum of a value over all rounds: by one operation after the loop where that can be, else by a
        state of the loop."""
        node = self.nodes.get(id(value))
        lower = None if node is None else node.op.lower
        if (
            node is not None
            and isinstance(lower, Contract)
            and not any(v in self.fixed for v in node.values())
        ):
            terms, result = lower.letters([v.spec.ndim for v in node.values()], node.attrs)
            stacks = [self._stack(v) for v in node.values()]
            shared = {(term[:1], v.spec.shape[:1]) for term, v in zip(terms, node.values(), strict=True)}
            if len(shared) == 1 and terms[0] and terms[0][0] not in result:  # the axis of the rounds joins it
                return lambda: apply(node.op, *[stack().flatten(0, 1) for stack in stacks], **node.attrs)
            letter = next(c for c in LETTERS if c not in "".join(terms))
            equation = f"{','.join(letter + term for term in terms)}->{result}"
            return lambda: apply(EINSUM, *[stack() for stack in stacks], equation=equation)
        if node is not None and isinstance(lower, Reduce) and _is_sum(node):
            stack, dims = self._stack(node.inputs[0]), tuple(d + 1 for d in node.attrs["dim"])
            attrs = {**node.attrs, "dim": (0, *dims)}
            return lambda: apply(node.op, stack(), **attrs).reshape(value.spec.shape)
        if node is not None and isinstance(lower, View) and lower.beyond is None and lower.limits is None:
            part = self._sum(node.inputs[0])
            return lambda: apply(node.op, part(), **node.attrs)
        if node is not None and isinstance(lower, Map) and lower.adds and _alike(node):
            parts = [self._sum(v) for v in node.values()]
            return lambda: parts[0]() + parts[1]()
        head, place = self.graph.fresh(value.spec), len(self.states)
        self.heads.append(head)
        self.states.append(zeros_of(value.spec))
        self.ends.append(self.graph.append(ADD, head, value))
        return lambda: self.done[place]

    def _loop(self) -> None:
        """Run what leads to the gradients, on what of the rest it reads."""
        outputs = [*self.ends, *self.rows]
        body = self.graph.part([*self.heads, *self.slices, *self.fixed], outputs)
        read = {id(v) for v in [*outputs, *[v for node in body.nodes for v in node.values()]]}
        slices = [v for v in self.slices if id(v) in read]
        fixed = [v for v in self.fixed if id(v) in read]
        facts = {
            "body": body.part([*self.heads, *slices, *fixed], outputs), "count": self.count,
            "carried": len(self.heads), "stacked": len(slices), "reverse": not self.reverse,
        }  # fmt: skip
        given = [*self.states, *[self.slices[v] for v in slices], *[self.fixed[v] for v in fixed]]
        self.done = self._run(given, facts)


def _is_sum(node: Node) -> bool:
    """Whether a reduction adds up, and does nothing else."""
    lower = node.op.lower
    adds = isinstance(lower, Reduce) and lower.merge == "sum" and not (lower.mean or lower.test)
    return adds and node.attrs.keys() == {"dim", "keepdim"}


def _alike(node: Node) -> bool:
    """Whether the operands are of the result's shape."""
    return all(hasattr(v, "spec") and v.spec == node.out.spec for v in node.inputs)
