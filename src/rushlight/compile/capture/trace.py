"""Tracing: run the user's function once on placeholders and write down what it does.

A placeholder takes the place of the *array* inside a Tensor, so autograd, layers and optimisers work on it
unaware, and forward pass, backward pass and update end up in one flat graph. Every concrete Tensor that is
met is lifted to an input of the program, to be read afresh at each call; Python numbers freeze.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.capture.gradients import Gradients, numbers_of
from rushlight.compile.capture.memory import Memory
from rushlight.compile.capture.number import Number, settled
from rushlight.compile.capture.placeholder import GradOf, Placeholder, TraceError
from rushlight.compile.capture.results import holes, tensors_of
from rushlight.compile.graph import Graph, Node, Value, used, verify
from rushlight.core.apply import CAST, apply, to_dtype
from rushlight.core.atomic import Undo, make_lock
from rushlight.core.autocast import within
from rushlight.core.composite import Composite
from rushlight.core.lower import Fill, Join, Map
from rushlight.core.narrow import computes_wide, widened
from rushlight.core.op import Op
from rushlight.core.spec import Spec, plain_number
from rushlight.core.state import MAKERS, no_grad, state
from rushlight.core.tensor import Retain, Tensor, wrap
from rushlight.device import m, xp
from rushlight.errors import DTypeError, ShapeError, message

__all__ = ["REMEDY", "KeptError", "Placeholder", "Trace", "TraceError", "Traced", "rounded_once", "trace"]

tracing = make_lock(awaited=True)
"""One thread traces at a time. Others go on: what they know of stays as it is."""


@dataclass(slots=True)
class Traced:
    """One run of a function on placeholders.

    lifted   the tensors that are the graph's inputs; the first are the arguments.
    result   what the function returned, with a Hole for each tensor.
    grads    what the graph's last outputs are the gradients of: a tensor, or the number of an argument.
    fresh, taken   parameters whose gradients the function takes to be None when it begins, or to be there.
    cleared  parameters whose gradients are None when it is done.
    emptied  parameters whose gradients it sets to None.
    over     numbers of arguments whose gradients it sets, whatever they had.
    used_up  parameters that it updated by gradients which it does not keep.
    relies   of `fresh` those whose gradients it adds to what an earlier call left, to update them.
    looked_at  tensors whose numbers Python code saw.
    rebound  pairs (tensor, number of an input whose memory it has when the function is done).
    sharing  pairs of tensors that have the same memory.
    asked    pairs (number of an argument, whether it requires grad from then on), of those that were asked.
    """

    graph: Graph
    lifted: list[Any]
    result: Any
    grads: list[Tensor | int]
    fresh: list[Tensor]
    taken: list[Tensor]
    cleared: list[Tensor]
    emptied: list[Tensor]
    over: list[int]
    used_up: list[Tensor]
    relies: list[Tensor]
    looked_at: list[Tensor]
    rebound: list[tuple[Tensor, int]]
    sharing: list[tuple[Tensor, Tensor]]
    asked: list[tuple[int, bool]]


class Trace(Memory):
    """What is known while a function is being traced.

    loops  whether a loop is one node; else each of its rounds is written down.
    """

    loops = True

    def __init__(self, whole: bool = False) -> None:
        super().__init__()
        self.whole = whole
        self.gradients = Gradients()
        self.backward = False
        self.looked_at: dict[int, Tensor] = {}
        self._stand_ins: list[Tensor] = []

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """In the place of NumPy: append a node for `op` and give its placeholder."""
        attrs = settled(attrs)
        if not inputs and not isinstance(op.lower, Fill):
            # Numbers that depend on nothing: made once, while tracing, and read like a lifted tensor.
            constant = self._placeholder(self.lift(wrap(xp.asarray(op.formula(m, **attrs)))))
            constant.rows = True
            return constant
        self.backward = self.backward or state.backward_of is not None
        if (
            op is not CAST
            and any(isinstance(t, Tensor) and xp.is_narrow(t.dtype) for t in inputs)
            and computes_wide(op)
        ):
            return self.in_float32(op, inputs, attrs).array
        if op.decompose is not None and not self.whole:
            try:
                parts = self.parts(op, inputs, attrs)
            except (ShapeError, DTypeError):
                # In the words of the op itself, if it refuses its inputs.
                op.infer(*[t.spec if isinstance(t, Tensor) else t for t in inputs], **attrs)
                raise
            if parts is not None:
                return parts.array
        values = [self._operand(t, op, inputs) for t in inputs]
        spec = op.infer(*[v.spec if isinstance(v, Value) else v for v in values], **attrs)
        self._last_read.update((id(v), len(self.graph.nodes)) for v in values if isinstance(v, Value))
        out = Value(spec, f"%{len(self.graph.nodes)}")
        node = Node(op, tuple(values), dict(attrs), out)
        self.graph.nodes.append(node)
        made = self._placeholder(out, (node, self._now(inputs[0].array)) if op.view else None)
        if isinstance(op.lower, Fill) or (not op.view and isinstance(op.lower, (Map, Join))):
            made.rows = all(self._in_rows(t) for t in inputs)
        return made

    def shares(self, view: Tensor) -> None:
        """A reshape that is a view whatever the layout of what it looks at: were it none, the function would
        raise an error where it runs without the compiler."""
        if self.stands_for_a_value(view.array):
            view.array.shares = True

    def owns(self, tensor: Tensor) -> bool:
        """Whether the function made the tensor, and nobody outside will ever see it change its shape."""
        return self.stands_for_a_value(tensor.array) and all(tensor is not t for t in self._stand_ins)

    def parts(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor | None:
        """The result of `op` by the ops that it is made of; None where it is to stay as it is."""
        assert op.decompose is not None
        with no_grad(), within(None):
            return op.decompose(*[_plain(t) for t in inputs], **attrs)

    def body(
        self, function: Callable[..., Any], specs: Sequence[Spec], user: Any = None
    ) -> tuple[Graph, list[Tensor]] | None:
        """A part of the function as a graph of its own: see `within`."""
        from rushlight.compile.capture.within import within

        return within(self, function, specs, user)

    def in_float32(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor:
        """The result of `op` by the same op on float32, of which 16-bit floats are made, rounded once."""
        with no_grad(), within(None):
            return rounded_once(op, [_plain(t) for t in inputs], attrs)

    def _operand(self, given: Any, op: Op, inputs: Sequence[Any]) -> Any:
        """What an operand is in the graph: tensors and arrays are Values, and so are numbers that may be
        others in the next call, in the tensors' dtype."""
        if type(given) is Number:
            like = [t for t in inputs[op.first :] if isinstance(t, Tensor)]
            if op.promote not in ("common", "float") or not like or type(given.now) is bool:
                return given.settle()
            given = given.tensor(like[0].array.dtype)
        if isinstance(given, (Tensor, xp.ndarray)):
            return self.value_of(wrap(given) if isinstance(given, xp.ndarray) else given)
        return plain_number(given)

    def stand_in(self, tensor: Tensor) -> Tensor:
        """What the function gets in the place of an argument."""
        found = wrap(self._placeholder(self.lift(tensor, argument=True)))
        self._stand_ins.append(found)
        if tensor.requires_grad:
            found.requires_grad_()
            assert found.node is not None
            assert tensor.node is not None
            found.node.hooks = tuple(h for h in tensor.node.hooks if not isinstance(h, Retain))
            found._after_grad = tensor._after_grad
            found._grad = tensor.grad  # not by the property: a trace around this one would note and keep it
        return found

    def look(self, tensor: Tensor, what: str) -> None:
        """Somebody looks at the numbers of a tensor: they have to be the same in each call. Raises TraceError
        where they exist only when the program runs."""
        now = self._now(tensor.array)
        if isinstance(now, Placeholder):
            raise now.refuse(what)
        self.looked_at[id(tensor)] = tensor

    def hooked(self) -> None:
        """Hooks are called while the function is traced, as in any run of it."""

    def sought(self, roots: Sequence[Any], targets: Collection[Any]) -> None:
        """The whole history is there, as in any run of the function."""

    def follows(self, made: dict[int, Node], tensor: Tensor, source: Tensor) -> bool:
        """Whether what `tensor` is now was computed from `source`; `made`: the nodes by the ids of their
        results."""
        sought, seen = self.value_of(source), set()
        todo = deque([self.value_of(tensor)])
        while todo:
            value = todo.popleft()
            if value is sought:
                return True
            node = made.get(id(value))
            if node is not None and id(value) not in seen:
                seen.add(id(value))
                todo.extend(v for v in node.values())
        return False

    def finish(self, outputs: Sequence[Tensor]) -> Graph:
        """The graph of all that was traced: what the outputs and the updates need of it."""
        graph = self.graph
        graph.outputs = [self.value_of(t) for t in outputs]
        self.end()
        graph.nodes = list(used(graph))
        return verify(graph)

    def forget(self) -> None:
        super().forget()
        self._stand_ins.clear()
        self.gradients.forget()


