"""One call of `Trainer.fit`: follows the epoch plan, and sees to all that happens between its steps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rushlight.errors import AnomalyError
from rushlight.train.feed import Feed
from rushlight.train.interrupt import Interrupted, InterruptGuard, grad_mode_kept
from rushlight.train.metric_set import MetricSet
from rushlight.train.plan import EpochPlan, Lost, Train
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
        self.most: int | None = None  # as the plan asked last
        self.under_way: Iterator[Done] | None = None  # the epoch's batches

    def run(self) -> None:
        """Train. Raises Interrupted after Ctrl-C and AnomalyError when the loss is no longer finite."""
        position, mode = self.position, grad_mode_kept()
        plan = EpochPlan(self.trainer, self.epochs)
        try:
            with mode, mode, mode, self.guard:
                self.progress.start(self._status())
                while plan.request is not None:
                    if isinstance(plan.request, Train):
                        self._train(plan, plan.request)
                    elif isinstance(plan.request, Lost):
                        raise AnomalyError(self._explain(plan.request))
                    else:
                        self._close_epoch(plan)
                if self.batches or position.epoch:
                    self._save()
        finally:
            plan.close()
            self.progress.stop()

    def _train(self, plan: EpochPlan, asked: Train) -> None:
        """Train on further batches, and do what is due after them."""
        self.most = asked.most
        if self.under_way is None:
            self.trainer.model.train()
            self.tick = time.perf_counter()
            self.under_way = self.steps.epoch(self.feed, self._room)
        done = next(self.under_way, None)
        plan.answer(done)
        if done is None:
            self.under_way = None
        elif not isinstance(plan.request, Lost):
            self._account(done)
            now, every = time.perf_counter(), self.trainer.checkpoint_every
            if now >= self.next_look or self.guard.requested or (every and self.position.batch % every == 0):
                self._between_batches(now)

    def _room(self) -> int | None:
        """How many batches may be trained on at once: no more than to the next checkpoint."""
        every = self.trainer.checkpoint_every
        limits = (self.most, every and every - self.position.batch % every)
        return min((limit for limit in limits if limit), default=None)

    def _account(self, done: Done) -> None:
        """Take batches that were trained on into the metrics."""
        self.samples += done.samples
        self.batches += len(done.shares)
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

    def _close_epoch(self, plan: EpochPlan) -> None:
        """Measure the epoch, have the plan close it, and report it."""
        trainer = self.trainer
        columns: dict[str, Any] = self._running()
        if self.validation is not None:
            self.latest = self._validate(self.validation)
            columns |= self.latest
        self._clock()
        status = self._status()
        trainer.metrics.reset()
        plan.answer(columns)
        self._report(trainer.history.rows[-1], status)
        self._save_after_epoch()

    def _report(self, row: dict[str, Any], status: Status) -> None:
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
        stopped = Interrupted(f"stopped by Ctrl-C in {where}. {kept}")
        stopped.where = where
        raise stopped

    def _explain(self, lost: Lost) -> str:
        trainer, position, done = self.trainer, self.position, lost.done
        where = f"epoch {position.epoch + 1}, batch {position.batch + 1}"
        text = [f"the loss became {done.shares[lost.number]} in {where}."]
        assert done.batch is not None
        *inputs, target = done.batch(lost.number)
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
