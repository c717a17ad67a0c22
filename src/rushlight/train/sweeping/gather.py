"""Which runs of a sweep can train side by side, and in which families."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.optim.base import Optimizer
from rushlight.train.eligible import why_eager
from rushlight.train.sweeping.course import Course, make_course, start_member
from rushlight.train.sweeping.group import Group, Member, prepare
from rushlight.train.sweeping.portrait import Portrait
from rushlight.train.sweeping.result import Run
from rushlight.train.trainer import Trainer

__all__ = ["gather", "threads_for"]

Gathered = tuple[list[Group], Course | None, list[Run], str | None]


def gather(runs: Sequence[Run], task: Any) -> Gathered:
    """The families, their course, the runs that have to go alone, and why the first of those has to."""
    alone: list[Run] = []
    members: list[Member] = []
    course: Course | None = None
    reason: str | None = None
    for run in runs:
        why = why_alone(run.trainer)
        if why is None:
            loader, random = start_member(task, run.trainer.seed, run.trainer.dtype)
            course = course or make_course(task, loader, run.trainer.dtype)
            why = None if course is not None else "the data are not tensors in memory"
        if why is not None:
            reason = reason or why
            alone.append(run)
        else:
            run.trainer.model.train()
            members.append(Member(run, loader, random, Portrait(run.trainer)))
    if course is None:
        return [], None, alone, reason
    groups, left, why = _families(members, course)
    return groups, course, [run for run in runs if run in alone or run in left], reason or why


def _families(members: list[Member], course: Course) -> tuple[list[Group], list[Run], str | None]:
    threads = _threads(len(members))
    waiting: dict[Any, list[Member]] = {}
    for member in members:
        waiting.setdefault(member.portrait.facts, []).append(member)
    queue, groups, left, reason = list(waiting.values()), [], [], None
    while queue:
        chosen = queue.pop(0)
        found, others = prepare(chosen, course, threads)
        if others:
            queue.append(others)
        if isinstance(found, Group):
            groups.append(found)
        else:
            reason = reason or found
            left += [member.run for member in chosen if member not in others]
    if not _apart(groups, course):
        return [], [m.run for m in members], "networks share tensors that a step writes"
    return groups, left, reason


def _apart(groups: list[Group], course: Course) -> bool:
    """Whether no network's step writes into what another, or a step itself, reads."""
    from rushlight.compile.native.family import apart

    owner: dict[int, int] = {}
    written: dict[int, Any] = {}
    read: dict[int, Any] = {id(t): t for t in course.tensors}
    for group in groups:
        for program in group.programs.values():
            for place, member in enumerate(group.members):
                for tensor in program.written(place):
                    written[id(tensor)] = tensor
                    if owner.setdefault(id(tensor), member.run.number) != member.run.number:
                        return False
                read |= {id(t): t for t in program.read(place)}
    others = [t for key, t in read.items() if key not in written]
    return apart(list(written.values()), others)


def why_alone(trainer: Trainer) -> str | None:
    """What speaks against training this network with others, as far as one can see."""
    why = why_eager(trainer)
    if why is not None:
        return why
    if type(trainer) is not Trainer:
        return f"{type(trainer).__name__} is a Trainer of its own kind"
    if trainer.out is not None:
        return "a trainer with a folder `out` keeps checkpoints"
    if trainer.scheduler is not None and trainer.schedule == "batch":
        return "a scheduler steps after every batch"
    optimizer = trainer.optimizer
    if not isinstance(optimizer, Optimizer) or type(optimizer).step is not Optimizer.step:
        return f"{type(optimizer).__name__} has a step of its own"
    position = trainer.position
    if position.epoch or position.batch or position.stopped or optimizer.stepped:
        return "a network has trained before"
    return None


def threads_for(groups: Sequence[Group]) -> int:
    """How many threads these groups keep busy."""
    return _threads(sum(len(group.members) for group in groups))


def _threads(members: int) -> int:
    from rushlight.compile.native.threads import get_num_threads

    return max(1, min(get_num_threads(), members))
