"""Reading through an index: the part of a read's address that lies in another buffer.

All indices are known to be in range: a check has run before. Negative ones count from the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rushlight.compile.graph import Node
from rushlight.compile.plan.indexing import Indexing, Term, indexing
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.nest import Stream, element_type, offset_of
from rushlight.device import xp

if TYPE_CHECKING:
    from rushlight.compile.write.kernel_writer import KernelWriter, Point

__all__ = ["gather_streams", "index_streams", "indexed_place", "read_gathered", "spread"]


def gather_streams(
    writer: KernelWriter, node: Node, place: Sequence[int | None], rank: int
) -> dict[Any, Stream | None]:
    """Streams for what `node` indexes and for its indices, over a nest of `rank` axes; `place` says which of
    them each axis of its result is."""
    access = writer.plan.access[id(node.inputs[0])]
    found = indexing(node, access.strides)
    base = access.value
    strides = spread(found.strides, found.space, place, rank)
    buffer = writer.memory.places[id(base)]
    through = writer.at(buffer, base.spec.dtype, access.offset + found.offset, strides)
    return {("through", id(node)): through, **index_streams(writer, node, found, place, rank)}


def index_streams(
    writer: KernelWriter, node: Node, found: Indexing, place: Sequence[int | None], rank: int
) -> dict[Any, Stream | None]:
    """Streams for a node's index tensors."""
    return {
        ("index", id(node), k): writer.stream(term.tensor, [place[d] for d in term.axes], rank)
        for k, term in enumerate(found.terms)
    }


def spread(strides: Sequence[int], space: Sequence[int], place: Sequence[int | None], rank: int) -> list[int]:
    """Strides over a nest of `rank` axes; an axis of size 1 needs none."""
    out = [0] * rank
    for axis, n, step in zip(place, space, strides, strict=True):
        if axis is not None:
            out[axis] = step if n != 1 else 0
    return out


def read_gathered(writer: KernelWriter, node: Node, streams: dict[Any, Any], point: Point) -> Any:
    """The result of a gather at a point."""
    access = writer.plan.access[id(node.inputs[0])]
    terms = indexing(node, access.strides).terms
    stream = streams["through", id(node)]
    where, apart = indexed_place(writer, node, terms, stream, streams, point)
    step = stream.strides[-1] if stream.strides else 0
    if apart is None:
        return writer.read_at(where, step, stream.dtype, point)
    return _lane_by_lane(writer, where, apart, step, stream.dtype, point)


def indexed_place(
    writer: KernelWriter, node: Node, terms: Sequence[Term], stream: Stream, streams: Any, point: Point
) -> tuple[str, Any]:
    """(the address of the first lane less what differs from lane to lane, that: a Vec of offsets or None)."""
    e = writer.emitter
    where = offset_of(e, stream, point.indices)
    apart = None
    for k, term in enumerate(terms):
        offset = _index(writer, term, streams["index", id(node), k], point) * term.stride
        if offset.lanes != point.lanes or point.lanes == 1:
            where = e.value(f"getelementptr {element_type(stream.dtype)}, ptr {where}, i64 {offset.name}")
        else:
            apart = offset if apart is None else apart + offset
    return where, apart


def _index(writer: KernelWriter, term: Term, stream: Stream | None, point: Point) -> Any:
    """The numbers of an index at a point, none of them negative: one lane where all lanes have the same."""
    e = writer.emitter
    if stream is None:
        number = writer.plan.constants[id(term.tensor)] % term.size
        return registers.constant(e, number, xp.int64, 1)
    here = point if stream.strides and stream.strides[-1] else point.first()
    found = registers.cast(writer.read(term.tensor, stream, here), xp.int64)
    if term.tensor.spec.dtype.kind == "u" or id(term.tensor) in writer.plan.below:
        return found
    return registers.select(found < 0, found + term.size, found)


def _lane_by_lane(
    writer: KernelWriter, where: str, apart: Any, step: int, dtype: Any, point: Point
) -> registers.Vec:
    # Loads one by one are faster than the gather instruction, whose masks cost more than its addresses.
    e, count = writer.emitter, min(point.count, point.lanes)
    stored = xp.uint8 if dtype == xp.bool_ else dtype
    kind, one = registers.kind_of(stored, point.lanes), registers.kind_of(stored, 1)
    name = "poison" if count == point.lanes else "zeroinitializer"
    for i in range(count):
        offset = transfer.lane(apart, i).name
        if step * i:
            offset = e.value(f"add nsw i64 {offset}, {step * i}")
        place = e.value(f"getelementptr {one}, ptr {where}, i64 {offset}")
        number = e.value(f"load {one}, ptr {place}, align {stored.itemsize}")
        name = e.value(f"insertelement {kind} {name}, {one} {number}, i64 {i}")
    return registers.cast(registers.Vec(e, name, stored, point.lanes), dtype)
