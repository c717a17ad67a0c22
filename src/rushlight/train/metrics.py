"""How often a classifier is right. Metrics gather counts, so that a result does not depend on batches.

What counts as the predicted class follows from the output's shape:

- (N, C), C > 1: the largest of the C scores. Targets are classes (N,) or (N, 1), or one-hot rows (N, C).
- (N,) or (N, 1): class 1 above a threshold. With ``threshold="auto"`` that is 0.5 for targets 0 and 1, and
  0 for targets -1 and 1; logits with targets 0 and 1 need ``threshold=0.0``.

Targets that are no classes raise ArgumentError; those equal to ``ignore_index`` are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from rushlight.data.outside import as_data, to_array
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.train.better import Direction

__all__ = [
    "Accuracy",
    "ConfusionMatrix",
    "ErrorRate",
    "MeanOf",
    "Metric",
    "accuracy",
    "column",
    "confusion_matrix",
    "error_rate",
    "host",
    "predicted_classes",
    "true_classes",
]

IGNORE = -100
"""What PyTorch writes in the place of a class that does not count."""
Threshold = float | Literal["auto"]
Array = np.ndarray[Any, Any]


class Metric:
    """Base class: `reset`, then `update` with every batch, then `compute`.

    `name` heads its column in the history; `state` is all that `update` changes, in JSON's types.
    """

    name: str = "metric"
    scalar: bool = True
    """Whether `compute` gives a number, which a history can hold."""

    better: Direction | None = None
    """Whether the smallest ("min") or the largest value ("max") is the best; None: a user has to say it."""

    counts: bool = False
    """Whether it only counts samples, so that batches joined into one give what they give one by one."""

    state: dict[str, Any]

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError

    def update(self, output: Any, target: Any) -> None:
        """Take one batch into account."""
        raise NotImplementedError

    def update_each(self, outputs: Any, targets: Any) -> None:
        """Take several batches into account, stacked along a first axis."""
        if self.counts and outputs.shape[:2] == targets.shape[:2]:
            rows = outputs.shape[0] * outputs.shape[1]
            self.update(outputs.reshape(rows, *outputs.shape[2:]), targets.reshape(rows, *targets.shape[2:]))
            return
        for output, target in zip(outputs, targets, strict=True):
            self.update(output, target)

    def compute(self) -> Any:
        """The value over all batches since `reset`."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Accuracy(Metric):
    """The share of samples whose predicted class is the true one.

    >>> import rushlight as rl
    >>> metric = rl.train.Accuracy()
    >>> metric.update(rl.tensor([[0.1, 0.9], [0.8, 0.2]]), rl.tensor([1, 1]))
    >>> metric.compute()
    0.5
    """

    name = "accuracy"
    better: Direction | None = "max"
    counts = True

    def __init__(self, threshold: Threshold = "auto", ignore_index: int = IGNORE) -> None:
        self.threshold, self.ignore_index = _checked(threshold), ignore_index
        self.reset()

    def reset(self) -> None:
        # With "auto" and one output, whether targets are 0/1 or -1/1 shows only when a 0 or -1 comes by,
        # so both readings are counted until the end.
        self.state = {"samples": 0, "right": 0, "right_signed": 0, "signed": False}

    def update(self, output: Any, target: Any) -> None:
        for key, found in self.count(host(output), host(target)).items():
            held = self.state[key]
            self.state[key] = type(held)(held + found)

    def count(self, scores: Array, labels: Array, lead: int = 0) -> dict[str, Any]:
        """What a batch adds to each entry of the state, or many of them do, which stand along the `lead`
        first axes; there the targets may have length 1."""
        if _is_wide(scores.shape[lead:]):
            axes, rest = labels.shape[: lead + 1], labels.shape[lead + 1 :]
            flat = labels.reshape(-1, *rest)
            rows = len(flat) if lead else len(scores)
            truth = true_classes(flat, (rows, scores.shape[-1]), self.ignore_index).reshape(axes)
            counted = np.count_nonzero(truth != IGNORE, axis=-1)
            return {"samples": counted, "right": _right(scores.argmax(axis=-1), truth)}
        samples = labels.shape[lead]
        scores, labels = column(scores, labels, lead)
        truth = labels > 0
        at = 0.5 if self.threshold == "auto" else self.threshold
        found = {"samples": samples, "right": _right(scores > at, truth)}
        if self.threshold == "auto":
            found |= {"right_signed": _right(scores > 0, truth), "signed": (labels < 0).any(axis=-1)}
        return found

    def compute(self) -> float:
        return float(self.values({key: np.asarray(count) for key, count in self.state.items()}))

    def values(self, counts: dict[str, Array]) -> Array:
        """What `compute` gives, of many states at once: an array for each entry of the state."""
        right = np.where(counts["signed"], counts["right_signed"], counts["right"])
        with np.errstate(invalid="ignore"):  # without samples
            return self._share(right, counts["samples"])

    def _share(self, right: Array, samples: Array) -> Array:
        found: Array = right / samples
        return found


