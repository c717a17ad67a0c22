"""Stop when a measure no longer improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from rushlight.errors import ArgumentError, CheckpointError, message

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Stop training after `patience` epochs in which `monitor` did not get better by more than `min_delta`.

    `monitor` is a column of the history; ``mode="auto"`` takes larger for better if its name ends in
    accuracy, else smaller. With `restore_best` the model gets back its weights of the best epoch when
    training ends. Works with Trainer, and by hand:

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
        mode: Literal["auto", "min", "max"] = "auto",
        restore_best: bool = True,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(message("EarlyStopping", f"mode {mode!r}", '"auto", "min" or "max"'))
        if patience < 1 or min_delta < 0:
            got = f"patience {patience} and min_delta {min_delta}"
            raise ArgumentError(message("EarlyStopping", got, "patience >= 1 and min_delta >= 0"))
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.restore_best = restore_best
        self.sign = -1.0 if mode == "max" or (mode == "auto" and monitor.endswith("accuracy")) else 1.0
        self.best = math.inf
        self.best_epoch: int | None = None
        self.waited = 0
        self.weights: dict[str, Any] | None = None

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
        value = self.sign * float(row[self.monitor])
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
