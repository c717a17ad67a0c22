"""User-defined operations: a forward and a backward of one's own (`autograd.Function`)."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.composite import Composite
from rushlight.core.graph import Node
from rushlight.core.op import REGISTRY, Op
from rushlight.core.spec import Spec, broadcast
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor, base_of, wrap
from rushlight.errors import DTypeError, GradError, ShapeError, message

__all__ = ["Function", "FunctionContext", "once_differentiable"]


class FunctionContext:
    """What `forward` leaves for `backward`; users may also set attributes of their own on it."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self._saved: tuple[tuple[Any, int], ...] = ()
        self._without_grad: tuple[int, ...] = ()
        self._dirty: tuple[int, ...] = ()
        self._filled = True
        self._in_graph: Callable[[Any], Any] = lambda t: t

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `backward`; an in-place write to one of them until then is an error there."""
        self._saved = tuple((t, 0 if t is None else base_of(t)._written) for t in tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept."""
        for t, written in self._saved:
            if t is not None and base_of(t)._written != written:
                raise GradError(
                    message(
                        "saved_tensors",
                        f"a saved tensor of shape {t.shape} that was overwritten in place since",
                        "its old values",
                        "Use the out-of-place operation.",
                    )
                )
        return tuple(self._in_graph(t) for t, _ in self._saved)

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The older name of `saved_tensors`."""
        return self.saved_tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these results have no gradient."""
        self._without_grad = tuple(id(t) for t in tensors)

    def mark_dirty(self, *args: Tensor) -> None:
        """Say that these arguments were written in place; each is to be a result, and is it itself."""
        self._dirty = tuple(id(t) for t in args)

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether `backward` gets zeros, or with False None, for results that no gradient came for."""
        self._filled = value


class Function:
    """An operation with a derivative of your own.

    Derive from it, write the static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`, and
    call it with `apply`. `forward` runs without recording; `backward` returns one gradient (or None) for each
    argument of `forward`. If `backward` is written in tensor operations, higher derivatives work too.

    >>> import rushlight as rl
    >>> class Cube(rl.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         (x,) = ctx.saved_tensors
    ...         return grad_output * 3 * x * x
    >>> x = rl.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; keep what `backward` needs on `ctx`."""
        raise DTypeError(message("Function", "a class without forward", "a static method forward(ctx, ...)"))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """One gradient for each argument of `forward`, from the gradients of its results."""
        raise DTypeError(
            message("Function", "a class without backward", "a static method backward(ctx, ...)")
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and record it."""
        inputs = [a if isinstance(a, Tensor) else None for a in args]
        for a in inputs:
            if isinstance(a, Composite) and a.requires_grad and state.grad_enabled:
                got = f"a {a.kind} tensor that requires grad"
                raise GradError(message(cls.__name__, got, "dense ones", "Give it the values."))
        ctx = FunctionContext(tuple(t is not None and t.node is not None for t in inputs))
        with no_grad():
            results = cls.forward(ctx, *args, **kwargs)
        single = isinstance(results, Tensor)
        made = [results] if single else list(results)
        outputs = [o if id(o) in ctx._dirty else _alias(o) for o in made]
        _check_dirty(cls.__name__, ctx, inputs, made)
        if state.grad_enabled and any(t is not None and t.node is not None for t in inputs):
            _record(cls, ctx, inputs, made, outputs)
        return outputs[0] if single else tuple(outputs)


def _check_dirty(name: str, ctx: FunctionContext, inputs: Sequence[Any], made: Sequence[Tensor]) -> None:
    """Refuse arguments marked as written that are none, or are no results, or whose history others share."""
    if not ctx._dirty:
        return
    for t in ctx._dirty:
        if all(id(a) != t for a in inputs) or all(id(o) != t for o in made):
            got = "a tensor marked as dirty that is not an argument and a result"
            raise GradError(message(name, got, "arguments that forward wrote and returns"))
    for a in inputs:
        if a is None or id(a) not in ctx._dirty or not state.grad_enabled:
            continue
        if (a.node is not None and a.is_leaf) or a._base is not None:
            got = "a leaf that requires grad" if a._base is None else "a view"
            remedy = "clone() it before, or use the out-of-place operation."
            raise GradError(
                message(name, f"{got}, written in place", "a tensor computed from others", remedy)
            )


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """For the `backward` of a Function: it is run without recording, and a derivative of what it gives
    raises GradError.

    >>> import rushlight as rl
    >>> class Double(rl.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @rl.autograd.function.once_differentiable
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = rl.ones(2, requires_grad=True)
    >>> rl.autograd.grad(Double.apply(x).sum(), x)[0]
    tensor([2., 2.])
    """

    @functools.wraps(fn)
    def backward(ctx: Any, *args: Any) -> Any:
        with no_grad():
            given = fn(ctx, *args)
        sources = [a for a in args if isinstance(a, Tensor) and a.node is not None]
        if not state.grad_enabled or not sources:
            return given
        listed = given if isinstance(given, tuple) else (given,)
        ended = tuple(_ended(t, sources) if isinstance(t, Tensor) else t for t in listed)
        return ended if isinstance(given, tuple) else ended[0]

    return backward


def _ended(tensor: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """The tensor with a history that ends in an error."""
    found = wrap(tensor.array)
    found.node = Node(_ENDS, list(sources), {}, found.array)
    return found


def _refuse_twice(g: Tensor, out: Any, *inputs: Any) -> Any:
    got = "a second derivative through a function marked as once_differentiable"
    raise GradError(
        message("backward", got, "a backward written in tensor operations", "Take the mark away.")
    )


_ENDS = Op("once_differentiable", lambda m, *arrays: None, lambda *s: s[0], _refuse_twice, saves="specs")


def _alias(tensor: Tensor) -> Tensor:
    """The result that the user gets: what `forward` gave may be an input, or be saved, and stays plain."""
    out = wrap(tensor.array)
    out._base = base_of(tensor)
    return out


def _record(
    cls: type[Function], ctx: FunctionContext, inputs: Sequence[Any], made: list[Any], outputs: list[Any]
) -> None:
    """One node for the function.

    Several results reach it through a node each: that node puts its gradient into `arrived` and sends a
    single zero on, so that the function's node runs once, after all of them.
    """
    specs = [o.spec for o in outputs]
    arrived: dict[int, Tensor] = {}
    several = len(outputs) > 1

    def vjp(g: Tensor, out: Any, *kept: Any) -> Sequence[Tensor | None]:
        grads: list[Tensor | None] = [g]
        if several:
            grads = [arrived.pop(i, None) for i in range(len(specs))]
        if ctx._filled:
            grads = [_zeros(s) if h is None else h for h, s in zip(grads, specs, strict=True)]
        return _call_backward(cls, ctx, grads, kept)

    op = Op(
        cls.__name__,
        lambda m, *arrays: None,
        lambda *s: specs[0],
        vjp,
        saves="specs",
        label=f"{cls.__name__}Backward",
    )
    pulse = _zeros(Spec((), specs[0].dtype)) if several else outputs[0]
    pulse.node = Node(op, [0 if t is None else t for t in inputs], {}, pulse.array)
    parts = [
        Node(_part(cls.__name__, i, arrived), [pulse], {}, o.array) for i, o in enumerate(outputs) if several
    ]
    for i, out in enumerate(outputs):
        if out.dtype.kind != "f" or id(made[i]) in ctx._without_grad:
            out.node = None
        elif several:
            out.node = parts[i]
    ctx._in_graph = _finder(made, [out.node for out in outputs])


def _finder(made: list[Any], nodes: list[Any]) -> Callable[[Any], Any]:
    """Gives for a saved result of `forward` the same in the graph, so that its derivative is seen.

    The nodes are held weakly: they hold the context that holds this.
    """
    places = {id(t): weakref.ref(node) for t, node in zip(made, nodes, strict=True) if node is not None}

    def in_graph(t: Any) -> Any:
        node = places[id(t)]() if id(t) in places and state.grad_enabled else None
        if node is None:
            return t
        out = _alias(t)
        out.node = node
        return out

    return in_graph


def _call_backward(
    cls: type[Function], ctx: FunctionContext, grads: Sequence[Tensor | None], inputs: Sequence[Any]
) -> list[Tensor | None]:
    name = f"{cls.__name__}.backward"
    given = cls.backward(ctx, *grads)
    listed = list(given) if isinstance(given, (tuple, list)) else [given]
    if len(listed) != len(inputs):
        raise GradError(message(name, f"{len(listed)} gradients", f"{len(inputs)}, one for each argument"))
    return [_checked(name, i, g, x) for i, (g, x) in enumerate(zip(listed, inputs, strict=True))]


def _checked(name: str, i: int, g: Any, x: Any) -> Tensor | None:
    """A gradient that a user's `backward` gave, as a view, since it may be a tensor that the user holds."""
    if g is None or not isinstance(x, Spec):
        return None
    if not isinstance(g, Tensor):
        raise DTypeError(message(name, f"a {type(g).__name__} as gradient {i}", "a Tensor or None"))
    if g.shape != x.shape and broadcast(name, [g.shape, x.shape]) != g.shape:
        raise ShapeError(message(name, f"shape {g.shape} as gradient {i}", f"the input's shape {x.shape}"))
    if state.run is not None:
        return g
    out = wrap(g.array.view())
    out.node = g.node
    return out


def _part(name: str, i: int, arrived: dict[int, Tensor]) -> Op:
    def vjp(g: Tensor, out: Any, pulse: Spec) -> list[Tensor]:
        arrived[i] = g
        return [_zeros(pulse)]

    return Op(f"{name}[{i}]", lambda m, a: a, lambda s: s, vjp, saves="specs")


def _zeros(spec: Spec) -> Tensor:
    return apply(REGISTRY["full"], shape=spec.shape, value=0, dtype=spec.dtype)
