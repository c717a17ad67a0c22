"""What most rules begin with."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.optim.base import Optimizer
from rushlight.optim.group import ParamGroup

__all__ = ["ElementwiseRule", "average_", "check_betas", "gradient", "zeros_for"]


class ElementwiseRule(Optimizer):
    """A rule that treats every element alike, and reads the parameters for their weight decay alone."""

    elementwise = True

    def reads_params(self, group: ParamGroup) -> bool:
        return group.on("weight_decay")


def gradient(param: Tensor, grad: Tensor, group: ParamGroup) -> Tensor:
    """The gradient, minus itself with ``maximize``, and with the weight decay added."""
    if group["maximize"]:
        grad = -grad
    if group.on("weight_decay"):
        grad = grad + param * group.tensor("weight_decay", param.dtype)
    return grad


def average_(average: Tensor, value: Tensor, decay: Any) -> Tensor:
    """``average`` <- decay average + (1 - decay) value, in its memory; `decay` is a number, or a float64
    Tensor where a schedule moves it."""
    if isinstance(decay, Tensor):
        return average.mul_(decay.to(average.dtype)).add_(value * (1.0 - decay).to(average.dtype))
    return average.mul_(decay).add_(value * (1.0 - decay))


def zeros_for(param: Tensor, *names: str) -> dict[str, Tensor]:
    """A state: a count of steps, and zeros of the parameter's shape under each of the names."""
    made = {name: ops.zeros(param.shape, dtype=param.dtype) for name in names}
    return {"step": ops.zeros((), dtype="float64"), **made}


def check_betas(name: str, betas: Any) -> None:
    """Raises ArgumentError unless there are two numbers in [0, 1)."""
    if len(betas) != 2 or not all(0.0 <= float(beta) < 1.0 for beta in betas):
        remedy = "The usual choice is (0.9, 0.999)."
        raise ArgumentError(message(name, f"betas={betas}", "two numbers in [0, 1)", remedy))
