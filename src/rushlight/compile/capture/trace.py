"""Tracing: run the user's function once on placeholders and write down what it does.

A placeholder takes the place of the *array* inside a Tensor, so autograd, layers and optimisers work on it
unaware, and forward pass, backward pass and update end up in one flat graph. Every concrete Tensor that is
met is lifted to an input of the program, to be read afresh at each call; Python numbers freeze.
"""

from __future__ import annotations

import gc
import weakref
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.capture.gradients import Gradients, numbers_of
from rushlight.compile.capture.number import Number, settled
from rushlight.compile.capture.overlap import refuse_overlaps
from rushlight.compile.capture.placeholder import GradOf, Placeholder, TraceError
from rushlight.compile.capture.results import holes, tensors_of
from rushlight.compile.graph import Graph, Node, Value, used, verify
from rushlight.core.anomaly import user_line
from rushlight.core.apply import CAST, apply, to_dtype
from rushlight.core.atomic import Undo, make_lock
from rushlight.core.autocast import within
from rushlight.core.composite import Composite
from rushlight.core.lower import Fill, Join, Map
from rushlight.core.narrow import computes_wide, widened
from rushlight.core.op import Op
from rushlight.core.spec import Spec, plain_number
from rushlight.core.state import MAKERS, no_grad, state
from rushlight.core.tensor import Retain, Tensor, base_of, wrap
from rushlight.core.views import with_views
from rushlight.device import m, xp
from rushlight.errors import DTypeError, ShapeError, message

