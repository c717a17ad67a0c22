"""The engine: families of networks on one course, all in one native call, and what is to be done between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.train.compiled import OUTPUTS, SECONDS
from rushlight.train.metric_set import MetricSet
from rushlight.train.sweeping.course import Course, Stroke
from rushlight.train.sweeping.group import Group, Member
from rushlight.train.sweeping.orders import Orders
from rushlight.train.sweeping.tally import Tally
from rushlight.train.sweeping.weigh import StrokeWeights
from rushlight.train.weights import LossWeights

__all__ = ["Engine"]

Array = np.ndarray[Any, Any]


@dataclass
class Chunk:
    """What one native call does: the strokes of `epochs` epochs from `first` on, or a part of one epoch."""

    first: int
    epochs: int
    strokes: list[Stroke]
    opens: bool
    closes: bool


class Squad:
    """A group on its way: who of it still runs, and the sums of the epoch under way."""

    def __init__(self, group: Group, course: Course) -> None:
        self.group, self.course = group, course
        self.active = np.arange(len(group.members))
        trainers = [m.trainer for m in group.members]
        losses = [LossWeights(t.loss) for t in trainers]
        self.train_weights = StrokeWeights(losses, course.tensors[-1])
        self.judge_weights = StrokeWeights(losses, course.targets) if course.targets is not None else None
        # Copies: a metric that several trainers were given would count for all of them.
        self.train = Tally([MetricSet(t.fresh_metrics()) for t in trainers], course.tensors[-1])
        self.judge: Tally | None = None
        if course.targets is not None:
            fresh = [MetricSet([m for m in t.fresh_metrics() if m.scalar]) for t in trainers]
            self.judge = Tally(fresh, course.targets)
        self.order = np.zeros(0, np.int64)
        self.sums: Array = np.zeros(0)
        self.counts: Array = np.zeros(0)
        self.rows: Array = np.zeros(0, np.int64)
        self.results: list[tuple[Stroke, list[Array]]] = []

    def members(self) -> list[Member]:
        """Those that still run."""
        return [self.group.members[i] for i in self.active]

    def looks(self) -> bool:
        """Whether somebody has to look at some network after every epoch."""
        trainers = [m.trainer for m in self.members()]
        return any(t.scheduler is not None or t.early_stopping is not None for t in trainers)

    def together(self) -> bool:
        """Whether the metrics of several epochs can be counted at once."""
        return self.train.together and (self.judge is None or self.judge.together)

    def bytes(self) -> int:
        """What an epoch of the active members brings in outputs."""
        each = 0
        for stroke in self.course.strokes:
            outputs = self.group.program(stroke).outputs
            each += stroke.count * sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in outputs)
        return each * len(self.active)

    def jobs(self, chunk: Chunk, rows: Array, at: Array) -> tuple[Array, list[Any]]:
        """The jobs of a chunk, member by member, and what has to live until they are done. The orders of its
        epochs stand at the places `at` of `rows`."""
        count, epochs = len(self.active), chunk.epochs
        jobs = np.zeros((count, epochs, len(chunk.strokes), 8), np.int64)
        kept: list[Any] = []
        self.results = []
        base = rows.ctypes.data + self.order[:, None] * rows.strides[0] + at * rows.strides[1]
        for s, stroke in enumerate(chunk.strokes):
            program = self.group.program(stroke)
            outputs = [np.empty((count, epochs, stroke.count, *shape), t) for shape, t in program.outputs]
            places = np.stack([_addresses(array) for array in outputs], axis=-1).reshape(count * epochs, -1)
            index = (base + stroke.sample * 8).reshape(-1) if stroke.train else None
            who = np.repeat(self.active, epochs)
            made, alive = program.jobs(who, self.course.sources(stroke), index, stroke.count, places)
            jobs[:, :, s] = made.reshape(count, epochs, -1)
            kept.append(alive)
            self.results.append((stroke, outputs))
        return jobs.reshape(-1, 8), kept


def _addresses(array: Array) -> Array:
    """Where the parts of each member and epoch begin."""
    members, epochs = array.shape[:2]
    return (
        array.ctypes.data
        + np.arange(members)[:, None] * array.strides[0]
        + np.arange(epochs)[None] * array.strides[1]
    )


def _added(sums: Array, values: Array) -> Array:
    """The sums after the values of further batches, added one after the other as `fit` does."""
    return np.add.accumulate(np.concatenate((sums[..., None], values), 2), 2)[..., -1]


def _mean(sums: Array, counts: Array) -> list[list[float]]:
    found: list[list[float]] = (sums / np.where(counts == 0.0, np.nan, counts)).tolist()
    return found


class Engine:
    """Runs groups on a course for so many epochs."""

    def __init__(self, groups: list[Group], course: Course, epochs: int, threads: int) -> None:
        self.course, self.epochs, self.threads = course, epochs, threads
        self.squads = [Squad(group, course) for group in groups]
        self.orders = Orders(course, [m for g in groups for m in g.members], epochs)
        self.seconds = SECONDS
        self.each: float | None = None
        """Seconds that a batch, of all networks, took last; validation is part of it."""
        self.epoch = self.batch = 0
        self.spent = 0.0
        self.left: list[Member] = []
        """Those whose program no longer fits them, because a schedule changed what it takes for granted."""

    def run(self, look: Callable[[int, int], None], interval: float | None) -> None:
        """Train all. Calls ``look(epoch, steps)``, which may raise, about every `interval` seconds."""
        self.seconds = SECONDS if interval is None else min(SECONDS, interval)
        for squad in self.squads:
            squad.order = self.orders.of(squad.members())
        while self.epoch < self.epochs and any(len(s.active) for s in self.squads):
            chunk = self._next()
            started = time.perf_counter()
            self._call(chunk)
            took = time.perf_counter() - started
            batches = sum(s.count for s in chunk.strokes if s.train) * chunk.epochs
            if batches:
                self.each = max(took / batches, 1e-9)
            self.spent += took
            alive = sum(len(s.active) for s in self.squads)
            for squad in self.squads:
                with np.errstate(all="ignore"):  # of networks that diverge
                    self._account(squad, chunk, self.spent / (chunk.epochs * max(alive, 1)))
            if chunk.closes:
                self.epoch, self.batch, self.spent = chunk.first + chunk.epochs, 0, 0.0
            look(self.epoch, batches * alive)

    def _next(self) -> Chunk:
        """The next chunk: about as much as the time for one call allows."""
        course = self.course
        batches = 1 if self.each is None else max(1, int(self.seconds / self.each))
        size = max(sum(s.bytes() for s in self.squads), 1)
        batches = max(1, min(batches, OUTPUTS * course.batches // size))
        whole = batches // course.batches
        if self.each is None and self.batch == 0:
            whole = 1 if course.batches <= 16 else 0
        if self.batch == 0 and whole:
            free = all(s.together() and not s.looks() for s in self.squads) and self.each is not None
            most = whole if self.orders.window == 1 else min(whole, max(self.orders.window // 2, 1))
            count = min(most, self.epochs - self.epoch) if free else 1
            return Chunk(self.epoch, count, course.strokes, opens=True, closes=True)
        opens, strokes = self.batch == 0, []
        for stroke in course.strokes:
            if stroke.train and stroke.start + stroke.count > self.batch and batches > 0:
                skip = max(self.batch - stroke.start, 0)
                count = min(stroke.count - skip, batches)
                start, sample = stroke.start + skip, stroke.sample + skip * stroke.size
                strokes.append(Stroke(True, start, count, stroke.size, sample))
                batches -= count
        self.batch = strokes[-1].start + strokes[-1].count
        closes = self.batch == course.batches
        if closes:
            strokes += [s for s in course.strokes if not s.train]
        return Chunk(self.epoch, 1, strokes, opens, closes)

    def _call(self, chunk: Chunk) -> None:
        from rushlight.compile.native.family import run_crew

        rows, places = self.orders.rows, self.orders.at(chunk.first, chunk.epochs)
        parts, starts, kept, at = [], [np.zeros(1, np.int64)], [], 0
        for squad in self.squads:
            if not len(squad.active):
                continue
            for program in squad.group.programs.values():
                program.bind()
            if chunk.opens:
                looked_at = squad.train.sets[0].items or squad.train_weights.uneven
                squad.rows = rows[:, places] if looked_at else rows[:, :0]
                squad.train.begin(squad.rows)
                squad.sums = np.zeros((len(squad.active), chunk.epochs))
                squad.counts = np.zeros_like(squad.sums)
            jobs, alive = squad.jobs(chunk, rows, places)
            each = chunk.epochs * len(chunk.strokes)
            starts.append(at + each * np.arange(1, len(squad.active) + 1))
            at += len(jobs)
            parts.append(jobs)
            kept.append(alive)
        stop = min(chunk.first + self.orders.window, self.epochs)
        programs = [program for squad in self.squads for program in squad.group.programs.values()]
        for program in programs:
            program.touch()
        run_crew(
            np.concatenate(parts),
            np.concatenate(starts),
            self.threads,
            lambda done: self.orders.ahead(stop, done),
        )
        for program in programs:
            error = program.found()
            if error is not None:
                raise error

    def _account(self, squad: Squad, chunk: Chunk, seconds: float) -> None:
        """Take what a call brought into the sums, and close the epochs that are over."""
        if not len(squad.active):
            return
        for stroke, outputs in squad.results:
            if stroke.train:
                used = squad.rows[:, :, stroke.sample : stroke.sample + stroke.count * stroke.size]
                each = squad.train_weights.of(squad.active, used, squad.order, stroke)
                losses = squad.train_weights.losses(outputs[0].astype(np.float64), each)
                squad.sums = _added(squad.sums, losses)
                squad.counts = _added(squad.counts, np.broadcast_to(each, losses.shape))
                if len(outputs) > 1:
                    squad.train.add(squad.active, outputs[1], used, squad.order)
        if chunk.closes:
            self._close(squad, chunk, seconds)
        squad.results = []

    def _close(self, squad: Squad, chunk: Chunk, seconds: float) -> None:
        """Write the epochs into the histories; networks that diverged or stopped drop out."""
        columns: dict[str, list[list[Any]]] = {"train_loss": _mean(squad.sums, squad.counts)}
        columns |= {f"train_{n}": v for n, v in squad.train.values(squad.active, chunk.epochs).items()}
        columns |= {f"validation_{n}": v for n, v in self._validation(squad, chunk).items()}
        finite = np.isfinite(squad.sums)
        stay = []
        for place, member in enumerate(squad.members()):
            trainer = member.trainer
            lr = float(trainer.optimizer.param_groups[0]["lr"])
            for e in range(chunk.epochs):
                if not finite[place, e]:
                    member.run.diverged = chunk.first + e + 1
                    break
                row: dict[str, Any] = {"epoch": chunk.first + e + 1}
                row |= {name: values[place][e] for name, values in columns.items()}
                row["lr"], row["seconds"] = lr, round(seconds, 6)
                trainer.history.append(**row)
                trainer.position.epoch += 1
                _after_epoch(trainer, row)
            more = chunk.first + chunk.epochs < self.epochs
            if more and trainer.scheduler is not None and not squad.group.still_fits(member):
                self.left.append(member)
            elif member.run.diverged is None and not trainer.position.stopped:
                stay.append(place)
        if len(stay) < len(squad.active):
            squad.active = squad.active[stay]
            squad.order = self.orders.of(squad.members())

    def _validation(self, squad: Squad, chunk: Chunk) -> dict[str, list[list[Any]]]:
        """Loss and metrics over the validation data."""
        if squad.judge is None:
            return {}
        assert squad.judge_weights is not None
        samples = sum(s.count * s.size for s, _ in squad.results if not s.train)
        every = np.arange(samples)[None, None]
        squad.judge.begin(every)
        total: Array = np.zeros((len(squad.active), chunk.epochs))
        count, first = np.zeros_like(total), np.zeros_like(squad.active)
        for stroke, outputs in squad.results:
            if not stroke.train:
                used = every[:, :, stroke.sample : stroke.sample + stroke.count * stroke.size]
                each = squad.judge_weights.of(squad.active, used, first, stroke)
                losses = squad.judge_weights.losses(outputs[0].astype(np.float64), each)
                total = _added(total, losses)
                count = _added(count, np.broadcast_to(each, losses.shape))
                squad.judge.add(squad.active, outputs[1], used, first)
        found = {"loss": _mean(total, count)}
        return found | squad.judge.values(squad.active, chunk.epochs)


def _after_epoch(trainer: Any, row: dict[str, Any]) -> None:
    """What `fit` does after an epoch besides measuring."""
    if trainer.scheduler is not None:
        trainer.scheduler.step()
    if trainer.early_stopping is not None:
        trainer.position.stopped = trainer.early_stopping.update(row, trainer.model)
