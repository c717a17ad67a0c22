"""Rendering: from kernels and memory to LLVM modules.

Each kernel is a function of the buffers it touches, in a module of its own; kernels whose functions are equal
share one. `step` calls them in order; it takes one table of pointers: the inputs, the outputs, the arena.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.indexing import Check
from rushlight.compile.plan.kernels import Kernel, Schedule
from rushlight.compile.plan.memory import Buffer, Memory
from rushlight.compile.write.arg_reduce import write_positions
from rushlight.compile.write.barrier import WAIT
from rushlight.compile.write.check import write_check
from rushlight.compile.write.contract import write_product
from rushlight.compile.write.cumulative import write_cumulative
from rushlight.compile.write.emit import load_words
from rushlight.compile.write.join import write_cat, write_elements, write_fill
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.library import write_library
from rushlight.compile.write.maps import write_map, write_reduction
from rushlight.compile.write.philox import write_random
from rushlight.compile.write.rows import write_rows
from rushlight.compile.write.scatter import write_scatter
from rushlight.compile.write.sort import write_sort
from rushlight.core.lower import Reduce

__all__ = ["Call", "Module", "render"]


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
    and into how many parts it divides its work."""

    name: str
    pointers: list[tuple[Buffer, int]]
    numbers: list[int]
    parts: int


@dataclass(slots=True)
class Callback:
    """A node that NumPy computes: where its operands and its result lie."""

    node: Node
    inputs: list[Any]
    result: Buffer


def render(plan: Schedule, memory: Memory) -> Module:
    """The LLVM module of a schedule."""
    module = Module()
    for kernel in plan.kernels:
        writer = KernelWriter(plan, memory, kernel)
        _write(writer, kernel, module, plan, memory)
        _add(module, writer)
    for value, target in memory.copies:
        writer = KernelWriter(plan, memory, Kernel("copy", value.spec.shape))
        write_elements(writer, value, target)
        _add(module, writer)
    module.step = _step(plan, memory, module)
    return module


def _add(module: Module, writer: KernelWriter) -> None:
    """Have the step call what was written."""
    name, text = writer.function()
    module.functions[name] = text
    module.calls.append(Call(name, list(writer.arguments.items()), writer.numbers, writer.parts))


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
    "dot": _reduction_or_positions,
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
    elif kernel.kind == "callback":
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


def _step(plan: Schedule, memory: Memory, module: Module) -> str:
    """``step(table, callback, me, count, barrier)``: load each buffer's pointer and call the kernels.

    `step_job` and `alone` take its first arguments from memory. All of `count` threads run it side by side.
    Thread 0 runs the kernels of one part alone; of the others each thread takes every `count`-th part.
    Between kernels that depend on each other's parts they wait. After a check that failed nothing more is
    done. A large program can be watched: see `_watch`.
    """
    inputs, outputs = len(plan.graph.inputs), len(plan.graph.outputs)
    lines: list[str] = []
    known: dict[tuple[int, int], str] = {}
    slots: set[int] = set()

    def load(slot: int) -> str:
        name = f"%t{slot}"
        if slot not in slots:
            slots.add(slot)
            lines.append(f"  {name}.at = getelementptr ptr, ptr %table, i64 {slot}")
            lines.append(f"  {name} = load ptr, ptr {name}.at")
        return name

    def pointer(buffer: Buffer, start: int = 0) -> str:
        slot = {"input": buffer.where, "output": inputs + buffer.where}.get(buffer.kind, inputs + outputs)
        start += buffer.where if buffer.kind == "arena" else 0
        if (slot, start) not in known:
            name = load(slot)
            if start:
                lines.append(f"  {name}.{start} = getelementptr i8, ptr {name}, i64 {start}")
                name = f"{name}.{start}"
            known[slot, start] = name
        return known[slot, start]

    arguments = [[f"ptr {pointer(*place)}" for place in call.pointers] for call in module.calls]
    lines.append("  %first = icmp eq i64 %me, 0")
    if memory.watch is not None:
        lines.append(f"  %watch = load i64, ptr {pointer(memory.watch)}")
        lines.append("  %watched = icmp ne i64 %watch, 0")
    before = "entry"
    groups = _groups(module) if memory.watch is None else [[i] for i in range(len(module.calls))]
    for group in groups:
        if memory.watch is not None:
            lines += _watch(group[0])
            before = f"wd{group[0]}"
        lines += _group_text(module, arguments, group, before)
        before = f"e{group[0]}"
        if group[-1] in module.checks:
            assert memory.flag is not None
            flag = f"ptr {pointer(memory.flag)}"
            lines += _stop(group[-1], flag)
            before = f"g{group[-1]}"
    lines += [] if memory.watch is None else _watch(len(module.calls))
    lines += ["  ret void", "stop:"] if module.checks else []
    body = "\n".join(lines)
    declared = "\n".join([WAIT, *_declared(module)])
    head = "define void @step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier) {"
    return f"{declared}\n\n{head}\nentry:\n{body}\n  ret void\n}}\n{ALONE}"