class ErrorRate(Accuracy):
    """The share of samples whose predicted class is wrong: 1 - accuracy.

    >>> import rushlight as rl
    >>> metric = rl.train.ErrorRate()
    >>> metric.update(rl.tensor([0.9, 0.8, 0.1, 0.2]), rl.tensor([1.0, 0.0, 0.0, 0.0]))
    >>> metric.compute()
    0.25
    """

    name = "error"
    better = "min"

    def _share(self, right: Array, samples: Array) -> Array:
        # Counted, not 1 - accuracy, which would be 0.017000000000000015 for 17 of 1000.
        found: Array = (samples - right) / samples
        return found


class ConfusionMatrix(Metric):
    """Counts of (true class, predicted class): row i, column j is how many samples of class i were called j.

    `classes` fixes the size; without it the matrix grows with the classes it meets.

    >>> import rushlight as rl
    >>> metric = rl.train.ConfusionMatrix()
    >>> metric.update(rl.tensor([[0.1, 0.9], [0.8, 0.2]]), rl.tensor([1, 1]))
    >>> metric.compute().tolist()
    [[0, 0], [1, 1]]
    """

    name = "confusion_matrix"
    scalar = False
    counts = True

    def __init__(
        self, classes: int | None = None, threshold: Threshold = "auto", ignore_index: int = IGNORE
    ) -> None:
        self.classes, self.threshold, self.ignore_index = classes, _checked(threshold), ignore_index
        self.reset()

    def reset(self) -> None:
        size = self.classes or 0
        self.state = {"counts": _zeros(size), "counts_signed": _zeros(size), "signed": False}

    def update(self, output: Any, target: Any) -> None:
        scores, labels = host(output), host(target)
        if _is_wide(scores.shape):
            truth = true_classes(labels, scores.shape, self.ignore_index)
            counted = truth != IGNORE
            self._count("counts", truth[counted], scores.argmax(axis=1)[counted], scores.shape[1])
            return
        scores, labels = column(scores, labels)
        truth = (labels > 0).astype(np.int64)
        at = 0.5 if self.threshold == "auto" else self.threshold
        self._count("counts", truth, (scores > at).astype(np.int64), 2)
        if self.threshold == "auto":
            self._count("counts_signed", truth, (scores > 0).astype(np.int64), 2)
            self.state["signed"] = self.state["signed"] or bool((labels < 0).any())

    def add(self, truth: Array, predicted: Array) -> None:
        """Count pairs of classes that are known already: two integer arrays (N,)."""
        self._count("counts", np.asarray(truth), np.asarray(predicted), 0)

    def _count(self, key: str, truth: Array, predicted: Array, size: int) -> None:
        before = np.array(self.state[key], dtype=np.int64)
        size = max(size, len(before), int(truth.max(initial=-1)) + 1)
        if self.classes is not None and size > self.classes:
            raise ArgumentError(message("ConfusionMatrix", f"{size} classes", f"{self.classes} at most"))
        counts = np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)
        counts[: len(before), : len(before)] += before.reshape(len(before), len(before))
        self.state[key] = counts.tolist()

    def compute(self) -> Array:
        counts = self.state["counts_signed" if self.state["signed"] else "counts"]
        return np.array(counts, dtype=np.int64).reshape(len(counts), len(counts))


class MeanOf(Metric):
    """The mean over samples of a function ``f(output, target) -> number`` of a batch.

    `better` says whether the smallest ("min") or the largest value ("max") is the best.

    >>> import rushlight as rl
    >>> def gap(output, target):
    ...     return (output - target).abs().mean()
    >>> metric = rl.train.MeanOf(gap)
    >>> metric.update(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 1.0]))
    >>> metric.name, metric.compute()
    ('gap', 0.5)
    """

    def __init__(
        self,
        function: Callable[[Any, Any], Any],
        name: str | None = None,
        better: Direction | None = None,
    ) -> None:
        if better not in (None, "min", "max"):
            raise ArgumentError(message("MeanOf", f"better={better!r}", '"min", "max" or None'))
        self.function, self.better = function, better
        self.name = name or _name_of(function)
        self.reset()

    def reset(self) -> None:
        self.state = {"samples": 0, "sum": 0.0}

    def update(self, output: Any, target: Any) -> None:
        output, target = as_data(self.name, output), as_data(self.name, target)
        samples = len(target)
        self.state["samples"] += samples
        self.state["sum"] += float(self.function(output.detach(), target)) * samples

    def compute(self) -> float:
        return self.state["sum"] / self.state["samples"] if self.state["samples"] else float("nan")


def accuracy(output: Any, target: Any, threshold: Threshold = "auto") -> float:
    """The share of rows of `output` whose class is that of `target`.

    >>> import rushlight as rl
    >>> rl.train.accuracy(rl.tensor([[2.0], [-2.0]]), rl.tensor([[1.0], [1.0]]))
    0.5
    """
    return _once(Accuracy(threshold), output, target)


