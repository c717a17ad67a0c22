"""Adam's kin: Adamax, NAdam, RAdam, and Lion, which takes its momentum's sign."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.device.arrays import float64
from rushlight.optim.base import check_at_least
from rushlight.optim.group import ParamGroup
from rushlight.optim.rule import ElementwiseRule, average_, check_betas, gradient, zeros_for

__all__ = ["Adamax", "Lion", "NAdam", "RAdam"]

Betas = tuple[float, float]


def _betas(group: ParamGroup) -> tuple[Any, Any]:
    return group.number("betas", float64, 0), group.number("betas", float64, 1)


class Adamax(ElementwiseRule):
    """Adam with the largest gradient so far, as it fades, in the place of their mean square (Kingma and Ba,
    2015), as torch.optim.Adamax. With g = ∇p + weight_decay p::

        m <- β₁ m + (1 - β₁) g            u <- max(β₂ u, |g| + eps)
        p <- p - lr / (1 - β₁ᵗ) · m / u

    Raises ArgumentError for a negative option or a beta outside [0, 1).

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.Adamax([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.9
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("Adamax", group, 0.0, "lr", "eps", "weight_decay")
        check_betas("Adamax", group["betas"])

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        return zeros_for(param, "exp_avg", "exp_inf")

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        beta1, _ = _betas(group)
        grad = gradient(param, grad, group)
        step = state["step"].add_(1.0)
        mean = average_(state["exp_avg"], grad, beta1)
        largest = state["exp_inf"]
        fade = group.number("betas", param.dtype, 1)
        largest.copy_(ops.maximum(largest * fade, grad.abs() + group.number("eps", param.dtype)))
        rate = group.tensor("lr", float64) / (1.0 - beta1**step)
        return mean / largest * rate.to(param.dtype)


class _Decoupled(ElementwiseRule):
    """Rules whose weight decay is part of the gradient; with ``decoupled_weight_decay`` a step of its own."""

    def check_options(self, group: ParamGroup) -> None:
        check_at_least(type(self).__name__, group, 0.0, "lr", "eps", "weight_decay")
        check_betas(type(self).__name__, group["betas"])

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        if not (group["decoupled_weight_decay"] and group.on("weight_decay")):
            return self.change(gradient(param, grad, group), state, group)
        change = self.change(-grad if group["maximize"] else grad, state, group)
        decay = group.tensor("lr", param.dtype) * group.tensor("weight_decay", param.dtype)
        return change + param * decay

    def change(self, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        """What is to be subtracted for this gradient."""
        raise NotImplementedError


class NAdam(_Decoupled):
    """Adam with Nesterov's momentum (Dozat, 2016), as torch.optim.NAdam. With g = ∇p + weight_decay p::

        μₜ = β₁ (1 - 0.96^(t · momentum_decay) / 2),    Mₜ = μ₁ μ₂ ... μₜ
        m <- β₁ m + (1 - β₁) g            v <- β₂ v + (1 - β₂) g²
        p <- p - lr ((1 - μₜ) / (1 - Mₜ) g + μₜ₊₁ / (1 - Mₜ₊₁) m) / (sqrt(v / (1 - β₂ᵗ)) + eps)

    Raises ArgumentError for a negative option or a beta outside [0, 1).

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.NAdam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> 0.8 < p.item() < 0.9
    True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        more = {"momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, {**defaults, **more, "maximize": maximize}, others)

    def check_options(self, group: ParamGroup) -> None:
        super().check_options(group)
        check_at_least("NAdam", group, 0.0, "momentum_decay")

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        return {**zeros_for(param, "exp_avg", "exp_avg_sq"), "mu_product": ops.ones((), dtype="float64")}

    def change(self, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        (beta1, beta2), slower = _betas(group), group.number("momentum_decay", float64)
        step = state["step"].add_(1.0)
        now, after = (beta1 * (1.0 - 0.5 * 0.96 ** ((step + k) * slower)) for k in (0.0, 1.0))
        product = state["mu_product"].mul_(now)
        mean = average_(state["exp_avg"], grad, beta1)
        square = average_(state["exp_avg_sq"], grad * grad, beta2)
        size = ops.sqrt(square / (1.0 - beta2**step).to(grad.dtype)) + group.number("eps", grad.dtype)
        lr = group.tensor("lr", float64)
        of_grad = (lr * (1.0 - now) / (1.0 - product)).to(grad.dtype)
        of_mean = (lr * after / (1.0 - product * after)).to(grad.dtype)
        return (grad * of_grad + mean * of_mean) / size


class RAdam(_Decoupled):
    """Adam that divides by the gradients' size only once that is known well enough (Liu et al., 2020), as
    torch.optim.RAdam. With g = ∇p + weight_decay p, ρ∞ = 2 / (1 - β₂) - 1 and ρₜ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ)::

        m <- β₁ m + (1 - β₁) g            v <- β₂ v + (1 - β₂) g²
        p <- p - lr m / (1 - β₁ᵗ) · r · sqrt(1 - β₂ᵗ) / (sqrt(v) + eps)    where ρₜ > 5
        p <- p - lr m / (1 - β₁ᵗ)                                          elsewhere
        r = sqrt((ρₜ - 4)(ρₜ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρₜ))

    Raises ArgumentError for a negative option or a beta outside [0, 1).

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.RAdam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.8
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        defaults["decoupled_weight_decay"] = decoupled_weight_decay
        super().__init__(params, {**defaults, "maximize": maximize}, others)

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        return zeros_for(param, "exp_avg", "exp_avg_sq")

    def change(self, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        (beta1, beta2), eps = _betas(group), group.number("eps", grad.dtype)
        step = state["step"].add_(1.0)
        mean = average_(state["exp_avg"], grad, beta1)
        square = average_(state["exp_avg_sq"], grad * grad, beta2)
        most, power = 2.0 / (1.0 - beta2) - 1.0, beta2**step
        known = most - 2.0 * step * power / (1.0 - power)
        sure = known > 5.0
        ratio = (known - 4.0) * (known - 2.0) * most / ((most - 4.0) * (most - 2.0) * known)
        factor = ops.sqrt(ops.where(sure, ratio, 1.0) * (1.0 - power)).to(grad.dtype)
        rate = (group.tensor("lr", float64) / (1.0 - beta1**step)).to(grad.dtype)
        return mean * rate * ops.where(sure, factor / (ops.sqrt(square) + eps), 1.0)


class Lion(ElementwiseRule):
    """Lion (Chen et al., 2023), which PyTorch has not: a step of one size for every element. With g = ∇p::

        p <- p - lr (sign(β₁ m + (1 - β₁) g) + weight_decay p)
        m <- β₂ m + (1 - β₂) g

    Raises ArgumentError for a negative option or a beta outside [0, 1).

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.tensor([1.0]))
    >>> optimizer = rl.optim.Lion([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p.item(), 6)
    0.9
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: Betas = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("Lion", group, 0.0, "lr", "weight_decay")
        check_betas("Lion", group["betas"])

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        return zeros_for(param, "exp_avg")

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        beta1, beta2 = _betas(group)
        grad = -grad if group["maximize"] else grad
        state["step"].add_(1.0)
        change = average_(state["exp_avg"].clone(), grad, beta1).sign()
        if group.on("weight_decay"):
            change = change + param * group.tensor("weight_decay", param.dtype)
        average_(state["exp_avg"], grad, beta2)
        return change * group.tensor("lr", param.dtype)