def _declared(module: Module) -> list[str]:
    """The declarations of the functions that are called."""
    kinds = {
        c.name: ", ".join([*["ptr"] * len(c.pointers), "ptr", "i64", *["i64"] * len(c.numbers)])
        for c in module.calls
    }
    return [f"declare void @{name}({taken})" for name, taken in kinds.items()]


def _groups(module: Module) -> list[list[int]]:
    """Runs of kernels with one part, which thread 0 does in one go, and by itself each kernel of several."""
    groups: list[list[int]] = []
    for i, call in enumerate(module.calls):
        last = groups[-1][-1] if groups else -1
        if call.parts == 1 and groups and module.calls[last].parts == 1 and last not in module.checks:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _group_text(module: Module, arguments: list[list[str]], group: list[int], before: str) -> list[str]:
    first = group[0]
    parts = module.calls[first].parts
    wait = "  call void @rushlight_wait(ptr %barrier, i64 %count)"

    def called(i: int, part: str) -> str:
        numbers = [f"i64 {n}" for n in module.calls[i].numbers]
        given = ", ".join([*arguments[i], "ptr %callback", f"i64 {part}", *numbers])
        return f"  call void @{module.calls[i].name}({given})"

    if parts == 1:
        return [
            f"  br i1 %first, label %s{first}, label %e{first}",
            f"s{first}:",
            *[called(i, "0") for i in group],
            f"  br label %e{first}",
            f"e{first}:",
            wait,
        ]
    return [
        f"  br label %h{first}",
        f"h{first}:",
        f"  %p{first} = phi i64 [ %me, %{before} ], [ %n{first}, %b{first} ]",
        f"  %m{first} = icmp slt i64 %p{first}, {parts}",
        f"  br i1 %m{first}, label %b{first}, label %e{first}",
        f"b{first}:",
        called(first, f"%p{first}"),
        f"  %n{first} = add i64 %p{first}, %count",
        f"  br label %h{first}",
        f"e{first}:",
        wait,
    ]


def _watch(i: int) -> list[str]:
    """Call back with -1 - i before call i while somebody watches: the first thread does, the others wait."""
    return [
        f"  br i1 %watched, label %wa{i}, label %wd{i}",
        f"wa{i}:",
        f"  br i1 %first, label %wb{i}, label %wc{i}",
        f"wb{i}:",
        f"  call void %callback(i64 {-1 - i})",
        f"  br label %wc{i}",
        f"wc{i}:",
        "  call void @rushlight_wait(ptr %barrier, i64 %count)",
        f"  br label %wd{i}",
        f"wd{i}:",
    ]


def _stop(check: int, flag: str) -> list[str]:
    """Leave the step if this check failed. Its own number tells: another's would be read by one thread when
    it is written, and by the next not yet."""
    return [
        f"  %f{check} = load i64, {flag}",
        f"  %w{check} = icmp eq i64 %f{check}, {check + 1}",
        f"  br i1 %w{check}, label %stop, label %g{check}",
        f"g{check}:",
    ]


GIVEN = load_words("%given", "table", "callback")
ALONE = f"""
define void @alone(ptr %given) {{
{GIVEN}
  call void @step(ptr %table, ptr %callback, i64 0, i64 1, ptr null)
  ret void
}}
define void @step_job(ptr %given, i64 %me, i64 %count, ptr %barrier) {{
{GIVEN}
  call void @step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier)
  ret void
}}
"""