def error_rate(output: Any, target: Any, threshold: Threshold = "auto") -> float:
    """The share of rows of `output` whose class is not that of `target`: 1 - accuracy."""
    return _once(ErrorRate(threshold), output, target)


def confusion_matrix(
    output: Any, target: Any, classes: int | None = None, threshold: Threshold = "auto"
) -> Array:
    """Counts of (true class, predicted class), an int64 array (classes, classes)."""
    return _once(ConfusionMatrix(classes, threshold), output, target)


def predicted_classes(output: Any, threshold: float = 0.5) -> Array:
    """The class of each row of `output`, an int64 array (N,): the largest score, or 1 above `threshold`."""
    scores = host(output)
    if _is_wide(scores.shape):
        return scores.argmax(axis=1)
    return (scores.reshape(-1) > threshold).astype(np.int64)


def true_classes(target: Any, shape: tuple[int, ...], ignore_index: int = IGNORE) -> Array:
    """The classes in `target`, for an output of `shape` (N, C): given as (N,), (N, 1), or one-hot rows (or
    probabilities). -100 stands where it is `ignore_index`. ArgumentError for numbers that are no classes."""
    labels = host(target)
    if labels.shape == (shape[0],) or labels.shape == (shape[0], 1):
        labels = labels.reshape(-1)
        classes = labels.astype(np.int64, copy=False)
        if labels.dtype.kind == "f" and (classes != labels).any():
            raise _no_classes(labels[classes != labels][0])
        odd = (classes < 0) | (classes >= shape[1])
        if odd.any() or ignore_index >= 0:
            ignored = classes == ignore_index
            if (odd & ~ignored).any():
                raise _no_classes(classes[odd & ~ignored][0], f"classes from 0 to {shape[1] - 1}")
            classes = np.where(ignored, IGNORE, classes)
        return classes
    if labels.shape == shape:
        if labels.dtype.kind == "f" and not _is_spread(labels):
            raise _no_classes(labels.ravel()[0], "one-hot rows or rows of probabilities")
        return labels.argmax(axis=1)
    raise ShapeError(
        message(
            "metric", f"targets {labels.shape} for outputs {shape}", f"({shape[0]},) classes or {shape} rows"
        )
    )


def _once(metric: Metric, output: Any, target: Any) -> Any:
    metric.update(output, target)
    return metric.compute()


def host(value: Any) -> Array:
    """The numbers of a tensor, an array, a frame or a list."""
    return value.detach().numpy() if hasattr(value, "detach") else to_array("metric", value)


def _is_wide(shape: tuple[int, ...]) -> bool:
    if len(shape) not in (1, 2):
        raise ShapeError(message("metric", f"outputs {shape}", "(N, classes), (N, 1) or (N,)"))
    return len(shape) == 2 and shape[1] > 1


def column(scores: Array, labels: Array, lead: int = 0) -> tuple[Array, Array]:
    """One output and target a sample, flat. Raises ShapeError where they differ in number, ArgumentError for
    targets that are not two classes."""
    given, wanted = labels.shape[lead:], scores.shape[lead:]
    if math.prod(given) != math.prod(wanted):
        raise ShapeError(message("metric", f"targets {given} for outputs {wanted}", "one each"))
    scores = scores.reshape(*scores.shape[:lead], -1)
    labels = labels.reshape(*labels.shape[:lead], -1)
    odd = (labels != 0) & (labels != 1) & (labels != -1)
    if odd.any():
        raise _no_classes(labels[odd][0], "targets 0 and 1, or -1 and 1")
    return scores, labels


def _is_spread(rows: Array) -> bool:
    """Whether each row is a distribution over the classes, or 1 for one of them and -1 for the others."""
    lowest = rows.min(initial=0.0)
    signed = lowest < 0 and bool((np.abs(rows) == 1).all())
    total = 2.0 - rows.shape[1] if signed else 1.0
    return (signed or lowest >= 0) and bool(np.isclose(rows.sum(axis=1), total, atol=1e-3).all())


def _no_classes(value: Any, expected: str = "classes") -> ArgumentError:
    remedy = 'For a regression take metrics=["mae"], "rmse" or "r2".'
    return ArgumentError(message("metric", f"a target of {value:g}, which is no class", expected, remedy))


def _name_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name = str(getattr(function, "__name__", type(function).__name__))
    return "metric" if name == "<lambda>" else name


def _right(predicted: Array, truth: Array) -> Any:
    return np.count_nonzero(predicted == truth, axis=-1)


def _zeros(size: int) -> list[list[int]]:
    return [[0] * size for _ in range(size)]


def _checked(threshold: Threshold) -> Threshold:
    if threshold == "auto" or isinstance(threshold, int | float):
        return threshold
    raise ArgumentError(message("metric", f"threshold {threshold!r}", 'a number or "auto"'))
