"""Which runs of a sweep can train side by side, and in which groups: those whose steps are one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import setitem
from typing import TYPE_CHECKING, Any

from rushlight.core.atomic import Undo, at_once, struck
from rushlight.core.random import default_generator, get_rng_state, manual_seed
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.data import DataLoader
from rushlight.optim.base import Optimizer
from rushlight.train.compiled import make_judge, make_step
from rushlight.train.eligible import frozen_state, plain_state, why_eager
from rushlight.train.feed import make_feed
from rushlight.train.sweeping.data import SharedData
from rushlight.train.sweeping.fingerprint import Fingerprint
from rushlight.train.trainer import Trainer, evaluating

if TYPE_CHECKING:
    from rushlight.compile.entry import Entry
    from rushlight.compile.native.family import Family
    from rushlight.train.sweeping.result import Run

__all__ = ["Group", "Member", "gather"]

Key = tuple[bool, int]
"""What a program is for: training or validation, and the size of the batches."""


class UnfitError(Exception):
    """Why networks cannot train side by side."""


@dataclass(eq=False)
class Member:
    """A run that trains beside others.

    loader       decides the order of its batches; random: the state of its random numbers.
    fingerprint  what its step takes for granted.
    """

    run: Run
    loader: Any
    random: Tensor
    fingerprint: Fingerprint

    @property
    def trainer(self) -> Trainer:
        return self.run.trainer

    @property
    def params(self) -> list[tuple[Any, Any]]:
        """(parameter, its group of options) in order."""
        return [(p, group) for group in self.trainer.optimizer.param_groups for p in group["params"]]

    def tensors(self, leader: Member) -> list[Tensor]:
        """What its steps work on, in an order that all members of a group have in common."""
        first, own = leader.trainer.optimizer, self.trainer.optimizer
        groups = zip(first.param_groups, own.param_groups, strict=True)
        options = [group.tensor(*key) for one, group in groups for key, _ in one.tensors()]
        state = [t for p, _ in self.params for t in own.state.get(p, {}).values() if isinstance(t, Tensor)]
        return [self.random, *self.fingerprint.tensors, *options, *state]


class Group:
    """Members that share the programs of the first of them, the leader; `programs` says which for what."""

    def __init__(self, leader: Member) -> None:
        self.members = [leader]
        self.programs: dict[Key, Family] = {}
        self._taken = self._options(leader)

    def fits(self, member: Member) -> bool:
        """Whether a member's options are what the programs take for granted."""
        return self._options(member) == self._taken

    def _options(self, member: Member) -> list[Any]:
        """The numbers that the programs read as such, and of others whether they are on."""
        found: list[Any] = []
        first, groups = (m.trainer.optimizer.param_groups for m in (self.members[0], member))
        for leader, group in zip(first, groups, strict=True):
            for name in sorted((leader.frozen | leader.asked) - {"params"}):
                value = dict.get(group, name)
                found.append((type(value), repr(value)) if name in leader.frozen else bool(value))
        return found

    def join(self, entries: dict[Key, Entry], threads: int) -> None:
        """Give the leader's programs to all members; UnfitError where their tensors are not alike."""
        from rushlight.compile.native.family import Family

        for member in self.members[1:]:
            _make_state(self.members[0], member)
        own = [member.tensors(self.members[0]) for member in self.members]
        places: dict[int, int] = {}
        for k, tensor in enumerate([default_generator.state, *own[0][1:]]):
            places.setdefault(id(tensor), k)
            places.setdefault(id(tensor.array), k)
        for key, entry in entries.items():
            assert entry.program is not None
            updated = {i - entry.count for i in entry.program.updated}
            tensors: list[list[Tensor]] = [[] for _ in own]
            for k, lifted in enumerate(entry.lifted[entry.count :]):
                place = places.get(id(lifted), places.get(id(lifted.array)))
                if place is None and (k in updated or not isinstance(lifted, Tensor)):
                    raise UnfitError("a step writes a tensor that the network and its optimiser do not hold")
                for mine, found in zip(own, tensors, strict=True):
                    found.append(lifted if place is None else mine[place])
            self.programs[key] = Family(entry.program, tensors, threads)
            if not self.programs[key].fits():
                raise UnfitError("the networks' tensors are not alike")


def gather(runs: Sequence[Run], task: Any) -> tuple[list[Group], SharedData | None, list[Run], str | None]:
    """The groups, the data that they share, the runs that have to go alone, and the first reason why."""
    from rushlight.compile.native.threads import get_num_threads

    data: SharedData | None = None
    waiting: dict[Any, list[Member]] = {}
    reasons = []
    for run in runs:
        try:
            _check(run)
            loader, random = _start(run, task)
            data = data or SharedData(task, loader, run.trainer.dtype)
        except (UnfitError, LookupError) as error:
            reasons.append(str(error))
        else:
            run.trainer.model.train()
            member = Member(run, loader, random, Fingerprint(run.trainer))
            alike = waiting.setdefault(member.fingerprint.facts, [])
            alike.append(member)
            member.fingerprint.facts = alike[0].fingerprint.facts  # one for all, where they are equal
    threads = min(get_num_threads(), max(len(runs), 1))
    queue: list[list[Member]] = list(waiting.values())
    groups: list[Group] = []
    while queue and data is not None:
        found, others = _prepare(queue.pop(0), data, threads)
        if others:
            queue.append(others)
        if isinstance(found, Group):
            groups.append(found)
        else:
            reasons.append(found)
    if data is not None and not _apart(groups, data):
        groups, reasons = [], ["networks share tensors that a step writes"]
    together = {m.run.number for group in groups for m in group.members}
    return groups, data, [r for r in runs if r.number not in together], next(iter(reasons), None)


