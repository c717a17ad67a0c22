"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.apply import apply_
from rushlight.core.composite import Composite
from rushlight.core.op import elementwise
from rushlight.core.state import made_ready
from rushlight.core.tensor import Tensor
from rushlight.device.arrays import float64
from rushlight.errors import ArgumentError, message
from rushlight.optim.base import check_at_least
from rushlight.optim.group import ParamGroup
from rushlight.optim.rule import ElementwiseRule, gradient

__all__ = ["SGD"]


def _advance(v: Any, g: Any, momentum: Any) -> None:
    v *= momentum
    v += g


VELOCITY = elementwise("velocity", lambda m, v, g, momentum: v * momentum + g, inplace=_advance)


class SGD(ElementwiseRule):
    """Stochastic gradient descent with momentum, as torch.optim.SGD and as R4 and R5 write it.

    With g = ∇p + weight_decay p (minus, if ``maximize``)::

        v <- momentum v + (1 - dampening) g      (v = g at the first step)
        p <- p - lr v                            (Nesterov: p - lr (g + momentum v))

    With dampening the steps are counted in state["step"]; where a loaded state has none, it is not the first.
    Raises ArgumentError for a negative option, and for Nesterov without momentum or with dampening.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.SGD([p], lr=0.1, momentum=0.9)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.8
    """

    sparse = True

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
        if not group.on("momentum"):
            return {}
        state = {"momentum_buffer": ops.zeros(param.shape, dtype=param.dtype)}
        if group.on("dampening"):
            state["step"] = ops.zeros((), dtype="float64")  # the first step is unlike the others
        return state

    def complete_state(self, state: dict[str, Any], group: ParamGroup) -> None:
        if group.on("dampening") and "momentum_buffer" in state:
            state.setdefault("step", ops.ones((), dtype="float64"))

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        grad = gradient(param, grad, group)
        if group.on("momentum"):
            grad = self._momentum(param, grad, state, group)
        return grad * group.tensor("lr", param.dtype)

    def _momentum(self, param: Tensor, grad: Tensor, state: dict[str, Any], group: ParamGroup) -> Tensor:
        if isinstance(grad, Composite):
            grad = grad.to_dense()
        if "momentum_buffer" not in state:  # there was no momentum before
            with made_ready(self._inside):
                state.update(self.init_state(param, group))
        momentum = group.tensor("momentum", grad.dtype)
        velocity = state["momentum_buffer"]
        apply_(VELOCITY, velocity, self._fresh(grad, state, group), momentum)
        return grad + velocity * momentum if group["nesterov"] else velocity

    def _fresh(self, grad: Tensor, state: dict[str, Any], group: ParamGroup) -> Tensor:
        """What of the gradient goes into the velocity: at the first step all of it."""
        if not group.on("dampening"):
            return grad
        dampening, step = group.tensor("dampening", float64), state.get("step")
        if step is not None:
            dampening = dampening * (step > 0)
            step.add_(1.0)
        return grad * (1.0 - dampening).to(grad.dtype)
