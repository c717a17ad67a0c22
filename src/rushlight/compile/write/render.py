"""Rendering: from kernels and memory to LLVM modules.

Each kernel is a function of the buffers it touches, in a module of its own; kernels whose functions are equal
share one. `step` calls them in order; it takes one table of pointers: the inputs, the outputs, the arena.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.memory import Buffer, Memory
from rushlight.compile.plan.records import Check, Kernel, Schedule
from rushlight.compile.plan.rounds import Rounds
from rushlight.compile.write.arg_reduce import write_positions
from rushlight.compile.write.check import write_check
from rushlight.compile.write.contract import write_product
from rushlight.compile.write.cumulative import write_cumulative
from rushlight.compile.write.fingerprint import Fingerprint
from rushlight.compile.write.join import copy_into, write_cat, write_elements, write_fill
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.library import write_library
from rushlight.compile.write.maps import write_map, write_reduction
from rushlight.compile.write.philox import write_random
from rushlight.compile.write.rows import write_rows
from rushlight.compile.write.scatter import write_scatter
from rushlight.compile.write.sort import write_sort
from rushlight.compile.write.step import step_text
from rushlight.core.lower import Reduce
from rushlight.core.strides import row_major

__all__ = ["Call", "Module", "Repeated", "render"]


@dataclass(slots=True)
class Module:
    """The text of a program, and what its caller has to know.

    step       the LLVM module of `step`.
    functions  the modules of the kernels' functions, by name.
    callbacks  the nodes that NumPy computes, in the order of their numbers.
    calls      what `step` calls for each kernel, in order.
    checks     those of the calls that look whether an index is in range, by their place among the calls.
    """

    step: str = ""
    functions: dict[str, str] = field(default_factory=dict)
    callbacks: list[Callback] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    checks: dict[int, Check] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All modules, one after the other."""
        return "\n".join([*self.functions.values(), self.step])


@dataclass(slots=True)
class Call:
    """A function's name, where its pointers point (so many bytes into a buffer), the numbers that it takes,
    how much work it does, in operations, and into how many parts it divides it; or a loop of such calls."""

    name: str
    pointers: list[tuple[Buffer, int]]
    numbers: list[int]
    parts: int
    work: float
    loop: Repeated | None = None


@dataclass(slots=True)
class Repeated:
    """Calls that are made again and again.

    first  what is called before.
    walks  for each buffer that the calls name, where it lies in each round: so many bytes into a buffer, and
           each round `step` bytes further; of two places by turns.
    """

    count: int
    first: list[Call]
    calls: list[Call]
    walks: dict[Buffer, tuple[list[tuple[Buffer, int]], int]]


@dataclass(slots=True)
class Callback:
    """A node that NumPy computes: where its operands and its result lie."""

    node: Node
    inputs: list[Any]
    result: Buffer


def render(plan: Schedule, memory: Memory) -> Module:
    """The LLVM module of a schedule."""
    module = Module()
    _Calls(module, plan, memory, {}, module.calls).write()
    module.step = step_text(module, memory, len(plan.graph.inputs), len(plan.graph.outputs))
    return module


Written = dict[Hashable, tuple[Call, list[tuple[int, int]]]]
"""The calls of kernels that are told apart by their keys, and which of a kernel's buffers they point into."""


