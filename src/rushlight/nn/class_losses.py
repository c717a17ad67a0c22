"""Losses over classes: negative log-likelihood and cross-entropy; ``nn.functional`` offers them."""

from __future__ import annotations

import math
from typing import Any

from rushlight import ops
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.nn.losses import reduce_by, reduction_of
from rushlight.ops.entropy import classes_in_range, in_range, mean_cross_entropy, mean_nll
from rushlight.ops.reduce import in_float32

__all__ = ["cross_entropy", "nll_loss"]


def _check_classes(name: str, input: Tensor, target: Tensor) -> None:
    expected = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    if input.ndim == 0 or target.shape != expected:
        got = f"input {input.shape} and classes {target.shape}"
        wanted = f"classes of shape {expected}" if input.ndim else "input (C,), (N, C) or (N, C, d1, ...)"
        raise ShapeError(
            message(name, got, wanted, "Classes have the input's shape without its class dimension.")
        )
    if target.dtype.kind not in "iu":
        remedy = "Convert them with .long(), or give cross_entropy probabilities of the input's shape."
        raise DTypeError(message(name, f"classes of dtype {target.dtype}", "an integer dtype", remedy))


def _class_axis(vector: Tensor, ndim: int) -> Tensor:
    """A vector over classes, (C,), shaped to broadcast against (N, C, d1, ...)."""
    return vector.reshape((-1,) + (1,) * (ndim - 2))


def _check_weight(name: str, weight: Tensor | None, classes: int) -> None:
    if weight is not None and weight.shape != (classes,):
        got = f"weight of shape {weight.shape} for {classes} classes"
        raise ShapeError(message(name, got, f"shape ({classes},)", "Give one weight for each class."))


class _Classes:
    """Classes (N, d1, ...) against an input (N, C, d1, ...): which is meant where, and what it weighs."""

    def __init__(
        self, name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
    ) -> None:
        count = input.shape[1]
        _check_weight(name, weight, count)
        target = in_range(target, name, count, ignore_index)
        self.ignored = target == ignore_index
        self.hot = target.unsqueeze(1) == _class_axis(ops.arange(count), input.ndim)
        if weight is None:
            self.weight = ops.where(self.ignored, 0.0, ops.ones((), dtype=input.dtype))
        else:
            spread = ops.where(self.hot, _class_axis(weight, input.ndim), 0.0).sum(1)
            self.weight = ops.where(self.ignored, 0.0, spread)

    def pick(self, input: Tensor) -> Tensor:
        """input[n, target[n]], and 0 where the target is ignored."""
        return ops.where(self.ignored, 0.0, ops.where(self.hot, input, 0.0).sum(1))


def _plain(logits: Any, target: Tensor, ignore_index: int) -> bool:
    """Whether each row of a matrix has one class and none is ignored; not to be known while tracing."""
    return (
        not state.tracing
        and logits.ndim == 2
        and logits.size > 0
        and target.array.shape == logits.shape[:1]
        and target.array.dtype.kind in "iu"
        and logits.dtype.kind == "f"
        and ignore_index < 0
        and classes_in_range(target, logits.shape[1])
    )


def _mean(loss: Tensor, total: Tensor, reduction: str) -> Tensor:
    if reduction != "mean":
        return reduce_by(loss, reduction)
    # Where every target is ignored, the mean is nan and its gradient, as in PyTorch, 0: not 0 times infinity.
    count = total.sum()
    none = count == 0.0
    return loss.sum() / ops.where(none, 1.0, count) + ops.where(none, math.nan, ops.zeros_like(count))


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
    if (
        reduction == "mean"
        and weight is None
        and size_average is None
        and reduce is None
        and _plain(input.array, target, ignore_index)
    ):
        return mean_nll(input, target)
    reduction = reduction_of("nll_loss", size_average, reduce, reduction)
    _check_classes("nll_loss", input, target)
    if input.ndim == 1:
        loss = nll_loss(input.unsqueeze(0), target.unsqueeze(0), weight, None, ignore_index, None, reduction)
        return loss.squeeze(0) if reduction == "none" else loss
    classes = _Classes("nll_loss", input, target, weight, ignore_index)
    return _mean(-classes.pick(input) * classes.weight, classes.weight, reduction)


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
    if (
        reduction == "mean"
        and weight is None
        and label_smoothing == 0.0
        and size_average is None
        and reduce is None
        and _plain(input.array, target, ignore_index)
    ):
        return mean_cross_entropy(input, target)
    reduction = reduction_of("cross_entropy", size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        remedy = "0.1 is usual."
        raise ArgumentError(
            message("cross_entropy", f"label_smoothing={label_smoothing}", "a number in [0, 1]", remedy)
        )
    if input.ndim == 1:
        target = target.unsqueeze(0)
        smoothed = (None, ignore_index, None, reduction, label_smoothing)
        loss = cross_entropy(input.unsqueeze(0), target, weight, *smoothed)
        return loss.squeeze(0) if reduction == "none" else loss
    if target.shape == input.shape and target.dtype.kind == "f":
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    _check_classes("cross_entropy", input, target)
    classes = _Classes("cross_entropy", input, target, weight, ignore_index)
    logs = ops.log_softmax(input, 1)
    loss = _mean(-classes.pick(logs) * classes.weight, classes.weight, reduction)
    if label_smoothing == 0.0:
        return loss
    every = logs if weight is None else logs * _class_axis(weight, logs.ndim)
    every = ops.where(classes.ignored, 0.0, -every.sum(1))
    smooth = _mean(every, classes.weight, reduction)
    return (1.0 - label_smoothing) * loss + (label_smoothing / input.shape[1]) * smooth


def _soft_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """Cross-entropy against probabilities of the input's shape."""
    count = input.shape[1]
    _check_weight("cross_entropy", weight, count)
    if ignore_index >= 0:
        got = f"ignore_index={ignore_index} with probabilities"
        raise ArgumentError(
            message("cross_entropy", got, "classes, if some are to be ignored", "Weigh them by 0.")
        )
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / count
    if weight is not None:
        target = target * _class_axis(weight, input.ndim)
    loss = -(ops.log_softmax(input, 1) * target).sum(1)
    return loss.mean() if reduction == "mean" else reduce_by(loss, reduction)
