"""Loops of functions, and the derivative of a loop.

While a function is traced, `loop` has a step written down once, and makes one node of all its rounds. Without
a tracer, or where that cannot follow the step, there is no such node, and who asks runs the step in Python.

The derivative is a loop that runs the other way. Its body is what autograd makes of the step. What that reads
of the step's own values the first loop has stacked; where it is to be differentiated again, it computes them
anew. The gradient of what every round reads, such as a weight, is a sum over the rounds: where the last step
to a round's share is a product or a sum, its operands are stacked, and one product after the loop does all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rushlight.core.apply import apply
from rushlight.core.autograd import grad
from rushlight.core.function import Function
from rushlight.core.lower import Contract, Fill, Map, Reduce, View
from rushlight.core.spec import Spec
from rushlight.core.state import enable_grad, no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.errors import NotSupportedError, message
from rushlight.ops.arithmetic import ADD
from rushlight.ops.creation import zeros
from rushlight.ops.einsum import EINSUM
from rushlight.ops.join import cat
from rushlight.ops.loop import LOOP, RESULT, plain

if TYPE_CHECKING:
    from rushlight.compile.graph import Graph, Node, Value

__all__ = ["Looped", "loop"]

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHEAP = ("none", "once")
"""Roundings of operations that are computed again rather than read from memory."""


class Looped(NamedTuple):
    """What came of a loop.

    last   the states after the last round.
    after  the states after each round, stacked in the order of the slices.
    rest   what else the rounds gave, stacked.
    """

    last: list[Tensor]
    after: list[Tensor]
    rest: list[Tensor]


Step = Callable[[list[Tensor], list[Tensor]], tuple[Sequence[Tensor], Sequence[Tensor]]]


def loop(
    step: Step, states: Sequence[Tensor], slices: Sequence[Tensor], reverse: bool = False
) -> Looped | None:
    """``states, rest = step(states, slices)`` for each slice along the first axis of `slices`, as one
    operation; in `reverse` the last slice first. None where that cannot be: then Python has to run it."""
    if state.body is None or not slices or not slices[0].shape[0]:
        return None
    n = len(states)

    def once(*given: Tensor) -> list[Tensor]:
        new, rest = step(list(given[:n]), list(given[n:]))
        return [*new, *rest]

    found = state.body(once, [*[t.spec for t in states], *[Spec(t.shape[1:], t.dtype) for t in slices]])
    if found is None:
        return None
    body, constants = found
    if [v.spec for v in body.outputs[:n]] != [t.spec for t in states]:
        return None
    facts = {
        "body": body, "count": slices[0].shape[0], "carried": n, "stacked": len(slices), "reverse": reverse,
    }  # fmt: skip
    found = _run([*states, *slices, *constants], facts)
    return None if found is None else Looped(found[:n], found[n : 2 * n], found[2 * n :])


def _rows(stack: Tensor, later: bool) -> Tensor:
    """All rows but the first, or all but the last."""
    return stack[1:] if later else stack[:-1]


def _plain(inputs: Sequence[Tensor], facts: dict[str, Any]) -> list[Tensor]:
    """What comes of a loop, without a derivative: states after the last round, after each, the rest."""
    results, n = plain(inputs, facts), facts["carried"]
    return [*results[:n], *[_rows(t, not facts["reverse"]) for t in results[n : 2 * n]], *results[2 * n :]]


def _run(inputs: Sequence[Tensor], facts: dict[str, Any]) -> list[Tensor] | None:
    """The same with its derivative; None where that cannot be had."""
    if not (state.grad_enabled and any(t.node is not None for t in inputs)):
        return _plain(inputs, facts)
    body, carried = facts["body"], facts["carried"]
    sought = [i for i, t in enumerate(inputs) if _is_float(t) and (i < carried or t.node is not None)]
    given = [i for i, v in enumerate(body.outputs) if _is_float(v.spec)]
    joint = _joint(body, carried, sought, given)
    return (
        None if joint is None else list(_Loop.apply(facts, joint.read(carried + facts["stacked"]), *inputs))
    )


def _is_float(t: Tensor | Spec) -> bool:
    return t.dtype.kind == "f"


class _Loop(Function):
    """A loop that knows its derivative. `kept` are those of the body's nodes whose values that reads."""

    @staticmethod
    def forward(ctx: Any, facts: dict[str, Any], kept: Sequence[int], *inputs: Tensor) -> Any:
        body = facts["body"]
        more = body.part(body.inputs, [*body.outputs, *[body.nodes[i].out for i in kept]])
        n, results = facts["carried"], plain(inputs, {**facts, "body": more})
        after = [_rows(t, not facts["reverse"]) for t in results[n : 2 * n]]
        stacks = results[len(results) - len(kept) :]
        ctx.facts, ctx.kept, ctx.count = facts, kept, len(inputs)
        ctx.save_for_backward(*inputs, *results[n : 2 * n], *stacks)
        ctx.set_materialize_grads(False)
        rest = results[2 * n : len(results) - len(kept)]
        reached = _reached(facts, [t.node is not None for t in inputs])
        known = zip([*results[:n], *after, *rest], [*reached[:n], *reached], strict=True)
        ctx.mark_non_differentiable(*[t for t, there in known if not there])
        return *results[:n], *after, *rest

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        saved, n, reverse = ctx.saved_tensors, ctx.facts["carried"], ctx.facts["reverse"]
        inputs, before, stacks = saved[: ctx.count], saved[ctx.count :][:n], saved[ctx.count + n :]
        if state.grad_enabled:
            # It is to be differentiated: by the states as they are in the graph. The loop that gives them is
            # the first one again, and the compiler keeps one of both.
            after = _surely(_run(inputs, ctx.facts))[n : 2 * n]
            before, stacks = [_begun(t, first, reverse) for t, first in zip(after, inputs, strict=False)], []
        before = [_rows(t, reverse) for t in before]
        found = _Back(ctx.facts, ctx.kept, inputs, before, stacks, grads).run(ctx.needs_input_grad[2:])
        return None, None, *found