class _Calls:
    """Writes the functions of a schedule, and the calls of them."""

    def __init__(
        self, module: Module, plan: Schedule, memory: Memory, written: Written, calls: list[Call]
    ) -> None:
        self.module, self.plan, self.memory = module, plan, memory
        self.written, self.calls = written, calls

    def write(self) -> None:
        for kernel in self.plan.kernels:
            self.calls.append(self._kernel(kernel) if kernel.rounds is None else self._loop(kernel.rounds))
        for value, target in self.memory.copies:
            writer = self._copier(value)
            write_elements(writer, value, target)
            self.calls.append(self._call(writer))

    def _kernel(self, kernel: Kernel) -> Call:
        alike = Fingerprint(kernel, self.plan, self.memory)
        if alike.key in self.written:
            call, places = self.written[alike.key]
            pointers = [(alike.buffers[k][0], alike.buffers[k][1] + by) for k, by in places]
            return replace(call, pointers=pointers)
        writer = KernelWriter(self.plan, self.memory, kernel)
        _write(writer, kernel, self.module, self.plan, self.memory)
        call = self._call(writer)
        if alike.key is not None and not writer.numbers:
            firsts = {buffer: (k, at) for k, (buffer, at) in enumerate(alike.buffers)}
            places = [(firsts[b][0], at - firsts[b][1]) for b, at in writer.arguments.items()]
            self.written[alike.key] = call, places
        return call

    def _copier(self, value: Value) -> KernelWriter:
        return KernelWriter(self.plan, self.memory, Kernel("copy", value.spec.shape))

    def _call(self, writer: KernelWriter) -> Call:
        """The call of what was written."""
        name, text = writer.function()
        self.module.functions[name] = text
        return Call(name, list(writer.arguments.items()), writer.numbers, writer.parts, writer.work)

    def _loop(self, rounds: Rounds) -> Call:
        first = []
        for value, target, row in rounds.first:
            writer, spec = self._copier(value), value.spec
            steps = list(row_major(spec.shape))
            place = self.memory.places[id(target)]
            copy_into(writer, value, writer.at(place, spec.dtype, row * spec.size, steps))
            first.append(self._call(writer))
        calls: list[Call] = []
        _Calls(self.module, rounds.plan, rounds.memory, self.written, calls).write()
        walks = {
            buffer: ([(self.memory.places[id(v)], start) for v, start in walk.places], walk.step)
            for buffer, walk in rounds.walks.items()
        }
        parts = max((call.parts for call in calls), default=1)
        work = rounds.count * sum(call.work for call in calls)
        return Call("", [], [], parts, work, Repeated(rounds.count, first, calls, walks))


def _map_or_nothing(writer: KernelWriter) -> None:
    if 0 not in writer.kernel.space:
        write_map(writer)


def _reduction_or_positions(writer: KernelWriter) -> None:
    root = writer.kernel.root
    assert root is not None
    assert isinstance(root.op.lower, Reduce)
    (write_positions if root.op.lower.position else write_reduction)(writer)


def _copy(writer: KernelWriter) -> None:
    root = writer.kernel.root
    assert root is not None
    write_elements(writer, root.inputs[0], writer.memory.places[id(root.out)])


WRITERS: dict[str, Callable[[KernelWriter], None]] = {
    "map": _map_or_nothing,
    "rows": write_rows,
    "gather": _map_or_nothing,
    "scatter": write_scatter,
    "cat": write_cat,
    "fill": write_fill,
    "copy": _copy,
    "reduce": _reduction_or_positions,
    "integer matmul": _reduction_or_positions,
    "cumulative": write_cumulative,
    "product": write_product,
    "library": write_library,
    "sort": write_sort,
    "random": write_random,
}
"""For each kind of kernel, who writes its function; checks and callbacks leave a note in the module, too."""


def _write(writer: KernelWriter, kernel: Kernel, module: Module, plan: Schedule, memory: Memory) -> None:
    if kernel.check is not None:
        module.checks[len(module.calls)] = kernel.check
        write_check(writer, len(module.calls) + 1)
    if kernel.kind == "check":
        return
    if kernel.kind == "callback":
        _write_callback(writer, module, plan, memory)
    else:
        WRITERS[kernel.kind](writer)


def _write_callback(writer: KernelWriter, module: Module, plan: Schedule, memory: Memory) -> None:
    """Hand over to Python with the number of the callback; it finds the buffers by itself."""
    node = writer.kernel.root
    assert node is not None
    inputs: list[Any] = []
    for v in node.inputs:
        if not isinstance(v, Value):
            inputs.append(v)
        elif id(v) in plan.constants:
            inputs.append((plan.constants[id(v)], v.spec))
        else:
            access = plan.access[id(v)]
            inputs.append((memory.places[id(access.value)], access, v.spec))
    writer.emitter.line(f"call void %callback(i64 {writer.number(len(module.callbacks))})")
    module.callbacks.append(Callback(node, inputs, memory.places[id(node.out)]))
