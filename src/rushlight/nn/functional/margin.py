"""Losses of margins and distributions, each a composition of other operations."""

from __future__ import annotations

import math

from rushlight import ops
from rushlight.core.anomaly import warn
from rushlight.core.autocast import autocasts
from rushlight.core.spec import refuse_dtype
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.nn.functional.loss import check_pair, reduced, reduction_of, weighted
from rushlight.nn.functional.nonlinear import logsigmoid

__all__ = [
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]


# Between numbers


@autocasts("float32")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d²/2 where \\|d| < delta, else delta (\\|d| - delta/2), with d = x - y (Huber, 1964).

    >>> import rushlight as rl
    >>> rl.nn.functional.huber_loss(rl.tensor([0.0, 0.0]), rl.tensor([1.0, 3.0])).item()
    1.5
    """
    reduction = reduction_of("huber_loss", None, None, reduction)
    if delta <= 0:
        raise ArgumentError(message("huber_loss", f"delta={delta}", "a positive number"))
    check_pair("huber_loss", input, target)
    apart = input - target
    size = apart.abs()
    near = size <= delta
    small = _chosen(near, apart)
    loss = ops.where(near, 0.5 * small * small, delta * (size - 0.5 * delta))
    return weighted("huber_loss", loss, weight, input, reduction)


@autocasts("float32")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2 beta) where \\|d| < beta, else \\|d| - beta/2, with d = x - y; the absolute error for beta = 0.

    >>> import rushlight as rl
    >>> rl.nn.functional.smooth_l1_loss(rl.tensor([0.0, 0.0]), rl.tensor([1.0, 3.0])).item()
    1.5
    """
    reduction = reduction_of("smooth_l1_loss", size_average, reduce, reduction)
    if beta < 0:
        raise ArgumentError(message("smooth_l1_loss", f"beta={beta}", "0 or more"))
    check_pair("smooth_l1_loss", input, target)
    apart = input - target
    size = apart.abs()
    if beta == 0:
        return reduced(size, reduction)
    near = size < beta
    small = _chosen(near, apart)
    return reduced(ops.where(near, small * small * (0.5 / beta), size - 0.5 * beta), reduction)


def _chosen(near: Tensor, apart: Tensor) -> Tensor:
    """What is squared: the differences, for their sizes have no second derivative at 0, and those alone that
    are chosen, for 0 times infinity is nan."""
    return ops.where(near, apart, 0.0)


@autocasts("float32")
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """ln(1 + exp(-y x)) for targets y of 1 and -1; exact for every x.

    >>> import rushlight as rl
    >>> rl.nn.functional.soft_margin_loss(rl.tensor([-1000.0]), rl.tensor([1.0])).item()
    1000.0
    """
    reduction = reduction_of("soft_margin_loss", size_average, reduce, reduction)
    return reduced(ops.softplus(-target * input), reduction)


@autocasts("float32")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """x where y = 1, max(0, margin - x) where y = -1: x is the distance of a pair that is alike or not.

    >>> import rushlight as rl
    >>> rl.nn.functional.hinge_embedding_loss(rl.tensor([0.25, 0.25]), rl.tensor([1.0, -1.0])).item()
    0.5
    """
    reduction = reduction_of("hinge_embedding_loss", size_average, reduce, reduction)
    zero = ops.zeros_like(input)
    unlike = ops.where(target != 1, (margin - input).clamp(min=0.0), zero)
    return reduced(unlike + ops.where(target != -1, input, zero), reduction)


