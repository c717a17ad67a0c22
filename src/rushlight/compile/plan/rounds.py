"""Loops: the kernels of a loop's body, planned once, and where each round finds what it reads and writes.

A body is planned like a program of its own. Its inputs and outputs are places in the memory of the program
around it that move on from round to round: slices of what is stacked, and states. A state of which all rounds
are wanted lies in a stack, where each round reads one row and writes the next; any other in two places, which
the rounds read and write by turns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rushlight.compile.graph import Graph, GraphError, Node, Value
from rushlight.compile.loops import is_loop
from rushlight.compile.plan.memory import Buffer, Memory, plan_memory
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.plan.verify import overwritten
from rushlight.compile.plan.views import contiguous
from rushlight.core.spec import Spec
from rushlight.device import xp

__all__ = ["ARENA", "Rounds", "Walk", "plan_loops"]

ARENA = Buffer("arena", 0)
Plan = Callable[[Graph, dict[int, tuple[int, ...]]], Schedule]


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a round finds a buffer of the body: so many bytes into that of a value, and each round `step`
    bytes further; of two places in the first, third, ... and in the others."""

    places: tuple[tuple[Value, int], ...]
    step: int = 0


@dataclass(eq=False, slots=True)
class Rounds:
    """How a loop is run.

    plan, memory  of the body.
    first         (value, target, row) of what is copied before: a state, into a row of a stack.
    walks         the places of the body's inputs, outputs and arena.
    scratch       memory that only the loop uses.
    """

    plan: Schedule
    memory: Memory
    count: int
    first: list[tuple[Value, Value, int]] = field(default_factory=list)
    walks: dict[Buffer, Walk] = field(default_factory=dict)
    scratch: list[Value] = field(default_factory=list)


def plan_loops(plan: Schedule, build: Plan) -> list[Node]:
    """Plan the loops among the kernels; gives those that no native loop can run: they check an index, or call
    NumPy back.

    build  ``build(body, strides)`` gives the kernels of a body whose inputs lie in memory with these strides.
    """
    refused = []
    for kernel in plan.kernels:
        if kernel.root is not None and is_loop(kernel.root):
            kernel.rounds = _Planner(plan, kernel, build).run()
            if any(k.kind == "callback" or k.check is not None for k in kernel.rounds.plan.kernels):
                refused.append(kernel.root)
    return refused


class _Planner:
    def __init__(self, plan: Schedule, kernel: Kernel, build: Plan) -> None:
        assert kernel.root is not None
        self.outer, self.node, self.facts = plan, kernel.root, kernel.root.attrs
        self.body: Graph = self.facts["body"]
        self.results = {
            n.attrs["place"]: n.out for n in kernel.body if any(n.out is v for v in kernel.stores)
        }
        inner = build(self.body, self._strides())
        self.rounds = Rounds(inner, plan_memory(inner), self.facts["count"])
        if (lost := overwritten(inner, self.rounds.memory)) is not None:
            raise GraphError(f"{lost} is read in a loop when another value was written over it")

    def _is_slice(self, place: int) -> bool:
        return 0 <= place - self.facts["carried"] < self.facts["stacked"]

    def _strides(self) -> dict[int, tuple[int, ...]]:
        """How the inputs lie, by id, where that is not as they are."""
        found = {}
        for place, (value, inner) in enumerate(zip(self.node.inputs, self.body.inputs, strict=True)):
            if place >= self.facts["carried"]:
                strides = self.outer.access[id(value)].strides
                found[id(inner)] = strides[1:] if self._is_slice(place) else strides
        return found

    def run(self) -> Rounds:
        rounds, carried, walks = self.rounds, self.facts["carried"], self.rounds.walks
        for place, value in enumerate(self.node.inputs):
            if place < carried:
                read, write = self._state(place, value)
                walks[Buffer("input", place)], walks[Buffer("output", place)] = read, write
            else:
                walks[Buffer("input", place)] = self._input(place, value)
        for place in range(carried, len(self.body.outputs)):
            walks[Buffer("output", place)] = self._output(place)
        if rounds.memory.arena:
            walks[ARENA] = Walk(((self._scratch(Spec((rounds.memory.arena,), xp.uint8)), 0),))
        return rounds

    def _scratch(self, spec: Spec) -> Value:
        value = Value(spec, f"{self.node.out}.{len(self.rounds.scratch)}")
        self.outer.access[id(value)] = contiguous(value)
        self.rounds.scratch.append(value)
        return value

    def _rows(self, stack: Value, first: int, step: int) -> Walk:
        """The walk over the rows of a stack; ``step`` 1 or -1, from the row `first` on."""
        access = self.outer.access[id(stack)]
        size = access.value.spec.dtype.itemsize
        start = access.offset + first * access.strides[0]
        return Walk(((access.value, size * start),), step * size * access.strides[0])

    def _state(self, place: int, value: Value) -> tuple[Walk, Walk]:
        """Where a state is read and written."""
        count, reverse = self.facts["count"], self.facts["reverse"]
        stack = self.results.get(self.facts["carried"] + place)
        if stack is not None:
            if place in self.results:
                raise GraphError(f"{self.node}: state {place} is in two places")
            first, step = (count, -1) if reverse else (0, 1)
            self.rounds.first.append((value, stack, first))
            return self._rows(stack, first, step), self._rows(stack, first + step, step)
        last = self.results.get(place)
        last = self._scratch(value.spec) if last is None else last
        places = (last, 0), (self._scratch(value.spec), 0)
        # After the last round it lies at the first of them.
        now, then = (places[::-1], places) if count % 2 else (places, places[::-1])
        self.rounds.first.append((value, now[0][0], 0))
        return Walk(now), Walk(then)

    def _input(self, place: int, value: Value) -> Walk:
        if self._is_slice(place):
            reverse, count = self.facts["reverse"], self.facts["count"]
            return self._rows(value, count - 1, -1) if reverse else self._rows(value, 0, 1)
        access = self.outer.access[id(value)]
        return Walk(((access.value, access.offset * access.value.spec.dtype.itemsize),))

    def _output(self, place: int) -> Walk:
        """Where what the rounds give is stacked; what nobody reads has one place for all."""
        stack = self.results.get(self.facts["carried"] + place)
        if stack is None:
            return Walk(((self._scratch(self.body.outputs[place].spec), 0),))
        reverse, count = self.facts["reverse"], self.facts["count"]
        return self._rows(stack, count - 1, -1) if reverse else self._rows(stack, 0, 1)
