"""A group on its way: what its networks have to do, and what comes of it for each one's epoch plan."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rushlight.train.plan import EpochPlan, Lost, Train
from rushlight.train.steps import Done
from rushlight.train.sweeping.data import Permutations, Segment, SharedData
from rushlight.train.sweeping.gather import Group
from rushlight.train.sweeping.measure import Measures

__all__ = ["Chunk", "RunningGroup"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Chunk:
    """What one native call does: these segments, in each of `epochs` epochs from `first` on."""

    first: int
    epochs: int
    segments: list[Segment]
    opens: bool
    closes: bool

    @property
    def numbers(self) -> range:
        """The epochs."""
        return range(self.first, self.first + self.epochs)

    @property
    def batches(self) -> int:
        """So many are trained on, by each network."""
        return self.epochs * sum(s.count for s in self.segments if s.train)


class RunningGroup:
    """Some members of a group, each with its epoch plan. `active` are those of them that still run, `left`
    those that their programs no longer fit, because a schedule changed what these take for granted.

    who  their places in the group.
    """

    def __init__(
        self, group: Group, who: Array, data: SharedData, permutations: Permutations, epochs: int
    ) -> None:
        self.group, self.who, self.data, self.permutations = group, who, data, permutations
        self.members, self.programs = [group.members[i] for i in who], group.programs
        self.plans = [EpochPlan(m.trainer, epochs) for m in self.members]
        asked = [plan.request for plan in self.plans]
        self._ahead = np.array([isinstance(request, Train) and request.ahead for request in asked])
        self.active = np.arange(len(self.members))
        self.left: list[int] = []
        self._order = np.array([permutations.of[id(m.loader)] for m in self.members])
        self._outputs: list[list[Array]] = []
        trainers = [m.trainer for m in self.members]
        shapes = {key: program.outputs[-1][0] for key, program in self.programs.items()}
        self._measures = {
            train: Measures(
                train, trainers, targets, {size: shapes[kind, size] for kind, size in shapes if kind is train}
            )
            for train, targets in data.targets.items()
        }

    def take(self) -> None:
        """Go on in the middle of an epoch, from what `hold` gave the trainers."""
        for measures in self._measures.values():
            measures.begin(1)
        for place, member in enumerate(self.members):
            self._measures[True].take(place, member.trainer.metrics)

    def hold(self, under_way: bool) -> None:
        """Give the trainers what was counted of the epoch, if one is under way."""
        for place in self.active.tolist():
            metrics = self.members[place].trainer.metrics
            metrics.reset()
            if under_way:
                self._measures[True].give(place, metrics)

    def close(self) -> None:
        """End all plans, whatever is left; of what several raise the last comes up."""
        with ExitStack() as rest:
            for plan in self.plans:
                rest.callback(plan.close)

    @property
    def requests(self) -> list[Train]:
        """What the plans ask for, of those that still run."""
        found = [self.plans[i].request for i in self.active]
        return [request for request in found if isinstance(request, Train)]

    @property
    def ahead(self) -> bool:
        """Whether several epochs can be trained on at once."""
        joint = all(measures.joint for measures in self._measures.values())
        return joint and bool(self._ahead[self.active].all())

    @property
    def bytes(self) -> int:
        """What an epoch brings in outputs."""
        each = 0
        for s in self.data.segments:
            outputs = self.programs[s.train, s.size].outputs
            each += s.count * sum(math.prod(shape) * dtype.itemsize for shape, dtype in outputs)
        return each * len(self.active)

    def bind(self) -> None:
        """Before a call: have the programs see the members' arrays."""
        who = self.who[self.active].tolist()
        for program in self.programs.values():
            program.bind(who)

    def jobs(self, chunk: Chunk) -> tuple[Array, Any]:
        """The jobs of a chunk, member by member, and what has to live until they are done."""
        count, epochs = len(self.active), chunk.epochs
        if chunk.opens:
            for measures in self._measures.values():
                measures.begin(epochs)
        rows = [self.permutations.epoch(e) for e in chunk.numbers]
        order = self._order[self.active][:, None] * rows[0].strides[0]
        starts = np.array([each.ctypes.data for each in rows]) + order
        who = self.who[self.active]
        made, kept, self._outputs = [], [], []
        for segment in chunk.segments:
            program = self.programs[segment.train, segment.size]
            outputs = [np.empty((count * epochs, segment.count, *shape), t) for shape, t in program.outputs]
            places = np.stack([a.ctypes.data + np.arange(len(a)) * a.strides[0] for a in outputs], axis=-1)
            index = (starts + segment.sample * 8).reshape(-1) if segment.train else None
            jobs, alive = program.jobs(who, epochs, self.data.sources(segment), index, segment.count, places)
            made.append(jobs)
            kept.append(alive)
            self._outputs.append([a.reshape(count, epochs, *a.shape[1:]) for a in outputs])
        return np.stack(made, axis=1).reshape(-1, made[0].shape[-1]), (rows, kept)

    def account(self, chunk: Chunk, seconds: float) -> None:
        """Tell the plans what came of a chunk. Networks that diverged, stopped or are done drop out."""
        before = np.zeros((len(self.active), chunk.epochs, 2))
        if not chunk.opens:
            positions = [self.members[i].trainer.position for i in self.active]
            before[:] = np.array([(p.loss_sum, p.loss_weight) for p in positions])[:, None]
        shares, weights, sums = self._measure(chunk, True, before)
        samples = sum(s.count * s.size for s in chunk.segments if s.train)
        columns = self._columns(chunk) if chunk.closes else [{} for _ in self.active]
        # Nothing comes between the epochs of these, and their losses are finite.
        plain = self._ahead[self.active] & np.isfinite(sums[..., 0]).all(axis=1)
        plain &= chunk.opens and chunk.closes
        means = np.where(sums[..., 1] == 0.0, np.nan, sums[..., 0] / sums[..., 1]).tolist()
        stay: list[int] = []
        for place, (number, at_once) in enumerate(zip(self.active.tolist(), plain.tolist(), strict=True)):
            plan = self.plans[number]
            if at_once:
                plan.closed(chunk.epochs, {"train_loss": means[place], **columns[place]}, seconds)
            else:
                done = [
                    Done(shares[place, e], weights[place, e], samples, *both)
                    for e, both in enumerate(sums[place].tolist())
                ]
                self._tell(number, done, columns[place] if chunk.closes else None, seconds)
            if isinstance(plan.request, Train):
                member = self.members[number]
                fits = member.trainer.scheduler is None or self.group.fits(member)
                (stay if fits else self.left).append(number)
        self.active, self._outputs = np.array(stay, np.int64), []

    def _tell(self, number: int, epochs: list[Done], columns: Any, seconds: float) -> None:
        """Tell one network's plan of its epochs, or of a part of one, which has no `columns`."""
        plan, member = self.plans[number], self.members[number]
        for e, done in enumerate(epochs):
            plan.answer(done)
            if isinstance(plan.request, Lost):
                member.run.diverged = member.trainer.position.epoch + 1
                return
            if columns is not None:
                plan.answer(None)
                member.trainer.position.seconds = seconds
                plan.answer({name: values[e] for name, values in columns.items()})

    def _measure(self, chunk: Chunk, train: bool, before: Array) -> tuple[Array, Array, Array]:
        """For each network and epoch, what its batches add to the sums, (members, epochs, batches), and the
        sums (loss, weight) after them, added one after the other as one run does, (members, epochs, 2)."""
        order, found = self._order[self.active], []
        for segment, outputs in zip(chunk.segments, self._outputs, strict=True):
            if segment.train is train:
                find = partial(self._samples, segment, order, chunk.numbers)
                found.append(self._measures[train].add(self.active, segment, outputs, find))
        shares, weights = (np.concatenate(parts, axis=2) for parts in zip(*found, strict=True))
        both = np.concatenate((before[..., None], np.stack((shares, weights), axis=2)), axis=3)
        return shares, weights, np.add.accumulate(both, axis=3)[..., -1]

    def _samples(self, segment: Segment, order: Array, epochs: range) -> Array:
        """Which samples a segment has, (members or 1, epochs or 1, samples)."""
        if not segment.train:
            return np.arange(segment.samples.start, segment.samples.stop)[None, None]
        return np.stack([self.permutations.epoch(e)[:, segment.samples][order] for e in epochs], axis=1)

    def _columns(self, chunk: Chunk) -> list[dict[str, list[Any]]]:
        """What a history says of each network's epochs, but for what the plans know."""
        found = self._measures[True].columns(self.active)
        if False in self._measures:
            sums = self._measure(chunk, False, np.zeros((len(self.active), chunk.epochs, 2)))[2]
            losses, metrics = sums[..., 0] / sums[..., 1], self._measures[False].columns(self.active)
            for own, loss, others in zip(found, losses.tolist(), metrics, strict=True):
                own |= {"validation_loss": loss, **others}
        return found
