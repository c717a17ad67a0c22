"""Losses as functions, with PyTorch's signatures; ``nn.functional`` offers them, ``nn.loss`` as modules.

A function checks what it is given, asks an op or a composition of ops for the loss of each element, and
weighs and reduces these.
"""

from __future__ import annotations

import math

import rushlight.ops.loss as loss_ops
from rushlight import ops
from rushlight.core.anomaly import warn
from rushlight.core.autocast import autocasts
from rushlight.core.spec import broadcast, refuse_dtype
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.composed import pick
from rushlight.ops.reduce import in_float32

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "check_pair",
    "cross_entropy",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "reduced",
    "reduction_of",
    "weighted",
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


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of all elements, or each as it is."""
    if reduction == "mean":
        return loss.mean()
    return loss.sum() if reduction == "sum" else loss


# Losses between numbers


def check_pair(name: str, input: Tensor, target: Tensor) -> None:
    """Warns when two shapes broadcast though they differ, as (N, 1) and (N,) do: the result is (N, N)."""
    if input.array.shape == target.array.shape:
        return
    both = f"predictions {input.array.shape} and targets {target.array.shape}"
    try:
        shape = broadcast(name, [input.shape, target.shape])
    except ShapeError:
        remedy = "Reshape one of them, e.g. targets.reshape(predictions.shape)."
        raise ShapeError(message(name, both, "the same shape twice", remedy)) from None
    warn(
        f"{name}: {both} differ and are broadcast to {shape}, which is hardly what you mean; "
        "reshape one of them, e.g. targets.reshape(predictions.shape)"
    )


def weighted(name: str, loss: Tensor, weight: Tensor | None, input: Tensor, reduction: str) -> Tensor:
    """The loss of each element, weighed, and reduced: the mean is Σ w loss / Σ w."""
    if weight is None:
        return reduced(loss, reduction)
    if weight.shape != input.shape:
        got = f"weight {weight.shape} and input {input.shape}"
        raise ShapeError(message(name, got, "the same shape twice", "Use weight.expand(input.shape)."))
    total = reduced(loss * weight, "none" if reduction == "none" else "sum")
    return total / weight.sum() if reduction == "mean" else total


@autocasts("float32")
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
    reduction = reduction_of("mse_loss", size_average, reduce, reduction)
    check_pair("mse_loss", input, target)
    if reduction == "mean" and weight is None:
        return loss_ops.mse(input, target)
    difference = input - target
    return weighted("mse_loss", difference * difference, weight, input, reduction)


@autocasts("float32")
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
    check_pair("l1_loss", input, target)
    return weighted("l1_loss", (input - target).abs(), weight, input, reduction)


# Losses against probabilities


def _check_same(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        got = f"predictions {input.shape} and targets {target.shape}"
        remedy = "Reshape one of them, e.g. targets.reshape(predictions.shape)."
        raise ShapeError(message(name, got, "the same shape twice", remedy))
    if target.dtype.kind != "f":
        remedy = "Convert them with .float()."
        raise DTypeError(message(name, f"targets of dtype {target.dtype}", "a floating dtype", remedy))


@autocasts("float32")
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
    loss = loss_ops.bce(loss_ops.probabilities(input, name), target)
    return reduced(loss if weight is None else loss * weight, reduction)


@autocasts("float32")
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
        loss = loss_ops.bce_with_logits(input, target)
    else:
        loss = (1.0 - target) * input + (1.0 + (pos_weight - 1.0) * target) * ops.softplus(-input)
    return reduced(loss if weight is None else loss * weight, reduction)


# Losses over classes


def _check_classes(name: str, input: Tensor, target: Tensor) -> None:
    shape = input.array.shape
    expected = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if not shape or target.array.shape != expected:
        got = f"input {input.shape} and classes {target.shape}"
        wanted = f"classes of shape {expected}" if shape else "input (C,), (N, C) or (N, C, d1, ...)"
        raise ShapeError(
            message(name, got, wanted, "Classes have the input's shape without its class dimension.")
        )
    if target.array.dtype is not xp.int64:
        refuse_dtype(name, "classes", target.array.dtype, "int64", "uint8")


def _check_weight(name: str, weight: Tensor | None, classes: int) -> None:
    if weight is None:
        return
    if weight.dtype.kind != "f":
        raise DTypeError(
            message(name, f"weight of {weight.dtype}", "a floating dtype", "Use weight.float().")
        )
    if weight.shape != (classes,):
        got = f"weight of shape {weight.shape} for {classes} classes"
        raise ShapeError(message(name, got, f"shape ({classes},)", "Give one weight for each class."))


class _Rows:
    """Classes () or (N, d1, ...) against an input (C,) or (N, C, d1, ...), row by row.

    input    (rows, C); target: the class of each row, 0 where it is ignored.
    ignored  which rows are; weight: what each row counts. None where all count and count 1.
    """

    ignored: Tensor | None = None
    weight: Tensor | None = None

    def __init__(
        self, name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
    ) -> None:
        _check_classes(name, input, target)
        axes = input.array.ndim
        self.shape, classes = target.array.shape, input.array.shape[min(axes - 1, 1)]
        _check_weight(name, weight, classes)
        self.input = input if axes == 2 else input.movedim(min(axes - 1, 1), -1).reshape(-1, classes)
        self.target = target if target.array.ndim == 1 else target.reshape(-1)
        # Values are looked at only when there are some: a traced program has none yet.
        plain = not state.tracing and weight is None and not 0 <= ignore_index < classes
        if plain and loss_ops.are_classes(target, classes):
            return
        if weight is not None and target.array.dtype == xp.uint8:
            self.target = self.target.long()  # bytes would index as a mask
        self.target = loss_ops.in_range(self.target, name, classes, ignore_index)
        self.ignored = self.target == ignore_index
        self.target = ops.where(self.ignored, 0, self.target)
        each = ops.ones((), dtype=input.dtype) if weight is None else weight[self.target]
        self.weight = ops.where(self.ignored, 0.0, each)

    def reduced(self, loss: Tensor, reduction: str) -> Tensor:
        """The loss of each row, weighed already, as it was asked for."""
        if reduction == "none":
            return loss.reshape(self.shape)
        if reduction == "sum" or self.weight is None:
            return reduced(loss, reduction)
        # Where all are ignored, the mean is nan and its gradient, as in PyTorch, 0: not 0 times infinity.
        count = self.weight.sum()
        none = count == 0.0
        return loss.sum() / ops.where(none, 1.0, count) + ops.where(none, math.nan, ops.zeros_like(count))

    def weighed(self, loss: Tensor) -> Tensor:
        """The loss of each row times what it counts; of those ignored 0, whatever it is."""
        if self.ignored is None or self.weight is None:
            return loss
        return ops.where(self.ignored, 0.0, loss * self.weight)


@autocasts("float32")
@in_float32
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w[t_n] x[n, t_n] for log-probabilities (C,), (N, C) or (N, C, d1, ...) and classes without the C.

    The mean is weighted: Σ loss / Σ w[t_n]; targets equal to ignore_index count nowhere, and if all are, the
    mean is nan. Raises ShapeError, DTypeError for classes that are no integers, IndexingError for classes
    outside [0, C).

    >>> import rushlight as rl
    >>> rl.nn.functional.nll_loss(rl.tensor([[-1.0, -2.0], [-3.0, -4.0]]), rl.tensor([0, 1])).item()
    2.5
    """
    reduction = reduction_of("nll_loss", size_average, reduce, reduction)
    rows = _Rows("nll_loss", input, target, weight, ignore_index)
    return rows.reduced(rows.weighed(-pick(rows.input, rows.target)), reduction)


