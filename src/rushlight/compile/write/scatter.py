"""Writing through an index: a result that begins as zeros or as a copy, and what is put or added into it.

Elements are written in row-major order of the indices, one after the other where two may meet: sums are then
those of NumPy's `add.at` to the last bit, and of numbers put at one place the last stays.
"""

from __future__ import annotations

from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.indexing import Indexing, indexing, source_of
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.gather import index_streams, indexed_place, spread
from rushlight.compile.write.join import write_elements
from rushlight.compile.write.kernel_writer import KernelWriter, Point, aligned_axes
from rushlight.compile.write.maps import over_rows
from rushlight.compile.write.nest import Nest, Stream, loops
from rushlight.core.lower import Scatter
from rushlight.core.strides import row_major

__all__ = ["write_scatter"]


def write_scatter(writer: KernelWriter) -> None:
    """The beginning of the result, then what is scattered into it."""
    node = writer.kernel.root
    assert node is not None
    spec = node.out.spec
    target = writer.memory.places[id(node.out)]
    found = indexing(node, row_major(spec.shape))
    if _adds(node):
        if 0 not in spec.shape:
            _clear(writer, writer.at(target, spec.dtype, 0, []).pointer, spec.size * spec.dtype.itemsize)
    elif not _in_place(writer, node.inputs[0], target):
        write_elements(writer, node.inputs[0], target)
    if 0 in found.space:
        return
    place = range(len(found.space))
    strides = spread(found.strides, found.space, place, len(found.space))
    streams: dict[Any, Stream | None] = {
        "out": writer.at(target, spec.dtype, found.offset, strides),
        **index_streams(writer, node, found, place, len(found.space)),
    }
    source = source_of(node)
    if isinstance(source, Value):
        axes = [d if d >= 0 else None for d in aligned_axes(source.spec.shape, found.space)]
        streams["source"] = writer.stream(source, axes, len(found.space))
    _write_points(writer, node, found, streams)


def _adds(node: Node) -> bool:
    return isinstance(node.op.lower, Scatter) and node.op.lower.adds


def _in_place(writer: KernelWriter, value: Any, target: Any) -> bool:
    """Whether the result lies where what it begins as lies already."""
    access = writer.plan.access.get(id(value))
    return access is not None and writer.memory.places[id(access.value)] == target


def _clear(writer: KernelWriter, pointer: str, size: int) -> None:
    e = writer.emitter
    e.declare("llvm.memset.p0.i64", "void", ["ptr", "i8", "i64", "i1"])
    e.line(f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 0, i64 {size}, i1 false)")


def _write_points(
    writer: KernelWriter, node: Node, found: Indexing, streams: dict[Any, Stream | None]
) -> None:
    nest = Nest(
        list(found.space), [False] * len(found.space), {k: s for k, s in streams.items() if s is not None}
    )
    nest.simplify()
    out = streams["out"]
    assert out is not None

    def block(indices: list[str], lanes: int, count: int) -> None:
        point = Point(indices, lanes, count)
        where, _ = indexed_place(writer, node, found.terms, out, streams, point)
        step = out.strides[-1] if out.strides else 0
        value = _source(writer, node, streams, point)
        if _adds(node):
            value = writer.read_at(where, step, out.dtype, point) + value
        if lanes == 1 or step == 1:
            transfer.store(value, where, count)
        else:
            transfer.scatter(value, where, step, count)

    if _rows_apart(nest, out, streams):
        over_rows(writer, nest.sizes, block)
    else:
        loops(writer.emitter, nest.sizes, lambda indices: block(indices, 1, 1))


def _rows_apart(nest: Nest, out: Stream, streams: dict[Any, Stream | None]) -> bool:
    """Whether along the last axis the index stays and the place moves, so that no two lanes meet."""
    if not nest.sizes:
        return True
    still = (s.strides[-1] == 0 for k, s in streams.items() if isinstance(k, tuple) and s is not None)
    return out.strides[-1] != 0 and all(still)


def _source(writer: KernelWriter, node: Node, streams: dict[Any, Stream | None], point: Point) -> Any:
    source, dtype = source_of(node), node.out.spec.dtype
    if not isinstance(source, Value):
        return registers.constant(writer.emitter, source, dtype, point.lanes)
    return registers.cast(writer.read(source, streams.get("source"), point), dtype)
