"""Rprop, and ASGD, which averages its parameters."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.device.arrays import float64
from rushlight.errors import ArgumentError, message
from rushlight.optim.base import Optimizer, check_at_least
from rushlight.optim.group import ParamGroup
from rushlight.optim.rule import gradient, zeros_for

__all__ = ["ASGD", "Rprop"]

Pair = tuple[float, float]


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller and Braun, 1993), as torch.optim.Rprop: every element has a step
    size of its own, which grows by etas[1] while the gradient keeps its sign, and shrinks by etas[0], without
    a step, when it changes. Of the gradient only the sign counts, so that it is for whole batches.

    Raises ArgumentError for a negative lr and etas that are not (below 1, above 1).

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.Rprop([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.9
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: Pair = (0.5, 1.2),
        step_sizes: Pair = (1e-6, 50.0),
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, defaults, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("Rprop", group, 0.0, "lr")
        less, more = group["etas"]
        if not 0.0 < less < 1.0 < more:
            raise ArgumentError(message("Rprop", f"etas={group['etas']}", "one below 1 and one above 1"))

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        state = zeros_for(param, "prev", "step_size")
        state["step_size"].fill_(group["lr"])
        return state

    def reads_params(self, group: ParamGroup) -> bool:
        return False

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        less, more = (group.number("etas", param.dtype, i) for i in (0, 1))
        least, most = (group.number("step_sizes", param.dtype, i) for i in (0, 1))
        grad = -grad if group["maximize"] else grad
        state["step"].add_(1.0)
        turned = grad * state["prev"]
        factor = ops.where(turned > 0, more, ops.where(turned < 0, less, ops.ones_like(grad)))
        size = state["step_size"]
        size.copy_((size * factor).clamp(least, most))
        grad = ops.where(turned < 0, 0.0, grad)
        state["prev"].copy_(grad)
        return grad.sign() * size


class ASGD(Optimizer):
    """Stochastic gradient descent whose parameters are also averaged (Polyak and Juditsky, 1992), as
    torch.optim.ASGD: state["ax"] is the mean of the parameters since step t0. With g = ∇p + weight_decay p::

        p <- p - eta (g + lambd p)
        ax <- ax + mu (p - ax)
        eta <- lr / (1 + lambd lr t)^alpha          mu <- 1 / max(1, t - t0)

    Raises ArgumentError for a negative lr or weight_decay.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.ASGD([p], lr=0.1, lambd=0.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.8
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "maximize": maximize}, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("ASGD", group, 0.0, "lr", "weight_decay")

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        numbers = {
            "eta": ops.tensor(float(group["lr"]), dtype="float64"),
            "mu": ops.ones((), dtype="float64"),
        }
        return {**zeros_for(param, "ax"), **numbers}

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        grad, lambd = gradient(param, grad, group), group.number("lambd", float64)
        step, eta, mu, mean = (state[name] for name in ("step", "eta", "mu", "ax"))
        step.add_(1.0)
        change = (grad + param * group.number("lambd", param.dtype)) * eta.to(param.dtype)
        mean.add_((param - change - mean) * mu.to(param.dtype))
        lr = group.tensor("lr", float64)
        eta.copy_(lr / (1.0 + lr * lambd * step) ** group.number("alpha", float64))
        mu.copy_((step - group.number("t0", float64)).clamp(min=1.0).reciprocal())
        return change
