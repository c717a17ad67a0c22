"""Whether every value is still in its place when it is read: the memory plan, held against the schedule."""

from __future__ import annotations

from rushlight.compile.graph import Value
from rushlight.compile.plan.kernels import Schedule
from rushlight.compile.plan.memory import Buffer, Memory, size_of

__all__ = ["overwritten"]


def overwritten(plan: Schedule, memory: Memory) -> Value | None:
    """The first value that is read, or goes out, when another was written over it; None if all is well."""
    held = {Buffer("input", i): v for i, v in enumerate(plan.graph.inputs)}
    steps: list[tuple[list[Value], list[tuple[Value, Buffer]]]] = [
        (kernel.reads(), [(v, memory.places[id(v)]) for v in kernel.stores]) for kernel in plan.kernels
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
            for other in [p for p, v in held.items() if _meet(plan, (p, v), (place, value))]:
                lost = held.pop(other)
                if any(v is lost for v in read) and place.kind == "arena":
                    return lost
            held[place] = value
    for place, value in ends.items():
        if held.get(place) is not value:
            return value
    return None


def _meet(plan: Schedule, a: tuple[Buffer, Value], b: tuple[Buffer, Value]) -> bool:
    """Whether two values' memory has a byte in common."""
    if a[0].kind != "arena" or b[0].kind != "arena":
        return a[0] == b[0]
    return a[0].where < b[0].where + size_of(b[1], plan) and b[0].where < a[0].where + size_of(a[1], plan)
