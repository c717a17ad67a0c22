"""Tracing: run the user's function once on placeholders and write down what it does.

A placeholder takes the place of the *array* inside a Tensor, so autograd, layers and optimisers work on it
unaware, and forward pass, backward pass and update end up in one flat graph. Every concrete Tensor that is met
is lifted to an input of the program, to be read afresh at each call; Python numbers freeze.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.graph import Graph, Node, Value, used, verify
from rushlight.compile.results import holes, tensors_of
from rushlight.core.anomaly import user_line
from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor, base_of, wrap
from rushlight.device import xp
from rushlight.errors import NotSupportedError, message

__all__ = ["GradOf", "Placeholder", "Trace", "TraceError", "Traced", "trace"]


class TraceError(NotSupportedError):
    """Something in the traced function needs numbers that are not there yet."""


REMEDIES = {
    "nonzero": "How many elements a mask names is not known yet: use rl.where(mask, a, b) or x.masked_fill(mask, 0).",
    "item": "Return the tensor and look at it outside; what a tensor holds may be used as a tensor.",
}
LOOK = "Return the tensor and look at it outside, or use rl.where in place of `if`."


class Placeholder:
    """An array without numbers: shape, dtype, and the Value that it stands for in the graph.

    view   whether it is part of another one, or another look at it.
    line   where the user's program made it.
    """

    __slots__ = ("__weakref__", "dtype", "line", "shape", "value", "view")

    base = None

    def __init__(self, value: Value, view: bool = False, line: str = "") -> None:
        self.value = value
        self.shape = value.spec.shape
        self.dtype = value.spec.dtype
        self.view = view
        self.line = line

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.value.spec.size

    @property
    def flags(self) -> Any:
        return _Contiguous if not self.view else _Strided

    def _refuse(self, what: str) -> TraceError:
        return TraceError(
            message(
                what,
                f"a tensor of shape {self.shape} inside a compiled function, at {user_line()}",
                "an operation on tensors: the numbers exist only when the compiled program runs",
                REMEDIES.get(what, LOOK),
            )
        )

    def __getattr__(self, name: str) -> Any:
        raise self._refuse(name)

    def __bool__(self) -> bool:
        raise self._refuse("bool")

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise self._refuse("numpy")


class _Contiguous:
    c_contiguous = True


class _Strided:
    c_contiguous = False


class GradOf:
    """In the list of lifted tensors: whatever is the parameter's gradient at the time."""

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = parameter
        self._written = 0

    @property
    def array(self) -> Any:
        return self.parameter.grad.array  # type: ignore[union-attr]


@dataclass(slots=True)
class Traced:
    """One run of a function on placeholders.

    lifted   the tensors that are the graph's inputs; the first are the arguments.
    result   what the function returned, with a Hole for each tensor.
    grads    what the graph's last outputs are the gradients of: a tensor, or the number of an argument.
    fresh    parameters whose gradients the function takes to be None when it begins.
    """

    graph: Graph
    lifted: list[Any]
    result: Any
    grads: list[Tensor | int]
    fresh: list[Tensor]


