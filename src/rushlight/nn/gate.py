"""How the gradients of one call of a module pass its backward hooks. Loads when a module has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushlight.core.function import Function
from rushlight.core.tensor import Tensor

if TYPE_CHECKING:
    from rushlight.nn.module import Module

__all__ = ["Gate"]


class _Passage(Function):
    """Tensors as they are; their gradients pass through a function."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.function = args[0]
        return args[1:]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        return (None, *ctx.function(grad_outputs))


class Gate:
    """One call of a module with backward hooks: what goes in and what comes out passes through it."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] = ()

    def enter(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs, of which those that require grad pass."""
        self.count = len(inputs)
        self.entered, passed = _pass(inputs, self._leave_backward)
        return passed

    def leave(self, output: Any) -> Any:
        """The output likewise: a tensor, or a tuple with tensors."""
        outputs = output if isinstance(output, tuple) else (output,)
        self.width = len(outputs)
        self.left, passed = _pass(outputs, self._enter_backward)
        if isinstance(output, tuple):
            return type(output)(*passed) if hasattr(output, "_fields") else passed
        return passed[0]

    def _enter_backward(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_output = _spread(grads, self.left, self.width)
        for hook in tuple(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, grad_output)
            if changed is not None:
                grad_output = changed if isinstance(changed, tuple) else (changed,)
        self.grad_output = grad_output
        if not self.entered:
            self._call((None,) * self.count)
        return tuple(grad_output[i] for i in self.left)

    def _leave_backward(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        found = self._call(_spread(grads, self.entered, self.count))
        return tuple(found[i] for i in self.entered)

    def _call(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in tuple(self.module._backward_hooks.values()):
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = changed if isinstance(changed, tuple) else (changed,)
        return grad_input


def _pass(values: tuple[Any, ...], function: Any) -> tuple[list[int], tuple[Any, ...]]:
    """The places of the tensors that require grad, and the values with those behind a gate."""
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    if not places:
        return places, values
    passed = list(values)
    for i, t in zip(places, _Passage.apply(function, *(values[i] for i in places)), strict=True):
        passed[i] = t
    return places, tuple(passed)


def _spread(grads: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
    at = dict(zip(places, grads, strict=True))
    return tuple(at.get(i) for i in range(count))
