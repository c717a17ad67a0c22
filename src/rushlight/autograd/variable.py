"""Variable: what tensors with gradients were called before PyTorch 0.4."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import DTypeError, message

__all__ = ["Variable"]


class _VariableType(type):
    def __call__(cls, data: Any, requires_grad: bool = False, volatile: bool | None = None) -> Tensor:
        if not isinstance(data, Tensor):
            got, remedy = f"a {type(data).__name__}", "Wrap it: Variable(rl.tensor(x))."
            raise DTypeError(message("Variable", got, "a Tensor", remedy))
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor)


class Variable(Tensor, metaclass=_VariableType):
    """`data` as a leaf that shares its memory: today a tensor is all that. Every tensor is a Variable.

    `volatile` asked that no graph be recorded, and is passed over, as in PyTorch: use `no_grad`.

    >>> import rushlight as rl
    >>> x = rl.autograd.Variable(rl.ones(2), requires_grad=True)
    >>> x, isinstance(x, rl.autograd.Variable)
    (tensor([1., 1.], requires_grad=True), True)
    """