class Trace:
    """What is known while a function is being traced."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.lifted: list[Any] = []
        self.backward = False
        self.made: list[weakref.ref[Placeholder]] = []
        self._values: dict[int, Value] = {}
        self._written: dict[int, tuple[Tensor, Any]] = {}
        self._keep: list[Any] = []

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """In the place of NumPy: append a node for `op` and give its placeholder."""
        if not inputs and op.name != "full":
            # Numbers that depend on nothing: made once, while tracing, and read like a lifted tensor.
            return self._placeholder(self.lift(wrap(xp.asarray(op.formula(xp, **attrs)))))
        self.backward = self.backward or state.backward_of is not None
        if op.decompose is not None:
            with no_grad():
                return op.decompose(*[_plain(t) for t in inputs], **attrs).array
        values = [self.value_of(t) if isinstance(t, Tensor) else t for t in inputs]
        spec = op.infer(*[v.spec if isinstance(v, Value) else v for v in values], **attrs)
        out = Value(spec, f"%{len(self.graph.nodes)}")
        self.graph.nodes.append(Node(op, tuple(values), dict(attrs), out))
        return self._placeholder(out, op.view)

    def _placeholder(self, value: Value, view: bool = False) -> Placeholder:
        made = Placeholder(value, view, user_line())
        self.made.append(weakref.ref(made))
        return made

    def stand_in(self, tensor: Tensor) -> Tensor:
        """What the function gets in the place of an argument."""
        found = wrap(self._placeholder(self.lift(tensor)))
        if tensor.requires_grad:
            found.requires_grad_()
            found.grad = tensor.grad
        return found

    def value_of(self, tensor: Tensor) -> Value:
        """The Value behind a tensor; a concrete one becomes an input of the program."""
        array = tensor.array
        if isinstance(array, Placeholder):
            return array.value
        value = self._values.get(id(array))
        if value is None:
            base = base_of(tensor)
            value = self.lift(base if base.array is array else tensor)
        return value

    def lift(self, tensor: Tensor) -> Value:
        """Make a concrete tensor an input of the program."""
        array = tensor.array
        value = Value(Spec(array.shape, array.dtype), f"%in{len(self.lifted)}")
        self.graph.inputs.append(value)
        self.lifted.append(tensor)
        self._values[id(array)] = value
        return value

    def write(self, target: Tensor, array: Any) -> None:
        """An in-place update: from here on the target stands for the new value."""
        base = base_of(target)
        same = base.array is target.array
        if not same and isinstance(target.array, Placeholder) and id(target) not in self._written:
            raise TraceError(
                message(
                    "in-place update",
                    f"a view made inside a compiled function, at {user_line()}",
                    "a whole tensor",
                    "Index the tensor itself: x[i] = ...",
                )
            )
        for tensor in {id(t): t for t in ((base, target) if same else (target,))}.values():
            if not isinstance(tensor.array, Placeholder):
                self.value_of(tensor)
                self._written[id(tensor)] = (tensor, tensor.array)
            tensor.array = (
                array if isinstance(array, Placeholder) else self._placeholder(self.value_of(wrap(array)))
            )
        self._keep.append(array)

    def finish(self, outputs: Sequence[Tensor]) -> Graph:
        """The graph of all that was traced: what the outputs and the updates need of it."""
        graph = self.graph
        graph.outputs = [self.value_of(t) for t in outputs]
        for tensor, array in self._written.values():
            old, new = self._values[id(array)], self.value_of(tensor)
            if new is not old and all(t is not old for t, _ in graph.updates):
                graph.updates.append((old, new))
        self._refuse_overlaps()
        graph.nodes = list(used(graph))
        return verify(graph)

    def _refuse_overlaps(self) -> None:
        """Inputs are read and written one by one, so one that is written may share its memory with no other."""
        arrays = [self._written[id(t)][1] if id(t) in self._written else t.array for t in self.lifted]
        written = {id(target) for target, _ in self.graph.updates}
        for value, array in zip(self.graph.inputs, arrays, strict=True):
            if id(value) in written and any(a is not array and xp.may_share_memory(a, array) for a in arrays):
                raise TraceError(
                    message(
                        "compile",
                        f"a tensor of shape {array.shape} that is updated and shares memory with another one used",
                        "memory of its own",
                        "clone() one of them.",
                    )
                )

    def written(self) -> set[int]:
        """The ids of tensors that the function writes in place."""
        return set(self._written)

    def restore(self) -> None:
        """Give every tensor that was written its own array back."""
        for tensor, array in self._written.values():
            tensor.array = array

    def forget(self) -> None:
        """Let go of all placeholders."""
        self._keep.clear()
        self._written.clear()


def _plain(value: Any) -> Any:
    """A tensor without history: what an op's decomposition works on."""
    return value.detach() if isinstance(value, Tensor) and value.node is not None else value


