"""RMSprop, Adagrad and Adadelta: steps divided by the size that gradients have had."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.composite import Composite
from rushlight.core.tensor import Tensor
from rushlight.device.arrays import float64
from rushlight.optim.base import check_at_least
from rushlight.optim.group import ParamGroup
from rushlight.optim.rule import ElementwiseRule, average_, gradient, zeros_for

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class RMSprop(ElementwiseRule):
    """RMSprop (Hinton's lecture 6, 2012), as torch.optim.RMSprop. With g = ∇p + weight_decay p::

        v <- alpha v + (1 - alpha) g²
        b <- momentum b + g / (sqrt(v - a²) + eps)      a, the mean of g, with ``centered`` only
        p <- p - lr b

    Raises ArgumentError for a negative option.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.RMSprop([p], lr=0.1, alpha=0.75)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.8
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, {**defaults, "centered": centered, "maximize": maximize}, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("RMSprop", group, 0.0, "lr", "alpha", "eps", "weight_decay", "momentum")

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        more = ["momentum_buffer"] * group.on("momentum") + ["grad_avg"] * bool(group["centered"])
        return zeros_for(param, "square_avg", *more)

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        grad = gradient(param, grad, group)
        state["step"].add_(1.0)
        alpha = group.number("alpha", float64)
        square = average_(state["square_avg"], grad * grad, alpha)
        if group["centered"]:
            mean = average_(state["grad_avg"], grad, alpha)
            square = square - mean * mean
        step = grad / (ops.sqrt(square) + group.number("eps", param.dtype))
        if group.on("momentum"):
            step = state["momentum_buffer"].mul_(group.tensor("momentum", param.dtype)).add_(step)
        return step * group.tensor("lr", param.dtype)


class Adagrad(ElementwiseRule):
    """Adagrad (Duchi et al., 2011), as torch.optim.Adagrad. With g = ∇p + weight_decay p, at step t::

        s <- s + g²
        p <- p - lr / (1 + (t - 1) lr_decay) · g / (sqrt(s) + eps)

    s begins at ``initial_accumulator_value``. Raises ArgumentError for a negative option.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.Adagrad([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.9
    """

    sparse = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        defaults["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(params, {**defaults, "maximize": maximize}, others)

    def check_options(self, group: ParamGroup) -> None:
        names = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        check_at_least("Adagrad", group, 0.0, *names)

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        state = zeros_for(param, "sum")
        state["sum"].fill_(group["initial_accumulator_value"])
        return state

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        if isinstance(grad, Composite):  # where it is 0 nothing changes
            grad = grad.to_dense()
        grad = gradient(param, grad, group)
        step = state["step"].add_(1.0)
        lr = group.tensor("lr", float64) / (1.0 + (step - 1.0) * group.number("lr_decay", float64))
        total = state["sum"].add_(grad * grad)
        return grad / (ops.sqrt(total) + group.number("eps", param.dtype)) * lr.to(param.dtype)


class Adadelta(ElementwiseRule):
    """Adadelta (Zeiler, 2012), as torch.optim.Adadelta. With g = ∇p + weight_decay p::

        v <- rho v + (1 - rho) g²
        d = sqrt(a + eps) / sqrt(v + eps) · g
        a <- rho a + (1 - rho) d²
        p <- p - lr d

    Raises ArgumentError for a negative option.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.Adadelta([p])
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 4)
    0.9968
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("Adadelta", group, 0.0, "lr", "rho", "eps", "weight_decay")

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        return zeros_for(param, "square_avg", "acc_delta")

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        grad, eps = gradient(param, grad, group), group.number("eps", param.dtype)
        rho = group.number("rho", float64)
        state["step"].add_(1.0)
        square = average_(state["square_avg"], grad * grad, rho)
        step = ops.sqrt(state["acc_delta"] + eps) / ops.sqrt(square + eps) * grad
        average_(state["acc_delta"], step * step, rho)
        return step * group.tensor("lr", param.dtype)
