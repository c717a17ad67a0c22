"""Adam and AdamW."""

from __future__ import annotations

import functools
from typing import Any

from rushlight import ops
from rushlight.core.apply import apply, apply_
from rushlight.core.op import Op, elementwise, register
from rushlight.core.tensor import Tensor
from rushlight.device.arrays import float64
from rushlight.optim.base import check_at_least
from rushlight.optim.group import ParamGroup
from rushlight.optim.rule import ElementwiseRule, check_betas

__all__ = ["Adam", "AdamW"]


def _average(average: Any, value: Any, *, decay: float) -> None:
    average *= decay
    average += value * (1.0 - decay)


def _change(
    m: Any, mean: Any, square: Any, step: Any, lr: Any, *, beta1: float, beta2: float, eps: float
) -> Any:
    # The corrections are 0-d and in float64: 1 - 0.999 would lose four digits in float32.
    rate = lr / (1.0 - beta1**step)
    root = m.sqrt(1.0 - beta2**step)
    return mean / (m.sqrt(square) / m.cast(root, mean.dtype) + eps) * m.cast(rate, mean.dtype)


AVERAGE = elementwise(
    "moving_average",
    lambda m, average, value, *, decay: average * decay + value * (1.0 - decay),
    inplace=_average,
)


def _averaged(average: Tensor, value: Tensor, decay: Any) -> Tensor:
    """The moving average goes on with `value`; `decay` is a number, or a Tensor where a schedule moves it."""
    if not isinstance(decay, Tensor):
        return apply_(AVERAGE, average, value, decay=decay)
    return average.copy_(average * decay.to(average.dtype) + value * (1.0 - decay).to(average.dtype))


def _in_ops(
    mean: Tensor, square: Tensor, step: Tensor, lr: Tensor, *, beta1: Any, beta2: Any, eps: Any
) -> Tensor:
    rate = lr / (1.0 - beta1**step)
    root = ops.sqrt(1.0 - beta2**step)
    return mean / (ops.sqrt(square) / root.to(mean.dtype) + eps) * rate.to(mean.dtype)


CHANGE = register(
    Op("adam_change", _change, lambda mean, square, step, lr, **options: mean, decompose=_in_ops)
)


class Adam(ElementwiseRule):
    """Adam (Kingma and Ba, 2015), as torch.optim.Adam. With g = ∇p + weight_decay p (minus, if
    ``maximize``)::

        m <- β₁ m + (1 - β₁) g            v <- β₂ v + (1 - β₂) g²
        p <- p - lr / (1 - β₁ᵗ) · m / (sqrt(v / (1 - β₂ᵗ)) + eps)

    ``amsgrad`` puts the largest v so far in the place of v (Reddi et al., 2018);
    ``decoupled_weight_decay`` makes it AdamW. t is kept as a float64 Tensor in state["step"]. Raises
    ArgumentError for a negative option or a beta outside [0, 1).

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.Adam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.9
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **others: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least(type(self).__name__, group, 0.0, "lr", "eps", "weight_decay")
        check_betas(type(self).__name__, group["betas"])

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        state = {"step": ops.zeros((), dtype="float64")}
        for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if group["amsgrad"] else 2]:
            state[name] = ops.zeros(param.shape, dtype=param.dtype)
        return state

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        decay = group.tensor("weight_decay", param.dtype) if group.on("weight_decay") else None
        if group["maximize"]:
            grad = -grad
        if decay is not None and not group["decoupled_weight_decay"]:
            grad = grad + param * decay
        step = state["step"].add_(1.0)
        betas = [group.number("betas", float64, i) for i in (0, 1)]
        eps = group.number("eps", param.dtype)
        mean = _averaged(state["exp_avg"], grad, betas[0])
        square = _averaged(state["exp_avg_sq"], grad * grad, betas[1])
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"].copy_(ops.maximum(state["max_exp_avg_sq"], square))
        lr = group.tensor("lr", float64)
        options = {"beta1": betas[0], "beta2": betas[1], "eps": eps}
        moved = any(isinstance(number, Tensor) for number in options.values())
        rule = _in_ops if moved else functools.partial(apply, CHANGE)
        change = rule(mean, square, step, lr, **options)
        if decay is not None and group["decoupled_weight_decay"]:
            change = change + param * (group.tensor("lr", param.dtype) * decay)
        return change


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as torch.optim.AdamW: the gradient
    stays as it is, and the step also takes lr · weight_decay · p away from p.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.AdamW([p], lr=0.1, weight_decay=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.85
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        options = {"maximize": maximize, "decoupled_weight_decay": True, **others}
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, **options)
