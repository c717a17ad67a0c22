"""What the batches of many networks count in their mean losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.train.sweeping.course import Stroke
from rushlight.train.weights import LossWeights

__all__ = ["StrokeWeights"]

Array = np.ndarray[Any, Any]


class StrokeWeights:
    """What the batches count for each member of a family, whose losses may weigh the classes differently.

    losses   the members' losses.
    targets  the tensor that holds all rows' targets.
    """

    def __init__(self, losses: Sequence[LossWeights], targets: Any) -> None:
        self.sums = losses[0].sums
        rows = [loss.rows(targets) for loss in losses]
        self.uneven = any(isinstance(each, np.ndarray) for each in rows)
        """Whether some samples count more than others, so that it matters which ones are in a batch."""
        self.each: Array | float = rows[0] if isinstance(rows[0], float) else 1.0
        if self.uneven:
            tables = [np.broadcast_to(np.asarray(each, np.float64), len(targets)) for each in rows]
            known: dict[bytes, int] = {}  # members that weigh alike share a table
            self.table_of = np.array([known.setdefault(t.tobytes(), len(known)) for t in tables])
            self.tables = np.stack([np.frombuffer(key) for key in known])

    def of(self, who: Array, rows: Array, order: Array, stroke: Stroke) -> Array:
        """The weights (members, epochs or 1, batches) of a stroke whose samples stand in ``rows[order]``."""
        if not self.uneven:
            return np.full((1, 1, stroke.count), self.each * stroke.size)
        samples = self.tables[self.table_of[who][:, None, None], rows[order]]
        found: Array = samples.reshape(*samples.shape[:2], stroke.count, stroke.size).sum(axis=-1)
        return found

    def losses(self, values: Array, weights: Array) -> Array:
        """The shares of the batches in the sums of their epochs, as `LossWeights.add` gives them."""
        return values if self.sums else np.where(weights == 0.0, 0.0, values * weights)
