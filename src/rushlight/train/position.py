"""Where a run stands: the numbers that, with model, optimizer and random state, make a resumed run equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rushlight.errors import CheckpointError

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
