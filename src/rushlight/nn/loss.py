"""Losses as modules. Being Modules, they also start the reports' backward: ``grad = criterion.backward()``
after ``criterion(predictions, targets)`` gives the gradient that ``model.backward(grad)`` takes.
"""

from __future__ import annotations

import math

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.nn import functional as F
from rushlight.nn.functional.loss import reduction_of
from rushlight.nn.module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "NLLLoss",
    "WeightedLoss",
]


class Loss(Module):
    """Base of the losses: the reduction, and which inputs `backward` gives gradients for."""

    reduction: str
    _backward_inputs = 1

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.reduction = reduction_of(type(self).__name__, size_average, reduce, reduction)

    def sample_weights(self, target: Tensor) -> Tensor | float:
        """What each sample of a batch counts in the mean: all alike, or a tensor (N,). By this are the losses
        of batches weighed where they make the loss of an epoch."""
        array = target.array
        return float(array.size / max(len(array), 1))


class WeightedLoss(Loss):
    """Base of the losses with a weight for each class or element, which is a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """Squared error (x - y)²: its mean over all elements, its sum, or each; any shape, the same for both.

    >>> import rushlight as rl
    >>> rl.nn.MSELoss()(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0])).item()
    2.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """Absolute error |x - y|: its mean over all elements, its sum, or each; any shape, the same for both.

    >>> import rushlight as rl
    >>> rl.nn.L1Loss()(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0])).item()
    1.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class BCELoss(WeightedLoss):
    """Binary cross-entropy of probabilities p, with the logarithms held above -100; ``weight`` broadcasts.

    After a Sigmoid this is R3's loss; BCEWithLogitsLoss does both at once and loses no digits.

    >>> import rushlight as rl
    >>> round(rl.nn.BCELoss()(rl.tensor([0.5]), rl.tensor([1.0])).item(), 4)
    0.6931
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of sigmoid(z), exact for every z; ``weight`` and ``pos_weight`` broadcast.

    >>> import rushlight as rl
    >>> rl.nn.BCEWithLogitsLoss()(rl.tensor([1000.0]), rl.tensor([0.0])).item()
    1000.0
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class _ClassLoss(WeightedLoss):
    ignore_index: int

    def sample_weights(self, target: Tensor) -> Tensor | float:
        """The weights of the sample's classes; 0 for those that are ignored."""
        if target.dtype.kind == "f":  # probabilities (N, C, ...): the mean is over all but the classes
            # Floats of one axis the loss itself refuses, and says why.
            return target.numel() / max(math.prod(target.shape[:2]), 1)
        array = target.array  # asked for every batch, and nearly always for nothing
        if self.weight is None and not (array == self.ignore_index).any():
            return float(array.size / max(len(array), 1))
        ignored = target == self.ignore_index
        if self.weight is None:
            counted = ops.where(ignored, 0.0, ops.ones(()))
        else:
            # What is out of range the loss itself refuses.
            known = target.long().clamp(0, len(self.weight) - 1)
            counted = ops.where(ignored, 0.0, self.weight.detach()[known])
        return counted.reshape(len(target), -1).sum(1)


class NLLLoss(_ClassLoss):
    """-w[t] x[t] for log-probabilities x (N, C, ...), as LogSoftmax gives them, and classes t (N, ...).

    >>> import rushlight as rl
    >>> rl.nn.NLLLoss()(rl.tensor([[-1.0, -2.0], [-3.0, -4.0]]), rl.tensor([0, 1])).item()
    2.5
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(_ClassLoss):
    """-w[t] ln softmax(x)[t] for logits x (N, C, ...) and classes t (N, ...), or probabilities.

    R4's negative log-likelihood over softmax; LogSoftmax and NLLLoss in one.

    >>> import rushlight as rl
    >>> round(rl.nn.CrossEntropyLoss()(rl.zeros(3, 2), rl.tensor([0, 1, 1])).item(), 4)
    0.6931
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
