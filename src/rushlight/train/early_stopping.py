"""Stop when a measure no longer improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rushlight.errors import ArgumentError, CheckpointError, message
from rushlight.train.better import Mode, Told, direction, plain_name

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Stop training after `patience` epochs in which `monitor` did not get better by more than `min_delta`.

    `monitor` is a column of the history; ``mode="auto"`` asks its metric whether larger or smaller is
    better, and raises ArgumentError where the metric does not know. With `restore_best` the model gets back
    its weights of the best epoch when training ends. Works with Trainer, and by hand:

    >>> import rushlight as rl
    >>> model = rl.nn.Linear(2, 1)
    >>> stopping = rl.train.EarlyStopping("validation_loss", patience=2)
    >>> losses = [3.0, 2.0, 2.5, 2.1]
    >>> [stopping.update({"epoch": i, "validation_loss": v}, model) for i, v in enumerate(losses)]
    [False, False, False, True]
    >>> stopping.best_epoch
    1
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Mode = "auto",
        restore_best: bool = True,
    ) -> None:
        if mode != "auto":
            direction("EarlyStopping", monitor, mode)
        if patience < 1 or min_delta < 0:
            got = f"patience {patience} and min_delta {min_delta}"
            raise ArgumentError(message("EarlyStopping", got, "patience >= 1 and min_delta >= 0"))
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.restore_best, self.mode = restore_best, mode
        self.better: Told = {}
        self.best = math.inf
        self.best_epoch: int | None = None
        self.waited = 0
        self.weights: dict[str, Any] | None = None

    def know(self, better: Told) -> None:
        """Learn from a trainer which way its metrics are better; ArgumentError if `monitor` does not know."""
        self.better = dict(better)
        if plain_name(self.monitor) in better:
            direction("EarlyStopping", self.monitor, self.mode, better)

    def update(self, row: Mapping[str, Any], model: Any) -> bool:
        """Look at an epoch's `row` of the history; whether to stop now."""
        if self.monitor not in row:
            measured = ", ".join(name for name in row if name not in ("epoch", "lr", "seconds"))
            raise ArgumentError(
                message(
                    "EarlyStopping",
                    f"monitor {self.monitor!r}",
                    f"one of the columns {measured}",
                    "For validation columns, pass validation data to fit.",
                )
            )
        sign = 1.0 if direction("EarlyStopping", self.monitor, self.mode, self.better) == "min" else -1.0
        value = sign * float(row[self.monitor])
        if value < self.best - self.min_delta:
            self.best, self.best_epoch, self.waited = value, row.get("epoch"), 0
            if self.restore_best:
                self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model: Any) -> None:
        """Give `model` back its weights of the best epoch, if they were kept."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def __repr__(self) -> str:
        given = (
            f"{self.monitor!r}, patience={self.patience}, min_delta={self.min_delta:g}, mode={self.mode!r}"
        )
        return f"EarlyStopping({given}, restore_best={self.restore_best})"

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": self.weights,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave. Raises CheckpointError for weights that are no tensors."""
        weights = state["weights"]
        if weights is not None and not all(hasattr(value, "detach") for value in dict(weights).values()):
            raise CheckpointError("EarlyStopping.load_state_dict: its weights are no tensors")
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.waited, self.weights = state["waited"], state["weights"]
