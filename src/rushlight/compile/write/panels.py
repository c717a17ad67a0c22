"""Panels: some columns of a product's second factor, copied so that they lie as they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.cuts import Run, cut, scaled, walk
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.compile.write.kernel_writer import LANES
from rushlight.compile.write.nest import Stream, loops, offset_of

__all__ = ["LARGEST", "Chunk", "Panels", "chunks_of", "in_order", "narrowest", "pack", "size_of"]

LARGEST = 512 << 10
"""Bytes of a panel on the stack."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A vector of columns: from `start` on `count` of them, in a register of `lanes`."""

    start: int
    lanes: int
    count: int


def chunks_of(width: int) -> list[Chunk]:
    """`width` columns as whole vectors, and for the rest the narrowest one that holds it.

    >>> [(c.start, c.lanes) for c in chunks_of(35)]
    [(0, 16), (16, 16), (32, 4)]
    """
    whole = width // LANES * LANES
    out = [Chunk(j, LANES, LANES) for j in range(0, whole, LANES)]
    if width - whole:
        out.append(Chunk(whole, narrowest(width - whole), width - whole))
    return out


def narrowest(count: int) -> int:
    """The lanes of the narrowest register that holds `count` numbers."""
    return next(w for w in (1, 2, 4, 8, LANES) if w >= count)


class Panels:
    """Memory for panels of `depth` rows and at most `widest` columns, one after the other in one place."""

    def __init__(self, e: Emitter, widest: int, depth: int, rank: int, dtype: Any) -> None:
        self.emitter, self.depth, self.rank, self.dtype = e, depth, rank, dtype
        self._columns, self._place = sum(c.lanes for c in chunks_of(widest)), ""

    def panel(self, width: int) -> Stream | None:
        """A panel of `width` columns, read over the axes (..., n, k); None if that is too much memory."""
        columns = sum(c.lanes for c in chunks_of(width))
        if self._columns * self.depth * self.dtype.itemsize > LARGEST:
            return None
        if not self._place:
            self._place = self.emitter.reserve(self._columns * self.depth, llvm_type(self.dtype))
        return Stream(self._place, self.dtype, 0, [0] * (self.rank - 2) + [1, columns])


def pack(
    e: Emitter, source: Stream, panel: Stream, batch: list[str], first: str, width: int, depth: int
) -> None:
    """Copy `width` columns from column `first` on, of all rows."""
    step, deep = source.strides[-2:]
    for chunk in chunks_of(width):
        start = first if not chunk.start else e.value(f"add nuw nsw i64 {first}, {chunk.start}")
        from_chunk = _shifted(panel, chunk.start)
        if step in (0, 1):
            _straight(e, source, from_chunk, [*batch, "0", start], chunk, depth)
        elif deep == 1 and chunk.lanes > 1 and depth >= 8:
            _turned(e, source, from_chunk, [*batch, "0", start], chunk, depth)
        else:
            _single(e, source, from_chunk, [*batch, "0", start], chunk, depth)


def _shifted(stream: Stream, by: int) -> Stream:
    return Stream(stream.pointer, stream.dtype, stream.offset + by, stream.strides)


def _straight(e: Emitter, source: Stream, panel: Stream, at: list[str], chunk: Chunk, depth: int) -> None:
    """Columns that lie side by side already, if with gaps between the rows."""

    def row(k: str) -> None:
        where = offset_of(e, source, [*at, k])
        if source.strides[-2] == 0:
            number = transfer.load(e, where, source.dtype, 1, 1)
            vector = registers.splat(e, number.name, source.dtype, chunk.lanes)
        else:
            vector = transfer.load(e, where, source.dtype, chunk.lanes, chunk.count)
        transfer.store(vector, offset_of(e, panel, _inside(at, k)))

    e.loop(0, depth, 1, row)


def _inside(at: list[str], k: str) -> list[str]:
    return [*["0"] * len(at), k]


def _turned(e: Emitter, source: Stream, panel: Stream, at: list[str], chunk: Chunk, depth: int) -> None:
    """Columns whose own elements lie side by side: squares of them are turned in registers."""
    dtype, (*batch, row, start) = source.dtype, at
    zero = registers.constant(e, 0.0, dtype, LANES)

    def square(k: str, run: Run) -> None:
        lines = []
        for i in range(chunk.count):
            column = e.value(f"add nuw nsw i64 {start}, {i}")
            where = offset_of(e, source, [*batch, row, column, k])
            lines.append(transfer.load(e, where, dtype, LANES, run.size))
        turned = transfer.transpose([*lines, *[zero] * (LANES - len(lines))])
        for i in range(run.size):
            inner = e.value(f"add nuw nsw i64 {k}, {i}")
            part = transfer.first_lanes(turned[i], chunk.lanes)
            transfer.store(part, offset_of(e, panel, _inside(at, inner)))

    walk(e, scaled(cut(-(-depth // LANES), 1), LANES, depth), square)


def _single(e: Emitter, source: Stream, panel: Stream, at: list[str], chunk: Chunk, depth: int) -> None:
    """Element by element, from wherever they lie."""

    def row(k: str) -> None:
        where = offset_of(e, source, [*at, k])
        vector = transfer.gather(e, where, source.strides[-2], source.dtype, chunk.lanes, chunk.count)
        transfer.store(vector, offset_of(e, panel, _inside(at, k)))

    e.loop(0, depth, 1, row)


def _rows(source: Stream, sizes: Sequence[int]) -> list[int]:
    """`sizes` without the axes along which the stream stands still."""
    return [size if step else 1 for size, step in zip(sizes, source.strides[:-1], strict=True)]


def size_of(source: Stream, sizes: Sequence[int], depth: int) -> int:
    """How many elements there are in a copy that `in_order` makes."""
    return math.prod(_rows(source, sizes)) * -(-depth // LANES) * LANES


def in_order(e: Emitter, source: Stream, sizes: Sequence[int], depth: int) -> Stream:
    """`source`, over the axes (..., m, n, k) of `sizes` and `depth`, or if its elements do not lie in order
    along k a copy where they do."""
    if source.strides[-1] == 1 or depth == 1:
        return source
    rows = _rows(source, sizes)
    strides: list[int] = []
    step = -(-depth // LANES) * LANES
    for size in reversed(rows):
        strides.insert(0, step if size > 1 else 0)
        step *= size
    copy = Stream(e.reserve(step, llvm_type(source.dtype)), source.dtype, 0, [*strides, 1])

    def row(at: list[str]) -> None:
        def some(k: str, run: Run) -> None:
            where = offset_of(e, source, [*at, k])
            vector = transfer.gather(e, where, source.strides[-1], source.dtype, LANES, run.size)
            transfer.store(vector, offset_of(e, copy, [*at, k]), run.size)

        walk(e, scaled(cut(-(-depth // LANES), 1), LANES, depth), some)

    loops(e, rows, row)
    return copy
