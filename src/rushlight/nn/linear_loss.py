"""A linear layer with the cross-entropy of its results."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.nn.functional.linear_loss import linear_cross_entropy
from rushlight.nn.linear import Linear
from rushlight.nn.loss import WeightedLoss

__all__ = ["LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(WeightedLoss):
    """`CrossEntropyLoss` of a linear layer's logits: of inputs (N, in_features) or (in_features,).

    num_classes   C.
    out_features  further axes (d1, ...) of the logits (N, C, d1, ...), each with classes of its own.
    bias          whether the layer adds a bias.
    options       how PyTorch cuts the work; without effect.

    The others are those of `CrossEntropyLoss`. The layer is `linear`.

    >>> import rushlight as rl
    >>> loss = rl.nn.LinearCrossEntropyLoss(5, 10)
    >>> loss(rl.rand(3, 5), rl.tensor([0, 9, 4])).shape, list(loss.state_dict())
    (Size([]), ['linear.weight'])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        self.in_features = in_features
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        self.linear = Linear(in_features, num_classes * math.prod(self.out_features), bias, device, dtype)

    def extra_repr(self) -> str:
        shown = {
            "in_features": self.in_features,
            "num_classes": self.num_classes,
            "out_features": self.out_features,
            "bias": self.linear.bias is not None,
            "reduction": self.reduction,
            "ignore_index": self.ignore_index,
            "label_smoothing": self.label_smoothing,
            "options": self.options,
        }
        return ", ".join(f"{name}={value}" for name, value in shown.items())

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        sizes, bias = (self.num_classes, *self.out_features), self.linear.bias
        return linear_cross_entropy(
            input,
            self.linear.weight.reshape(*sizes, self.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(sizes),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )
