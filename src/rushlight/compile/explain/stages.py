"""What each stage of the compiler made of a program, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rushlight.compile.entry import Entry
from rushlight.compile.graph import Value
from rushlight.compile.native.program import Program
from rushlight.compile.plan.memory import Memory, size_of
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.write.render import Call
from rushlight.core.lower import Contract, Reduce

__all__ = ["Stages", "stages"]


class Stages(dict[str, str]):
    """The texts by the names of the stages; a notebook shows each folded."""

    def _repr_html_(self) -> str:
        from rushlight.notebook.programs import stages_html

        return stages_html(self)


def stages(entry: Entry) -> Stages:
    """The texts, in the order of the stages; `CompiledFunction.stages` lists them."""
    program = entry.program
    assert program is not None
    return Stages(
        graph=str(entry.graph),
        simplified=str(program.plan.graph),
        kernels="\n".join(_kernels(program)),
        memory="\n".join(_memory(program)),
        llvm=program.module.text,
        optimized=program.built.whole.native.optimized,
        assembly=program.built.whole.native.assembly,
    )


def _kernels(program: Program) -> Iterator[str]:
    """Each kernel: its kind and axes, parts and function; what it reads, what it does, what it writes."""
    yield from _listed(program.plan, program.module.calls)


def _listed(plan: Schedule, calls: Sequence[Call], name: str = "k") -> Iterator[str]:
    for i, (kernel, call) in enumerate(zip(plan.kernels, calls, strict=False)):
        yield f"{name}{i}: {_head(kernel, call)}"
        yield from (f"    read {_access(plan, v)}" for v in kernel.reads())
        if kernel.rounds is None:
            yield from (f"    {line}" for line in _steps(kernel))
        elif call.loop is not None:
            inner = _listed(kernel.rounds.plan, call.loop.calls, f"{name}{i}.")
            yield from (f"    {line}" for line in inner)
        yield from (f"    write {_access(plan, v)}" for v in kernel.stores)


def _head(kernel: Kernel, call: Call) -> str:
    parts = f"{call.parts} parts" if call.parts > 1 else "1 part"
    if kernel.rounds is not None:
        kernels = len(kernel.rounds.plan.kernels)
        return f"loop of {kernel.rounds.count} rounds over {kernels} kernel{'s' if kernels > 1 else ''}"
    return f"{kernel.kind} over {_axes(kernel)}; {parts}; function {call.name}"


def _axes(kernel: Kernel) -> str:
    """The sizes of the axes over which each element of the result is made, and of those that it merges."""
    lower = kernel.root.op.lower if kernel.root is not None else None
    space, merged = list(kernel.space), []
    if kernel.kind == "rows":
        return f"{space}, row by row along axis {kernel.axis}"
    if kernel.root is not None and isinstance(lower, Contract):
        values = list(kernel.root.values())
        terms, result = lower.letters([v.spec.ndim for v in values], kernel.root.attrs)
        sizes: dict[str, int] = {}
        for term, value in zip(terms, values, strict=True):
            for letter, n in zip(term, value.spec.shape, strict=True):
                sizes[letter] = max(n, sizes.get(letter, 1))
        merged = [n for letter, n in sizes.items() if letter not in result]
    elif kernel.root is not None and isinstance(lower, Reduce):
        before, after = (next(kernel.root.values()).spec, kernel.root.out.spec)
        merged = [before.size // max(after.size, 1)]
    return f"{space}, merging {merged}" if math.prod(merged) != 1 else str(space)


def _steps(kernel: Kernel) -> Iterator[str]:
    """The operations; of rows stage by stage."""
    if kernel.check is not None:
        check = kernel.check
        yield f"check {check.low} <= {check.value} < {check.size}"
    for k, stage in enumerate(kernel.stages):
        yield f"stage {k}: {stage.kind} over {_axes(stage)}"
        yield from (f"    {node}" for node in stage.nodes)
    if not kernel.stages:
        yield from map(str, kernel.nodes)


def _access(plan: Schedule, value: Value) -> str:
    """A value, the memory in which it is seen, and how far one step along each axis leads there."""
    if id(value) not in plan.access:
        return f"{value}: {plan.constants[id(value)]!r}"
    access = plan.access[id(value)]
    seen = f"{value}" if access.value is value else f"{value} in {access.value}"
    start = f" from {access.offset}" if access.offset else ""
    beyond = f", {access.beyond} beyond its ends" if access.edges else ""
    return f"{seen}: {value.spec}, strides {list(access.strides)}{start}{beyond}"


def _memory(program: Program) -> Iterator[str]:
    """Where each value lives that lies in memory, by the kernels that write it, and what is copied last."""
    yield from _places(program.plan, program.memory)


def _places(plan: Schedule, memory: Memory) -> Iterator[str]:
    for i, kernel in enumerate(plan.kernels):
        for value in [*kernel.stores, *kernel.scratch]:
            place = memory.places[id(value)]
            size = f", {size_of(value, plan)} bytes" if place.kind == "arena" else ""
            yield f"k{i}: {value} in {place}{size}"
        if kernel.rounds is not None:
            yield from (f"    {line}" for line in _places(kernel.rounds.plan, kernel.rounds.memory))
    for i, (value, target) in enumerate(memory.copies):
        yield f"c{i}: {value} copied to {target}"
    yield f"arena: {memory.arena} bytes"
