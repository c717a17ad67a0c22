"""How the runs of a sweep are trained: side by side where they can be, else one after the other."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rushlight.data import DataLoader
from rushlight.errors import AnomalyError, NotSupportedError, message
from rushlight.train.compiled import Pace
from rushlight.train.interrupt import Interrupted, InterruptGuard
from rushlight.train.plan import finish
from rushlight.train.progress import Progress, Status
from rushlight.train.sweeping.data import SharedData
from rushlight.train.sweeping.gather import Group, gather
from rushlight.train.sweeping.lockstep import Lockstep, Wave, waves
from rushlight.train.sweeping.watch import Watch
from rushlight.train.sweeping.young import young_only

if TYPE_CHECKING:
    from rushlight.train.sweeping.kept import Kept
    from rushlight.train.sweeping.result import Run, Sweep
    from rushlight.train.trainer import Trainer

__all__ = ["SweepLoop", "Task", "ended", "stopped"]


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
    """Trains the runs of `result`; `make` makes the trainer of a config anew, `kept` keeps what is done."""

    def __init__(
        self,
        result: Sweep,
        task: Task,
        make: Callable[[Any], Trainer],
        progress: Progress,
        kept: Kept | None = None,
    ) -> None:
        self.result, self.task, self.make, self.kept = result, task, make, kept
        self.watch = Watch(progress, result)
        self.guard = InterruptGuard()
        self.lockstep: Lockstep | None = None

    def run(self) -> None:
        """Train all that are not over. Raises Interrupted after Ctrl-C."""
        self.watch.start()
        try:
            for runs in self._alike():
                for run in self._together(runs):
                    self._alone(run)
            self._save(last=True)
            self.watch.end()
        except Interrupted as error:
            if self.lockstep is not None:
                self.lockstep.hold()
            self._save(last=True)
            error.args = (stopped(self.result, self.kept),)
            error.sweep = self.result
            raise
        finally:
            self.watch.progress.stop()

    def _alike(self) -> list[list[Run]]:
        """The runs that are not over, those together that stand at the same place."""
        found: dict[tuple[int, int], list[Run]] = {}
        for run in self.result.runs:
            position = run.trainer.position
            if run.random is not None and (
                run.diverged is not None or position.stopped or position.epoch >= self.task.epochs
            ):
                ended(run)
            if not run.over:
                found.setdefault((position.epoch, position.batch), []).append(run)
        return [found[place] for place in sorted(found)]

    def _together(self, runs: Sequence[Run]) -> list[Run]:
        """Train side by side what can be; gives the runs that cannot."""
        task, result = self.task, self.result
        if task.compile is False:
            result.why_eager = "compile=False"
            for run in runs:
                run.trainer.compile = False
            return list(runs)
        with young_only():
            groups, data, alone, reason = gather(runs, task)
        result.why_eager = result.why_eager or reason
        if reason is not None:
            if task.compile is True:
                raise NotSupportedError(message("sweep(compile=True)", reason, "steps to compile"))
            many = "its networks" if len(alone) == len(result.runs) else f"{len(alone)} of its networks"
            text = f"the sweep trains {many} one after the other: {reason}"
            warnings.warn(text, RuntimeWarning, stacklevel=5)
        if groups and data is not None:
            alone += self._run(groups, data)
        for run in alone:
            run.trainer, run.random = self.make(run.config), None
        return alone

    def _run(self, groups: list[Group], data: SharedData) -> list[Run]:
        """Train the groups in native code; gives the runs that could not be trained to the end."""
        self.result.compiled = (self.result.compiled or 0) + sum(len(group.programs) for group in groups)
        left: list[Run] = []
        pace, before = Pace(0.0), None
        with self.guard:
            for wave in waves(groups, data):
                kinds = [group for group, _ in wave]
                if kinds != before:  # others take another time
                    pace, before = Pace(0.0), kinds
                left += self._wave(wave, data, pace)
        if left:
            self.result.why_eager = "a schedule changes what the step takes for granted"
        return left

    def _wave(self, wave: Wave, data: SharedData, pace: Pace) -> list[Run]:
        """Train some members of the groups; gives the runs that could not be trained to the end."""
        lockstep = self.lockstep = Lockstep(wave, data, self.task.epochs, pace)
        members = [member for group in lockstep.groups for member in group.members]
        for member in members:
            member.run.random = member.random
        lockstep.run(self._look, self.watch.progress.interval)
        self.lockstep = None
        left = [group.members[i].run for group in lockstep.groups for i in group.left]
        for run in [member.run for member in members]:
            if run not in left:
                ended(run)
        return left

    def _look(self, epoch: int, steps: int) -> None:
        self.watch.look(epoch, steps)
        self._save()
        if self.guard.requested:
            raise Interrupted

    def _save(self, last: bool = False) -> None:
        """Write what is done into the folder, when it is time or for the `last` time."""
        if self.kept is not None and (last or self.kept.due()):
            if self.lockstep is not None and not last:
                self.lockstep.hold()
            self.kept.save(self.result.runs)

    def _alone(self, run: Run) -> None:
        """Train one network by its own `fit`."""
        task, trainer = self.task, run.trainer
        shown, trainer.progress = trainer.progress, _Relay(self.watch)
        try:
            with self._keeping(run) as resume:
                trainer.fit(
                    task.own(task.train),
                    task.epochs,
                    validation=task.own(task.validation),
                    batch_size=task.batch_size,
                    shuffle=task.shuffle,
                    resume=resume,
                )
        except AnomalyError:
            run.diverged = trainer.position.epoch + 1
        finally:
            trainer.progress = shown
        run.over = True
        self.watch.look(run.history.count)
        self._save()

    @contextmanager
    def _keeping(self, run: Run) -> Iterator[bool]:
        """For the length of a ``with`` the trainer has a folder in that of the sweep, unless it has its own;
        gives whether to go on with what the folder holds."""
        trainer, kept = run.trainer, self.kept
        if kept is None or trainer.out is not None:
            yield kept is not None and kept.resume
            return
        trainer.out = kept.folder(run.number)
        try:
            yield trainer.out is not None
        finally:
            trainer.out = None


def ended(run: Run) -> None:
    """A run that trained beside others came to its end."""
    run.over = True
    run.trainer.metrics.reset()
    if run.diverged is None:
        finish(run.trainer)


def stopped(result: Sweep, kept: Kept | None) -> str:
    """What a person is told who pressed Ctrl-C."""
    over = sum(run.over for run in result.runs)
    text = f"stopped by Ctrl-C, with {over} of {len(result.runs)} networks done. The runs as far as they came"
    if kept is None:
        return (
            f"{text} are in this exception's `sweep`, and its keep(FOLDER) saves them. To go on after that, "
            "call sweep(..., out=FOLDER, resume=True)."
        )
    return (
        f"{text} are in this exception's `sweep`, and saved. To go on, call sweep(..., "
        f"out={os.fspath(kept.out)!r}, resume=True)."
    )


class _Relay(Progress):
    """Passes on what one trainer reports to the bar of the whole sweep."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.interval = watch, watch.progress.interval

    def epoch(self, status: Status) -> None:
        self.watch.look(status.epoch, status.batch)
