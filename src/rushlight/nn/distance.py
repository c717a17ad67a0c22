"""How far apart vectors are, and triplet losses, as modules; the formulas stand with the functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.nn.functional import distance as D
from rushlight.nn.loss import Loss
from rushlight.nn.module import Module

__all__ = [
    "CosineSimilarity",
    "PairwiseDistance",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class TripletMarginLoss(Loss):
    """max(0, d(a, p) - d(a, n) + margin); see `functional.triplet_margin_loss`.

    >>> import rushlight as rl
    >>> round(rl.nn.TripletMarginLoss()(rl.zeros(1, 1), rl.tensor([[3.0]]), rl.tensor([[1.0]])).item(), 4)
    3.0
    """

    _backward_inputs = 3

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        options = self.margin, self.p, self.eps, self.swap, None, None, self.reduction
        return D.triplet_margin_loss(anchor, positive, negative, *options)


class TripletMarginWithDistanceLoss(Loss):
    """`TripletMarginLoss` with a distance of your own.

    >>> import rushlight as rl
    >>> far = lambda x, y: ((x - y) ** 2).sum(-1)
    >>> loss = rl.nn.TripletMarginWithDistanceLoss(distance_function=far)
    >>> loss(rl.zeros(1, 1), rl.tensor([[3.0]]), rl.tensor([[1.0]])).item()
    9.0
    """

    _backward_inputs = 3

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        chosen: Any = PairwiseDistance() if distance_function is None else distance_function
        self.distance_function = chosen
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return D.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CosineSimilarity(Module):
    """x · y / (max(‖x‖, eps) max(‖y‖, eps)) along ``dim``.

    >>> import rushlight as rl
    >>> rl.nn.CosineSimilarity()(rl.tensor([[3.0, 4.0]]), rl.tensor([[6.0, 8.0]])).item()
    1.0
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return D.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """(Σ \\|x - y + eps|^p)^(1/p) along the last axis.

    >>> import rushlight as rl
    >>> round(rl.nn.PairwiseDistance()(rl.zeros(1, 2), rl.tensor([[3.0, 4.0]])).item(), 4)
    5.0
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return D.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
