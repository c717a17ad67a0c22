"""Part of a function that is being traced as a graph of its own: the body of a loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from rushlight.compile.capture.makes import same
from rushlight.compile.capture.placeholder import Placeholder, TraceError
from rushlight.compile.capture.snapshot import Snapshot
from rushlight.compile.capture.trace import Trace, Traced, rounded_once, trace
from rushlight.compile.capture.visible import Scope, look
from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.atomic import struck
from rushlight.core.autocast import within as cast_within
from rushlight.core.graph import Node as Recorded
from rushlight.core.lower import Loop, Result
from rushlight.core.op import REGISTRY, Op
from rushlight.core.spec import Spec
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, base_of, clock, wrap
from rushlight.errors import message

__all__ = ["within"]


def within(
    around: Trace, function: Callable[..., Any], specs: Sequence[Spec], user: Any = None
) -> tuple[Graph, list[Tensor]] | None:
    """A function of tensors that gives tensors, as a graph, and the tensors that it reads from elsewhere,
    which are the last of the graph's inputs. None where it changes anything, or cannot be followed: then all
    is as it was, and who asks runs it again.

    around  the trace that the graph will be part of.
    user    what of the function the user wrote: what that can read must be the same afterwards.
    """
    inner, before = _Within(), look(user)
    if before.opaque:  # it may count the rounds
        return None
    snapshot = Snapshot(before)

    def whole(*given: Tensor) -> Sequence[Tensor]:
        results: Sequence[Tensor] = function(*given)
        inner.cut = inner.cut or not all(map(inner.is_whole, results))
        return results

    refused = [] if state.refused is None else state.refused
    count = len(refused)
    examples = [wrap(Placeholder(Value(spec, "example"))) for spec in specs]
    try:
        traced = trace(whole, examples, tracer=inner)
        fits = inner.fits(traced) and _unchanged(before, look(user))
    except Exception as error:
        if struck(error):
            raise
        fits = False  # what is wrong with the function shows when its rounds are written down
    if not fits:
        del refused[count:]
        snapshot.restore()
        return None
    for tensor in traced.looked_at:
        around.look(tensor, "item")
    return traced.graph, traced.lifted[len(specs) :]


def _unchanged(before: Scope, after: Scope) -> bool:
    """Whether all that a function can read is what it was: else each round would do something else."""
    return all(same(before.places.get(key, now), now) for key, now in after.places.items())


class _Within(Trace):
    """What stands for tensors in the trace around this one is outside, like an array.

    A loop's derivative follows its graph, and autograd follows the histories of tensors. Where these differ
    there is to be no loop: after `detach` and `no_grad`, in functions with derivatives of their own, and
    where somebody waits for gradients. Only while histories are recorded.

    cut  whether something of that kind was met.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cut = False
        self._watches = state.grad_enabled
        self._begun = next(clock)
        self._mine: set[int] = set()
        self._given: set[Any] = set()
        self._tracked: dict[int, Any] = {}
        """The Values with a history: None, or the node of an input."""
        self._looped: set[int] = set()
        """Values that come of loops in the body, with a history that only their results get."""
        self._outside: dict[tuple[int, int], Value] = {}

    def fits(self, traced: Traced) -> bool:
        """Whether what was traced can be a loop's body."""
        nodes = [t.node for t in traced.lifted if isinstance(t, Tensor) and t.node is not None]
        hooked = self.backward and any(node.hooks for node in nodes)
        changes = self.cut or hooked or traced.graph.updates or traced.grads or traced.cleared
        return not changes and all(isinstance(t, Tensor) for t in traced.lifted)

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        made = super().run(op, inputs, attrs)
        if not self._watches:
            return made
        tensors = [t for t in inputs if isinstance(t, Tensor)]
        looped = [id(self.value_of(t)) in self._looped for t in tensors]
        if isinstance(op.lower, Loop):
            if any(t.node is not None for t in tensors) or any(looped):
                self._looped.add(id(made.value))
        elif isinstance(op.lower, Result):
            if any(looped):
                self._looped.add(id(made.value))
        elif made.dtype.kind == "f":
            tensors = [t for t in tensors if t.dtype.kind == "f"]
            self.cut = self.cut or not all(map(self.is_whole, tensors))
            if op.vjp is not None and any(t.node is not None for t in tensors):
                self._tracked.setdefault(id(made.value))
            elif any(looped):
                self._looped.add(id(made.value))
        return made

    def is_whole(self, tensor: Tensor) -> bool:
        """Whether a tensor has the history that its value has."""
        node, value = tensor.node, id(self.value_of(tensor))
        if node is not None and not node.required:
            node = None  # data that a module was given
        if not self._watches:
            return node is None
        if value in self._looped:
            return not state.grad_enabled or node is not None
        if value not in self._tracked:
            return node is None or not state.grad_enabled
        if not state.grad_enabled or node is None:
            return False
        known = self._tracked[value]
        if known is not None:
            return node is known
        return isinstance(node, Recorded) and REGISTRY.get(node.op.name) is node.op

    def parts(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor | None:
        assert op.decompose is not None
        with cast_within(None):
            return op.decompose(*inputs, **attrs)

    def in_float32(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor:
        with cast_within(None):
            return rounded_once(op, inputs, attrs)

    def stand_in(self, tensor: Tensor) -> Tensor:
        found = super().stand_in(tensor)
        if self._watches and found.dtype.kind == "f":
            found.requires_grad_()
            self._tracked[id(found.array.value)] = found.node
            self._given.add(found.node)
        return found

    def stands_for_a_value(self, array: Any) -> bool:
        return isinstance(array, Placeholder) and id(array.value) in self._mine

    def value_outside(self, tensor: Tensor, array: Any) -> Value:
        """One input for each history that an array is met with."""
        node = tensor.node
        if node is not None and not node.required:
            tensor, node = tensor.detach(), None
        if getattr(node, "seq", 0) > self._begun:
            self._refuse("a history that the body made for a tensor from outside")
        key = id(array), id(node)
        if key not in self._outside:
            self._outside[key] = self.lift(tensor)
            if node is not None:
                self._tracked[id(self._outside[key])] = node
        return self._outside[key]

    def refuse_outside(self, target: Tensor) -> None:
        base = base_of(target).array
        if not self.stands_for_a_value(base) or any(base.value is v for v in self.graph.inputs):
            self._refuse("an update of what the body did not make")

    def hooked(self) -> None:
        self._refuse("a hook")

    def sought(self, roots: Sequence[Any], targets: Collection[Any]) -> None:
        """What the body was given may have come of the targets; its history is not there to be followed."""
        if all(node.seq > self._begun for node in targets):
            return
        todo, seen = list(roots), set(targets)
        while todo:
            node = todo.pop()
            if node in self._given:
                self._refuse("a gradient through what the body was given")
            if node not in seen:
                seen.add(node)
                todo += [p for p in node.parents if p is not None]

    def _refuse(self, got: str) -> NoReturn:
        self.cut = True  # the body may go on
        raise TraceError(message("loop", got, "a body that does the same in every round"))

    def check_overlaps(self, arrays: Sequence[Any]) -> None:
        """What writes outside is no part of a loop."""

    def _placeholder(self, value: Value, origin: tuple[Node, Any] | None = None) -> Placeholder:
        self._mine.add(id(value))
        return super()._placeholder(value, origin)
