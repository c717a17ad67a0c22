"""The two losses of the standard."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.nn import functional as F
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor
NEVER = -(2**62)
"""No class has this number."""


@reads("NegativeLogLikelihoodLoss")
def negative_log_likelihood(
    x: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = NEVER,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    return F.nll_loss(x, target.long(), weight, ignore_index=ignore_index, reduction=reduction)


@reads("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None = None, *, outputs: int = 1, **how: Any
) -> Any:
    logs = F.log_softmax(x, 1)
    loss = negative_log_likelihood(logs, target, weight, **how)
    return (loss, logs) if outputs > 1 else loss
