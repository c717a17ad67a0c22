"""Groups that train in lockstep: all of them in one native call, over and over, until every plan is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.train.compiled import OUTPUTS, SECONDS, Pace
from rushlight.train.sweeping.data import MOST, Permutations, SharedData
from rushlight.train.sweeping.gather import Group
from rushlight.train.sweeping.group import Chunk, RunningGroup

__all__ = ["Lockstep", "Wave", "waves"]

Wave = list[tuple[Group, np.ndarray[Any, Any]]]
"""Groups, and which of their members."""
MEMBERS = 32
"""So many networks for each thread train side by side at most. Many epochs of theirs fit into one call, so
that Python does little for each, and their weights stay in the cache from one step to the next. With fewer,
threads would wait for each other at the end of a call."""


def waves(groups: list[Group], data: SharedData) -> list[Wave]:
    """The members of all groups, cut into waves of about the same size. One trains after the other, so that
    the orders of samples, and what is gathered for the metrics, are those of a few networks."""
    from rushlight.compile.native.threads import get_num_threads

    threads = get_num_threads()
    most = max(4 * threads, min(MEMBERS * threads, MOST // (2 * 8 * data.samples)))
    sizes = [len(group.members) for group in groups]
    of = np.repeat(np.arange(len(groups)), sizes)
    places = np.concatenate([np.arange(size) for size in sizes])
    cut = np.array_split(np.arange(len(of)), -(-len(of) // most))
    return [[(groups[g], places[part[of[part] == g]]) for g in np.unique(of[part])] for part in cut]


class Lockstep:
    """Trains the members of a wave on the same data up to so many epochs. All stand at the same batch.

    pace  how long a batch of one network takes.
    """

    def __init__(self, wave: Wave, data: SharedData, epochs: int, pace: Pace) -> None:
        from rushlight.compile.native.threads import get_num_threads

        members = [group.members[i] for group, who in wave for i in who]
        self.data, self.epochs = data, epochs
        self.threads = min(get_num_threads(), len(members))
        self.permutations = Permutations(data, [member.loader for member in members])
        self.groups = [RunningGroup(group, who, data, self.permutations, epochs) for group, who in wave]
        self.pace = pace
        position = members[0].trainer.position
        self.epoch, self.batch = position.epoch, position.batch
        if self.batch:
            for group in self.groups:
                group.take()
        self.spent = 0.0
        self._bound = False

    def run(self, look: Callable[[int, int], None], interval: float | None) -> None:
        """Train all. Calls ``look(epoch, steps)``, which may raise, about every `interval` seconds."""
        self.pace.seconds = SECONDS if interval is None else min(SECONDS, interval)
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
            self.pace.took(chunk.batches * alive, took)
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
        alive = 1 if self.pace.each is None else sum(len(group.active) for group in running)
        allowed = [self.pace.batches() // alive, OUTPUTS * data.batches // max(size, 1)]
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
        for group in running if not self._bound else ():
            group.bind()
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
