"""Whether kernels and memory are sound: what is read was made, and is still in its place."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from rushlight.compile.graph import GraphError, Value
from rushlight.compile.plan.memory import Buffer, Memory, size_of
from rushlight.compile.plan.records import Schedule

__all__ = ["overwritten", "verify"]


def verify(plan: Schedule) -> Schedule:
    """The kernels themselves if they are sound, else GraphError: each node is in one kernel at most, and what
    a kernel reads or the program gives was stored by a kernel before it, is an input, or a constant."""
    ready = {id(v) for v in plan.graph.inputs}
    done: set[int] = set()
    for kernel in plan.kernels:
        _verify_reads(plan, kernel.reads(), ready, kernel.name)
        for node in kernel.nodes:
            if kernel.kind != "fill" and id(node) in done:
                raise GraphError(f"{node} is in two kernels")
            done.add(id(node))
        ready.update(id(v) for v in kernel.stores)
    _verify_reads(plan, [*plan.graph.outputs, *[v for _, v in plan.graph.updates]], ready, "the program")
    return plan


def _verify_reads(plan: Schedule, values: list[Value], ready: set[int], reader: str) -> None:
    for v in values:
        if id(v) in plan.access and id(plan.access[id(v)].value) not in ready:
            raise GraphError(f"{reader} reads {v}, which no kernel before it stores")
        if id(v) not in plan.access and id(v) not in plan.constants:
            raise GraphError(f"{reader} reads {v}, which has no place")


def overwritten(plan: Schedule, memory: Memory) -> Value | None:
    """The first value that is read, or goes out, when another was written over it; None if all is well."""
    held = {Buffer("input", i): v for i, v in enumerate(plan.graph.inputs)}
    arena = _Arena()
    steps: list[tuple[list[Value], list[tuple[Value, Buffer]]]] = [
        (kernel.reads(), [(v, memory.places[id(v)]) for v in [*kernel.stores, *kernel.scratch]])
        for kernel in plan.kernels
    ]
    stages = {memory.places[id(v)]: v for v in memory.staged}
    staged = {id(stages[to]): v for v, to in memory.copies if to in stages}
    steps += [([v], [(stages.get(to) or staged.get(id(v), v), to)]) for v, to in memory.copies]
    ends = {Buffer("input", plan.graph.inputs.index(t)): v for t, v in plan.graph.updates}
    for reads, stores in steps:
        read = [plan.access[id(v)].value for v in reads if id(v) in plan.access]
        for value in read:
            if held.get(memory.places[id(value)]) is not value:
                return value
        for value, place in stores:
            if place.kind == "arena":
                for start in arena.take(place.where, place.where + size_of(value, plan)):
                    lost = held.pop(Buffer("arena", start))
                    if any(v is lost for v in read):
                        return lost
            held[place] = value
    for place, value in ends.items():
        if held.get(place) is not value:
            return value
    return None


class _Arena:
    """Which bytes are taken: spans that have none in common."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: dict[int, int] = {}

    def take(self, start: int, end: int) -> list[int]:
        """Take the bytes from `start` to `end`; gives where the spans began that are taken no more."""
        first = bisect_right(self._starts, start) - 1
        first += first < 0 or self._ends[self._starts[first]] <= start
        last = bisect_left(self._starts, end)
        gone = self._starts[first:last]
        del self._starts[first:last]
        for old in gone:
            del self._ends[old]
        insort(self._starts, start)
        self._ends[start] = end
        return gone