@autocasts("float32")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - y (a - b)): a is to rank above b where y = 1, below where y = -1.

    >>> import rushlight as rl
    >>> rl.nn.functional.margin_ranking_loss(rl.tensor([1.0]), rl.tensor([3.0]), rl.tensor([1.0])).item()
    2.0
    """
    reduction = reduction_of("margin_ranking_loss", size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        got = f"shapes {tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(target.shape)}"
        raise ShapeError(message("margin_ranking_loss", got, "equally many axes"))
    return reduced((-target * (input1 - input2) + margin).clamp(min=0.0), reduction)


# Between distributions


@autocasts("float32")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """y (ln y - x) for log-probabilities x and probabilities y, or with ``log_target`` their logarithms; 0
    where y is 0. reduction="batchmean", the sum over the size of the batch, is the divergence; "mean" is over
    all elements.

    >>> import rushlight as rl
    >>> logs = rl.tensor([[0.5, 0.5]]).log()
    >>> round(rl.nn.functional.kl_div(logs, rl.tensor([[1.0, 0.0]]), reduction="batchmean").item(), 4)
    0.6931
    """
    if reduction == "batchmean" and size_average is None and reduce is None:
        loss = _divergence(input, target, log_target).sum()
        return loss / input.shape[0] if input.ndim else loss
    reduction = reduction_of("kl_div", size_average, reduce, reduction)
    if reduction == "mean":
        warn("kl_div: reduction='mean' is over all elements; 'batchmean' is the divergence")
    return reduced(_divergence(input, target, log_target), reduction)


def _divergence(input: Tensor, target: Tensor, log_target: bool) -> Tensor:
    for what, t in (("log-probabilities", input), ("a target", target)):
        if t.dtype.kind != "f":
            raise DTypeError(message("kl_div", f"{what} of {t.dtype}", "a floating dtype", "Use x.float()."))
    if log_target:
        return target.exp() * (target - input)
    positive = target > 0
    logs = ops.where(positive, ops.where(positive, target, 1.0).log(), 0.0)
    return ops.where(target == 0, 0.0, target * logs) - target * input


@autocasts("float32")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(x) - y x for the logarithm x of a Poisson distribution's mean, or x - y ln(x + eps) for the mean;
    ``full`` adds Stirling's approximation of ln y! where y > 1.

    >>> import rushlight as rl
    >>> rl.nn.functional.poisson_nll_loss(rl.tensor([0.0]), rl.tensor([2.0])).item()
    1.0
    """
    reduction = reduction_of("poisson_nll_loss", size_average, reduce, reduction)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        many = ops.where(target > 1, target, 1.0)
        stirling = many * many.log() - many + 0.5 * (many * (2 * math.pi)).log()
        loss = loss + ops.where(target > 1, stirling, 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(ln v + (x - y)² / v) / 2 for a normal distribution of mean x and variance v, which is at least eps;
    ``full`` adds ln(2π) / 2. ``var`` has the input's shape, or one without its last axis, or of size 1 there.
    Raises ArgumentError for a negative variance.

    >>> import rushlight as rl
    >>> rl.nn.functional.gaussian_nll_loss(rl.tensor([0.0]), rl.tensor([2.0]), rl.tensor([1.0])).item()
    2.0
    """
    reduction = reduction_of("gaussian_nll_loss", None, None, reduction)
    variance = var if isinstance(var, Tensor) else ops.full_like(input, float(var))
    if variance.shape != input.shape:
        if variance.shape == input.shape[:-1]:
            variance = variance.unsqueeze(-1)
        elif variance.ndim != input.ndim or variance.shape != (*input.shape[:-1], 1):
            got = f"var {tuple(variance.shape)} for input {tuple(input.shape)}"
            raise ShapeError(message("gaussian_nll_loss", got, "the input's shape, or 1 in its last axis"))
    # The variance is held, and its gradient is as if it had not been.
    held = variance + (variance.detach().clamp(min=eps) - variance.detach())
    loss = 0.5 * (held.log() + (input - target) ** 2 / held)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


# Between classes


@autocasts("float32")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ_i max(0, margin - x[t] + x[i])^p / C over the classes i other than t; weight[t] inside the power.

    >>> import rushlight as rl
    >>> rl.nn.functional.multi_margin_loss(rl.tensor([[0.0, 0.5]]), rl.tensor([0])).item()
    0.75
    """
    reduction = reduction_of("multi_margin_loss", size_average, reduce, reduction)
    if p not in (1, 2):
        raise ArgumentError(message("multi_margin_loss", f"p={p}", "1 or 2"))
    single = input.ndim < 2
    rows = input.reshape(1, -1) if single else input
    refuse_dtype("multi_margin_loss", "classes", target.dtype, "int64")
    classes = target.reshape(-1)
    if len(classes) != len(rows):
        got = f"input {tuple(input.shape)} and classes {tuple(target.shape)}"
        raise ShapeError(message("multi_margin_loss", got, "a class for each row"))
    right = rows.gather(1, classes.unsqueeze(1))
    loss = (margin - right + rows).relu()
    loss = loss * loss if p == 2 else loss
    if weight is not None:
        loss = loss * weight[classes].unsqueeze(1)
    others = classes.unsqueeze(1) != ops.arange(rows.shape[1])
    loss = ops.where(others, loss, 0.0).sum(1) / rows.shape[1]
    return loss[0] if single and reduction == "none" else reduced(loss, reduction)


@autocasts("float32")
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, 1 - (x[t] - x[i])) / C over the classes t that a row of ``target`` names, up to the first
    negative number, and all others i.

    >>> import rushlight as rl
    >>> x, y = rl.tensor([0.1, 0.2, 0.4, 0.8]), rl.tensor([3, 0, -1, 1])
    >>> round(rl.nn.functional.multilabel_margin_loss(x, y).item(), 4)
    0.85
    """
    reduction = reduction_of("multilabel_margin_loss", size_average, reduce, reduction)
    if input.shape != target.shape or input.ndim > 2:
        got = f"input {tuple(input.shape)} and target {tuple(target.shape)}"
        raise ShapeError(message("multilabel_margin_loss", got, "the same shape, (C,) or (N, C)"))
    refuse_dtype("multilabel_margin_loss", "classes", target.dtype, "int64")
    count = max(input.shape[-1] if input.ndim else 1, 1)
    rows, names = input.reshape(-1, count), target.reshape(-1, count)
    named = (names < 0).long().cumsum(1) == 0
    of_class = (names.unsqueeze(2) == ops.arange(count)) & named.unsqueeze(2)
    others = ~of_class.any(1)
    right = rows.gather(1, ops.where(named, names, 0))
    apart = (1.0 - (right.unsqueeze(2) - rows.unsqueeze(1))).relu()
    loss = ops.where(named.unsqueeze(2) & others.unsqueeze(1), apart, 0.0).sum((1, 2)) / count
    return loss[0] if input.ndim < 2 and reduction == "none" else reduced(loss, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-Σ (y ln σ(x) + (1 - y) ln σ(-x)) / C over the classes, the last axis.

    >>> import rushlight as rl
    >>> round(rl.nn.functional.multilabel_soft_margin_loss(rl.zeros(2, 3), rl.ones(2, 3)).item(), 4)
    0.6931
    """
    reduction = reduction_of("multilabel_soft_margin_loss", size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1.0 - target) * logsigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduced(loss.mean(-1), reduction)
