"""Rendering: from kernels and memory to one LLVM module.

Each kernel is a function of the buffers it touches. `step` calls them in order; it takes one table of
pointers: the inputs, the outputs, the arena.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.kernels import Kernel, Schedule
from rushlight.compile.plan.memory import Buffer, Memory
from rushlight.compile.write.contract import write_product
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.library import write_library
from rushlight.compile.write.maps import write_elements, write_map, write_reduction
from rushlight.compile.write.scan import scan_text

__all__ = ["Module", "render"]


@dataclass(slots=True)
class Module:
    """The text of an LLVM module, and what its caller has to know.

    callbacks  the nodes that NumPy computes, in the order of their numbers.
    calls      for each kernel its function's name, the buffers that it takes, and its number of parts.
    """

    text: str
    callbacks: list[Callback] = field(default_factory=list)
    calls: list[tuple[str, list[Buffer], int]] = field(default_factory=list)


@dataclass(slots=True)
class Callback:
    """A node that NumPy computes: where its operands and its result lie."""

    node: Node
    inputs: list[Any]
    result: Buffer


def render(plan: Schedule, memory: Memory, arguments: int = 0) -> Module:
    """The LLVM module of a schedule; the first `arguments` inputs change from step to step in a scan."""
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
        _write_copy(writer, value, target)
        functions.append(writer.text())
        declarations.update(writer.emitter.declarations)
        module.calls.append((writer.name, list(writer.arguments), writer.parts))
    declarations["llvm.memcpy.p0.p0.i64"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
    module.text = "\n".join(
        [*declarations.values(), "", *functions, _step(plan, module), scan_text(plan.graph, arguments)]
    )
    return module


def _write(writer: KernelWriter, kernel: Kernel, module: Module, plan: Schedule, memory: Memory) -> None:
    if kernel.kind == "map":
        write_map(writer)
    elif kernel.kind == "reduce":
        write_reduction(writer)
    elif kernel.kind == "product":
        write_product(writer)
    elif kernel.kind == "library":
        write_library(writer)
    else:
        _write_callback(writer, module, plan, memory)


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


def _write_copy(writer: KernelWriter, value: Value, target: Buffer) -> None:
    """Write `value` into another place, element by element, whatever it looks through."""
    write_elements(writer, value, target)


def _step(plan: Schedule, module: Module) -> str:
    """``step(table, callback, me, count, barrier)``: load each buffer's pointer and call the kernels.

    All of `count` threads run it side by side. Thread 0 runs the kernels of one part alone; of the others
    each thread takes every `count`-th part. Between kernels that depend on each other's parts they wait.
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
    before = "entry"
    for group in _groups(module):
        lines += _group_text(module, arguments, group, before)
        before = f"e{group[0]}"
    body = "\n".join(lines)
    return (
        "define void @step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier) {\n"
        f"entry:\n{body}\n  ret void\n}}\n{HELPERS}"
    )


def _groups(module: Module) -> list[list[int]]:
    """Runs of kernels with one part, which thread 0 does in one go, and by itself each kernel of several."""
    groups: list[list[int]] = []
    for i, (_, _, parts) in enumerate(module.calls):
        if parts == 1 and groups and module.calls[groups[-1][-1]][2] == 1:
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


HELPERS = """
define void @alone(ptr %given) {
  %table = load ptr, ptr %given
  %callback.at = getelementptr ptr, ptr %given, i64 1
  %callback = load ptr, ptr %callback.at
  call void @step(ptr %table, ptr %callback, i64 0, i64 1, ptr null)
  ret void
}
define internal void @rushlight_callback(ptr %function, i64 %number) {
  call void %function(i64 %number)
  ret void
}
declare i32 @sched_yield()
define internal void @rushlight_wait(ptr %barrier, i64 %count) {
entry:
  %alone = icmp eq i64 %count, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %turn = getelementptr i8, ptr %barrier, i64 64
  %now = load atomic i64, ptr %turn acquire, align 8
  %before = atomicrmw add ptr %barrier, i64 1 acq_rel
  %here = add i64 %before, 1
  %last = icmp eq i64 %here, %count
  br i1 %last, label %open, label %spin
open:
  store atomic i64 0, ptr %barrier release, align 8
  %next = add i64 %now, 1
  store atomic i64 %next, ptr %turn release, align 8
  br label %done
spin:
  %tries = phi i64 [ 0, %arrive ], [ %more, %again ]
  %seen = load atomic i64, ptr %turn acquire, align 8
  %moved = icmp ne i64 %seen, %now
  br i1 %moved, label %done, label %again
again:
  %more = add i64 %tries, 1
  %patient = icmp ult i64 %tries, 1000
  br i1 %patient, label %spin, label %yield
yield:
  %ignored = call i32 @sched_yield()
  br label %spin2
spin2:
  %seen2 = load atomic i64, ptr %turn acquire, align 8
  %moved2 = icmp ne i64 %seen2, %now
  br i1 %moved2, label %done, label %yield
done:
  ret void
}
"""