__all__ = ["Placeholder", "Trace", "TraceError", "Traced", "rounded_once", "trace"]

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
    used_up  parameters that it updated by gradients which it does not keep.
    relies   of `fresh` those whose gradients it adds to what an earlier call left, to update them.
    looked_at  tensors whose numbers Python code saw.
    rebound  pairs (tensor, number of an input whose memory it has when the function is done).
    asked    pairs (number of an argument, whether it requires grad from then on), of those that were asked.
    """

    graph: Graph
    lifted: list[Any]
    result: Any
    grads: list[Tensor | int]
    fresh: list[Tensor]
    taken: list[Tensor]
    cleared: list[Tensor]
    used_up: list[Tensor]
    relies: list[Tensor]
    looked_at: list[Tensor]
    rebound: list[tuple[Tensor, int]]
    asked: list[tuple[int, bool]]


class Trace:
    """What is known while a function is being traced.

    loops  whether a loop is one node; else each of its rounds is written down.
    """

    loops = True

    def __init__(self, whole: bool = False) -> None:
        self.whole = whole
        self.graph = Graph()
        self.gradients = Gradients()
        self.lifted: list[Any] = []
        self.rebound: list[tuple[Tensor, int]] = []
        self.backward = False
        self.looked_at: dict[int, Tensor] = {}
        self.made: list[weakref.ref[Placeholder]] = []
        self._values: dict[int, Value] = {}
        self._written: dict[int, tuple[Tensor, Any, Value]] = {}
        self._rebound: dict[int, tuple[Tensor, Any, Value]] = {}
        self._let_go: list[tuple[Tensor, Any, Value]] = []
        self._replaced: dict[int, Placeholder] = {}
        self._nodes: list[tuple[Tensor, Any]] = []
        self._keep: list[Any] = []
        self._stand_ins: list[Tensor] = []
        self._first_write: dict[int, int] = {}
        self._last_read: dict[int, int] = {}

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

    def _in_rows(self, given: Any) -> bool:
        """Whether an operand surely lies in row-major order, without gaps."""
        array = self._now(given.array) if isinstance(given, Tensor) else given
        if isinstance(array, Placeholder):
            return array.rows
        return not isinstance(array, xp.ndarray) or array.flags.c_contiguous

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

    def stands_for_a_value(self, array: Any) -> bool:
        """Whether an array is a Placeholder of this trace: of those around it they count as arrays."""
        return isinstance(array, Placeholder)

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

    def _placeholder(self, value: Value, origin: tuple[Node, Any] | None = None) -> Placeholder:
        made = Placeholder(value, user_line(), origin, self._now if origin else None)
        self.made.append(weakref.ref(made))
        return made

    def _now(self, array: Any) -> Any:
        """What stands for an array or a Placeholder now: another one after it was written. A view of what was
        written is taken again."""
        later = self._replaced.get(id(array))
        if later is not None:
            return self._now(later)
        if not isinstance(array, Placeholder) or array.origin is None:
            return array
        node, looked_at = array.origin
        source = self._now(looked_at)
        if source is looked_at:
            return array
        self._refuse_unclear(array)
        fresh = self.run(node.op, [wrap(source), *node.inputs[1:]], node.attrs)
        fresh.shares = array.shares
        self._replace(array, fresh)
        return fresh

    def _replace(self, old: Any, new: Placeholder) -> None:
        self._replaced[id(old)] = new
        self._keep.append(old)

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

    def value_of(self, tensor: Tensor) -> Value:
        """The Value behind a tensor; a concrete one becomes an input of the program."""
        array = self._now(tensor.array)
        return array.value if self.stands_for_a_value(array) else self.value_outside(tensor, array)

    def value_outside(self, tensor: Tensor, array: Any) -> Value:
        """The input of the program that a tensor with a concrete array is, or becomes."""
        value = self._values.get(id(array))
        if value is None:
            base = base_of(tensor)
            value = self.lift(base if base.array is array else tensor)
        return value

    def lift(self, tensor: Tensor, argument: bool = False) -> Value:
        """Make a concrete tensor an input of the program. An argument will be another tensor at the next
        call, so what else shares its array is an input of its own."""
        array = tensor.array
        value = Value(Spec(array.shape, array.dtype), f"%in{len(self.lifted)}")
        self.graph.inputs.append(value)
        self.lifted.append(tensor)
        if not argument:
            self._values[id(array)] = value
        return value

    def write(self, target: Tensor, array: Any) -> None:
        """An in-place update: from here on the target stands for the new value.

        Of a view made inside the function what it looks at is updated, with the new value in its place.
        """
        self.refuse_outside(target)
        base = base_of(target)
        same = self._now(base.array) is self._now(target.array)
        array = self._now(array)
        if array.dtype != target.array.dtype:
            array = to_dtype(wrap(array), target.array.dtype).array
        if not same and isinstance(target.array, Placeholder) and id(target) not in self._written:
            target, array = self._behind(target, array)
            base, same = target, True
        new = self._placeholder(self.value_of(wrap(array)))
        new.rows = self._in_rows(base if same else target)
        for tensor in {id(t): t for t in ((base, target) if same else (target,))}.values():
            if id(tensor) not in self._written:
                old = self._old(tensor)
                if old is not None:
                    self._written[id(tensor)] = (tensor, tensor.array, old)
                    self._first_write.setdefault(id(old), len(self.graph.nodes))
                    self._nodes += [(t, t.node) for t in with_views(tensor)]
            for array in (tensor.array, self._now(tensor.array)):
                if array is not new:
                    self._replace(array, new)
            if isinstance(tensor.array, Placeholder):
                # This trace's own; what others know keeps its array, which stands for `new`.
                tensor.array = new

    def rebind(self, target: Tensor, source: Tensor) -> None:
        """From here on the target has the memory of `source`; what else looks at its old stays there."""
        self.refuse_outside(target)
        first, written = self._first_array(target), self._written.pop(id(target), None)
        if written is not None:
            self._let_go.append(written)
        old = self._old(target) if written is None else written[2]
        self.value_of(source)
        if old is not None:  # else the function made it
            self._rebound.setdefault(id(target), (target, first, old))

    def refuse_outside(self, target: Tensor) -> None:
        """Raise TraceError where a tensor that is to change may not be one from outside."""

    def _refuse_unclear(self, view: Placeholder) -> None:
        """Refuse a reshape that is a view or a copy, depending on a layout that is not known."""
        assert view.origin is not None
        node, looked_at = view.origin
        if view.shares or self._in_rows(wrap(looked_at)) or _splits(looked_at.shape, node.out.spec.shape):
            return
        got = "a tensor reshaped before the original was updated, and read or written after it"
        remedy = "Use view(), or clone() before the update: which of both reshape() is depends on layout."
        raise _not_followed(got, remedy)

    def copy(self, tensor: Tensor) -> Placeholder:
        """What stands for a copy of a tensor's array as it is now."""
        return self._placeholder(self.value_of(tensor))

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

    def _behind(self, view: Tensor, array: Any) -> tuple[Tensor, Any]:
        """The tensor that a view looks at in the end, and its array with `array` in the place of the view."""
        now = self._now(view.array)
        while isinstance(now, Placeholder) and now.origin is not None:
            node, looked_at = now.origin
            self._refuse_unclear(now)
            source = self._now(looked_at)
            found = None if node.op.put is None else node.op.put(wrap(source), wrap(array), node.attrs)
            if found is None:
                raise _not_followed("an update of an expanded tensor", "clone() it before the update.")
            put, inputs, attrs = found
            with no_grad():
                array = apply(put, *inputs, **attrs).array
            now = source
        bases = [base_of(view)]
        while bases[-1]._base is not None:  # it was reshaped in place since, and is a view itself
            bases.append(bases[-1]._base)
        for tensor in (*bases, *self.lifted):
            if self._now(tensor.array) is now:
                return tensor, array
        raise _not_followed("an update of a view", "Index the tensor itself: x[i] = ...")

    def _old(self, tensor: Tensor) -> Value | None:
        """The input that a tensor is before it is written for the first time; None if it is none."""
        if not isinstance(tensor.array, Placeholder):
            return self._values.get(id(tensor.array)) or self.value_of(tensor)
        value = tensor.array.value
        return value if any(value is v for v in self.graph.inputs) else None

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
        for tensor, node in self._nodes:
            ours = isinstance(self._first_array(tensor), Placeholder) and self.owns(tensor)
            if not _same_history(tensor.node, node) and not ours:
                got = f"a tensor of shape {tensor.shape} from outside, written with values with a history"
                remedy = "Update it under rl.no_grad(), or with values that are detached."
                raise TraceError(message("compile", got, "histories that end with the call", remedy))
        self._place_rebound()
        for _, array, old in [*self._let_go, *self._written.values()]:
            new = self.value_of(wrap(array))
            if new is not old and all(t is not old for t, _ in graph.updates):
                graph.updates.append((old, new))
        graph.late = self._late()
        self.check_overlaps([self._first_array(t) for t in self.lifted])
        graph.nodes = list(used(graph))
        return verify(graph)

    def check_overlaps(self, arrays: Sequence[Any]) -> None:
        """Refuse inputs that share memory where one of them is written."""
        refuse_overlaps(self.graph, arrays)

    def _place_rebound(self) -> None:
        """Where the tensors that got other memory have it when the function is done: of another tensor that
        was there before, they have that from then on; new numbers go where the old ones were, or if another
        tensor has that now, where nobody has any."""
        graph = self.graph
        ends = [r for r in self._rebound.values() if self._now(r[0].array) is not self._now(r[1])]
        for tensor, first, _ in ends:
            spec = Spec(first.shape, first.dtype)
            if tensor.spec != spec:
                raise _not_followed(f"{tensor.spec} for the data of {spec}", "Do that before the call.")
        # An argument is another tensor in each call: it keeps its memory, and gets the numbers.
        places = [
            old if isinstance(first, Placeholder) else self._values.get(id(t.array)) for t, first, old in ends
        ]
        free = [old for _, _, old in ends if all(old is not p for p in places)]
        numbers = {id(v): i for i, v in enumerate(graph.inputs)}
        placed: dict[int, Value] = {}
        for (tensor, first, old), place in zip(ends, places, strict=True):
            new = self.value_of(tensor)
            if place is None and id(new) in placed:
                place = placed[id(new)]
            elif place is None or isinstance(first, Placeholder):
                if place is None:
                    fits = [v for v in free if v is old] or [v for v in free if v.spec == old.spec]
                    if not fits:
                        got = "new data of a tensor whose memory another has now"
                        raise _not_followed(got, "Use copy_() in the place of .data =.")
                    place = fits[0]
                    free = [v for v in free if v is not place]
                    placed[id(new)] = place
                graph.updates.append((place, new))
                self._first_write[id(place)] = len(graph.nodes) + 1
            if place is not old:
                self.rebound.append((tensor, numbers[id(place)]))

    def _first_array(self, tensor: Tensor) -> Any:
        """The array that a tensor had before the function wrote it, or gave it another."""
        found = self._rebound.get(id(tensor)) or self._written.get(id(tensor))
        return tensor.array if found is None else found[1]

    def _late(self) -> set[tuple[int, int]]:
        """Pairs of inputs (i, j): i is read, or returned, after j was written."""
        graph = self.graph
        last = {**self._last_read, **{id(v): len(graph.nodes) for v in graph.outputs}}
        reads = [last.get(id(v), -1) for v in graph.inputs]
        targets = {id(t) for t, _ in graph.updates}
        first = {j: self._first_write[id(t)] for j, t in enumerate(graph.inputs) if id(t) in targets}
        return {(i, j) for j, write in first.items() for i, at in enumerate(reads) if i != j and at >= write}

    def written(self) -> set[int]:
        """The ids of tensors that the function writes in place, or gives other data."""
        return {id(t) for t, _, _ in (*self._written.values(), *self._rebound.values(), *self._let_go)}

    def restore(self) -> None:
        """Give every argument that was written its own array back."""
        for tensor, array, _ in self._written.values():
            if isinstance(tensor.array, Placeholder):
                tensor.array = array
        for tensor, array, _ in self._rebound.values():
            tensor.array = array
        for tensor, node in self._nodes:
            tensor.node = node

    def forget(self) -> None:
        """Let go of all placeholders."""
        self._keep.clear()
        self._stand_ins.clear()
        self._replaced.clear()
        self._written.clear()
        self._rebound.clear()
        self._let_go.clear()
        self._nodes.clear()
        self.gradients.forget()