def _begun(after: Tensor, first: Tensor, reverse: bool) -> Tensor:
    """The states after each round, and the one before the first."""
    row = first.unsqueeze(0)
    return cat([after, row] if reverse else [row, after])


def _reached(facts: dict[str, Any], tracked: Sequence[bool]) -> list[bool]:
    """Which outputs of the body follow in some round from inputs that are tracked, as autograd sees it."""
    body, n = facts["body"], facts["carried"]
    found = [False] * len(body.outputs)
    begun = list(tracked)
    for _ in range(facts["count"]):
        known = {id(v) for v, there in zip(body.inputs, begun, strict=True) if there}
        for node in body.nodes:
            passes = node.op in (LOOP, RESULT) or (node.op.vjp is not None and _is_float(node.out.spec))
            if passes and any(id(v) in known for v in node.values()):
                known.add(id(node.out))
        now = [id(v) in known and _is_float(v.spec) for v in body.outputs]
        found, before = [a or b for a, b in zip(found, now, strict=True)], begun
        begun = [*now[:n], *tracked[n:]]
        if begun == before:
            break
    return found


class _Joint(NamedTuple):
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
        cheap: dict[int, Value] = {}
        seen: set[int] = set()
        todo = [v for n in graph.nodes if id(n.out) in later for v in n.values() if id(v) not in later]
        while todo:
            value = todo.pop()
            node = nodes.get(id(value))
            if node is None or id(value) in seen:
                continue
            seen.add(id(value))
            if id(value) in own and id(value) in local and not isinstance(node.op.lower, View | Fill):
                if isinstance(node.op.lower, Map) and node.op.lower.rounding in CHEAP:
                    cheap[id(value)] = value
                else:
                    kept.add(id(value))
            else:
                todo.extend(node.values())
        order = {id(n.out): i for i, n in enumerate(graph.nodes)}
        for value in sorted(cheap.values(), key=lambda v: order[id(v)]):
            if not self._is_near(value, nodes, local, kept):
                kept.add(id(value))
        return sorted(own[v] for v in kept)

    def _is_near(self, value: Value, nodes: dict[int, Node], local: set[int], kept: set[int]) -> bool:
        """Whether a value quickly follows from inputs and from what is kept."""
        node = nodes.get(id(value))
        if node is None or id(value) in kept or id(value) not in local:
            return True
        lower = node.op.lower
        quick = isinstance(lower, View) or (isinstance(lower, Map) and lower.rounding in CHEAP)
        return quick and all(self._is_near(v, nodes, local, kept) for v in node.values())


def _following(graph: Graph, inputs: Iterable[Value]) -> set[int]:
    """What follows from some of the inputs, by id."""
    found = {id(v) for v in inputs}
    for node in graph.nodes:
        if any(id(v) in found for v in node.values()):
            found.add(id(node.out))
    return found


