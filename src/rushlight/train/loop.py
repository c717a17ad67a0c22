"""One call of `Trainer.fit`: the loop over epochs and batches, and all that happens between them."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from rushlight.errors import AnomalyError, DataError, message
from rushlight.train.feed import Feed
from rushlight.train.interrupt import Interrupted, InterruptGuard, grad_mode_kept
from rushlight.train.metric_set import MetricSet
from rushlight.train.progress import Progress, Status
from rushlight.train.steps import Done, EagerSteps

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["FitLoop"]


class FitLoop:
    """Runs a trainer from its present position to the end of epoch `epochs`."""

    def __init__(
        self,
        trainer: Trainer,
        feed: Feed,
        validation: Feed | None,
        epochs: int,
        progress: Progress,
        steps: EagerSteps,
    ) -> None:
        self.trainer, self.feed, self.validation = trainer, feed, validation
        self.epochs, self.progress, self.steps = epochs, progress, steps
        self.position = trainer.position
        self.guard = InterruptGuard()
        self.latest: dict[str, float] = {}  # the last epoch's validation, for the progress bar
        now = time.perf_counter()
        self.began = self.tick = self.saved_at = now
        self.samples = self.batches = 0  # in this call, for the speed
        self.next_refresh = self.next_look = now

    def run(self) -> None:
        """Train. Raises Interrupted after Ctrl-C and AnomalyError when the loss is no longer finite."""
        position = self.position
        mode = grad_mode_kept()
        try:
            with mode, mode, mode, self.guard:
                self.progress.start(self._status())
                while position.epoch < self.epochs and not position.stopped:
                    if not position.exhausted:
                        self._train_epoch()
                    self._close_epoch()
                if self.batches or position.epoch:
                    self._save()
        finally:
            self.progress.stop()

    def _train_epoch(self) -> None:
        trainer, position = self.trainer, self.position
        trainer.model.train()
        every = trainer.checkpoint_every
        self.tick = time.perf_counter()
        for done in self.steps.epoch(self.feed, self._room):
            self._account(done)
            if trainer.scheduler is not None and trainer.schedule == "batch":
                trainer.scheduler.step()
            now = time.perf_counter()
            if now >= self.next_look or self.guard.requested or (every and position.batch % every == 0):
                self._between_batches(now)
        if not position.batch:
            raise DataError(
                message("fit", "training data without a batch", "at least one", "Look at drop_last.")
            )
        position.exhausted = True

    def _room(self) -> int | None:
        """How many batches may be trained on at once: no more than to the next checkpoint."""
        trainer = self.trainer
        if trainer.scheduler is not None and trainer.schedule == "batch":
            return 1
        every = trainer.checkpoint_every
        return every - self.position.batch % every if every else None

    def _account(self, done: Done) -> None:
        """Add batches that were trained on to the sums of the epoch; AnomalyError if a loss is not finite."""
        position, samples, weights = self.position, done.samples, self.steps.weights
        for number, (value, weight) in enumerate(zip(done.losses, done.weights, strict=True)):
            if weight and not math.isfinite(value):
                raise AnomalyError(self._explain(value, done.batch(number)))
            position.batch += 1
            position.loss_sum += weights.add(value, weight)
            position.loss_weight += weight
        count = len(done.losses)
        position.samples += samples * count
        self.samples += samples * count
        self.batches += count
        if done.measured is not None:
            output, target = done.measured
            for metric in self.trainer.metrics.items:
                (metric.update_each if done.stacked else metric.update)(output, target)

    def _between_batches(self, now: float) -> None:
        trainer = self.trainer
        if self.guard.requested:
            self._interrupted()
        if self.progress.interval is not None and now >= self.next_refresh:
            self.progress.update(self._status())
            self.next_refresh = now + self.progress.interval
        every, seconds = trainer.checkpoint_every, trainer.checkpoint_seconds
        if (every and self.position.batch % every == 0) or (
            seconds is not None and now - self.saved_at >= seconds
        ):
            self._save()
        self._plan_look()

    def _plan_look(self) -> None:
        due = [math.inf]
        if self.progress.interval is not None:
            due.append(self.next_refresh)
        if self.trainer.out is not None and self.trainer.checkpoint_seconds is not None:
            due.append(self.saved_at + self.trainer.checkpoint_seconds)
        self.next_look = min(due)

    def _close_epoch(self) -> None:
        trainer, position = self.trainer, self.position
        row: dict[str, Any] = {"epoch": position.epoch + 1, "train_loss": position.mean_loss()}
        row |= {f"train_{name}": value for name, value in trainer.metrics.values().items()}
        if self.validation is not None:
            self.latest = self._validate(self.validation)
            row |= self.latest
        row["lr"] = float(trainer.optimizer.param_groups[0]["lr"])
        self._clock()
        row["seconds"] = round(position.seconds, 6)
        trainer.history.append(**row)
        if trainer.scheduler is not None and trainer.schedule == "epoch":
            trainer.scheduler.step()
        if trainer.early_stopping is not None:
            position.stopped = trainer.early_stopping.update(row, trainer.model)
        self._report(row)
        position.next_epoch()
        trainer.metrics.reset()
        self._save_after_epoch()

    def _report(self, row: dict[str, Any]) -> None:
        status = self._status()
        status.epoch, status.values = row["epoch"], _shown(row)
        self.progress.epoch(status)
        stopping = self.trainer.early_stopping
        if self.position.stopped and stopping is not None:
            self.progress.note(
                f"stopped early after epoch {row['epoch']}: {stopping.monitor} has not improved since epoch "
                f"{stopping.best_epoch}"
            )

    def _save_after_epoch(self) -> None:
        trainer = self.trainer
        seconds, epochs = trainer.checkpoint_seconds, trainer.checkpoint_epochs
        late = seconds is not None and time.perf_counter() - self.saved_at >= seconds
        if late or (epochs and self.position.epoch % epochs == 0):
            self._save()
        if self.guard.requested:
            self._interrupted()

    def _validate(self, feed: Feed) -> dict[str, float]:
        before = feed.state_dict()
        metrics = MetricSet([m for m in self.trainer.fresh_metrics() if m.scalar])
        measured = self.trainer.measure(feed, metrics, lambda: self.guard.requested)
        if measured is None:  # Ctrl-C: the validation will be done again from its beginning
            feed.load_state_dict(before)
            self._interrupted()
            raise AssertionError  # not reached
        return {f"validation_{name}": value for name, value in measured.items()}

    def _clock(self) -> None:
        now = time.perf_counter()
        self.position.seconds += now - self.tick
        self.tick = now

    def _save(self) -> None:
        self._clock()
        if self.trainer.out is not None:
            self.trainer.save(self.feed, self.validation)
        self.saved_at = time.perf_counter()

    def _interrupted(self) -> None:
        position, out = self.position, self.trainer.out
        self._save()
        where = f"epoch {position.epoch + 1} of {self.epochs}, after batch {position.batch}"
        if position.exhausted:
            where += " (the last; validation is still to come)"
        if out is None:
            kept = "Nothing was saved (the Trainer has no folder `out`); in this program, fit again to go on."
        else:
            kept = f"Saved {self.trainer.checkpoint_path}. To go on, call fit(..., resume=True)."
        raise Interrupted(f"stopped by Ctrl-C in {where}. {kept}")

    def _explain(self, value: float, batch: Any) -> str:
        trainer, position = self.trainer, self.position
        text = [f"the loss became {value} in epoch {position.epoch + 1}, batch {position.batch + 1}."]
        *inputs, target = batch
        bad = [n for n, t in (*[("inputs", i) for i in inputs], ("targets", target)) if not _finite(t)]
        if bad:
            text.append(
                f"The {' and '.join(bad)} of this batch hold values that are not finite: check the data."
            )
        else:
            rate = float(trainer.optimizer.param_groups[0]["lr"])
            text.append(
                f"Try a smaller learning rate (it is {rate:g}), clip_grad_norm=1.0, or normalised inputs."
            )
        text.append("Run it again inside `with rl.detect_anomaly():` to learn which op and line came first.")
        if trainer.out is not None and trainer.checkpoint_path.exists():
            text.append(f"{trainer.checkpoint_path} is from before and was left as it is.")
        return " ".join(text)

    def _status(self) -> Status:
        position = self.position
        elapsed = max(time.perf_counter() - self.began, 1e-9)
        done, batches = self.batches, len(self.feed) if self.feed.sized else None
        left = None
        if done and batches:
            remaining = (self.epochs - position.epoch) * batches - position.batch
            left = elapsed / done * remaining
        values = {"train_loss": position.mean_loss(), **self._running()} if position.batch else {}
        number = min(position.epoch + 1, self.epochs)
        return Status(
            number,
            self.epochs,
            position.batch,
            batches,
            self.samples / elapsed,
            left,
            {**values, **self.latest},
        )

    def _running(self) -> dict[str, float]:
        return {f"train_{name}": value for name, value in self.trainer.metrics.values().items()}


def _shown(row: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name not in ("epoch", "lr", "seconds")}


def _finite(tensor: Any) -> bool:
    from rushlight import isfinite

    return bool(isfinite(tensor).all())
