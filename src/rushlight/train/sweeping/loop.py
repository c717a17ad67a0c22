"""How the runs of a sweep are trained: side by side where they can be, else one after the other."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rushlight.data import DataLoader
from rushlight.errors import AnomalyError, NotSupportedError, message
from rushlight.train.interrupt import Interrupted, InterruptGuard
from rushlight.train.plan import finish
from rushlight.train.progress import Progress, Status
from rushlight.train.sweeping.data import SharedData
from rushlight.train.sweeping.gather import Group, gather
from rushlight.train.sweeping.lockstep import Lockstep
from rushlight.train.sweeping.watch import Watch

if TYPE_CHECKING:
    from rushlight.train.sweeping.result import Run, Sweep
    from rushlight.train.trainer import Trainer

__all__ = ["SweepLoop", "Task"]


@dataclass(frozen=True)
class Task:
    """What every run of a sweep is asked for."""

    train: Any
    validation: Any
    epochs: int
    batch_size: int
    shuffle: bool
    compile: bool | Literal["auto"]

    def own(self, data: Any) -> Any:
        """The data for one run: a loader keeps its place in the epochs, so each run has one of its own."""
        return copy.copy(data) if type(data) is DataLoader else data


class SweepLoop:
    """Trains the runs of `result`; `make` makes the trainer of a config anew."""

    def __init__(self, result: Sweep, task: Task, make: Callable[[Any], Trainer], progress: Progress) -> None:
        self.result, self.task, self.make = result, task, make
        self.watch = Watch(progress, result)
        self.guard = InterruptGuard()

    def run(self) -> None:
        """Train all. Raises Interrupted after Ctrl-C."""
        self.watch.start()
        try:
            for run in self._together():
                self._alone(run)
        except Interrupted as error:
            error.sweep = self.result
            raise
        finally:
            self.watch.progress.stop()

    def _together(self) -> list[Run]:
        """Train side by side what can be; gives the runs that cannot."""
        task, result = self.task, self.result
        if task.compile is False:
            result.why_eager = "compile=False"
            for run in result.runs:
                run.trainer.compile = False
            return result.runs
        groups, data, alone, reason = gather(result.runs, task)
        result.why_eager = reason
        if reason is not None:
            if task.compile is True:
                raise NotSupportedError(message("sweep(compile=True)", reason, "steps to compile"))
            many = "its networks" if len(alone) == len(result.runs) else f"{len(alone)} of its networks"
            text = f"the sweep trains {many} one after the other: {reason}"
            warnings.warn(text, RuntimeWarning, stacklevel=4)
        if groups and data is not None:
            alone += self._run(groups, data)
        for run in alone:
            run.trainer = self.make(run.config)
        return alone

    def _run(self, groups: list[Group], data: SharedData) -> list[Run]:
        """Train the groups in native code; gives the runs that could not be trained to the end."""
        self.result.compiled = sum(len(group.programs) for group in groups)
        lockstep = Lockstep(groups, data, self.task.epochs)
        with self.guard:
            lockstep.run(self._look, self.watch.progress.interval)
        left = [group.members[i].run for group in lockstep.groups for i in group.left]
        if left:
            self.result.why_eager = "a schedule changes what the step takes for granted"
        for run in [member.run for group in groups for member in group.members]:
            if run not in left:
                self.watch.over.add(run.number)
                if run.diverged is None:
                    finish(run.trainer)
        return left

    def _look(self, epoch: int, steps: int) -> None:
        self.watch.look(epoch, steps)
        if self.guard.requested:
            done = f"{epoch} of {self.task.epochs} epochs"
            raise Interrupted(
                f"stopped by Ctrl-C after {done}; the runs as far as they came are in its `sweep`"
            )

    def _alone(self, run: Run) -> None:
        """Train one network by its own `fit`."""
        task, trainer = self.task, run.trainer
        shown, trainer.progress = trainer.progress, _Relay(self.watch)
        try:
            trainer.fit(
                task.own(task.train),
                task.epochs,
                validation=task.own(task.validation),
                batch_size=task.batch_size,
                shuffle=task.shuffle,
            )
        except AnomalyError:
            run.diverged = trainer.position.epoch + 1
        finally:
            trainer.progress = shown
        self.watch.over.add(run.number)
        self.watch.look(len(run.history.rows))


class _Relay(Progress):
    """Passes on what one trainer reports to the bar of the whole sweep."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.interval = watch, watch.progress.interval

    def epoch(self, status: Status) -> None:
        self.watch.look(status.epoch, status.batch)
