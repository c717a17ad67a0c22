"""What a call needs to know of a program beside its code: a few numbers, which the cache on disk keeps."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from rushlight.compile.plan.memory import Memory
from rushlight.compile.plan.records import Schedule
from rushlight.compile.write.render import Module

__all__ = ["Facts", "facts_of"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a call needs to know.

    arena    bytes of memory for what is no input and no output.
    flag     where in it a check that fails says so; watch: a word that is not 0 while a first run is watched.
    parts    the largest number of parts of a kernel; shared: operations of the kernels that have some.
    apart    whether something may fail when the program has already written over one of its inputs.
    updated  which of the inputs are updated; callbacks: how many nodes NumPy computes.
    """

    arena: int
    flag: int | None
    watch: int | None
    parts: int
    shared: float
    apart: bool
    updated: list[int]
    callbacks: int

    def to_json(self) -> str:
        """As text."""
        return json.dumps(dataclasses.asdict(self))


def facts_of(plan: Schedule, memory: Memory, module: Module) -> Facts:
    """The facts of a program that was just made."""
    index = {id(v): i for i, v in enumerate(plan.graph.inputs)}
    return Facts(
        arena=memory.arena,
        flag=None if memory.flag is None else memory.flag.where,
        watch=None if memory.watch is None else memory.watch.where,
        parts=max((call.parts for call in module.calls), default=1),
        shared=sum(call.work for call in module.calls if call.parts > 1),
        apart=_writes_before_it_fails(plan, memory, module),
        updated=[index[id(target)] for target, _ in plan.graph.updates],
        callbacks=len(module.callbacks),
    )


def _writes_before_it_fails(plan: Schedule, memory: Memory, module: Module) -> bool:
    if module.callbacks:
        return True
    last = max(module.checks, default=0)
    stored = [v for kernel in plan.kernels[:last] for v in kernel.stores]
    return any(memory.places[id(v)].kind == "input" for v in stored)
