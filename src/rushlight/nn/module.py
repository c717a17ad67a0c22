"""Module: the base of every layer, loss and network: calling it, hooks, and the reports' protocol."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rushlight.core.autograd import forget_gradients, propagate
from rushlight.core.composite import NoArray
from rushlight.core.graph import Node, observe
from rushlight.core.state import state
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import DTypeError, GradError, NotSupportedError, ShapeError, message
from rushlight.nn.hooks import Hooked
from rushlight.nn.tree import ModuleTree

if TYPE_CHECKING:
    from rushlight.nn.gate import Gate

__all__ = ["Module"]


class Module(Hooked, ModuleTree):
    """Base of layers, losses and networks: assign parameters and modules as attributes, write `forward`.

    Besides PyTorch's interface every module has the reports': `backward(grad_output)` propagates from the
    output of the last call to its input, and `param()` lists the pairs (parameter, gradient). Both come from
    autograd, so a module of your own has them without a line of work.

    >>> import rushlight as rl
    >>> class Scale(rl.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = rl.nn.Parameter(rl.tensor(3.0))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> scale = Scale()
    >>> y = scale(rl.tensor([1.0, 2.0]))
    >>> scale.backward(rl.tensor([1.0, 1.0]))
    tensor([3., 3.])
    >>> scale.param()
    [(Parameter containing:
    tensor(3., requires_grad=True), tensor(3.))]
    """

    _backward_inputs: int | None = None
    """How many inputs `backward` gives gradients for; all by default. Losses say 1: targets are data."""

    def __init__(self) -> None:
        """Nothing to set up: a subclass may call it, as PyTorch programs do, or not."""

    def _unwritten(self, *inputs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise NotSupportedError(
            message(
                type(self).__name__, "a module without forward", "a method forward(self, ...)", "Write one."
            )
        )

    # Typed so that a subclass may give it any signature.
    forward: Callable[..., Any] = _unwritten

    # Calling

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if state.origin is not None:
            return self._call_named(inputs, options)
        return self._call(inputs, options)

    def _call(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if self._forward_pre_hooks:
            inputs, options = self._before_forward(inputs, options)
        sources = None
        if state.grad_enabled:
            inputs = tuple([_observed(x) for x in inputs])
            sources = _sources(inputs)  # before forward, which may write the inputs in place
        gate = _gate(self) if self._backward_hooks or self._backward_pre_hooks else None
        output = (
            self._call_hooked(inputs, options, gate)
            if gate or self._forward_hooks
            else self.forward(*inputs, **options)
        )
        outputs = output if output.__class__ is tuple else (output,)
        self.__dict__["_last_call"] = None if sources is None else (sources, _sources(outputs))
        return output

    def _call_hooked(self, inputs: tuple[Any, ...], options: dict[str, Any], gate: Gate | None) -> Any:
        if state.hooked is not None:
            state.hooked()
        inputs = gate.enter(inputs) if gate else inputs
        try:
            output = self.forward(*inputs, **options)
        except Exception:
            self._after_error(inputs, options)
            raise
        output = self._after_forward(inputs, options, output)
        return gate.leave(output) if gate else output

    def _call_named(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The call while anomalies are looked for: the layer's name is at hand for their message."""
        before = state.modules
        state.modules = (*before, _name_within(before, self))
        _running.append(self)
        try:
            return self._call(inputs, options)
        finally:
            _running.pop()
            state.modules = before

    # The reports' protocol

    def _backward(self, *grad_output: Tensor) -> Any:
        """Propagate the gradient of the last call's output to the gradient of its input, which is returned.

        grad_output  the loss's gradient with respect to the output, of its shape, one for each output; may be
                     left out for a single number, such as a loss.

        Adds to `.grad` of every parameter on the way. Gives a tuple for several tensor inputs, None for an
        input that the output does not depend on. Raises GradError before the first call, after a call under
        `no_grad`, when the output of the last call was dropped, and for a second time after one call.
        """
        name = type(self).__name__
        last = self.__dict__.get("_last_call")
        if last is None:
            raise GradError(
                message(
                    f"{name}.backward",
                    "a module that has not been called, or under no_grad() the last time",
                    "a forward pass before it",
                    "Call it, and not under no_grad().",
                )
            )
        sources = [source and source() for source in last[0]][: self._backward_inputs]
        roots = _roots(name, [out and out() for out in last[1]], grad_output)
        grads = propagate(roots, sources)
        return grads[0] if len(grads) == 1 else tuple(grads)

    backward: Callable[..., Any] = _backward

    def param(self) -> list[tuple[Parameter, Tensor]]:
        """The pairs (parameter, gradient); the gradient is zeros where no backward has brought one yet."""
        return [(p, p.new_full(p.shape, 0.0) if p.grad is None else p.grad) for p in self.parameters()]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        forget_gradients(self.parameters(), set_to_none)

    # Text and copies

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses; layers write their own."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {_indent(repr(child))}" for name, child in self._modules.items()]
        extra = self.extra_repr()
        if not lines and "\n" not in extra:
            return f"{type(self).__name__}({extra})"
        inner = "\n  ".join([*extra.split("\n"), *lines] if extra else lines)
        return f"{type(self).__name__}(\n  {inner}\n)"

    def _repr_html_(self) -> str:
        from rushlight.nn.flops import flops_of_row
        from rushlight.notebook.modules import module_html

        return module_html(self, flops_of_row)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: all but the memory of the last call."""
        return {k: v for k, v in self.__dict__.items() if k != "_last_call"}

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__dict__})


_running: list[Module] = []
"""The modules whose forward is running while anomalies are looked for, outermost first."""


def _name_within(path: tuple[str, ...], module: Module) -> str:
    """The module's dotted name inside the one that calls it, with its type."""
    if path and _running:
        for name, inner in _running[-1].named_modules():
            if inner is module and name:
                return f"{name} ({type(module).__name__})"
    return type(module).__name__