@autocasts("float32")
@in_float32
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-w[t] ln softmax(x)[t] for logits (C,), (N, C) or (N, C, d1, ...), stable for every x: R4's loss.

    ``target`` holds classes, (N, d1, ...), or probabilities of the input's shape; label_smoothing s mixes
    each target with s/C on all classes. The mean is weighted as in nll_loss; for probabilities it is over N
    d1 .... Raises as nll_loss does, and ArgumentError for label_smoothing outside [0, 1].

    >>> import rushlight as rl
    >>> round(rl.nn.functional.cross_entropy(rl.zeros(3, 2), rl.tensor([0, 1, 1])).item(), 4)
    0.6931
    """
    reduction = reduction_of("cross_entropy", size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        remedy = "0.1 is usual."
        raise ArgumentError(
            message("cross_entropy", f"label_smoothing={label_smoothing}", "a number in [0, 1]", remedy)
        )
    if target.shape == input.shape and target.dtype.kind == "f":
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    rows = _Rows("cross_entropy", input, target, weight, ignore_index)
    if rows.weight is None and reduction == "mean" and not label_smoothing and target.numel():
        return loss_ops.cross_entropy(rows.input, rows.target, mean=True)
    loss = rows.weighed(loss_ops.cross_entropy(rows.input, rows.target))
    if label_smoothing:
        logs = ops.log_softmax(rows.input, 1)
        every = -(logs if weight is None else logs * weight).sum(1) / logs.shape[1]
        every = every if rows.ignored is None else ops.where(rows.ignored, 0.0, every)
        loss = (1.0 - label_smoothing) * loss + label_smoothing * every
    return rows.reduced(loss, reduction)


def _soft_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """Cross-entropy against probabilities of the input's shape."""
    axis = min(input.ndim - 1, 1)
    count = input.shape[axis]
    _check_weight("cross_entropy", weight, count)
    if ignore_index >= 0:
        got = f"ignore_index={ignore_index} with probabilities"
        raise ArgumentError(
            message("cross_entropy", got, "classes, if some are to be ignored", "Weigh them by 0.")
        )
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / count
    if weight is not None:
        target = target * weight.reshape((-1,) + (1,) * (input.ndim - 2))
    return reduced(-(ops.log_softmax(input, axis) * target).sum(axis), reduction)