def _joint(body: Graph, carried: int, sought: Sequence[int], given: Sequence[int]) -> _Joint | None:
    """The derivative of `body` by the inputs at the places `sought`, given gradients of the outputs at the
    places `given`, one place perhaps twice; None where no loop can run it. Those of states are never None."""
    specs = [v.spec for v in body.inputs]
    count = len(specs)
    some: list[bool] = []
    own: list[bool] = []

    def derivative(*tensors: Tensor) -> list[Tensor]:
        with enable_grad():
            leaves = [
                t.detach().requires_grad_() if i in sought else t for i, t in enumerate(tensors[:count])
            ]
            made = _replay(body, leaves)
        pairs = [(made[id(body.outputs[place])], g) for place, g in zip(given, tensors[count:], strict=True)]
        pairs = [(end, g) for end, g in pairs if end.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(sought)
        if pairs and sought:
            ends, arrived = zip(*pairs, strict=True)
            found = grad(ends, [leaves[i] for i in sought], arrived, allow_unused=True)
        found = [
            _zeros(specs[i]) if g is None and i < carried else g for i, g in zip(sought, found, strict=True)
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
    return _Joint(graph.part(graph.inputs, [v for v in grads if v is not None]), besides, count, grads, made)


def _replay(body: Graph, tensors: Sequence[Tensor]) -> dict[int, Tensor]:
    """The values of a body on tensors, by the ids of its Values."""
    made: dict[int, Any] = {id(v): t for v, t in zip(body.inputs, tensors, strict=True)}
    packed: dict[int, list[Tensor]] = {}
    for node in body.nodes:
        operands = [made.get(id(v), v) for v in node.inputs]
        if node.op is LOOP:
            packed[id(node.out)] = _replayed(operands, node.attrs)
        elif node.op is RESULT:
            made[id(node.out)] = packed[id(node.inputs[0])][node.attrs["place"]]
        else:
            made[id(node.out)] = apply(node.op, *operands, **node.attrs)
    return made


def _replayed(inputs: Sequence[Tensor], facts: dict[str, Any]) -> list[Tensor]:
    """The results of a loop within a body, in the order in which `plain` has them."""
    found, n = _surely(_run(inputs, facts)), facts["carried"]
    stacks = [_begun(t, first, facts["reverse"]) for t, first in zip(found[n : 2 * n], inputs, strict=False)]
    return [*found[:n], *stacks, *found[2 * n :]]


def _surely(found: list[Tensor] | None) -> list[Tensor]:
    """What came of the loop in a derivative: it is too late for Python to run that."""
    if found is None:
        got = "a derivative that reads what exists only when the program runs"
        raise NotSupportedError(message("loop", got, "operations on tensors"))
    return found


class _Back:
    """The loop that gives the gradients of a loop's inputs."""

    def __init__(
        self,
        facts: dict[str, Any],
        kept: Sequence[int],
        inputs: Sequence[Tensor],
        before: Sequence[Tensor],
        stacks: Sequence[Tensor],
        grads: Sequence[Tensor | None],
    ) -> None:
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

    def run(self, wanted: Sequence[bool]) -> list[Tensor | None]:
        """The gradients of those of the inputs that are wanted."""
        n = self.carried
        states = [i for i in range(n) if _is_float(self.inputs[i])]
        others = [i for i in range(n, len(self.inputs)) if wanted[i] and _is_float(self.inputs[i])]
        besides = [i for i in states if self.grads[n + i] is not None]
        rest = [i for i in range(n, len(self.body.outputs)) if self.grads[n + i] is not None]
        joint = _joint(self.body, n, [*states, *others], [*states, *besides, *rest])
        assert joint is not None
        self.graph, self.nodes = joint.graph, joint.node_of()
        self._name(joint, states, besides, rest)
        for i, value in zip(states, joint.grads[: len(states)], strict=True):
            assert value is not None
            given = self.grads[i]
            self.states.append(_zeros(self.inputs[i].spec) if given is None else given)
            self.ends.append(value)
        found: dict[int, Callable[[], Tensor]] = {}
        for i, value in zip(others, joint.grads[len(states) :], strict=True):
            if value is not None:
                found[i] = self._stack(value) if i < n + self.stacked else self._sum(value)
        self._loop()
        gradients = dict(zip(states, self.done, strict=False))
        gradients.update((i, get()) for i, get in found.items())
        return [gradients.get(i) if wanted[i] else None for i in range(len(self.inputs))]

    def _name(
        self, joint: _Joint, states: Sequence[int], besides: Sequence[int], rest: Sequence[int]
    ) -> None:
        """Say what the inputs of the joint graph are, and those of its values that the first loop stacked."""
        n, given = self.carried, iter(joint.graph.inputs)
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
        self.fixed.update(zip(given, joint.besides, strict=True))
        for i, tensor in zip(self.kept, self.stacks, strict=False):
            made = joint.made[i]
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
        self.states.append(_zeros(value.spec))
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
        self.done = _surely(_run(given, facts))


def _zeros(spec: Spec) -> Tensor:
    return zeros(*spec.shape, dtype=spec.dtype)


def _is_sum(node: Node) -> bool:
    """Whether a reduction adds up, and does nothing else."""
    lower = node.op.lower
    adds = isinstance(lower, Reduce) and lower.merge == "sum" and not (lower.mean or lower.test)
    return adds and node.attrs.keys() == {"dim", "keepdim"}


def _alike(node: Node) -> bool:
    """Whether the operands are of the result's shape."""
    return all(hasattr(v, "spec") and v.spec == node.out.spec for v in node.inputs)
