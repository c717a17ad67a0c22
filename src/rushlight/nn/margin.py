"""Losses of margins and distributions as modules; the formulas stand with the functions."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.nn.functional import margin as M
from rushlight.nn.functional.ctc import ctc_loss
from rushlight.nn.functional.distance import cosine_embedding_loss
from rushlight.nn.loss import Loss, WeightedLoss

__all__ = [
    "CTCLoss",
    "CosineEmbeddingLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]


class HuberLoss(Loss):
    """d²/2 where \\|d| < delta, else delta (\\|d| - delta/2), with d = x - y.

    >>> import rushlight as rl
    >>> rl.nn.HuberLoss()(rl.tensor([0.0, 0.0]), rl.tensor([1.0, 3.0])).item()
    1.5
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.huber_loss(input, target, self.reduction, self.delta)


class SmoothL1Loss(Loss):
    """d² / (2 beta) where \\|d| < beta, else \\|d| - beta/2, with d = x - y.

    >>> import rushlight as rl
    >>> rl.nn.SmoothL1Loss()(rl.tensor([0.0, 0.0]), rl.tensor([1.0, 3.0])).item()
    1.5
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class SoftMarginLoss(Loss):
    """ln(1 + exp(-y x)) for targets y of 1 and -1.

    >>> import rushlight as rl
    >>> rl.nn.SoftMarginLoss()(rl.tensor([-1000.0]), rl.tensor([1.0])).item()
    1000.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.soft_margin_loss(input, target, reduction=self.reduction)


class KLDivLoss(Loss):
    """y (ln y - x) for log-probabilities x and probabilities y; see `functional.kl_div`.

    >>> import rushlight as rl
    >>> logs = rl.tensor([[0.5, 0.5]]).log()
    >>> round(rl.nn.KLDivLoss(reduction="batchmean")(logs, rl.tensor([[1.0, 0.0]])).item(), 4)
    0.6931
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, "mean" if reduction == "batchmean" else reduction)
        self.reduction = reduction if reduction == "batchmean" else self.reduction
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(Loss):
    """exp(x) - y x for the logarithm x of a Poisson distribution's mean; see `functional.poisson_nll_loss`.

    >>> import rushlight as rl
    >>> rl.nn.PoissonNLLLoss()(rl.tensor([0.0]), rl.tensor([2.0])).item()
    1.0
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        options = self.log_input, self.full, None, self.eps, None, self.reduction
        return M.poisson_nll_loss(log_input, target, *options)


class GaussianNLLLoss(Loss):
    """(ln v + (x - y)² / v) / 2 for a normal distribution of mean x and variance v.

    >>> import rushlight as rl
    >>> rl.nn.GaussianNLLLoss()(rl.tensor([0.0]), rl.tensor([2.0]), rl.tensor([1.0])).item()
    2.0
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return M.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class _MarginLoss(Loss):
    _margin = 1.0

    def __init__(
        self,
        margin: float | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = self._margin if margin is None else margin


class HingeEmbeddingLoss(_MarginLoss):
    """x where y = 1, max(0, margin - x) where y = -1; the margin is 1 by default.

    >>> import rushlight as rl
    >>> rl.nn.HingeEmbeddingLoss()(rl.tensor([0.25, 0.25]), rl.tensor([1.0, -1.0])).item()
    0.5
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class _PairLoss(_MarginLoss):
    _margin = 0.0
    _backward_inputs = 2


class MarginRankingLoss(_PairLoss):
    """max(0, margin - y (a - b)): a is to rank above b where y = 1; the margin is 0 by default.

    >>> import rushlight as rl
    >>> rl.nn.MarginRankingLoss()(rl.tensor([1.0]), rl.tensor([3.0]), rl.tensor([1.0])).item()
    2.0
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return M.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_PairLoss):
    """1 - cos(x, y) for pairs that are alike (1), max(0, cos(x, y) - margin) for others (-1).

    >>> import rushlight as rl
    >>> x = rl.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> rl.nn.CosineEmbeddingLoss()(x, x, rl.tensor([1.0, -1.0])).item()
    0.5
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(Loss):
    """Σ max(0, 1 - (x[t] - x[i])) / C over the classes t named by a row of targets and all others i.

    >>> import rushlight as rl
    >>> x, y = rl.tensor([0.1, 0.2, 0.4, 0.8]), rl.tensor([3, 0, -1, 1])
    >>> round(rl.nn.MultiLabelMarginLoss()(x, y).item(), 4)
    0.85
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """-Σ (y ln σ(x) + (1 - y) ln σ(-x)) / C over the classes, the last axis.

    >>> import rushlight as rl
    >>> round(rl.nn.MultiLabelSoftMarginLoss()(rl.zeros(2, 3), rl.ones(2, 3)).item(), 4)
    0.6931
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """Σ_i max(0, margin - x[t] + x[i])^p / C over the classes i other than t.

    >>> import rushlight as rl
    >>> rl.nn.MultiMarginLoss()(rl.tensor([[0.0, 0.5]]), rl.tensor([0])).item()
    0.75
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return M.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class CTCLoss(Loss):
    """Connectionist temporal classification: sequences against targets that are not aligned with them; see
    `functional.ctc_loss`.

    >>> import rushlight as rl
    >>> even = rl.full((2, 1, 2), 0.5).log()
    >>> round(rl.nn.CTCLoss()(even, rl.tensor([[1]]), [2], [1]).exp().item(), 4)
    1.3333
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        options = self.blank, self.reduction, self.zero_infinity
        return ctc_loss(log_probs, targets, input_lengths, target_lengths, *options)
