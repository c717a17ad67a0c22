"""Losses of weighted samples: targets come with the weight of each sample as their last column."""

from __future__ import annotations

from typing import Any

from rushlight.nn import functional as F

__all__ = ["Weighted"]

SMALLEST = 1e-30
"""A sum of weights below every one that is not 0."""


class Weighted:
    """The weighted mean Σ w l / Σ w of a batch, of targets (N, columns + 1) whose last column is w.

    kind   "squares": the mean over the columns of (output - target)²; "classes": cross-entropy of the
           logits, the target being the number of a class; "labels": binary cross-entropy of the logits, its
           mean over the labels.

    >>> import rushlight as rl
    >>> Weighted("squares")(rl.tensor([[1.0], [2.0]]), rl.tensor([[0.0, 1.0], [0.0, 3.0]]))
    tensor(3.2500)
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, output: Any, packed: Any) -> Any:
        target, weight = packed[:, :-1], packed[:, -1]
        # A batch whose weights are all 0 has no loss, and moves nothing.
        return (weight * self.each(output, target)).sum() / weight.sum().clamp(min=SMALLEST)

    def each(self, output: Any, target: Any) -> Any:
        """The loss of each sample, (N,)."""
        if self.kind == "classes":
            return F.cross_entropy(output, target[:, 0].long(), reduction="none")
        if self.kind == "labels":
            return F.binary_cross_entropy_with_logits(output, target, reduction="none").mean(1)
        return F.mse_loss(output.reshape(target.shape), target, reduction="none").mean(1)

    def sample_weights(self, packed: Any) -> Any:
        """What each sample counts in the loss of an epoch."""
        return packed[:, -1]
