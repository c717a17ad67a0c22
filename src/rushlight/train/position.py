"""Where a run stands: the numbers that, with model, optimizer and random state, make a resumed run equal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from rushlight.errors import CheckpointError

if TYPE_CHECKING:
    from rushlight.train.steps import Done

__all__ = ["Position"]


@dataclass
class Position:
    """Progress of a run, with the sums of the epoch under way."""

    epoch: int = 0
    """Epochs completed."""
    batch: int = 0
    """Batches of the next epoch already used."""
    exhausted: bool = False
    """All batches of the epoch are used, but it is not closed: validation is still to come."""
    stopped: bool = False
    """Early stopping ended the run."""
    samples: int = 0
    loss_sum: float = 0.0
    loss_weight: float = 0.0
    seconds: float = 0.0

    def mean_loss(self) -> float:
        """The loss of the epoch so far."""
        return self.loss_sum / self.loss_weight if self.loss_weight else float("nan")

    def add(self, done: Done) -> None:
        """Go on to where these batches end."""
        self.batch += len(done.shares)
        self.samples += done.samples
        self.loss_sum, self.loss_weight = done.loss_sum, done.loss_weight

    def add_finite(self, done: Done) -> int:
        """Go on to the first of these batches whose loss is not finite; gives its number."""
        number = next((i for i, share in enumerate(done.shares) if not math.isfinite(share)), 0)
        self.batch += number
        self.loss_sum = reduce(add, done.shares[:number], self.loss_sum)
        self.loss_weight = reduce(add, done.weights[:number], self.loss_weight)
        return number

    def next_epoch(self) -> None:
        """Close the epoch."""
        self.epoch, self.batch, self.exhausted = self.epoch + 1, 0, False
        self.samples, self.loss_sum, self.loss_weight, self.seconds = 0, 0.0, 0.0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave. Raises CheckpointError for counts below 0."""
        if any(state[name] < 0 for name in ("epoch", "batch", "samples", "loss_weight")):
            raise CheckpointError("a position before the beginning")
        for name in asdict(self):
            setattr(self, name, state[name])
