"""What a classifier's scores are worth beside accuracy: F1, the k likeliest, the area under a curve."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.train.metrics import IGNORE, ConfusionMatrix, Metric, Threshold, column, host, true_classes

__all__ = ["AUC", "F1", "TopKAccuracy"]

Array = np.ndarray[Any, Any]
Average = Literal["auto", "binary", "macro", "micro", "weighted"]


class F1(ConfusionMatrix):
    """The harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn) of a class.

    average  "binary": of class 1; "macro": the mean over the classes; "weighted": that mean weighed by how
             many samples are of each; "micro": of all counts together. "auto": "binary" for two classes, else
             "macro". Classes that are neither there nor predicted are left out.

    >>> import rushlight as rl
    >>> metric = rl.train.F1()
    >>> metric.update(rl.tensor([0.9, 0.8, 0.1, 0.2]), rl.tensor([1.0, 0.0, 0.0, 1.0]))
    >>> metric.compute()
    0.5
    """

    name = "f1"
    scalar = True
    better = "max"

    def __init__(
        self,
        average: Average = "auto",
        classes: int | None = None,
        threshold: Threshold = "auto",
        ignore_index: int = IGNORE,
    ) -> None:
        if average not in ("auto", "binary", "macro", "micro", "weighted"):
            expected = '"auto", "binary", "macro", "micro" or "weighted"'
            raise ArgumentError(message("F1", f"average={average!r}", expected))
        self.average = average
        super().__init__(classes, threshold, ignore_index)

    def compute(self) -> Any:
        counts = super().compute()
        if not counts.sum():
            return float("nan")
        right, true, found = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
        average = self.average
        if average == "auto":
            average = "binary" if len(counts) <= 2 else "macro"
        if average == "micro":
            return float(right.sum() / counts.sum())
        each = 2 * right / np.maximum(true + found, 1)
        if average == "binary":
            if len(counts) > 2:
                remedy = 'Take average="macro".'
                raise ArgumentError(message("F1", f"{len(counts)} classes", "two for the binary F1", remedy))
            return float(each[1]) if len(each) > 1 else 0.0
        if average == "weighted":
            return float((each * true).sum() / true.sum())
        return float(each[true + found > 0].mean())


class TopKAccuracy(Metric):
    """The share of samples whose true class is among the `k` with the largest scores.

    >>> import rushlight as rl
    >>> metric = rl.train.TopKAccuracy(2)
    >>> metric.update(rl.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), rl.tensor([1, 2]))
    >>> metric.name, metric.compute()
    ('top2_accuracy', 0.5)
    """

    better = "max"
    counts = True

    def __init__(self, k: int = 5, ignore_index: int = IGNORE) -> None:
        if k < 1:
            raise ArgumentError(message("TopKAccuracy", f"k={k}", "at least 1"))
        self.k, self.ignore_index, self.name = k, ignore_index, f"top{k}_accuracy"
        self.reset()

    def reset(self) -> None:
        self.state = {"samples": 0, "right": 0}

    def update(self, output: Any, target: Any) -> None:
        scores = host(output)
        if scores.ndim != 2 or scores.shape[1] < 2:
            raise ShapeError(message("TopKAccuracy", f"outputs {scores.shape}", "(N, classes)"))
        truth = true_classes(target, scores.shape, self.ignore_index)
        counted = truth != IGNORE
        scores, truth = scores[counted], truth[counted]
        own = scores[np.arange(len(truth)), truth][:, None]
        lost, own_lost = np.isnan(scores), np.isnan(own)  # the largest, as for argmax
        larger = (scores > own) | (lost & ~own_lost)
        equal = (scores == own) | (lost & own_lost)
        before = (larger | equal & (np.arange(scores.shape[1]) < truth[:, None])).sum(axis=1)
        self.state["samples"] += len(truth)
        self.state["right"] += int((before < self.k).sum())

    def compute(self) -> float:
        return self.state["right"] / self.state["samples"] if self.state["samples"] else float("nan")


class AUC(Metric):
    """The area under the receiver operating characteristic: how likely it is that a sample of a class scores
    above one of another class, equal scores counting half.

    Of one output it is that of class 1 against class 0 (or 1 against -1); of several the mean over the
    classes, each against all others. nan where a class has no samples or all of them, or a score is nan. It
    keeps all scores until the epoch ends.

    >>> import rushlight as rl
    >>> metric = rl.train.AUC()
    >>> metric.update(rl.tensor([0.1, 0.4, 0.35, 0.8]), rl.tensor([0.0, 0.0, 1.0, 1.0]))
    >>> metric.compute()
    0.75
    """

    name = "auc"
    better = "max"
    counts = True

    def __init__(self, ignore_index: int = IGNORE) -> None:
        self.ignore_index = ignore_index
        self.reset()

    def reset(self) -> None:
        self.state = {"scores": [], "classes": []}

    def update(self, output: Any, target: Any) -> None:
        scores = host(output)
        if scores.ndim == 2 and scores.shape[1] > 1:
            truth = true_classes(target, scores.shape, self.ignore_index)
            counted = truth != IGNORE
            scores, truth = scores[counted], truth[counted]
        else:
            flat, labels = column(scores, host(target))
            scores, truth = flat[:, None], (labels > 0).astype(np.int64)
        self.state["scores"].extend(scores.tolist())
        self.state["classes"].extend(truth.tolist())

    def compute(self) -> float:
        truth = np.array(self.state["classes"], dtype=np.int64)
        if not len(truth):
            return float("nan")
        scores = np.array(self.state["scores"], dtype=np.float64)
        if scores.shape[1] == 1:
            return _area(scores[:, 0], truth == 1)
        return float(np.mean([_area(scores[:, c], truth == c) for c in range(scores.shape[1])]))


def _area(scores: Array, positive: Array) -> float:
    """By ranks (Mann and Whitney), equal scores sharing the mean of theirs."""
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few or np.isnan(scores).any():
        return float("nan")
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))
