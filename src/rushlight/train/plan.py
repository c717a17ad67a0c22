"""The epoch plan: what the training of one network asks for, step by step, whoever takes the steps.

The plan is the loop over epochs. It asks for batches to be trained on and for epochs to be measured, and is
told what came of it; between two requests the run may be saved, looked at or left. `Trainer.fit` follows one
plan, a sweep those of all its networks side by side.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushlight.errors import DataError, message
from rushlight.optim.lr_scheduler import ReduceLROnPlateau
from rushlight.train.steps import Done

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["EpochPlan", "Lost", "Measure", "Train", "finish"]

NO_BATCH = message("fit", "training data without a batch", "at least one", "Look at drop_last.")


@dataclass(frozen=True, slots=True)
class Train:
    """Train on the next batches of the epoch. The answer is a `Done`, or None where no batch is left.

    most   so many batches at most; None: any number.
    ahead  whether further epochs may be trained on before the plan has seen the end of this one.
    """

    most: int | None
    ahead: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure the epoch: the answer is its row of the history, but for what the plan knows itself."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The loss is no longer finite, in batch `number` of these. The plan ends here."""

    done: Done
    number: int


Request = Train | Measure | Lost


class EpochPlan:
    """What brings `trainer` from its present position to the end of epoch `epochs`.

    request  what is to be done next; None when all is done.
    """

    def __init__(self, trainer: Trainer, epochs: int) -> None:
        self.trainer, self.epochs = trainer, epochs
        self._requests = self._run()
        self.request: Request | None = next(self._requests, None)

    def answer(self, found: Any) -> None:
        """Go on to the next request. Raises DataError for an epoch without a batch."""
        try:
            self.request = self._requests.send(found)
        except StopIteration:
            self.request = None

    def closed(self, epochs: int, columns: Mapping[str, Sequence[Any]], seconds: float) -> None:
        """Take in whole epochs that were trained on and measured, as a request with `ahead` allows.

        columns  the epochs' rows of the history, but for what the plan knows itself; seconds: of each.
        """
        trainer, position = self.trainer, self.trainer.position
        first = position.epoch + 1
        trainer.history.extend(
            {
                "epoch": range(first, first + epochs),
                **columns,
                "lr": [float(trainer.optimizer.param_groups[0]["lr"])] * epochs,
                "seconds": [round(seconds, 6)] * epochs,
            }
        )
        position.epoch += epochs
        if position.epoch >= self.epochs:
            self.close()

    def close(self) -> None:
        """End here, whatever is left."""
        self._requests.close()
        self.request = None

    def _run(self) -> Generator[Request, Any, None]:
        trainer, position = self.trainer, self.trainer.position
        if position.epoch < self.epochs and not position.stopped:
            try:
                trainer.callbacks.fit_start(trainer)
                yield from self._epochs()
            finally:
                trainer.callbacks.fit_end(trainer)

    def _epochs(self) -> Generator[Request, Any, None]:
        trainer, position, scheduler = self.trainer, self.trainer.position, self.trainer.scheduler
        callbacks = trainer.callbacks
        by_batch = scheduler is not None and trainer.schedule == "batch"
        ahead = scheduler is None and trainer.early_stopping is None and not callbacks.items
        train = Train(1 if by_batch or callbacks.by_batch else None, ahead)
        while position.epoch < self.epochs and not position.stopped:
            if not position.batch and not position.exhausted:
                callbacks.epoch_start(trainer)
            while not position.exhausted:
                done = yield train
                if done is None:
                    if not position.batch:
                        raise DataError(NO_BATCH)
                    position.exhausted = True
                elif not math.isfinite(done.loss_sum):
                    yield Lost(done, position.add_finite(done))
                    return
                else:
                    position.add(done)
                    if by_batch:
                        scheduler.step()
                    if callbacks.by_batch:
                        callbacks.batch_end(trainer, done.shares[-1] / (done.weights[-1] or math.nan))
            _close(trainer, (yield Measure()))


def _close(trainer: Trainer, columns: dict[str, Any]) -> None:
    """Write the epoch into the history, and do what follows from it."""
    position = trainer.position
    row = {"epoch": position.epoch + 1, "train_loss": position.mean_loss(), **columns}
    row["lr"] = float(trainer.optimizer.param_groups[0]["lr"])
    row["seconds"] = round(position.seconds, 6)
    trainer.history.append(**row)
    if isinstance(trainer.scheduler, ReduceLROnPlateau):
        trainer.scheduler.step(row.get("validation_loss", row["train_loss"]))
    elif trainer.scheduler is not None and trainer.schedule == "epoch":
        trainer.scheduler.step()
    if trainer.early_stopping is not None:
        position.stopped |= trainer.early_stopping.update(row, trainer.model)
    position.next_epoch()
    trainer.callbacks.epoch_end(trainer, row)  # last: the epoch is closed, whatever they raise


def finish(trainer: Trainer) -> None:
    """Put the best weights into the model where early stopping kept them, after the last epoch."""
    if trainer.early_stopping is not None and trainer.early_stopping.restore_best:
        trainer.early_stopping.restore(trainer.model)
