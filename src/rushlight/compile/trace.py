"""Tracing: run the user's function once on placeholders and write down what it does.

A placeholder takes the place of the *array* inside a Tensor, so autograd, layers and optimisers work on it
unaware, and forward pass, backward pass and update end up in one flat graph. Every concrete Tensor that is met
is lifted to an input of the program, to be read afresh at each call; Python numbers freeze.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.graph import Graph, Node, Value, used, verify
from rushlight.core.anomaly import user_line
from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor, base_of, wrap
from rushlight.device import xp
from rushlight.errors import NotSupportedError, message

__all__ = ["Placeholder", "TraceError", "Trace", "trace"]


class TraceError(NotSupportedError):
    """Something in the traced function needs numbers that are not there yet."""


class Placeholder:
    """An array without numbers: shape, dtype, and the Value that it stands for in the graph."""

    __slots__ = ("__weakref__", "dtype", "shape", "value")

    base = None

    def __init__(self, value: Value) -> None:
        self.value = value
        self.shape = value.spec.shape
        self.dtype = value.spec.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.value.spec.size

    def _refuse(self, what: str) -> TraceError:
        return TraceError(
            message(
                what,
                f"a tensor of shape {self.shape} inside a compiled function, at {user_line()}",
                "an operation on tensors: the numbers exist only when the compiled program runs",
                "Return the tensor and look at it outside, or use rl.where in place of `if`.",
            )
        )

    def __getattr__(self, name: str) -> Any:
        raise self._refuse(name)

    def __bool__(self) -> bool:
        raise self._refuse("bool")

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise self._refuse("numpy")


class Trace:
    """What is known while a function is being traced."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.lifted: list[Tensor] = []
        self._values: dict[int, Value] = {}
        self._written: dict[int, tuple[Tensor, Any]] = {}
        self._keep: list[Any] = []

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """In the place of NumPy: append a node for `op` and give its placeholder."""
        if op.decompose is not None:
            with no_grad():
                return op.decompose(*[_plain(t) for t in inputs], **attrs).array
        values = [self.value_of(t) if isinstance(t, Tensor) else t for t in inputs]
        spec = op.infer(*[v.spec if isinstance(v, Value) else v for v in values], **attrs)
        out = Value(spec, f"%{len(self.graph.nodes)}")
        self.graph.nodes.append(Node(op, tuple(values), dict(attrs), out))
        return Placeholder(out)

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
                array if isinstance(array, Placeholder) else Placeholder(self.value_of(wrap(array)))
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

    def restore(self) -> None:
        """Give every tensor that was written its own array back."""
        for tensor, array in self._written.values():
            tensor.array = array


def _plain(value: Any) -> Any:
    """A tensor without history: what an op's decomposition works on."""
    return value.detach() if isinstance(value, Tensor) and value.node is not None else value


def trace(function: Callable[..., Any], arguments: Sequence[Tensor]) -> tuple[Graph, list[Tensor], Any]:
    """(graph, lifted tensors, the function's result) of one run on placeholders.

    The first inputs of the graph are the arguments. Whatever happens, tensors and gradients are afterwards as
    they were before.
    """
    tracer = Trace()
    stand_ins = []
    for t in arguments:
        value = tracer.lift(t)
        stand_in = wrap(Placeholder(value))
        stand_ins.append(stand_in.requires_grad_() if t.requires_grad else stand_in)
    before = state.run, state.write, state.tracing
    state.run, state.write, state.tracing = tracer.run, tracer.write, True
    grads: list[tuple[Tensor, Any]] = []
    try:
        result = function(*stand_ins)
        outputs = [t for t in _leaves(result)]
        graph = tracer.finish(outputs)
    finally:
        state.run, state.write, state.tracing = before
        tracer.restore()
        for t in tracer.lifted:
            if t.grad is not None and isinstance(t.grad.array, Placeholder):
                grads.append((t, t.grad))
                t.grad = None
    return graph, tracer.lifted, result


def _leaves(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        return [t for v in result.values() for t in _leaves(v)]
    if isinstance(result, (tuple, list)):
        return [t for v in result for t in _leaves(v)]
    return []
