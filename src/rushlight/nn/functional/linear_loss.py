"""The cross-entropy of a linear layer's results."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import ShapeError, message
from rushlight.nn.functional.loss import cross_entropy

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """`cross_entropy` of the logits x Wᵀ + b, of an input (N, D) or (D,).

    linear_weight  (C, D), or (C, d1, ..., D), which gives logits (N, C, d1, ...).
    linear_bias    of the weight's shape without D.
    options        how PyTorch cuts the work; without effect.

    The others are those of `cross_entropy`. Raises ShapeError for shapes that do not fit.

    >>> import rushlight as rl
    >>> loss = rl.nn.functional.linear_cross_entropy(rl.ones(3, 2), rl.zeros(4, 2), rl.tensor([0, 3, 1]))
    >>> loss.item() == rl.tensor(4.0).log().item()
    True
    """
    sizes, features = linear_weight.shape[:-1], linear_weight.shape[-1:]
    biased = linear_bias is None or linear_bias.shape == sizes
    if linear_weight.ndim < 2 or input.ndim not in (1, 2) or input.shape[-1:] != features or not biased:
        got = f"an input of shape {input.shape} and a weight of shape {linear_weight.shape}"
        got += "" if linear_bias is None else f" and a bias of shape {linear_bias.shape}"
        raise ShapeError(message("linear_cross_entropy", got, "(N, D), (C, ..., D) and (C, ...)"))
    logits = input @ linear_weight.reshape(-1, *features).T
    if linear_bias is not None:
        logits = logits + linear_bias.reshape(-1)
    return cross_entropy(
        logits.reshape(*input.shape[:-1], *sizes),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