def _observed(x: Any) -> Any:
    """Plain floating data gets an alias by which `backward` can find it; everything else stays as it is."""
    try:
        return observe(x) if isinstance(x, Tensor) and x.node is None and x.dtype.kind == "f" else x
    except NoArray:
        return x


def _sources(values: tuple[Any, ...]) -> list[Any]:
    """Weak references to the tensors' nodes, so that remembering a call keeps no graph alive."""
    return [None if x.node is None else weakref.ref(x.node) for x in values if isinstance(x, Tensor)]


def _roots(name: str, nodes: list[Any], grads: tuple[Tensor, ...]) -> list[tuple[Any, Tensor]]:
    """Each output's node with its gradient, after all checks."""
    where = f"{name}.backward"
    if not nodes or any(node is None for node in nodes):
        raise GradError(
            message(
                where,
                "a last call whose output is gone, or that recorded nothing",
                "the output of the last call to be alive",
                "Keep it in a variable, and do not call under no_grad().",
            )
        )
    if not grads and len(nodes) == 1:
        grads = (_one_for(where, nodes[0]),)
    if len(grads) != len(nodes):
        raise GradError(message(where, f"{len(grads)} gradients for {len(nodes)} outputs", "one for each"))
    for node, g in zip(nodes, grads, strict=True):
        if not isinstance(g, Tensor):
            raise DTypeError(message(where, f"a {type(g).__name__}", "a Tensor", "Wrap it with rl.tensor()."))
        if g.shape != node.spec[0]:
            raise ShapeError(
                message(where, f"a gradient of shape {g.shape}", f"the output's shape {node.spec[0]}")
            )
    return [(n, g if g.dtype == n.spec[1] else g.to(n.spec[1])) for n, g in zip(nodes, grads, strict=True)]


def _one_for(where: str, node: Node) -> Tensor:
    from rushlight.ops import ones

    shape, dtype = node.spec
    if shape not in ((), (1,)):
        raise GradError(
            message(where, f"no gradient for an output of shape {shape}", "the gradient of that shape")
        )
    return ones(shape, dtype=dtype)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def _gate(module: Module) -> Gate:
    from rushlight.nn.gate import Gate

    return Gate(module)
