"""Losses as plain functions, with PyTorch's signatures; ``nn.functional`` offers them and ``nn.loss`` wraps
them.
"""

from __future__ import annotations

from rushlight import ops
from rushlight.core.anomaly import warn
from rushlight.core.spec import broadcast
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.entropy import bce, bce_with_logits
from rushlight.ops.loss import mse
from rushlight.ops.reduce import in_float32

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "l1_loss",
    "mse_loss",
]

REDUCTIONS = ("mean", "sum", "none")


def reduction_of(name: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's old options size_average and reduce, or else ``reduction``, ask for."""
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in REDUCTIONS:
        known = "'mean', 'sum' or 'none'"
        raise ArgumentError(message(name, f"reduction={reduction!r}", known, "Leave it out for the mean."))
    return reduction


def reduce_by(loss: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of all elements, or each as it is."""
    if reduction == "mean":
        return loss.mean()
    return loss.sum() if reduction == "sum" else loss


def _check_pair(name: str, input: Tensor, target: Tensor) -> None:
    """Warns when two shapes broadcast though they differ, as (N, 1) and (N,) do: the result is (N, N)."""
    both = f"predictions {input.shape} and targets {target.shape}"
    try:
        shape = broadcast(name, [input.shape, target.shape])
    except ShapeError:
        remedy = "Reshape one of them, e.g. targets.reshape(predictions.shape)."
        raise ShapeError(message(name, both, "the same shape twice", remedy)) from None
    warn(
        f"{name}: {both} differ and are broadcast to {shape}, which is hardly what you mean; "
        "reshape one of them, e.g. targets.reshape(predictions.shape)"
    )


def _weighted(name: str, loss: Tensor, weight: Tensor, input: Tensor, reduction: str) -> Tensor:
    if weight.shape != input.shape:
        got = f"weight {weight.shape} and input {input.shape}"
        raise ShapeError(message(name, got, "the same shape twice", "Use weight.expand(input.shape)."))
    loss = loss * weight
    return loss.sum() / weight.sum() if reduction == "mean" else reduce_by(loss, reduction)


@in_float32
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error (x - y)², its mean over all elements, its sum, or each ("none"); the gradient of the mean
    is 2(x - y)/n.

    With ``weight`` (of the input's shape) the mean is Σ w (x - y)² / Σ w. Raises ShapeError when the shapes
    don't broadcast, and warns when they broadcast but differ.

    >>> import rushlight as rl
    >>> rl.nn.functional.mse_loss(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0])).item()
    2.0
    """
    if input.array.shape != target.array.shape:
        _check_pair("mse_loss", input, target)
    elif reduction == "mean" and weight is None and size_average is None and reduce is None:
        return mse(input, target)
    reduction = reduction_of("mse_loss", size_average, reduce, reduction)
    difference = input - target
    loss = difference * difference
    return (
        reduce_by(loss, reduction)
        if weight is None
        else _weighted("mse_loss", loss, weight, input, reduction)
    )


@in_float32
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute error |x - y|, its mean, its sum, or each ("none"); as mse_loss otherwise.

    >>> import rushlight as rl
    >>> rl.nn.functional.l1_loss(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0])).item()
    1.0
    """
    reduction = reduction_of("l1_loss", size_average, reduce, reduction)
    if input.shape != target.shape:
        _check_pair("l1_loss", input, target)
    loss = (input - target).abs()
    return (
        reduce_by(loss, reduction) if weight is None else _weighted("l1_loss", loss, weight, input, reduction)
    )


def _check_same(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        got = f"predictions {input.shape} and targets {target.shape}"
        remedy = "Reshape one of them, e.g. targets.reshape(predictions.shape)."
        raise ShapeError(message(name, got, "the same shape twice", remedy))
    if target.dtype.kind != "f":
        remedy = "Convert them with .float()."
        raise DTypeError(message(name, f"targets of dtype {target.dtype}", "a floating dtype", remedy))


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w (y ln p + (1 - y) ln(1 - p)) for probabilities p, with the logarithms held above -100 as in PyTorch.

    On logits use binary_cross_entropy_with_logits, which loses no digits. Raises ShapeError unless input and
    target agree, and ArgumentError for probabilities outside [0, 1].

    >>> import rushlight as rl
    >>> round(rl.nn.functional.binary_cross_entropy(rl.tensor([0.5]), rl.tensor([1.0])).item(), 4)
    0.6931
    """
    name = "binary_cross_entropy"
    reduction = reduction_of(name, size_average, reduce, reduction)
    _check_same(name, input, target)
    # Values are looked at only when there are some: a traced program has none yet.
    if (
        not state.tracing
        and not bool(((input >= 0.0) & (input <= 1.0)).all())
        and not bool(input.isnan().any())
    ):
        remedy = "Put a sigmoid before it, or use binary_cross_entropy_with_logits."
        raise ArgumentError(message(name, "values outside [0, 1]", "probabilities", remedy))
    loss = bce(input, target)
    return reduce_by(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """BCE of sigmoid(z), as max(z, 0) - z y + ln(1 + e^-|z|): exact for every z. d/dz = sigmoid(z) - y.

    ``pos_weight`` c, which broadcasts, weighs the positive part: -(c y ln σ(z) + (1 - y) ln(1 - σ(z))).
    Raises ShapeError unless input and target agree.

    >>> import rushlight as rl
    >>> rl.nn.functional.binary_cross_entropy_with_logits(rl.tensor([1000.0]), rl.tensor([0.0])).item()
    1000.0
    """
    name = "binary_cross_entropy_with_logits"
    reduction = reduction_of(name, size_average, reduce, reduction)
    _check_same(name, input, target)
    if pos_weight is None:
        loss = bce_with_logits(input, target)
    else:
        loss = (1.0 - target) * input + (1.0 + (pos_weight - 1.0) * target) * ops.softplus(-input)
    return reduce_by(loss if weight is None else loss * weight, reduction)
