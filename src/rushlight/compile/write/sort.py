"""argsort of short rows, by counting: the place of an element is how many others go before it.

A vector of elements meets one other at a time, so nothing branches, and a row of n elements takes n * n / 16
rounds of a few instructions: up to about SHORT elements that is less than sorting by merging takes. Elements
that are equal keep their order. Longer rows are NumPy's.

Source: comparison counting, Knuth, The Art of Computer Programming, volume 3, section 5.2.
"""

from __future__ import annotations

from typing import Any

from rushlight.compile.vector import registers, transfer
from rushlight.compile.vector.registers import Vec
from rushlight.compile.write.kernel_writer import LANES, KernelWriter, Point
from rushlight.compile.write.maps import along
from rushlight.compile.write.nest import Stream, loops, offset_of
from rushlight.device import xp

__all__ = ["write_sort"]


def write_sort(writer: KernelWriter) -> None:
    """The indices that sort along an axis; nan counts as the largest, and comes first where order falls."""
    root = writer.kernel.root
    assert root is not None
    source, dim = next(root.values()), root.attrs["dim"]
    rank = len(writer.kernel.space)
    order = [*(d for d in range(rank) if d != dim), dim]
    place = [order.index(d) for d in range(rank)]
    sizes = [writer.kernel.space[d] for d in order]
    read, write = writer.stream(source, place, rank), writer.target(root.out, place, rank)
    row = _Row(writer, sizes[-1], root.attrs["descending"])

    def one(outer: list[str]) -> None:
        row.load(lambda j, count: writer.read(source, read, Point([*outer, j], LANES, count)))
        row.store(write, outer)

    loops(writer.emitter, sizes[:-1], one)


class _Row:
    """The keys of one row, in memory of the kernel's own."""

    def __init__(self, writer: KernelWriter, size: int, falls: bool) -> None:
        self.writer, self.size, self.falls = writer, size, falls
        self.keys = ""
        self.dtype: Any = None

    def load(self, read: Any) -> None:
        """Turn the row's elements into keys."""

        def block(j: str, count: int) -> None:
            key = _key(read(j, count))
            if not self.keys:
                self.dtype = key.dtype
                padded = -(-self.size // LANES) * LANES
                self.keys = self.writer.emitter.reserve(padded, registers.kind_of(key.dtype, 1))
            transfer.store(key, self._at(j))

        along(self.writer, self.size, block)

    def store(self, stream: Stream, outer: list[str]) -> None:
        """Write the index of each element to its place."""
        along(self.writer, self.size, lambda j, count: self._place(stream, outer, j, count))

    def _at(self, j: str) -> str:
        return offset_of(self.writer.emitter, Stream(self.keys, self.dtype, 0, [1]), [j])

    def _place(self, stream: Stream, outer: list[str], j: str, count: int) -> None:
        e = self.writer.emitter
        mine = transfer.load(e, self._at(j), self.dtype, LANES)
        indices = registers.splat(e, j, xp.int64, LANES) + _ramp(e)
        places = self._places(mine, indices)
        for lane in range(count):
            place, index = transfer.lane(places, lane), transfer.lane(indices, lane)
            transfer.store(index, offset_of(e, stream, [*outer, place.name]))

    def _places(self, mine: Vec, indices: Vec) -> Vec:
        """How many elements of the row go before each of `mine`."""
        e = self.writer.emitter
        start = registers.constant(e, 0, xp.int32, LANES)
        numbers = registers.cast(indices, xp.int32)

        def meet(j: str, names: list[str]) -> list[str]:
            key = transfer.load(e, self._at(j), self.dtype, 1)
            other = registers.splat(e, key.name, self.dtype, LANES)
            number = registers.splat(e, e.value(f"trunc i64 {j} to i32"), xp.int32, LANES)
            first, last = ("gt", "ge") if self.falls else ("lt", "le")
            before = registers.select(
                number < numbers, registers.compare(last, other, mine), registers.compare(first, other, mine)
            )
            return [(Vec(e, names[0], xp.int32, LANES) + registers.cast(before, xp.int32)).name]

        (name,) = e.carry(0, self.size, 1, [(start.kind, start.name)], meet)
        return registers.cast(Vec(e, name, xp.int32, LANES), xp.int64)


def _ramp(e: Any) -> Vec:
    return Vec(e, "<" + ", ".join(f"i64 {i}" for i in range(LANES)) + ">", xp.int64, LANES)


def _key(x: Vec) -> Vec:
    """A whole number that goes before another just when `x` does; both zeros are one, and so are all nans."""
    if x.dtype.kind == "b":
        return registers.cast(x, xp.uint8)
    if x.dtype.kind != "f":
        return x
    if x.dtype == xp.float16:
        x = registers.cast(x, xp.float32)
    x = registers.select(x + 0.0 == x + 0.0, x + 0.0, float("nan"))
    word = xp.int32 if x.dtype == xp.float32 else xp.int64
    bits = registers.bitcast(x, word)
    # Of negative numbers the larger bits are the smaller number: all but the sign are turned over.
    places = 8 * word.itemsize - 1
    sign = registers.constant(x.emitter, places, word, x.lanes)
    negative = registers.vec(bits, f"ashr {bits.kind} {bits.name}, {sign.name}")
    return bits ^ (negative & (2**places - 1))
