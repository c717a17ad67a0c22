"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.apply import apply_
from rushlight.core.op import elementwise
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.optim.base import Optimizer, check_at_least
from rushlight.optim.group import ParamGroup

__all__ = ["SGD"]


def _advance(v: Any, g: Any, momentum: Any) -> None:
    v *= momentum
    v += g


VELOCITY = elementwise("velocity", lambda m, v, g, momentum: v * momentum + g, inplace=_advance)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, as torch.optim.SGD and as R4 and R5 write it.

    With g = ∇p + weight_decay p (minus, if ``maximize``)::

        v <- momentum v + (1 - dampening) g      (v = g at the first step)
        p <- p - lr v                            (Nesterov: p - lr (g + momentum v))

    Raises ArgumentError for a negative option, and for Nesterov without momentum or with dampening.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.SGD([p], lr=0.1, momentum=0.9)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.8
    """

    elementwise = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("SGD", group, 0.0, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            got = f"momentum={group['momentum']}, dampening={group['dampening']}"
            remedy = "Nesterov's rule has no other form."
            raise ArgumentError(
                message("SGD(nesterov=True)", got, "momentum above 0 and dampening 0", remedy)
            )

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        if not group["momentum"] or group["dampening"]:
            return {}  # with dampening the first step is unlike the others: it takes all of the gradient
        return {"momentum_buffer": ops.zeros(param.shape, dtype=param.dtype)}

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        dtype = param.dtype
        if group["maximize"]:
            grad = -grad
        if group["weight_decay"]:
            grad = grad + param * group.tensor("weight_decay", dtype)
        if group["momentum"]:
            grad = self._momentum(grad, state, group)
        return grad * group.tensor("lr", dtype)

    def reads_params(self, group: ParamGroup) -> bool:
        return bool(group["weight_decay"])

    def _momentum(self, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        momentum = group.tensor("momentum", grad.dtype)
        velocity = state.get("momentum_buffer")
        if velocity is None:
            velocity = state["momentum_buffer"] = ops.clone(grad)
        else:
            fresh = grad * (1.0 - group["dampening"]) if group["dampening"] else grad
            apply_(VELOCITY, velocity, fresh, momentum)
        return grad + velocity * momentum if group["nesterov"] else velocity
