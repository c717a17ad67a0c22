"""How good predictions are, by the metrics of `rushlight.train`."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight as rl
from rushlight.tabular.target import Target
from rushlight.tabular.weighing import mean_one
from rushlight.train import AUC, F1, MAE, R2, RMSE, ConfusionMatrix
from rushlight.train.tables import Figures

__all__ = ["JUDGED_BY", "SHARES", "confusion", "measure"]

Array = np.ndarray[Any, Any]

JUDGED_BY = {"classification": "log_loss", "regression": "rmse"}
"""The measure by which models are compared, and columns found to matter."""
SHARES = ("error", "accuracy")
"""Measures that are shown in per cent."""
SMALLEST = 1e-15
"""A probability counts as no less than this, or one mistake would make the log loss infinite."""


def measure(target: Target, answers: Array, y: Array, weights: Array | None = None) -> Figures:
    """Measures of probabilities (N, classes) against numbers of classes, or of scaled numbers (N, 1), on the
    scale of the column. weights (N,), above 0: what each row counts; one of 2 counts as two rows."""
    if weights is not None:
        return _weighed(target, answers, y, mean_one(weights))
    if not target.labels:
        found, true = rl.from_numpy(target.decode(answers[:, 0])), rl.from_numpy(target.decode(y))
        return _of([RMSE(), MAE(), R2()], found, true)
    scores, truth = rl.from_numpy(answers), rl.from_numpy(y.astype(np.int64))
    right = float((answers.argmax(axis=1) == y).mean())
    own = answers[np.arange(len(y)), y.astype(np.int64)]
    log_loss = float(-np.log(np.maximum(own, SMALLEST)).mean())
    others = _of([F1(classes=len(target.labels)), AUC()], scores, truth)
    return Figures(error=1.0 - right, accuracy=right, log_loss=log_loss, **others)


def _weighed(target: Target, answers: Array, y: Array, weights: Array) -> Figures:
    """The same with sums of weights in the place of counts."""
    if not target.labels:
        found, true = target.decode(answers[:, 0]), target.decode(y)
        residual = float(np.average((found - true) ** 2, weights=weights))
        spread = float(np.average((true - np.average(true, weights=weights)) ** 2, weights=weights))
        mae = float(np.average(np.abs(found - true), weights=weights))
        return Figures(
            rmse=residual**0.5, mae=mae, r2=1.0 - residual / spread if spread > 0 else float("nan")
        )
    truth, guess = y.astype(np.int64), answers.argmax(axis=1)
    right = float(np.average(guess == truth, weights=weights))
    own = answers[np.arange(len(truth)), truth]
    log_loss = float(-np.average(np.log(np.maximum(own, SMALLEST)), weights=weights))
    areas = [_area(answers[:, c], truth == c, weights) for c in range(len(target.labels))]
    f1 = _f1(truth, guess, weights, len(target.labels))
    return Figures(error=1.0 - right, accuracy=right, log_loss=log_loss, f1=f1, auc=float(np.mean(areas)))


def _f1(truth: Array, guess: Array, weights: Array, classes: int) -> float:
    """Of class 1 for two classes, else the mean over those that are there or predicted."""
    hits = np.bincount(truth, weights * (guess == truth), classes)
    either = np.bincount(truth, weights, classes) + np.bincount(guess, weights, classes)
    each = 2 * hits / np.where(either > 0, either, 1.0)
    return float(each[1]) if classes == 2 else float(each[either > 0].mean())


def _area(scores: Array, positive: Array, weights: Array) -> float:
    """How much weight of pairs of a sample of the class and another one has the former above, equal scores
    counting half."""
    _, place = np.unique(scores, return_inverse=True)
    inside = np.bincount(place, weights * positive)
    outside = np.bincount(place, weights * ~positive)
    pairs = inside.sum() * outside.sum()
    if not pairs or np.isnan(scores).any():
        return float("nan")
    below = np.cumsum(outside) - outside / 2
    return float((inside * below).sum() / pairs)


def confusion(target: Target, answers: Array, y: Array) -> Array:
    """Counts of the true class (row) against the predicted one."""
    counts = ConfusionMatrix(len(target.labels))
    counts.update(rl.from_numpy(answers), rl.from_numpy(y.astype(np.int64)))
    return np.asarray(counts.compute())


def _of(metrics: list[Any], found: Any, true: Any) -> Figures:
    for metric in metrics:
        metric.update(found, true)
    return Figures((metric.name, metric.compute()) for metric in metrics)
