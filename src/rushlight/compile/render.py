"""Rendering: from kernels and memory to one LLVM module.

Each kernel is a function of the buffers it touches. `step` calls them in order; it takes one table of pointers:
the inputs, the outputs, the arena.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rushlight.compile.contract import write_product
from rushlight.compile.graph import Node, Value
from rushlight.compile.kernel_writer import KernelWriter
from rushlight.compile.kernels import Kernel, Schedule
from rushlight.compile.library import write_library
from rushlight.compile.maps import write_map, write_reduction
from rushlight.compile.memory import Buffer, Memory
from rushlight.compile.scan import scan_text

__all__ = ["Module", "render"]


@dataclass(slots=True)
class Module:
    """The text of an LLVM module, and what its caller has to know.

    callbacks  the nodes that NumPy computes, in the order of their numbers.
    calls      for each kernel its function's name and the buffers that it takes.
    """

    text: str
    callbacks: list[Callback] = field(default_factory=list)
    calls: list[tuple[str, list[Buffer]]] = field(default_factory=list)


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
        module.calls.append((writer.name, list(writer.arguments)))
    for i, (value, target) in enumerate(memory.copies):
        writer = KernelWriter(plan, memory, Kernel("copy", value.spec.shape), f"c{i}")
        _write_copy(writer, value, target)
        functions.append(writer.text())
        declarations.update(writer.emitter.declarations)
        module.calls.append((writer.name, list(writer.arguments)))
    declarations["llvm.memcpy.p0.p0.i64"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
    module.text = "\n".join([*declarations.values(), "", *functions, _step(plan, module), scan_text(plan.graph, arguments)])
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
    from rushlight.compile.maps import write_elements

    write_elements(writer, value, target)


def _step(plan: Schedule, module: Module) -> str:
    """``step(table, callback)``: load each buffer's pointer and call the kernels."""
    inputs, outputs = len(plan.graph.inputs), len(plan.graph.outputs)
    lines: list[str] = []
    known: dict[Buffer, str] = {}

    def load(slot: int) -> str:
        name = f"%t{slot}"
        if f"  {name} = load" not in "\n".join(lines):
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

    for name, buffers in module.calls:
        arguments = ", ".join([f"ptr {pointer(b)}" for b in buffers] + ["ptr %callback"])
        lines.append(f"  call void @{name}({arguments})")
    body = "\n".join(lines)
    return (
        f"define void @step(ptr %table, ptr %callback) {{\nentry:\n{body}\n  ret void\n}}\n"
        "define internal void @rushlight_callback(ptr %function, i64 %number) {\n"
        "  call void %function(i64 %number)\n  ret void\n}\n"
    )
