"""Families: trainers that share their programs, and the tensors that each of them brings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from operator import setitem
from typing import TYPE_CHECKING, Any

from rushlight.core.atomic import Undo, at_once
from rushlight.core.random import default_generator
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.train.compiled import make_judge, make_step
from rushlight.train.eligible import frozen_state, plain_state
from rushlight.train.sweeping.course import Course, Stroke
from rushlight.train.sweeping.portrait import Portrait
from rushlight.train.trainer import evaluating

if TYPE_CHECKING:
    from rushlight.compile.entry import Entry
    from rushlight.compile.native.family import Family
    from rushlight.train.sweeping.result import Run

__all__ = ["Group", "Member", "prepare"]

Find = Callable[["Member"], Tensor]


@dataclass(eq=False)
class Member:
    """A run that takes part in a family.

    loader     decides the order of its batches; random: the state of its random numbers.
    portrait   what its step takes for granted.
    """

    run: Run
    loader: Any
    random: Tensor
    portrait: Portrait

    @property
    def trainer(self) -> Any:
        return self.run.trainer

    @property
    def options(self) -> list[Any]:
        """The parameter groups of its optimiser."""
        groups: list[Any] = self.trainer.optimizer.param_groups
        return groups

    def state(self) -> list[tuple[Any, Any]]:
        """(parameter, group) in order."""
        return [(p, group) for group in self.options for p in group["params"]]


@dataclass(eq=False)
class Group:
    """Members that share their programs.

    taken     what the programs take for granted of the members' options.
    programs  for each stroke of an epoch, the program for its batches.
    """

    members: list[Member]
    taken: list[Any]
    programs: dict[tuple[bool, int], Family] = field(default_factory=dict)

    def still_fits(self, member: Member) -> bool:
        """Whether the options are as they were."""
        return taken(self.members[0], member) == self.taken

    def program(self, stroke: Stroke) -> Family:
        """The program for a stroke's batches."""
        return self.programs[stroke.train, stroke.size]


def prepare(members: list[Member], course: Course, threads: int) -> tuple[Group | str, list[Member]]:
    """Compile the programs of the first member, and give them to all members that they fit.

    Returns the group, or why there is none, and the members that need programs of their own.
    """
    from rushlight.compile.native.family import Family

    leader = members[0]
    try:
        entries = _compile(leader, course)
    except Exception as error:  # of the compiler's or of the user's: alone, `fit` says it in its own way
        return f"{type(error).__name__}: {error}", members[1:]
    if isinstance(entries, str):
        return entries, members[1:]
    wanted = taken(leader, leader)
    fitting = [m for m in members if taken(leader, m) == wanted]
    others = [m for m in members if m not in fitting]
    group = Group(fitting, wanted)
    if not all(_complete(leader, member) for member in fitting[1:]):
        return "the optimiser's state is not alike", others
    for key, entry in entries.items():
        found = _finders(leader, entry)
        if isinstance(found, str):
            return found, others
        assert entry.program is not None
        tensors = [[find(member) for find in found] for member in fitting]
        family = Family(entry.program, tensors, threads)
        if not family.fits():
            return "the networks' tensors are not alike", others
        group.programs[key] = family
    return group, others


def _compile(leader: Member, course: Course) -> dict[tuple[bool, int], Entry] | str:
    """The first member's programs, each proved, with the member as it was before; or what is against it."""
    trainer = leader.trainer
    step, judge = make_step(trainer, bool(trainer.metrics.items)), make_judge(trainer)
    entries: dict[tuple[bool, int], Entry] = {}
    for stroke in course.strokes:
        if (stroke.train, stroke.size) in entries:
            continue
        batch = course.example(stroke)
        if stroke.train:
            entry = _proved(leader, step, batch)
        else:
            with evaluating(trainer.model), no_grad():
                entry = _proved(leader, judge, batch)
        if isinstance(entry, str):
            return entry
        keeps = not stroke.train or bool(trainer.metrics.items)
        if len(entry.graph.outputs) != 1 + keeps or entry.graph.outputs[0].spec.shape:
            return "the loss or the output is not one tensor"
        entries[stroke.train, stroke.size] = entry
    return entries


