"""Rendering: from kernels and memory to one LLVM module.

Each kernel is a function of the buffers it touches. `step` calls them in order; it takes one table of
pointers: the inputs, the outputs, the arena.
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

__all__ = ["Module", "render"]


@dataclass(slots=True)
class Module:
    """The text of an LLVM module, and what its caller has to know.

    callbacks  the nodes that NumPy computes, in the order of their numbers.
    calls      for each kernel its function's name, the buffers that it takes, and its number of parts.
    checks     those of the calls that look whether an index is in range, by their place among the calls.
    """

    text: str
    callbacks: list[Callback] = field(default_factory=list)
    calls: list[tuple[str, list[Buffer], int]] = field(default_factory=list)
    checks: dict[int, Check] = field(default_factory=dict)


@dataclass(slots=True)
class Callback:
    """A node that NumPy computes: where its operands and its result lie."""

    node: Node
    inputs: list[Any]
    result: Buffer


def render(plan: Schedule, memory: Memory) -> Module:
    """The LLVM module of a schedule."""
    module = Module("")
    functions: list[str] = []
    declarations: dict[str, str] = {}
    for i, kernel in enumerate(plan.kernels):
        writer = KernelWriter(plan, memory, kernel, f"k{i}")
        _write(writer, kernel, module, plan, memory)
        functions.append(writer.text())
        declarations.update(writer.emitter.declarations)
        module.calls.append((writer.name, list(writer.arguments), writer.parts))
    for i, (value, target) in enumerate(memory.copies):
        writer = KernelWriter(plan, memory, Kernel("copy", value.spec.shape), f"c{i}")
        write_elements(writer, value, target)
        functions.append(writer.text())
        declarations.update(writer.emitter.declarations)
        module.calls.append((writer.name, list(writer.arguments), writer.parts))
    declarations["rushlight_wait"] = WAIT
    module.text = "\n".join([*declarations.values(), "", *functions, _step(plan, memory, module)])
    return module


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
    e = writer.emitter
    e.line(f"call void @rushlight_callback(ptr %callback, i64 {len(module.callbacks)})")
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
    known: dict[Buffer, str] = {}
    slots: set[int] = set()

    def load(slot: int) -> str:
        name = f"%t{slot}"
        if slot not in slots:
            slots.add(slot)
            lines.append(f"  {name}.at = getelementptr ptr, ptr %table, i64 {slot}")
            lines.append(f"  {name} = load ptr, ptr {name}.at")
        return name

    def pointer(buffer: Buffer) -> str:
        if buffer not in known:
            slot = {"input": buffer.where, "output": inputs + buffer.where}.get(buffer.kind, inputs + outputs)
            name = load(slot)
            if buffer.kind == "arena":
                lines.append(f"  {name}.{buffer.where} = getelementptr i8, ptr {name}, i64 {buffer.where}")
                name = f"{name}.{buffer.where}"
            known[buffer] = name
        return known[buffer]

    arguments = [[f"ptr {pointer(b)}" for b in buffers] for _, buffers, _ in module.calls]
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
            flag = arguments[group[-1]][-1]
            lines += _stop(group[-1], flag)
            before = f"g{group[-1]}"
    lines += [] if memory.watch is None else _watch(len(module.calls))
    lines += ["  ret void", "stop:"] if module.checks else []
    body = "\n".join(lines)
    callback = CALLBACK if module.callbacks or memory.watch is not None else ""
    return (
        "define void @step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier) {\n"
        f"entry:\n{body}\n  ret void\n}}\n{ALONE}{callback}"
    )


def _groups(module: Module) -> list[list[int]]:
    """Runs of kernels with one part, which thread 0 does in one go, and by itself each kernel of several."""
    groups: list[list[int]] = []
    for i, (_, _, parts) in enumerate(module.calls):
        last = groups[-1][-1] if groups else -1
        if parts == 1 and groups and module.calls[last][2] == 1 and last not in module.checks:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _group_text(module: Module, arguments: list[list[str]], group: list[int], before: str) -> list[str]:
    first = group[0]
    parts = module.calls[first][2]
    wait = "  call void @rushlight_wait(ptr %barrier, i64 %count)"
    if parts == 1:
        calls = [
            f"  call void @{module.calls[i][0]}({', '.join([*arguments[i], 'ptr %callback', 'i64 0'])})"
            for i in group
        ]
        return [
            f"  br i1 %first, label %s{first}, label %e{first}",
            f"s{first}:",
            *calls,
            f"  br label %e{first}",
            f"e{first}:",
            wait,
        ]
    given = ", ".join([*arguments[first], "ptr %callback", f"i64 %p{first}"])
    return [
        f"  br label %h{first}",
        f"h{first}:",
        f"  %p{first} = phi i64 [ %me, %{before} ], [ %n{first}, %b{first} ]",
        f"  %m{first} = icmp slt i64 %p{first}, {parts}",
        f"  br i1 %m{first}, label %b{first}, label %e{first}",
        f"b{first}:",
        f"  call void @{module.calls[first][0]}({given})",
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
        f"  call void @rushlight_callback(ptr %callback, i64 {-1 - i})",
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

CALLBACK = """
define internal void @rushlight_callback(ptr %function, i64 %number) {
  call void %function(i64 %number)
  ret void
}
"""
