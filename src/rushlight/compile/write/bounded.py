"""Reading where an element may be beyond the end of what is read: lane by lane its number, or another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.emit import Emitter
from rushlight.compile.write.nest import Bound, Stream, element_type, linear
from rushlight.device import xp

__all__ = ["bounded"]

SMALL = 1 << 28
"""Places along an axis that are counted in 32 bits."""


def bounded(e: Emitter, source: Stream, place: Sequence[str], axis: int, lanes: int, count: int) -> Any:
    """The numbers at `place` and further along `axis`, `count` of them."""
    inside = _inside(e, source, place, axis, lanes, count)
    where = linear(e, source.offset, source.strides, place)
    step = source.strides[axis] if lanes > 1 else 0
    if step == 1:
        # Only to what is read an address need lead.
        at = e.value(f"getelementptr {element_type(source.dtype)}, ptr {source.pointer}, i64 {where}")
        may = _may(source, place, axis, lanes, count)
        return transfer.load_where(e, at, source.dtype, inside, source.beyond, may)
    # What is outside is read at the beginning of the memory.
    if lanes == 1 or (step == 0 and not any(bound.steps[axis] for bound in source.bounds)):
        at = e.value(f"select i1 {transfer.lane(inside, 0).name}, i64 {where}, i64 0")
        found = transfer.load_each(e, source.pointer, registers.Vec(e, at, xp.int64, 1), source.dtype)
        return _chosen(inside, registers.splat(e, found.name, source.dtype, lanes), source)
    offsets = registers.splat(e, where, xp.int64, lanes) + _ramp(e, xp.int64, lanes) * step
    found = transfer.load_each(e, source.pointer, registers.select(inside, offsets, 0), source.dtype)
    return _chosen(inside, found, source)


def _chosen(inside: Any, found: Any, source: Stream) -> Any:
    return registers.select(inside, found, source.beyond)


def _ramp(e: Emitter, dtype: Any, lanes: int) -> Any:
    """0, 1, 2, ..."""
    word = "i32" if dtype == xp.int32 else "i64"
    name = "<" + ", ".join(f"{word} {i}" for i in range(lanes)) + ">" if lanes > 1 else "0"
    return registers.Vec(e, name, dtype, lanes)


def _may(source: Stream, place: Sequence[str], axis: int, lanes: int, count: int) -> list[bool]:
    """Whether each lane can be within all bounds, as far as its place is known."""
    known = [(first, b) for b in source.bounds if (first := _known(b, place)) is not None]
    return [
        lane < count and all(0 <= first + lane * b.steps[axis] < b.size for first, b in known)
        for lane in range(lanes)
    ]


def _known(bound: Bound, place: Sequence[str]) -> int | None:
    """Where along a bound a place is; None where that follows from loops."""
    moving = [(step, i) for step, i in zip(bound.steps, place, strict=True) if step]
    if not all(i.lstrip("-").isdigit() for _, i in moving):
        return None
    return bound.first + sum(step * int(i) for step, i in moving)


def _inside(e: Emitter, source: Stream, place: Sequence[str], axis: int, lanes: int, count: int) -> Any:
    """Whether each lane is within all bounds."""
    narrow = all(bound.size < SMALL for bound in source.bounds)
    dtype = xp.int32 if narrow else xp.int64
    ramp = _ramp(e, dtype, lanes)
    inside = ramp < count if count < lanes else None
    for bound in source.bounds:
        first = linear(e, bound.first, bound.steps, place)
        if narrow and not first.lstrip("-").isdigit():
            first = e.value(f"trunc i64 {first} to i32")
        index = registers.splat(e, first, dtype, lanes)
        if lanes > 1 and bound.steps[axis]:
            index = index + ramp * bound.steps[axis]
        unsigned = registers.bitcast(index, xp.uint32 if narrow else xp.uint64)
        within = unsigned < bound.size
        inside = within if inside is None else inside & within
    return inside