def _check(run: Run) -> None:
    """Raises UnfitError where a network cannot train beside others, as far as one can see."""
    trainer = run.trainer
    optimizer, position = trainer.optimizer, trainer.position
    why = why_eager(trainer)
    if why is None and type(trainer) is not Trainer:
        why = f"{type(trainer).__name__} is a Trainer of its own kind"
    if why is None and trainer.out is not None:
        why = "a trainer with a folder `out` keeps checkpoints"
    if not isinstance(optimizer, Optimizer) or type(optimizer).step is not Optimizer.step:
        why = why or f"{type(optimizer).__name__} has a step of its own"
    elif run.random is None and (position.epoch or position.batch or position.stopped or optimizer.stepped):
        why = why or "a network has trained before"
    if why is not None:
        raise UnfitError(why)


def _start(run: Run, task: Any) -> tuple[Any, Tensor]:
    """The loader of a run, and the state of the random numbers when its training begins or goes on."""
    trainer = run.trainer
    if trainer.seed is not None:
        manual_seed(trainer.seed)
    given = task.own(task.train), task.batch_size, task.shuffle, trainer.seed, trainer.dtype
    loader = make_feed("fit", *given).batches
    if type(loader) is DataLoader and loader.shuffle:
        loader.seed  # noqa: B018  (drawn now, if it was not given)
    return loader, get_rng_state() if run.random is None else run.random


def _prepare(members: list[Member], data: SharedData, threads: int) -> tuple[Group | str, list[Member]]:
    """The group of the first member, or why there is none, and the members that need another one."""
    leader, others = members[0], members[1:]
    try:
        entries = _compile(leader, data)
        group = Group(leader)
        fit = [group.fits(m) for m in members]
        group.members = [m for m, yes in zip(members, fit, strict=True) if yes]
        others = [m for m, yes in zip(members, fit, strict=True) if not yes]
        group.join(entries, threads)
    except UnfitError as error:
        return str(error), others
    return group, others


def _compile(leader: Member, data: SharedData) -> dict[Key, Entry]:
    """The leader's programs, each proved, with the leader as it was before."""
    trainer, keeps = leader.trainer, bool(leader.trainer.metrics.items)
    step, judge = make_step(trainer, keeps), make_judge(trainer)
    entries: dict[Key, Entry] = {}
    for segment in data.segments:
        key = segment.train, segment.size
        if key in entries:
            continue
        try:
            if segment.train:
                entry = _proved(trainer, step, data.example(segment))
            else:
                with evaluating(trainer.model), no_grad():
                    entry = _proved(trainer, judge, data.example(segment))
        except UnfitError:
            raise
        except Exception as error:  # of the compiler's or of the user's: alone, `fit` says it in its own way
            if struck(error):
                raise
            raise UnfitError(f"{type(error).__name__}: {error}") from error
        if len(entry.graph.outputs) != 1 + (keeps or not segment.train) or entry.graph.outputs[0].spec.shape:
            raise UnfitError("the loss or the output is not one tensor")
        entries[key] = entry
    return entries


def _proved(trainer: Trainer, function: Any, batch: tuple[Tensor, ...]) -> Entry:
    """The program for a batch, after one run that is taken back."""
    from rushlight.compile.native.known import reuse

    before = plain_state(trainer)
    with reuse():
        entry: Entry = function.entry(*batch)
    program = entry.program
    if program is None:
        raise UnfitError("the step could not be compiled")
    if any(i < program.arguments for i in program.updated):
        raise UnfitError("the step writes into its batch")
    arrays = [entry.lifted[i].array for i in program.updated]
    kept = [a.copy() for a in arrays]
    undo = Undo(lambda: at_once(setitem, arrays, repeat(Ellipsis), kept), failed=False)
    with undo, undo, undo:
        entry.call(list(batch))
    changed = frozen_state(trainer, before)
    if changed is not None:
        raise UnfitError(f"{changed} changes with every step")
    if not entry.proved:
        raise UnfitError("the compiled program disagrees with the plain one")
    if program.facts.callbacks:
        names = ", ".join(sorted({call.node.op.name for call in program.module.callbacks}))
        raise UnfitError(f"NumPy takes part in the steps, with {names}")
    if entry.steps_apart or entry.cleared:
        raise UnfitError("the step leaves something behind")
    return entry


def _make_state(leader: Member, member: Member) -> None:
    """Give a member the optimiser state that the leader's first step made."""
    made, own = leader.trainer.optimizer.state, member.trainer.optimizer
    twins = {id(p): twin for (p, _), twin in zip(leader.params, member.params, strict=True)}
    for first in made:  # in this order, which shows when the state is saved
        twin = twins.get(id(first))
        if twin is None or own.state_of(*twin).keys() != made[first].keys():
            raise UnfitError("the optimiser's state is not alike")
    own.stepped = True


def _apart(groups: list[Group], data: SharedData) -> bool:
    """Whether no network's step writes into what another, or a step itself, reads."""
    from rushlight.compile.native.family import apart

    written: list[Tensor] = []
    read: dict[int, Tensor] = {id(t): t for t in data.tensors}
    for group in groups:
        for place in range(len(group.members)):
            families = group.programs.values()
            written += {id(t): t for family in families for t in family.written[place]}.values()
            read |= {id(t): t for family in families for t in family.read[place]}
    own = {id(t) for t in written}
    return apart(written, [t for key, t in read.items() if key not in own])
