"""Rules that see a parameter as a matrix: Muon and Adafactor."""

from __future__ import annotations

import math
from typing import Any

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.device.arrays import float64
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.optim.base import Optimizer, check_at_least
from rushlight.optim.group import ParamGroup
from rushlight.optim.rule import average_, zeros_for

__all__ = ["Adafactor", "Muon"]


class Muon(Optimizer):
    """Muon (Jordan et al., 2024), as torch.optim.Muon, for matrices: their momentum's singular values are all
    brought near 1 by a Newton-Schulz iteration. With g = ∇p::

        b <- momentum b + (1 - momentum) g
        O = orthogonalized((1 - momentum) g + momentum b), or of b without ``nesterov``
        p <- p - lr weight_decay p - lr · adjusted O

    adjust_lr_fn  "original" (the default): adjusted = sqrt(max(1, rows / columns)); "match_rms_adamw":
                  0.2 sqrt(max(rows, columns)), so that AdamW's rates do.

    PyTorch iterates in bfloat16, this in the parameter's dtype. Raises ShapeError for parameters that are no
    matrices, ArgumentError for a negative option.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.eye(2))
    >>> optimizer = rl.optim.Muon([p], lr=0.1, weight_decay=0.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> 0.85 < p[0, 0].item() < 0.95
    True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov}
        more = {"ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps}
        super().__init__(params, {**defaults, **more, "adjust_lr_fn": adjust_lr_fn})

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("Muon", group, 0.0, "lr", "weight_decay", "momentum", "eps", "ns_steps")
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            got = f"adjust_lr_fn={group['adjust_lr_fn']!r}"
            raise ArgumentError(message("Muon", got, "'original' or 'match_rms_adamw'"))
        for param in group["params"]:
            if param.ndim != 2:
                remedy = "Give biases, embeddings and norms to AdamW."
                raise ShapeError(
                    message("Muon", f"a parameter of shape {tuple(param.shape)}", "matrices", remedy)
                )

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        return {"momentum_buffer": ops.zeros(param.shape, dtype=param.dtype)}

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        momentum = group.number("momentum", param.dtype)
        buffer = average_(state["momentum_buffer"], grad, group.number("momentum", float64))
        direction = grad * (1.0 - momentum) + buffer * momentum if group["nesterov"] else buffer
        rows, columns = param.shape
        original = group["adjust_lr_fn"] in (None, "original")
        size = math.sqrt(max(1, rows / columns)) if original else 0.2 * math.sqrt(max(rows, columns))
        change = _orthogonalized(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        decayed = param * group.tensor("weight_decay", param.dtype) if group.on("weight_decay") else 0.0
        return (change * size + decayed) * group.tensor("lr", param.dtype)


def _orthogonalized(x: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """x with singular values near 1, by steps of a x + b (x x') x + c (x x')² x."""
    a, b, c = coefficients
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / ops.norm(x).clamp(min=eps)
    for _ in range(steps):
        square = x @ x.T
        x = x * a + (square * b + (square @ square) * c) @ x
    return x if wide else x.T


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, 2018), as torch.optim.Adafactor: of a matrix's squared gradients only the
    means of rows and columns are kept. At step t, with b = t^beta2_decay::

        V <- (1 - b) V + b g²      of a matrix R C' / mean(R), with the means of rows R and of columns C
        u = g / sqrt(V)
        p <- p - lr weight_decay p - max(eps₂, rms(p)) min(lr, 1 / sqrt(t)) · u / max(1, rms(u) / d)

    Raises ArgumentError for a negative option or a positive beta2_decay.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.ones(2, 2))
    >>> optimizer = rl.optim.Adafactor([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> round(p[0, 0].item(), 6)
    0.9
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **others: Any,
    ) -> None:
        defaults = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "maximize": maximize}, others)

    def check_options(self, group: ParamGroup) -> None:
        check_at_least("Adafactor", group, 0.0, "lr", "weight_decay")
        check_at_least("Adafactor", group, 1.0, "d")
        if group["beta2_decay"] > 0:
            got = f"beta2_decay={group['beta2_decay']}"
            raise ArgumentError(message("Adafactor", got, "0 or less", "The usual choice is -0.8."))

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        if param.ndim < 2:
            return zeros_for(param, "variance")
        rows, columns = (*param.shape[:-1], 1), (*param.shape[:-2], 1, param.shape[-1])
        made = {
            "row_var": ops.zeros(rows, dtype=param.dtype),
            "col_var": ops.zeros(columns, dtype=param.dtype),
        }
        return {"step": ops.zeros((), dtype="float64"), **made}

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Tensor], group: ParamGroup) -> Tensor:
        least, floor = group["eps"]
        least = xp.epsilon(param.dtype) if least is None else least
        grad = -grad if group["maximize"] else grad
        step = state["step"].add_(1.0)
        part = (step ** group["beta2_decay"]).to(param.dtype)
        variance = self._variance(grad * grad, state, part, least)
        change = grad * ops.rsqrt(variance.clamp(min=least * least))
        lr = group.tensor("lr", float64)
        rate = ops.minimum(lr, ops.rsqrt(step)).to(param.dtype) * _rms(param).clamp(min=floor)
        change = change * (rate / (_rms(change) / group["d"]).clamp(min=1.0))
        if group.on("weight_decay"):
            change = change + param * (
                group.tensor("lr", param.dtype) * group.tensor("weight_decay", param.dtype)
            )
        return change

    def _variance(self, square: Tensor, state: dict[str, Tensor], part: Tensor, least: float) -> Tensor:
        if square.ndim < 2:
            return state["variance"].mul_(1.0 - part).add_(square * part)
        rows = state["row_var"].mul_(1.0 - part).add_(square.mean(-1, keepdim=True) * part)
        columns = state["col_var"].mul_(1.0 - part).add_(square.mean(-2, keepdim=True) * part)
        return rows @ columns / rows.mean(-2, keepdim=True).clamp(min=least)


def _rms(x: Tensor) -> Tensor:
    return ops.sqrt((x * x).mean())
