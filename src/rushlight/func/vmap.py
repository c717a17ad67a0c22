"""A function of one example, for many at once.

The function runs once, on placeholders of one example, and what it did is then done to all examples by the
rules of `batching`: gradients taken inside, views and in-place updates are part of that. The result has a
history as if the function had been written for many examples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.capture.placeholder import Placeholder
from rushlight.compile.capture.trace import Trace, TraceError, trace
from rushlight.compile.graph import Node, Value
from rushlight.core.lower import Draw
from rushlight.core.op import Op
from rushlight.core.spec import normalize_axis
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor, base_of
from rushlight.device import xp
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.func.batching import Operand, run
from rushlight.func.tree import leaves, rebuilt, spread
from rushlight.ops.join import cat

__all__ = ["vmap"]

RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that takes many examples where `func` takes one, and gives their results side by side.

    in_dims     the axis of the examples in each argument, or in each part of it; None: the same for all.
    out_dims    the axis that they get in each result.
    randomness  random numbers inside: an "error", "different" ones for each example, or the "same".
    chunk_size  how many examples are computed at a time; all at once by default.

    The function must compute the same for each example, in tensors: no ``if`` on values, no ``item()``. It
    may take gradients itself (`grad`), and may be a `vmap` in turn. Raises ShapeError for arguments with
    different numbers of examples.

    >>> import rushlight as rl
    >>> dot = rl.func.vmap(lambda a, b: (a * b).sum())
    >>> dot(rl.ones(2, 3), rl.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).tolist()
    [6.0, 15.0]
    """
    if randomness not in RANDOMNESS:
        raise ArgumentError(message("vmap", f"randomness={randomness!r}", "'error', 'different' or 'same'"))

    @functools.wraps(func, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        flat = leaves(args)
        dims = _dims(in_dims, args, flat)
        examples = [t.movedim(d, 0) if d is not None else t for t, d in zip(flat, dims, strict=True)]
        many = [d is not None for d in dims]
        size = _size(examples, many)
        call = _Call(func, args, kwargs, many, randomness)
        step = size if chunk_size is None else chunk_size
        if step >= size:
            return call.result(call(examples, size), out_dims, size)
        pieces = [
            call(
                [t[i : i + step] if m else t for t, m in zip(examples, many, strict=True)],
                min(step, size - i),
            )
            for i in range(0, size, step)
        ]
        whole = [
            (cat([_spread(p, step) for p, step in column]), True) for column in _columns(pieces, size, step)
        ]
        return call.result(whole, out_dims, size)

    return batched


def _columns(pieces: list[list[Operand]], size: int, step: int) -> list[list[tuple[Operand, int]]]:
    """Of each result its pieces, with how many examples each has."""
    counts = [min(step, size - i) for i in range(0, size, step)]
    return [list(zip(column, counts, strict=True)) for column in zip(*pieces, strict=True)]


def _spread(found: Operand, size: int) -> Tensor:
    tensor, many = found
    return tensor if many else tensor.expand(size, *tensor.shape)


def _dims(in_dims: Any, args: tuple[Any, ...], flat: list[Any]) -> list[int | None]:
    given = in_dims if in_dims is None or isinstance(in_dims, int) else tuple(in_dims)
    dims = spread("vmap", given, args)
    for i, (d, t) in enumerate(zip(dims, flat, strict=True)):
        if d is None:
            continue
        if not isinstance(t, Tensor):
            got = f"in_dims={in_dims!r} for a {type(t).__name__}"
            raise ArgumentError(message("vmap", got, "tensors", "Give it None in in_dims."))
        if not t.ndim:
            raise ShapeError(
                message("vmap", "a tensor without axes", "an axis of examples", "Use in_dims=None.")
            )
        dims[i] = normalize_axis("vmap", d, t.ndim)
    return dims


def _size(examples: list[Any], many: list[bool]) -> int:
    sizes = {t.shape[0] for t, m in zip(examples, many, strict=True) if m}
    if len(sizes) != 1:
        got = f"arguments of {' and '.join(map(str, sorted(sizes)))} examples" if sizes else "no examples"
        raise ShapeError(message("vmap", got, "equally many in each argument", "Look at in_dims."))
    size = sizes.pop()
    if not size:
        raise ShapeError(message("vmap", "an axis of 0 examples", "at least one"))
    return size


class _Call:
    """One call: the function, and what is known of its arguments and of what it returned."""

    def __init__(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        many: list[bool],
        randomness: str,
    ) -> None:
        self._func, self._args, self._kwargs, self._many = func, args, kwargs, many
        self._randomness = randomness
        self._returned: Any = None
        self._detached: list[bool] = []

    def __call__(self, examples: list[Any], size: int) -> list[Operand]:
        """The results of so many examples, in order."""
        given = [t for t, m in zip(examples, self._many, strict=True) if m]
        recorder = _Recorder()
        traced = trace(lambda *ones: self._once(ones, examples), [t[0] for t in given], tracer=recorder)
        values: dict[int, Operand] = {}
        for i, (value, tensor) in enumerate(zip(traced.graph.inputs, traced.lifted, strict=True)):
            values[id(value)] = (given[i], True) if i < len(given) else (tensor, False)
        for node in traced.graph.nodes:
            values[id(node.out)] = self._node(node, recorder.tracked[id(node)], values, size)
        with no_grad():
            for target, value in traced.graph.updates:
                self._update(values[id(target)], values[id(value)], size)
        found = [values[id(v)] for v in traced.graph.outputs[: len(self._detached)]]
        return [(t.detach() if cut else t, m) for (t, m), cut in zip(found, self._detached, strict=True)]

    def _once(self, ones: tuple[Tensor, ...], examples: list[Any]) -> list[Tensor]:
        """The function on one example; what it returns, flat."""
        new = iter(ones)
        flat = [next(new) if m else t for t, m in zip(examples, self._many, strict=True)]
        returned = self._func(*rebuilt(self._args, iter(flat)), **self._kwargs)
        results = leaves(returned)
        for t in results:
            if not isinstance(t, Tensor):
                raise ArgumentError(
                    message("vmap", f"a function that returns a {type(t).__name__}", "tensors")
                )
        self._detached = [not _is_tracked(t) for t in results]
        self._returned = rebuilt(returned, iter([None] * len(results)))
        return results

    def _node(self, node: Node, tracked: Sequence[bool], values: dict[int, Operand], size: int) -> Operand:
        operands = []
        for given, keeps in zip(node.inputs, tracked, strict=True):
            t, m = values[id(given)] if isinstance(given, Value) else (given, False)
            operands.append((t if keeps or not isinstance(t, Tensor) or t.node is None else t.detach(), m))
        if isinstance(node.op.lower, Draw):
            return self._draw(node.op, operands, node.attrs, size)
        return run(node.op, operands, node.attrs, size)

    def _draw(self, op: Op, operands: list[Operand], attrs: dict[str, Any], size: int) -> Operand:
        if self._randomness == "error":
            remedy = "Pass randomness='different' or 'same'."
            raise NotSupportedError(message("vmap", "random numbers in the function", "none", remedy))
        if self._randomness == "same":
            return run(op, operands, attrs, size)
        more = {name: n * size for name, n in attrs.items()}
        (words, _) = run(op, operands, more, size)
        moves = getattr(op.lower, "moves", False)
        return (words, False) if moves else (words.reshape(size, -1), True)

    def _update(self, target: Operand, value: Operand, size: int) -> None:
        if value[1] and not target[1]:
            got = "an in-place update, by something that each example has, of a tensor that they share"
            raise ShapeError(message("vmap", got, "an out-of-place operation"))
        target[0].copy_(_spread(value, size) if target[1] else value[0])

    def result(self, found: list[Operand], out_dims: Any, size: int) -> Any:
        """What the function returned, for many examples."""
        dims = spread("vmap", out_dims, self._returned)
        placed = [
            t if d is None else _spread((t, m), size).movedim(0, d)
            for (t, m), d in zip(found, dims, strict=True)
        ]
        return rebuilt(self._returned, iter(placed))


class _Recorder(Trace):
    """Also remembers of each operation which operands had a history: `detach` and `no_grad` leave no other
    trace in a graph. What stands for tensors in a trace around this one is outside, like an array."""

    loops = False

    def __init__(self) -> None:
        super().__init__()
        self.tracked: dict[int, list[bool]] = {}
        self._behind_view: bool | None = None
        self._mine: set[int] = set()
        self._outside: dict[tuple[int, int], Value] = {}

    def run(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        made = super().run(op, inputs, attrs)
        node = self.graph.nodes[-1] if self.graph.nodes else None
        if node is not None and node.op is op and id(node) not in self.tracked:
            self.tracked[id(node)] = (
                [state.grad_enabled and _is_tracked(t) for t in inputs]
                if self._behind_view is None
                else [self._behind_view] * len(inputs)
            )
        return made

    def _behind(self, view: Tensor, array: Any) -> tuple[Tensor, Any]:
        """What puts the view's new value in its place has the history of what it puts together."""
        self._behind_view = state.grad_enabled
        try:
            return super()._behind(view, array)
        finally:
            self._behind_view = None

    def parts(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Tensor | None:
        assert op.decompose is not None
        return op.decompose(*inputs, **attrs)

    def stands_for_a_value(self, array: Any) -> bool:
        return isinstance(array, Placeholder) and id(array.value) in self._mine

    def value_outside(self, tensor: Tensor, array: Any) -> Value:
        """One input for each history that an array is met with."""
        key = id(array), id(tensor.node) if _is_tracked(tensor) else 0
        if key not in self._outside:
            self._outside[key] = self.lift(tensor)
        return self._outside[key]

    def check_overlaps(self, arrays: Sequence[Any]) -> None:
        """Nothing from outside is written."""

    def refuse_outside(self, target: Tensor) -> None:
        base = base_of(target).array
        if not self.stands_for_a_value(base) and target.dtype != xp.uint64:  # that is a generator's state
            got = f"an in-place update of a tensor of shape {tuple(target.shape)} from outside the function"
            raise TraceError(message("vmap", got, "an update of one made inside", "clone() it first."))

    def _placeholder(self, value: Value, origin: Any = None) -> Placeholder:
        self._mine.add(id(value))
        return super()._placeholder(value, origin)


def _is_tracked(value: Any) -> bool:
    return isinstance(value, Tensor) and value.node is not None and value.node.required
