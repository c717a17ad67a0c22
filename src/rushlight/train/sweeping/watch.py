"""What a person sees of a sweep while it runs: one bar, or a line now and then, for all networks."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING

from rushlight.train.progress import Progress, Status

if TYPE_CHECKING:
    from rushlight.train.sweeping.result import Run, Sweep

__all__ = ["Watch"]

PERCENT = 5
"""Lines come at every so many per cent of the work."""
COST, SHORT = 50, 1e-3
"""Where a look takes more than SHORT seconds, as at many networks, none follows for COST times as long."""


class Watch:
    """Counts the epochs of all runs, and tells a Progress."""

    def __init__(self, progress: Progress, result: Sweep) -> None:
        self.progress, self.result = progress, result
        self.steps = 0
        """Training steps so far, of all networks."""
        self.began = self.shown = time.perf_counter()
        self.said = 0
        self._next = 0.0
        self._first = 0.0
        self._apart = False

    def start(self) -> None:
        """The sweep begins."""
        self.began = time.perf_counter()
        total = len(self.result.runs) * self.result.epochs
        self._first = sum(self._done(run) for run in self.result.runs) / total
        self._apart = self._first > 0
        self.said = math.floor(100 * self._first) // PERCENT * PERCENT
        self.progress.start(self._status(self._first, 0))

    def end(self) -> None:
        """All networks are done."""
        self._next = 0.0
        self.look(self.result.epochs)

    def look(self, epoch: int, steps: int = 0) -> None:
        """Some network, or all, came to the end of `epoch`, with so many further steps."""
        self.steps += steps
        began = time.perf_counter()
        if began < self._next:
            return
        total = len(self.result.runs) * self.result.epochs
        done = sum(self._done(run) for run in self.result.runs)
        percent = min(100 * done // total, 100)
        now = time.perf_counter()
        interval = self.progress.interval
        if interval is not None and now - self.shown >= interval:
            self.shown = now
            self.progress.update(self._status(done / total, epoch))
        if percent // PERCENT > self.said // PERCENT:
            self.said = percent // PERCENT * PERCENT
            status = self._status(done / total, epoch)
            status.epoch = self.said
            self.progress.epoch(status)
        now = time.perf_counter()
        self._next = now + COST * (now - began) if now - began > SHORT else 0.0

    def _done(self, run: Run) -> int:
        position, epochs = run.trainer.position, self.result.epochs
        over = run.over or run.diverged is not None or position.stopped
        return epochs if over else min(position.epoch, epochs)

    def _status(self, share: float, epoch: int) -> Status:
        elapsed = max(time.perf_counter() - self.began, 1e-9)
        new = share - self._first  # what a folder held took no time now
        left = elapsed / new * (1.0 - share) if new > 0 else None
        percent = math.floor(100 * share)
        status = Status(percent, 100, 1, 1, self.steps / elapsed, left, self._values())
        status.label = f"{percent:3d} %  {self._where(epoch)}"
        status.unit = "steps"
        return status

    def _where(self, epoch: int) -> str:
        """The epoch, while all train together; else, as each wave begins anew, how many are done."""
        runs, epochs = self.result.runs, self.result.epochs
        done = [self._done(run) for run in runs]
        self._apart = self._apart or min(done) == 0 < max(done)
        if self._apart:
            return f"{done.count(epochs)} of {len(runs)} models done"
        return f"{len(runs)} models  epoch {epoch}/{epochs}"

    def _values(self) -> dict[str, float]:
        """The median and the least of the last losses, of the networks that did not diverge."""
        runs = [run for run in self.result.runs if run.history.count and run.diverged is None]
        losses = [run.history["train_loss"][-1] for run in runs]
        return {"median loss": statistics.median(losses), "best": min(losses)} if losses else {}