def rounded_once(op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor:
    """`op` on its inputs as float32, in the dtype that it gives of them as they are."""
    specs = [t.spec if isinstance(t, Tensor) else t for t in inputs]
    out = apply(op, *[widened(t) for t in inputs], **attrs)
    return to_dtype(out, op.infer(*specs, **attrs).dtype)


def _plain(value: Any) -> Any:
    """A tensor without history: what an op's decomposition works on."""
    return value.detach() if isinstance(value, Tensor) and value.node is not None else value


def trace(
    function: Callable[..., Any],
    arguments: Sequence[Tensor],
    *,
    whole: bool = False,
    tracer: Trace | None = None,
) -> Traced:
    """One run of `function` on placeholders, as a graph.

    whole   keep ops that are made of others (`Op.decompose`) in one piece.
    tracer  what writes it down, if not a Trace.

    Whatever happens, tensors are afterwards as they were before. Raises TraceError where the function needs
    numbers, and where it keeps a tensor that only stands for one.
    """
    tracer = Trace(whole) if tracer is None else tracer
    with tracing:
        before = {name: getattr(state, name) for name in OWN}
        stand_ins = [tracer.stand_in(t) for t in arguments]
        undo = Undo(lambda: _put_back(tracer, before), failed=False)
        try:
            with undo, undo, undo:
                state.run, state.write, state.tracing = tracer.run, tracer.write, True
                state.rebind, state.copy = tracer.rebind, tracer.copy
                state.look, state.grads = tracer.look, tracer.gradients
                state.shares, state.owns, state.hooked = tracer.shares, tracer.owns, tracer.hooked
                state.sought, state.refused = tracer.sought, []
                state.body = tracer.body if tracer.loops and not tracer.whole else None
                result = function(*stand_ins)
                if state.refused:
                    raise state.refused[0]
                traced = _finish(tracer, result, stand_ins)
        except TraceError as error:
            if state.refused is not None:
                state.refused.append(error)  # a trace around this one ends, too
            raise
        del result, stand_ins
        _refuse_leaks(tracer)
    return traced


class KeptError(TraceError):
    """Somebody keeps a tensor that only stands for one."""

    def __init__(self, kept: Placeholder) -> None:
        self.shape, self.line = kept.shape, kept.line
        super().__init__(
            message(
                "compile",
                f"a function that keeps a tensor of shape {kept.shape}, made at {kept.line}",
                "tensors made inside a compiled function to be returned, or written into ones made outside",
                REMEDY,
            )
        )


REMEDY = (
    "Return it, or make it before and use copy_(): a forward hook that stores its layer's output writes "
    "kept.copy_(output.detach())."
)
OWN = (
    "run", "write", "rebind", "tracing", "copy", "look", "shares", "owns", "grads", "grad_enabled",
    "backward_of", "body", "hooked", "sought", "changed", "refused",
)  # fmt: skip
"""What of a thread's state is another while it traces."""


def _put_back(tracer: Trace, before: dict[str, Any]) -> None:
    for name, value in before.items():
        setattr(state, name, value)
    tracer.restore()


def _finish(tracer: Trace, result: Any, stand_ins: list[Tensor]) -> Traced:
    """The graph, with the gradients that the function leaves behind among its outputs."""
    count, written = len(stand_ins), tracer.written()
    found = tracer.gradients.find(stand_ins, tracer.lifted[count:])
    # A parameter that was updated by its gradient, as optimisers do, has had the good of it, unless the next
    # call would add to it; a gradient that was added into is an input of the program that it updates.
    made = {id(n.out): n for n in tracer.graph.nodes}
    used_up = [
        key
        for key, g in found.left
        if not isinstance(key, int)
        and not tracer.gradients.adds_to_what_was(key)
        and id(key) in written
        and tracer.follows(made, key, numbers_of(g))
    ]
    without = {id(t) for t in used_up}
    kept = [(key, g) for key, g in found.left if id(key) not in without]
    left = [(key, g.to_dense() if isinstance(g, Composite) else g) for key, g in kept]
    relies = tracer.gradients.relied_on(written)
    graph = tracer.finish([*tensors_of(result), *[g for _, g in left]])
    grads = [key for key, _ in left]
    cleared = [t for t in found.cleared if all(t is not g for g in grads)]
    lifted = tracer.gradients.through_parameters(stand_ins, tracer.lifted[count:])
    lifted = [*tracer.lifted[:count], *lifted]
    fresh = [t for t in tracer.lifted[count:] if t.requires_grad and t.is_leaf and t._grad is None]
    looked_at = [*tracer.looked_at.values()]
    none, there = tracer.gradients.read()
    there += [t.parameter for t in lifted if isinstance(t, GradOf)]
    empty = [t for t in found.emptied if t._grad is None]
    fresh, taken = _once([*(fresh if tracer.backward else []), *none, *empty]), _once(there)
    given = enumerate(zip(stand_ins, lifted, strict=False))
    asked = [(i, s.requires_grad) for i, (s, t) in given if s.requires_grad is not t.requires_grad]
    rebound = tracer.rebound
    return Traced(
        graph, lifted, holes(result), grads, fresh, taken, cleared, found.emptied, found.over, used_up,
        relies, looked_at, rebound, tracer.sharing, asked,
    )  # fmt: skip


def _once(tensors: list[Tensor]) -> list[Tensor]:
    return [*{id(t): t for t in tensors}.values()]


def _alive(tracer: Trace) -> list[Placeholder]:
    return [p for ref in tracer.made if (p := ref()) is not None]


def _collect(generation: int) -> None:
    gc.collect(generation)  # what others have called at a collection is no part of what is traced


MAKERS.add(_collect.__code__)


def _refuse_leaks(tracer: Trace) -> None:
    """Nobody may keep a placeholder: it would be met later as a tensor without numbers."""
    tracer.forget()
    alive = _alive(tracer)
    # What a trace leaves in cycles is young, and to look at all takes long in a large process.
    for generation in range(3):
        if not alive:
            return
        alive.clear()
        _collect(generation)
        alive = _alive(tracer)
    if alive:
        raise KeptError(alive[0])
