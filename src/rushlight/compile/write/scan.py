"""Scan: many steps in one native call.

``scan(step, table, callback, places, index, steps, me, count, barrier)`` points the arguments at the next
batch and the outputs at the next row of the results, and calls `step`, over and over. Where there is an index
it gathers each batch first, row by row. `places` holds the sources, a buffer for one batch of each, and the
outputs. `scan_job` takes what comes before `me` from memory. All this is a module of its own, compiled when a
program is first scanned: most never are.
"""

from __future__ import annotations

from rushlight.compile.graph import Graph, Value
from rushlight.compile.write.barrier import WAIT
from rushlight.compile.write.cuts import Run, share, walk
from rushlight.compile.write.emit import Emitter, load_words

__all__ = ["scan_text"]

COPY = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
HEAD = (
    "define void @scan(ptr %step, ptr %table, ptr %callback, ptr %places, ptr %index, i64 %steps, "
    "i64 %me, i64 %count, ptr %barrier) {"
)


def scan_text(graph: Graph, arguments: int, gather: bool) -> str:
    """The LLVM text of the module; the first `arguments` inputs of the graph change from step to step.
    `gather` for batches that an index names."""
    e = Emitter()
    given, outputs = graph.inputs[:arguments], graph.outputs
    sources = [_load_entry(e, i) for i in range(arguments)]
    batches = [_load_entry(e, arguments + i) for i in range(arguments)]
    results = [_load_entry(e, 2 * arguments + i) for i in range(len(outputs))]

    def prepare(s: str) -> None:
        for i, (value, source, batch) in enumerate(zip(given, sources, batches, strict=True)):
            _point(e, i, batch if gather else _row(e, source, s, _bytes(value)))
        for i, (value, result) in enumerate(zip(outputs, results, strict=True)):
            _point(e, len(graph.inputs) + i, _row(e, result, s, _bytes(value)))

    def step(s: str) -> None:
        if gather:
            for value, source, batch in zip(given, sources, batches, strict=True):
                _gather(e, value, source, batch, s)
        mark = e.fresh("P")
        e.line(f"br i1 %first, label %{mark}.one, label %{mark}.all")
        e.label(f"{mark}.one")
        prepare(s)
        e.line(f"br label %{mark}.all")
        e.label(f"{mark}.all")
        e.line("call void @rushlight_wait(ptr %barrier, i64 %count)")
        e.line("call void %step(ptr %table, ptr %callback, i64 %me, i64 %count, ptr %barrier)")

    e.loop(0, "%steps", 1, step)
    called = [WAIT, COPY, *e.declarations.values()]
    body = "\n".join([*called, HEAD, "entry:", "  %first = icmp eq i64 %me, 0", *e.lines])
    return f"{body}\n  ret void\n}}\n{JOB}"


JOB = f"""define void @scan_job(ptr %given, i64 %me, i64 %count, ptr %barrier) {{
{load_words("%given", "table", "callback", "places", "index", "i64 steps", "step")}
  call void @scan(ptr %step, ptr %table, ptr %callback, ptr %places, ptr %index, i64 %steps, i64 %me, \
i64 %count, ptr %barrier)
  ret void
}}
"""


def _bytes(value: Value) -> int:
    return value.spec.size * value.spec.dtype.itemsize


def _load_entry(e: Emitter, i: int) -> str:
    at = e.value(f"getelementptr ptr, ptr %places, i64 {i}")
    return e.value(f"load ptr, ptr {at}")


def _point(e: Emitter, slot: int, place: str) -> None:
    """Have the step's table point at `place` for one input or output."""
    at = e.value(f"getelementptr ptr, ptr %table, i64 {slot}")
    e.line(f"store ptr {place}, ptr {at}")


def _row(e: Emitter, base: str, i: str, size: int) -> str:
    """The address of item `i` of items of `size` bytes."""
    offset = e.value(f"mul nsw i64 {i}, {size}")
    return e.value(f"getelementptr i8, ptr {base}, i64 {offset}")


def _gather(e: Emitter, value: Value, source: str, batch: str, s: str) -> None:
    """Copy the rows that this step's part of the index names into the batch; each thread copies some."""
    if not value.spec.ndim or not value.spec.size:
        return
    rows = value.spec.shape[0]
    size = _bytes(value) // rows
    start = e.value(f"mul nsw i64 {s}, {rows}")

    def copy(r: str) -> None:
        place = e.value(f"getelementptr i64, ptr %index, i64 {e.value(f'add nsw i64 {start}, {r}')}")
        row = e.value(f"load i64, ptr {place}")
        target, origin = _row(e, batch, r, size), _row(e, source, row, size)
        e.line(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {origin}, i64 {size}, i1 false)")

    walk(e, [Run(0, 1, rows)], lambda r, _: copy(r), share(e, rows, "%me", "%count"))
