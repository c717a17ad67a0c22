"""Metrics of many networks at once: what each one's own metrics would say, counted side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.core.tensor import wrap
from rushlight.errors import ArgumentError, ShapeError
from rushlight.train.metric_set import MetricSet
from rushlight.train.metrics import IGNORE, Accuracy, ErrorRate, Metric, true_classes

__all__ = ["Tally"]

Array = np.ndarray[Any, Any]


class Tally:
    """The metrics of the members of one family, in training or in validation, over whole epochs.

    sets     the metrics of each member.
    targets  the tensor that holds all rows' targets.
    """

    def __init__(self, sets: list[MetricSet], targets: Any) -> None:
        self.sets, self.targets = sets, targets
        kinds = [
            [(type(m), getattr(m, "threshold", None), getattr(m, "ignore_index", None)) for m in s.items]
            for s in sets
        ]
        self.together = all(k == kinds[0] and all(t in (Accuracy, ErrorRate) for t, *_ in k) for k in kinds)
        self._truth: dict[tuple[int, ...], Array | None] = {}
        labels = targets.array.reshape(len(targets), -1) if len(targets) else targets.array
        self._negative = (labels < 0).any(axis=1)
        self._two = bool(((labels == 0) | (labels == 1) | (labels == -1)).all())
        self._ignored = next((i for *_, i in kinds[0] if i is not None), IGNORE)
        self._right: dict[str, Any] = {}
        self._line: Any = 0.5

    def begin(self, rows: Array) -> None:
        """A new epoch, or several at once, which see the targets in `rows`, (orders, epochs or 1, n)."""
        self._right = {m.name: 0 for m in self.sets[0].items} | {"samples": 0}
        # Where "auto" draws the line between the classes: between -1 and 1, or between 0 and 1.
        if self._negative.any():
            self._line = np.where(self._negative[rows].any(axis=2, keepdims=True), 0.0, 0.5)
        for metrics in self.sets:
            metrics.reset()

    def add(self, who: Array, outputs: Array, rows: Array, order: Array) -> None:
        """Count the outputs (members, epochs, steps, batch, ...) of the members `who`, whose targets stand in
        ``rows[order]``, (members, epochs or 1, steps * batch)."""
        if not self.sets[0].items and self.together:
            return
        if self.together:
            count, epochs = outputs.shape[:2]
            scores = outputs.reshape(count, epochs, -1, *outputs.shape[4:])
            if self._count(scores, rows, order):
                return
            self.together = False  # shapes that the metrics themselves know what to say about
        for place, m in enumerate(who):
            for metric in self.sets[m].items:
                self._alone(metric, outputs[place], rows[order[place]])

    def _alone(self, metric: Metric, outputs: Array, rows: Array) -> None:
        """One member's metric, and one epoch: several epochs are only counted together."""
        steps, batch = outputs.shape[1:3]
        targets = self.targets.array[rows[0]]
        targets = targets.reshape(steps, batch, *targets.shape[1:])
        if steps == 1:
            metric.update(wrap(outputs[0, 0]), wrap(targets[0]))
        else:
            metric.update_each(wrap(outputs[0]), wrap(targets))

    def _count(self, scores: Array, rows: Array, order: Array) -> bool:
        """Count for all members at once; whether the shapes are such that it can be done."""
        truth = self._classes(scores.shape[3:])
        if truth is None or scores.shape[2] != rows.shape[2]:
            return False
        found = truth[rows][order]
        line = self._line if np.ndim(self._line) == 0 else self._line[order]
        for metric in self.sets[0].items:
            assert isinstance(metric, Accuracy)
            if scores.ndim == 4 and scores.shape[3] > 1:
                right = scores.argmax(axis=3) == found
            else:
                at = metric.threshold
                flat = scores.reshape(scores.shape[:3])
                right = (flat > (line if at == "auto" else at)) == found
            self._right[metric.name] = self._right[metric.name] + np.count_nonzero(right, axis=2)
        self._right["samples"] += rows.shape[2]
        return True

    def _classes(self, tail: tuple[int, ...]) -> Array | None:
        """What the predicted class of each row is compared with; None where it cannot be told."""
        if tail not in self._truth:
            labels = self.targets.array
            found: Array | None = None
            if len(tail) == 1 and tail[0] > 1:
                try:
                    found = true_classes(labels, (len(labels), *tail), self._ignored)
                except (ShapeError, ArgumentError):
                    found = None
                if found is not None and (found == IGNORE).any():
                    found = None
            elif tail in ((), (1,)) and labels.size == len(labels) and self._two:
                found = labels.reshape(-1) > 0
            self._truth[tail] = found
        return self._truth[tail]

    def values(self, who: Array, epochs: int) -> dict[str, list[list[Any]]]:
        """By name, for each member of `who` a list with a value for each epoch."""
        if not self.together:
            rows = [self.sets[m].values() for m in who]
            names = dict.fromkeys(name for row in rows for name in row)
            return {name: [[row.get(name)] for row in rows] for name in names}
        found = {}
        for metric in self.sets[0].items:
            samples, right = self._right["samples"], self._right[metric.name]
            counted = samples - right if type(metric) is ErrorRate else right
            found[metric.name] = (counted / samples).tolist()
        return found
