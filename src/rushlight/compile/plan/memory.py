"""Memory: where each stored value lives.

An update writes into its input's own memory as soon as nothing reads the old numbers any more; an output goes
into the array that the caller gets; everything else shares one arena, planned by liveness.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.plan.views import contiguous
from rushlight.core.strides import row_major

__all__ = ["Buffer", "Memory", "plan_memory", "size_of"]

ALIGN = 64
WATCHED = 1 << 25
"""Bytes of inputs and arena from which a program is proved in its own memory, kernel by kernel."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """A place in memory: ("input", i), ("output", i) or ("arena", byte offset)."""

    kind: str
    where: int

    def __str__(self) -> str:
        return f"{self.kind} {self.where}" if self.kind != "arena" else f"the arena at byte {self.where}"


@dataclass(slots=True)
class Memory:
    """Where values live, what is to be copied when all kernels have run, and how large the arena is.

    copies  pairs (from value, to buffer) that remain at the end, in order.
    staged  values that only such copies make.
    flag    three words for checks that fail; None where nothing is checked.
    watch   a word that is not 0 while a first run is watched; None in small programs.
    """

    places: dict[int, Buffer] = field(default_factory=dict)
    copies: list[tuple[Value, Buffer]] = field(default_factory=list)
    staged: list[Value] = field(default_factory=list)
    arena: int = 0
    flag: Buffer | None = None
    watch: Buffer | None = None


def plan_memory(plan: Schedule) -> Memory:
    """Give every stored value of `plan` its place."""
    memory = Memory()
    for i, value in enumerate(plan.graph.inputs):
        memory.places[id(value)] = Buffer("input", i)
    index = {id(v): i for i, v in enumerate(plan.graph.inputs)}
    written: list[tuple[Value, Buffer]] = []
    readers = _readers(plan)
    for target, value in plan.graph.updates:
        if _writes_through(plan, target, value, memory, readers.get(id(target), [])):
            memory.places[id(value)] = Buffer("input", index[id(target)])
        else:
            written.append((value, Buffer("input", index[id(target)])))
    for i, value in enumerate(plan.graph.outputs):
        own = id(value) in plan.made_by and id(value) not in memory.places
        if own:
            memory.places[id(value)] = Buffer("output", i)
        else:
            memory.copies.append((value, Buffer("output", i)))
    _fill_arena(plan, memory, [v for v, _ in written])
    memory.copies += _staged(plan, memory, written)
    if any(kernel.check is not None for kernel in plan.kernels):
        memory.flag = Buffer("arena", memory.arena)
        memory.arena += ALIGN
    if memory.arena + sum(size_of(v, plan) for v in plan.graph.inputs) >= WATCHED:
        memory.watch = Buffer("arena", memory.arena)
        memory.arena += ALIGN
    return memory


def _staged(
    plan: Schedule, memory: Memory, written: list[tuple[Value, Buffer]]
) -> list[tuple[Value, Buffer]]:
    """The copies into updated inputs, in an order in which none reads what another has written before:
    those that read an updated input go by way of the arena."""
    targets = {buffer for _, buffer in written}
    first: list[tuple[Value, Buffer]] = []
    second: list[tuple[Value, Buffer]] = []
    for value, buffer in written:
        access = plan.access.get(id(value))
        if access is not None and memory.places[id(access.value)] in targets:
            stage = Value(value.spec, f"{value.name}'")
            plan.access[id(stage)] = contiguous(stage)
            place = memory.places[id(stage)] = Buffer("arena", memory.arena)
            memory.arena += size_of(stage, plan)
            memory.staged.append(stage)
            first.append((value, place))
            value = stage
        second.append((value, buffer))
    return first + second


def _readers(plan: Schedule) -> dict[int, list[int]]:
    """For each value in memory, by id, the kernels that read it; what goes out is read by one more."""
    found: dict[int, list[int]] = {}
    ends = [*plan.graph.outputs, *[v for _, v in plan.graph.updates]]
    reads = [[v for node in kernel.nodes for v in node.values()] for kernel in plan.kernels]
    for i, values in enumerate([*reads, ends]):
        for base in {id(plan.access[id(v)].value) for v in values if id(v) in plan.access}:
            found.setdefault(base, []).append(i)
    return found


def _writes_through(
    plan: Schedule, target: Value, value: Value, memory: Memory, readers: Sequence[int]
) -> bool:
    """Whether the kernel that makes `value` may write it over the old numbers of `target`."""
    maker = plan.made_by.get(id(value))
    if maker is None or id(value) in memory.places or plan.kernels[maker].kind == "callback":
        return False
    if len(plan.kernels) in readers:
        return False
    later = [i for i in readers if i >= maker]
    return all(_only_pointwise(plan, plan.kernels[i], target, value if i == maker else None) for i in later)


def _only_pointwise(plan: Schedule, kernel: Kernel, target: Value, value: Value | None) -> bool:
    """Whether `kernel` leaves `target` alone or, making the `value` that overwrites it, reads it only in
    place, and in no stage after that."""
    ahead = value is not None
    for stage in kernel.stages or [kernel]:
        for node in stage.nodes:
            for v in node.values():
                access = plan.access.get(id(v))
                if access is None or access.value is not target:
                    continue
                plain = (
                    access.offset == 0 and access.strides == row_major(target.spec.shape) and not access.edges
                )
                if not (ahead and plain and v.spec.shape == stage.space and _in_place(stage, node, v)):
                    return False
        ahead = ahead and all(n.out is not value for n in stage.nodes)
    return True


def _in_place(kernel: Kernel, node: Node, value: Value) -> bool:
    """Whether the node reads no element of `value` once it is overwritten: it reads point by point, or what
    a scatter begins with."""
    if kernel.kind == "scatter":
        return node.inputs[0] is value and sum(v is value for v in node.values()) == 1
    return node.op.elementwise and any(node is n for n in kernel.body)


def _fill_arena(plan: Schedule, memory: Memory, kept: list[Value]) -> None:
    """First fit over the values still without a place; a place is free again after the last kernel that
    reads it."""
    last: dict[int, int] = {}
    for i, kernel in enumerate(plan.kernels):
        for v in kernel.reads():
            if id(v) in plan.access:
                last[id(plan.access[id(v)].value)] = i
    end = len(plan.kernels)
    for value in [*plan.graph.outputs, *kept]:
        if id(value) in plan.access:
            last[id(plan.access[id(value)].value)] = end
    taken: list[tuple[int, int, int]] = []
    for i, kernel in enumerate(plan.kernels):
        taken = [t for t in taken if t[2] >= i]
        for value in [*kernel.stores, *kernel.scratch]:
            if id(value) in memory.places:
                continue
            size = size_of(value, plan)
            offset = _first_fit(taken, size)
            insort(taken, (offset, offset + size, last.get(id(value), i)))
            memory.places[id(value)] = Buffer("arena", offset)
            memory.arena = max(memory.arena, offset + size)


def size_of(value: Value, plan: Schedule) -> int:
    """Bytes that a stored value takes."""
    steps = plan.access[id(value)].strides
    extent = 1 + sum(step * (n - 1) for step, n in zip(steps, value.spec.shape, strict=True))
    return -(-max(extent * value.spec.dtype.itemsize, 1) // ALIGN) * ALIGN


def _first_fit(taken: list[tuple[int, int, int]], size: int) -> int:
    offset = 0
    for start, stop, _ in taken:
        if offset + size <= start:
            break
        if stop > offset:  # `max` takes longer than all else here
            offset = stop
    return offset
