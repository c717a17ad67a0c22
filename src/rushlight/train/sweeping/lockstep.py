"""Groups that train in lockstep: all of them in one native call, over and over, until every plan is done."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from rushlight.train.compiled import OUTPUTS, SECONDS, Pace
from rushlight.train.sweeping.data import Permutations, SharedData
from rushlight.train.sweeping.gather import Group
from rushlight.train.sweeping.group import Chunk, RunningGroup

__all__ = ["Lockstep"]


class Lockstep:
    """Trains groups on the same data up to so many epochs. All their networks stand at the same batch."""

    def __init__(self, groups: list[Group], data: SharedData, epochs: int) -> None:
        from rushlight.compile.native.threads import get_num_threads

        members = [member for group in groups for member in group.members]
        self.data, self.epochs = data, epochs
        self.threads = min(get_num_threads(), len(members))
        self.permutations = Permutations(data, [member.loader for member in members])
        self.groups = [RunningGroup(group, data, self.permutations, epochs) for group in groups]
        self.pace = Pace(SECONDS)
        position = members[0].trainer.position
        self.epoch, self.batch = position.epoch, position.batch
        if self.batch:
            for group in self.groups:
                group.take()
        self.spent = 0.0
        self._bound = False

    def run(self, look: Callable[[int, int], None], interval: float | None) -> None:
        """Train all. Calls ``look(epoch, steps)``, which may raise, about every `interval` seconds."""
        if interval is not None:
            self.pace.seconds = min(SECONDS, interval)
        try:
            self._run(look)
        finally:
            for group in self.groups:
                group.close()

    def hold(self) -> None:
        """Give the trainers what was counted of an epoch under way, for a checkpoint."""
        for group in self.groups:
            group.hold(self.batch > 0)

    def _run(self, look: Callable[[int, int], None]) -> None:
        while running := [group for group in self.groups if len(group.active)]:
            alive = sum(len(group.active) for group in running)
            chunk = self._next(running)
            began = time.perf_counter()
            self._call(chunk, running)
            took = time.perf_counter() - began
            self.pace.took(chunk.batches, took)
            self.spent += took
            for group in running:
                with np.errstate(all="ignore"):  # of networks that diverge
                    group.account(chunk, self.spent / (chunk.epochs * alive))
            if chunk.closes:
                self.epoch, self.batch, self.spent = chunk.first + chunk.epochs, 0, 0.0
            else:
                self.batch += chunk.batches
            look(self.epoch, chunk.batches * alive)

    def _next(self, running: list[RunningGroup]) -> Chunk:
        """About as much as the time and the memory for one call allow: epochs, or a part of one."""
        data, asked = self.data, [request.most for group in running for request in group.requests]
        size = sum(group.bytes for group in running)
        allowed = [self.pace.batches(), OUTPUTS * data.batches // max(size, 1)]
        most = max(1, min([*allowed, *(most for most in asked if most is not None)]))
        epochs = 1
        if self.batch == 0 and all(group.ahead for group in running):
            epochs = max(1, min(most // data.batches, self.epochs - self.epoch))
        most = min(most, data.batches - self.batch)
        closes = self.batch + most == data.batches
        segments = [s.cut(self.batch, most) for s in data.segments if s.train]
        segments = [s for s in segments if s.count > 0] + [s for s in data.segments if closes and not s.train]
        return Chunk(self.epoch, epochs, segments, self.batch == 0, closes)

    def _call(self, chunk: Chunk, running: list[RunningGroup]) -> None:
        from rushlight.compile.native.family import run_workers

        programs = [program for group in running for program in group.programs.values()]
        for program in programs if not self._bound else ():
            program.bind()
        # Where no callback and no schedule comes between two calls, nobody gives a tensor another array.
        self._bound = all(group.ahead for group in running)
        jobs, kept = zip(*[group.jobs(chunk) for group in running], strict=True)
        members = sum(len(group.active) for group in running)
        starts = np.arange(members + 1) * (chunk.epochs * len(chunk.segments))
        run_workers(
            np.concatenate(jobs),
            starts,
            self.threads,
            lambda done: self.permutations.ahead(chunk.first, self.epochs, done),
        )
        del kept  # it had to live until now
        for program in programs:
            error = program.found()
            if error is not None:
                raise error