def trace(
    function: Callable[..., Any], arguments: Sequence[Tensor], grads: dict[int, Tensor | None] | None = None
) -> Traced:
    """One run of `function` on placeholders, as a graph.

    grads  the gradients that parameters, by id, had before; those of lifted tensors are looked up there.

    Whatever happens, tensors are afterwards as they were before. Raises TraceError where the function needs
    numbers, and where it keeps a tensor that only stands for one.
    """
    tracer = Trace()
    before = state.run, state.write, state.tracing
    stand_ins = [tracer.stand_in(t) for t in arguments]
    state.run, state.write, state.tracing = tracer.run, tracer.write, True
    try:
        result = function(*stand_ins)
        traced = _finish(tracer, result, stand_ins, grads or {})
    finally:
        state.run, state.write, state.tracing = before
        tracer.restore()
        for t in tracer.lifted:
            if isinstance(t, Tensor) and t.grad is not None and isinstance(t.grad.array, Placeholder):
                t.grad = None
    del result, stand_ins
    _refuse_leaks(tracer)
    return traced


def _finish(tracer: Trace, result: Any, stand_ins: list[Tensor], before: dict[int, Tensor | None]) -> Traced:
    """The graph, with the gradients that the function leaves behind among its outputs."""
    count = len(stand_ins)
    leaves: list[tuple[Tensor | int, Tensor]] = [
        *enumerate(stand_ins),
        *[(t, t) for t in tracer.lifted[count:]],
    ]
    written = tracer.written()
    left = [(key, t.grad) for key, t in leaves if t.grad is not None and isinstance(t.grad.array, Placeholder)]
    # A parameter that the function updates has had the good of its gradient.
    left = [(key, g) for key, g in left if isinstance(key, int) or id(key) not in written]
    outputs = [*tensors_of(result), *[g for _, g in left]]
    graph = tracer.finish(outputs)
    lifted, fresh = _lifted_gradients(tracer, stand_ins, before)
    return Traced(graph, lifted, holes(result), [key for key, _ in left], fresh)


def _lifted_gradients(
    tracer: Trace, stand_ins: list[Tensor], before: dict[int, Tensor | None]
) -> tuple[list[Any], list[Tensor]]:
    """The lifted tensors, gradients among them to be found through their parameters; and the parameters whose
    gradients were None."""
    count = len(stand_ins)
    kept = {id(t.grad): t for t in stand_ins if t.grad is not None}
    for t in tracer.lifted[count:]:
        if id(t) in kept:
            raise TraceError(
                message(
                    "backward",
                    "an argument that has a gradient already",
                    "gradients of arguments to be new",
                    "Set x.grad = None before the call.",
                )
            )
    owners = {id(before[id(t)]): t for t in tracer.lifted[count:] if before.get(id(t)) is not None}
    lifted = [GradOf(owners[id(t)]) if id(t) in owners else t for t in tracer.lifted]
    if not tracer.backward:
        return lifted, []
    fresh = [t for t in tracer.lifted[count:] if t.requires_grad and t.is_leaf and before.get(id(t)) is None]
    return lifted, fresh


def _refuse_leaks(tracer: Trace) -> None:
    """Nobody may keep a placeholder: it would be met later as a tensor without numbers."""
    tracer.forget()
    if not any(ref() is not None for ref in tracer.made):
        return
    gc.collect()
    alive = [p for ref in tracer.made if (p := ref()) is not None]
    if alive:
        first = alive[0]
        raise TraceError(
            message(
                "compile",
                f"a function that keeps a tensor of shape {first.shape}, made at {first.line}",
                "tensors made inside a compiled function to be returned, or written into ones made outside",
                "Return it, or make it before and use copy_().",
            )
        )
