"""How good predictions are, by the metrics of `rushlight.train`."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight as rl
from rushlight.tabular.target import Target
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


def measure(target: Target, answers: Array, y: Array) -> Figures:
    """Measures of probabilities (N, classes) against numbers of classes, or of scaled numbers (N, 1), on the
    scale of the column."""
    if not target.labels:
        found, true = rl.from_numpy(target.decode(answers[:, 0])), rl.from_numpy(target.decode(y))
        return _of([RMSE(), MAE(), R2()], found, true)
    scores, truth = rl.from_numpy(answers), rl.from_numpy(y.astype(np.int64))
    right = float((answers.argmax(axis=1) == y).mean())
    own = answers[np.arange(len(y)), y.astype(np.int64)]
    log_loss = float(-np.log(np.maximum(own, SMALLEST)).mean())
    others = _of([F1(classes=len(target.labels)), AUC()], scores, truth)
    return Figures(error=1.0 - right, accuracy=right, log_loss=log_loss, **others)


def confusion(target: Target, answers: Array, y: Array) -> Array:
    """Counts of the true class (row) against the predicted one."""
    counts = ConfusionMatrix(len(target.labels))
    counts.update(rl.from_numpy(answers), rl.from_numpy(y.astype(np.int64)))
    return np.asarray(counts.compute())


def _of(metrics: list[Any], found: Any, true: Any) -> Figures:
    for metric in metrics:
        metric.update(found, true)
    return Figures((metric.name, metric.compute()) for metric in metrics)
