"""Loops of functions, and the derivative of a loop.

While a function is traced, `loop` has a step written down once, and makes one node of all its rounds. Without
a tracer, or where that cannot follow the step, there is no such node, and who asks runs the step in Python.

The derivative is a loop that runs the other way. Its body is what autograd makes of the step. What that reads
of the step's own values the first loop has stacked; where it is to be differentiated again, it computes them
anew. The gradient of what every round reads, such as a weight, is a sum over the rounds: where the last step
to a round's share is a product or a sum, its operands are stacked, and one product after the loop does all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rushlight.core.apply import apply
from rushlight.core.autograd import grad
from rushlight.core.function import Function
from rushlight.core.spec import Spec
from rushlight.core.state import enable_grad, state
from rushlight.core.tensor import Tensor, wrap
from rushlight.ops.join import cat, stack
from rushlight.ops.loop import LOOP, RESULT, plain
from rushlight.ops.loop_back import Back
from rushlight.ops.loop_round import joint

if TYPE_CHECKING:
    from rushlight.compile.graph import Graph

__all__ = ["Looped", "loop"]


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
    step: Step, states: Sequence[Tensor], slices: Sequence[Tensor], reverse: bool = False, user: Any = None
) -> Looped | None:
    """``states, rest = step(states, slices)`` for each slice along the first axis of `slices`, as one
    operation; in `reverse` the last slice first. None where that cannot be: then Python has to run it.

    user  what of the step the user wrote: where a round changes what that can read, the answer is None.
    """
    if state.body is None or not slices or not slices[0].shape[0]:
        return None
    n = len(states)

    def once(*given: Tensor) -> list[Tensor]:
        new, rest = step(list(given[:n]), list(given[n:]))
        return [*new, *rest]

    found = state.body(once, [*[t.spec for t in states], *[Spec(t.shape[1:], t.dtype) for t in slices]], user)
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
    if state.body is None:
        return None
    if not (state.grad_enabled and any(t.node is not None for t in inputs)):
        return _plain(inputs, facts)
    body, carried = facts["body"], facts["carried"]
    sought = [i for i, t in enumerate(inputs) if _is_float(t) and (i < carried or t.node is not None)]
    given = [i for i, v in enumerate(body.outputs) if _is_float(v.spec)]
    derived = joint(body, carried, sought, given, _replay)
    if derived is None:
        return None
    kept = derived.read(carried + facts["stacked"])
    return list(_Loop.apply(facts, kept, derived.inputs(kept), *inputs))


def _is_float(t: Tensor | Spec) -> bool:
    return t.dtype.kind == "f"


class _Loop(Function):
    """A loop that knows its derivative. That reads the values of the body's nodes `kept`, and the inputs
    `read`; who writes in one of the others does not disturb it."""

    @staticmethod
    def forward(ctx: Any, facts: dict[str, Any], kept: Sequence[int], read: set[int], *inputs: Tensor) -> Any:
        body = facts["body"]
        more = body.part(body.inputs, [*body.outputs, *[body.nodes[i].out for i in kept]])
        n, results = facts["carried"], plain(inputs, {**facts, "body": more})
        after = [_rows(t, not facts["reverse"]) for t in results[n : 2 * n]]
        stacks = results[len(results) - len(kept) :]
        ctx.facts, ctx.kept, ctx.count = facts, kept, len(inputs)
        saved = [t if i in read else _as_it_is(t) for i, t in enumerate(inputs)]
        ctx.save_for_backward(*saved, *results[n : 2 * n], *stacks)
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
        wanted = ctx.needs_input_grad[3:]
        if state.body is None:
            return None, None, None, *_plain_gradients(inputs, ctx.facts, grads, wanted)
        if state.grad_enabled:
            # It is to be differentiated: by the states as they are in the graph. The loop that gives them is
            # the first one again, and the compiler keeps one of both.
            after = _surely(inputs, ctx.facts)[n : 2 * n]
            before, stacks = [_begun(t, first, reverse) for t, first in zip(after, inputs, strict=False)], []
        before = [_rows(t, reverse) for t in before]
        back = Back(_surely, ctx.facts, ctx.kept, inputs, before, stacks, grads)
        return None, None, None, *back.gradients(wanted, _replay)


def _as_it_is(tensor: Tensor) -> Tensor:
    """The tensor with the values that it has now, whatever is written into it."""
    assert state.copy is not None
    found = wrap(state.copy(tensor))
    found.node = tensor.node
    return found


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
            if not _is_float(node.out.spec):  # histories end here
                operands = [t.detach() if isinstance(t, Tensor) else t for t in operands]
            made[id(node.out)] = apply(node.op, *operands, **node.attrs)
    return made


def _replayed(inputs: Sequence[Tensor], facts: dict[str, Any]) -> list[Tensor]:
    """The results of a loop within a body, in the order in which `plain` has them."""
    found, n = _surely(inputs, facts), facts["carried"]
    stacks = [_begun(t, first, facts["reverse"]) for t, first in zip(found[n : 2 * n], inputs, strict=False)]
    return [*found[:n], *stacks, *found[2 * n :]]


def _surely(inputs: Sequence[Tensor], facts: dict[str, Any]) -> list[Tensor]:
    """What comes of a loop that is there already: as one operation, or round by round where that cannot be,
    as inside of `vmap`."""
    found = _run(inputs, facts)
    if found is not None:
        return found
    n, reverse, slices = facts["carried"], facts["reverse"], inputs[facts["carried"] :][: facts["stacked"]]
    states, made = list(inputs[:n]), []
    for t in range(facts["count"])[:: -1 if reverse else 1]:
        given = [*states, *[x[t] for x in slices], *inputs[n + len(slices) :]]
        values = _replay(facts["body"], given)
        ends = [values[id(v)] for v in facts["body"].outputs]
        states = ends[:n]
        made.append(ends)
    return [*states, *[stack(column) for column in zip(*made[:: -1 if reverse else 1], strict=True)]]


def _plain_gradients(
    inputs: Sequence[Tensor], facts: dict[str, Any], grads: Sequence[Tensor | None], wanted: Sequence[bool]
) -> list[Tensor | None]:
    """The gradients of a loop's inputs, where no loop gives them."""
    create_graph = state.grad_enabled
    with enable_grad():
        own = [t.view_as(t) if there else t for t, there in zip(inputs, wanted, strict=True)]
        ends = _surely(own, facts)
    pairs = [(end, g) for end, g in zip(ends, grads, strict=True) if g is not None and end.requires_grad]
    sought = [t for t, there in zip(own, wanted, strict=True) if there]
    found = iter(
        grad([end for end, _ in pairs], sought, [g for _, g in pairs], None, create_graph, True, True)
        if pairs and sought
        else [None] * len(sought)
    )
    return [next(found) if there else None for there in wanted]