def _splits(shape: Sequence[int], new: Sequence[int]) -> bool:
    """Whether a new shape keeps each axis or cuts it into several, so that any layout allows a view."""
    sizes = [n for n in new if n != 1]
    for size in (n for n in shape if n != 1):
        while sizes and size % sizes[0] == 0 and size > 1:
            size //= sizes.pop(0)
        if size > 1:
            return False
    return not sizes


def _same_history(now: Any, before: Any) -> bool:
    """Whether a tensor ends as it began: as a leaf still, if its `requires_grad` was switched."""
    return now is before or all(node is None or node.is_leaf for node in (now, before))


def _not_followed(got: str, remedy: str) -> TraceError:
    expected = "views that surely share memory with what they look at"
    return TraceError(message("compile", f"{got}, at {user_line()}", expected, remedy))


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
        with undo, undo, undo:
            state.run, state.write, state.tracing = tracer.run, tracer.write, True
            state.rebind, state.copy = tracer.rebind, tracer.copy
            state.look, state.grads = tracer.look, tracer.gradients
            state.shares, state.owns, state.hooked = tracer.shares, tracer.owns, tracer.hooked
            state.sought = tracer.sought
            state.body = tracer.body if tracer.loops and not tracer.whole else None
            result = function(*stand_ins)
            traced = _finish(tracer, result, stand_ins)
        del result, stand_ins
        _refuse_leaks(tracer)
    return traced


OWN = (
    "run", "write", "rebind", "tracing", "copy", "look", "shares", "owns", "grads", "grad_enabled",
    "backward_of", "body", "hooked", "sought", "changed",
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
    kept = [(key, g) for key, g in found.left if all(key is not t for t in used_up)]
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
    fresh, taken = _once([*(fresh if tracer.backward else []), *none]), _once(there)
    given = enumerate(zip(stand_ins, lifted, strict=False))
    asked = [(i, s.requires_grad) for i, (s, t) in given if s.requires_grad is not t.requires_grad]
    rebound = tracer.rebound
    return Traced(
        graph, lifted, holes(result), grads, fresh, taken, cleared, used_up, relies, looked_at, rebound, asked
    )


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
        first = alive[0]
        raise TraceError(
            message(
                "compile",
                f"a function that keeps a tensor of shape {first.shape}, made at {first.line}",
                "tensors made inside a compiled function to be returned, or written into ones made outside",
                "Return it, or make it before and use copy_(): a forward hook that stores its layer's output "
                "writes kept.copy_(output.detach()). Run once what makes state in its first run.",
            )
        )