def _proved(leader: Member, function: Any, batch: tuple[Tensor, ...]) -> Entry | str:
    """The program for a batch, after one run that is taken back."""
    from rushlight.compile.native.known import reuse

    before = plain_state(leader.trainer)
    with reuse():
        entry: Entry = function.entry(*batch)
    program = entry.program
    if program is None:
        return "the step could not be compiled"
    if any(i < program.arguments for i in program.updated):
        return "the step writes into its batch"
    arrays = [entry.lifted[i].array for i in program.updated]
    kept = [a.copy() for a in arrays]
    undo = Undo(lambda: at_once(setitem, arrays, repeat(Ellipsis), kept), failed=False)
    with undo, undo, undo:
        entry.call(list(batch))
    changed = frozen_state(leader.trainer, before)
    if changed is not None:
        return f"{changed} changes with every step"
    if not entry.proved:
        return "the compiled program disagrees with the plain one"
    if program.module.callbacks:
        names = ", ".join(sorted({call.node.op.name for call in program.module.callbacks}))
        return f"NumPy takes part in the steps, with {names}"
    if entry.grads or entry.cleared:
        return "the step leaves something behind"
    return entry


def taken(leader: Member, member: Member) -> list[Any]:
    """What the leader's programs take for granted of a member's options: the numbers that they read as such,
    and of others whether they are on."""
    found: list[Any] = []
    for first, group in zip(leader.options, member.options, strict=True):
        for name in sorted((first.frozen | first.asked) - {"params"}):
            value = dict.get(group, name)
            found.append((type(value), repr(value)) if name in first.frozen else bool(value))
    return found


def _complete(leader: Member, member: Member) -> bool:
    """Give a member the optimiser state that the leader's first step made; whether that can be done."""
    made, own = leader.trainer.optimizer.state, member.trainer.optimizer
    twins = {id(first): twin for (first, _), twin in zip(leader.state(), member.state(), strict=True)}
    for first in made:  # in this order, which shows when the state is saved
        twin = twins.get(id(first))
        if twin is None or own.state_of(*twin).keys() != made[first].keys():
            return False
    own.stepped = True
    return True


def _finders(leader: Member, entry: Entry) -> list[Find] | str:
    """For each lifted tensor of a program, how to find a member's."""
    places = _places(leader)
    assert entry.program is not None
    updated = {i - entry.count for i in entry.program.updated}
    found: list[Find] = []
    for k, lifted in enumerate(entry.lifted[entry.count :]):
        find = places.get(id(lifted)) or places.get(id(lifted.array))
        if find is None and (k in updated or not isinstance(lifted, Tensor)):
            return "a step writes a tensor that the network and its optimiser do not hold"
        found.append(find or _shared(lifted))
    return found


def _places(leader: Member) -> dict[int, Find]:
    """How to find what stands in the place of a leader's tensor, by that tensor's id and its array's."""
    finds = [(t, _of_portrait(i)) for i, t in enumerate(leader.portrait.tensors)]
    for number, group in enumerate(leader.options):
        finds += [(tensor, _option(number, key)) for key, tensor in group.tensors()]
    for number, (param, _) in enumerate(leader.state()):
        for name, tensor in leader.trainer.optimizer.state.get(param, {}).items():
            if isinstance(tensor, Tensor):
                finds.append((tensor, _state(number, name)))
    finds.append((default_generator.state, lambda m: m.random))
    places: dict[int, Find] = {}
    for tensor, find in finds:
        places.setdefault(id(tensor), find)
        places.setdefault(id(tensor.array), find)
    return places


def _of_portrait(place: int) -> Find:
    return lambda member: member.portrait.tensors[place]


def _option(number: int, key: tuple[str, Any]) -> Find:
    def find(member: Member) -> Tensor:
        tensor: Tensor = member.options[number].tensor(*key)
        return tensor

    return find


def _state(number: int, name: str) -> Find:
    def find(member: Member) -> Tensor:
        param = member.state()[number][0]
        tensor: Tensor = member.trainer.optimizer.state[param][name]
        return tensor

    return find


def _shared(tensor: Tensor) -> Find:
    return lambda member: tensor
