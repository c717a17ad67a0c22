"""Part of a function that is being traced as a graph of its own: the body of a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.capture.placeholder import Placeholder, TraceError
from rushlight.compile.capture.trace import Trace, trace
from rushlight.compile.graph import Graph, Node, Value
from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, wrap

__all__ = ["within"]


def within(
    around: Trace, function: Callable[..., Any], specs: Sequence[Spec]
) -> tuple[Graph, list[Tensor]] | None:
    """A function of tensors that gives tensors, as a graph, and the tensors that it reads from elsewhere,
    which are the last of the graph's inputs. None where it changes anything, or cannot be followed.

    around  the trace that the graph will be part of.
    """
    inner = _Within()

    def whole(*given: Tensor) -> Sequence[Tensor]:
        results: Sequence[Tensor] = function(*given)
        inner.cut = inner.cut or not all(map(inner.is_whole, results))
        return results

    examples = [wrap(Placeholder(Value(spec, "example"))) for spec in specs]
    try:
        traced = trace(whole, examples, tracer=inner)
    except TraceError:
        return None
    besides = traced.lifted[len(specs) :]
    changes = inner.cut or traced.graph.updates or traced.grads or traced.cleared
    if changes or not all(isinstance(t, Tensor) for t in besides):
        return None
    for tensor in traced.looked_at:
        around.look(tensor, "item")
    return traced.graph, besides


class _Within(Trace):
    """What stands for tensors in the trace around this one is outside, like an array.

    cut  whether something with a history was used without it, for floats: `detach` and `no_grad` leave no
         other trace in a graph, and its derivative would be another. Only where that is being recorded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cut = False
        self._watches = state.grad_enabled
        self._mine: set[int] = set()
        self._tracked: set[int] = set()
        self._outside: dict[tuple[int, int], Value] = {}

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        made = super().run(op, inputs, attrs)
        if self._watches and made.dtype.kind == "f":
            tensors = [t for t in inputs if isinstance(t, Tensor) and t.dtype.kind == "f"]
            self.cut = self.cut or not all(map(self.is_whole, tensors))
            if op.vjp is not None and any(t.node is not None for t in tensors):
                self._tracked.add(id(made.value))
        return made

    def is_whole(self, tensor: Tensor) -> bool:
        """Whether a tensor has the history that its value has."""
        if not self._watches or id(self.value_of(tensor)) not in self._tracked:
            return True
        return state.grad_enabled and tensor.node is not None

    def parts(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor | None:
        assert op.decompose is not None
        return op.decompose(*inputs, **attrs)

    def stand_in(self, tensor: Tensor) -> Tensor:
        found = super().stand_in(tensor)
        if self._watches and found.dtype.kind == "f":
            self._tracked.add(id(found.array.value))
            found.requires_grad_()
        return found

    def stands_for_a_value(self, array: Any) -> bool:
        return isinstance(array, Placeholder) and id(array.value) in self._mine

    def value_outside(self, tensor: Tensor, array: Any) -> Value:
        """One input for each history that an array is met with."""
        key = id(array), id(tensor.node)
        if key not in self._outside:
            self._outside[key] = self.lift(tensor)
            if tensor.node is not None:
                self._tracked.add(id(self._outside[key]))
        return self._outside[key]

    def check_overlaps(self, arrays: Sequence[Any]) -> None:
        """What writes outside is no part of a loop."""

    def _placeholder(self, value: Value, origin: tuple[Node, Any] | None = None) -> Placeholder:
        self._mine.add(id(value))
        return super()._placeholder(value, origin)
