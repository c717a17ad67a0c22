"""What is measured of many networks at once: the losses of their batches, and their metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.train.metric_set import MetricSet
from rushlight.train.metrics import Accuracy, ErrorRate
from rushlight.train.sweeping.data import Segment
from rushlight.train.trainer import Trainer
from rushlight.train.weights import LossWeights, of_batches

__all__ = ["Measures"]

Array = np.ndarray[Any, Any]


class Measures:
    """Losses and metrics of the members of a group, in training or in validation.

    train    which of the two.
    targets  the tensor that holds all rows' targets.
    outputs  of a batch, by its size, their shape.
    """

    def __init__(
        self, train: bool, trainers: Sequence[Trainer], targets: Tensor, outputs: dict[int, tuple[int, ...]]
    ) -> None:
        self.train, self._targets = train, targets.array
        losses = [LossWeights(t.loss) for t in trainers]
        self._loss, self._rows = losses[0], [loss.rows(targets) for loss in losses]
        alike = not any(isinstance(rows, np.ndarray) for rows in self._rows)
        self._each = np.array(self._rows)[:, None, None] if alike else None
        # Copies: a metric that several trainers were given would count for all of them.
        self._sets = [[m for m in t.fresh_metrics() if train or m.scalar] for t in trainers]
        kinds = [[(type(m), {**vars(m), "state": None}) for m in own] for own in self._sets]
        self.joint = all(own == kinds[0] for own in kinds) and all(
            kind in (Accuracy, ErrorRate) for kind, _ in kinds[0]
        )
        """Whether several epochs can be measured at once: all networks' metrics only count samples, alike."""
        if self._sets[0]:
            self.joint = self.joint and all(shape[:1] == (size,) for size, shape in outputs.items())
        self._counts: list[dict[str, Array]] = []

    def begin(self, epochs: int) -> None:
        """A new epoch, or several at once."""
        for metric in [metric for own in self._sets for metric in own]:
            metric.reset()
        whole, counted = (len(self._sets), epochs), self._sets[0] if self.joint else []
        self._counts = [{key: np.zeros(whole, type(v)) for key, v in m.state.items()} for m in counted]

    def take(self, place: int, metrics: MetricSet) -> None:
        """Go on from what `metrics` counted of the present epoch for the member at `place`."""
        for own, metric in zip(self._sets[place], metrics.items, strict=True):
            own.state = dict(metric.state)
        for counts, metric in zip(self._counts, metrics.items, strict=False):
            for key, held in counts.items():
                held[place] = metric.state[key]

    def give(self, place: int, metrics: MetricSet) -> None:
        """Have `metrics` count what was counted for the member at `place` in the present epoch."""
        for own, metric in zip(self._sets[place], metrics.items, strict=True):
            metric.state = dict(own.state)
        for counts, metric in zip(self._counts, metrics.items, strict=False):
            metric.state = {key: held[place, 0].item() for key, held in counts.items()}

    def add(
        self, who: Array, segment: Segment, outputs: list[Array], find: Callable[[], Array]
    ) -> tuple[Array, Array]:
        """Take in what the batches of a segment gave for the members `who`, (members, epochs, batches, ...).
        Their samples are what `find` gives, (members or 1, epochs or 1, samples). Gives what each batch adds
        to the sum of its epoch's losses, and what it counts in their mean, (members, epochs, batches)."""
        counted = any(self._sets)
        rows = find() if counted or self._each is None else None
        if self._each is not None:
            each = self._each[who] * segment.size
        else:
            assert rows is not None
            places = np.broadcast_to(rows, (len(who), *rows.shape[1:]))
            places = places.reshape(len(who), -1, segment.count, segment.size)
            each = np.array([of_batches(self._rows[m], own) for m, own in zip(who, places, strict=True)])
        if counted:
            self._count(who, outputs[1], self._targets[rows])
        losses = outputs[0].astype(np.float64)
        weights = np.broadcast_to(each, losses.shape)
        return self._loss.shares(losses, weights), weights

    def _count(self, who: Array, outputs: Array, targets: Array) -> None:
        if self.joint:
            scores = outputs.reshape(*outputs.shape[:2], -1, *outputs.shape[4:])
            for metric, counts in zip(self._sets[0], self._counts, strict=True):
                assert isinstance(metric, Accuracy)
                for key, found in metric.count(scores, targets, 2).items():
                    counts[key][who] += found
            return
        targets = np.broadcast_to(targets[:, 0], (len(who), *targets.shape[2:]))
        for m, output, target in zip(who, outputs[:, 0], targets, strict=True):
            batches = wrap(target.reshape(len(output), -1, *target.shape[1:]))
            for metric in self._sets[m]:
                metric.update_each(wrap(output), batches)

    def columns(self, who: Array) -> list[dict[str, list[Any]]]:
        """The metrics of the members `who`, by their names in a history, a value for each epoch."""
        split = "train_" if self.train else "validation_"
        if not self.joint:
            return [{split + m.name: [m.compute()] for m in self._sets[k] if m.scalar} for k in who]
        found: list[dict[str, list[Any]]] = [{} for _ in who]
        for metric, counts in zip(self._sets[0], self._counts, strict=True):
            assert isinstance(metric, Accuracy)
            values = metric.values({key: held[who] for key, held in counts.items()})
            for own, line in zip(found, values.tolist(), strict=True):
                own[split + metric.name] = line
        return found
