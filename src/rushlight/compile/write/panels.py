"""Panels: some columns of a factor, copied so that they lie as they are read."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.blocks import Chunk, chunks_of
from rushlight.compile.write.bounded import bounded
from rushlight.compile.write.cuts import cut, scaled, walk
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.compile.write.factors import Operands
from rushlight.compile.write.nest import Bound, Stream, apart, loops, offset_of
from rushlight.compile.write.reader import ahead
from rushlight.device import xp

__all__ = ["Piece", "beside", "in_order", "pack", "panel", "size_of"]

MASKED = 8
"""Lanes of a register from which a vector can be put together of several that are read in part."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the summed axes: one place along the first ones, of the next what lies from `start` to
    `stop`, and all of the others, whose `sizes` are given. `most` is how long the part of the next can be.

    Where the sum is not cut, there is no first one, and `start` and `stop` are numbers.
    """

    before: tuple[str, ...]
    start: str
    stop: str
    most: int
    sizes: tuple[int, ...]

    @property
    def depth(self) -> int:
        """How many products there are at most."""
        return self.most * math.prod(self.sizes)


def panel(e: Emitter, memory: str, columns: int, lanes: int, rank: int, piece: Piece, dtype: Any) -> Stream:
    """A panel of `columns` columns at `memory`: a factor over `rank` axes of the result, the last of which
    are the columns, and the summed ones from the piece's start on."""
    width = sum(c.lanes for c in chunks_of(columns, lanes))
    strides: list[int] = []
    step = width
    for size in (*reversed(piece.sizes), piece.most):
        strides.insert(0, step)
        step *= size
    # Where the piece begins the panel begins.
    base = memory
    if piece.start != "0":
        back = e.value(f"mul nsw i64 {piece.start}, {-strides[0]}")
        base = e.value(f"getelementptr {llvm_type(dtype)}, ptr {memory}, i64 {back}")
    return Stream(base, dtype, 0, [0] * (rank - 1) + [1] + [0] * len(piece.before) + strides)


def pack(
    e: Emitter,
    source: Stream,
    target: Stream,
    outer: list[str],
    first: str,
    width: int,
    lanes: int,
    piece: Piece,
    sizes: Sequence[int],
) -> None:
    """Copy `width` columns from column `first` on, of all rows of a piece; `outer` are the places along the
    axes of the result before the columns, which are axes of these `sizes` in the source."""
    axis = len(outer) + len(sizes) - 1
    unit, spread = beside(sizes, source.strides[axis], lanes)
    chunks = chunks_of(width, unit)
    whole = sum(c.count == unit for c in chunks)
    if 1 < spread < unit:
        if source.bounds and source.beyond:
            spread = unit
        else:
            source = _ending(source, axis, sizes[-1])

    def copy(chunk: Chunk, by: str) -> None:
        start = first if by == "0" else e.value(f"add nuw nsw i64 {first}, {by}")
        if spread == unit:
            places = [apart(e, ahead(e, start, c), sizes) for c in range(chunk.count)]
        else:
            places = _starts(e, start, sizes, spread)
        at = [[*outer, *place] for place in places]
        _Copy(e, source, target, len(outer), at, spread == unit, by, chunk, lanes).piece(piece)

    if whole > 1:
        step = chunks[0].lanes
        e.loop(0, whole * step, step, lambda by: copy(chunks[0], by))
    for chunk in chunks if whole < 2 else chunks[whole:]:
        copy(chunk, str(chunk.start))


def beside(sizes: Sequence[int], step: int, lanes: int) -> tuple[int, int]:
    """(columns that are copied at once, in how many vectors they lie): one vector where they lie at equal
    distances; several, each read in part; or each column by itself.

    sizes  of the axes that the columns are; `step` is how far apart they lie along the last.
    """
    if len(sizes) == 1:
        return lanes, 1
    size = sizes[-1]
    side = math.gcd(size, lanes)
    if step == 1 and 2 * side >= lanes:
        return side, 1
    if step == 1 and lanes >= MASKED and 4 * size >= lanes:
        return lanes, (lanes - 2) // size + 2  # one begins anywhere
    return lanes, lanes


def _ending(source: Stream, axis: int, size: int) -> Stream:
    """`source`, of which only `size` places along an axis are read, and 0 beyond them."""
    steps = [int(d == axis) for d in range(len(source.strides))]
    return replace(source, bounds=[*source.bounds, Bound(0, steps, size)], beyond=0)


def _starts(e: Emitter, start: str, sizes: Sequence[int], spread: int) -> list[list[str]]:
    """Where columns from `start` on lie, told along the axes that they are: the first one; or
    where the first would be in each of the lines that they are `spread` over."""
    if spread == 1:
        return [apart(e, start, sizes)]
    length = sizes[-1]
    line, last = apart(e, start, (math.prod(sizes[:-1]), length))
    return [
        [
            *apart(e, ahead(e, line, p), sizes[:-1]),
            e.value(f"sub nsw i64 {last}, {p * length}") if p else last,
        ]
        for p in range(spread)
    ]


@dataclass(frozen=True, slots=True)
class _Copy:
    """Copying one chunk of columns to `to` among the target's columns.

    at    where its first column is; or for each vector in which some lie where the first would be; or where
          each is. The `before` first numbers are those of the loops and the row.
    each  whether every column is copied by itself.
    """

    e: Emitter
    source: Stream
    target: Stream
    before: int
    at: list[list[str]]
    each: bool
    to: str
    chunk: Chunk
    lanes: int

    def piece(self, piece: Piece) -> None:
        """All rows of a piece."""
        if not piece.sizes:
            self._along(list(piece.before), piece.start, piece.stop, piece.most)
            return
        last = piece.sizes[-1]

        def inside(i: str) -> None:
            before = [*piece.before, i]
            loops(self.e, piece.sizes[:-1], lambda k: self._along([*before, *k], "0", str(last), last))

        self.e.loop(piece.start, piece.stop, 1, inside)

    def _along(self, k: list[str], start: str, stop: str, most: int) -> None:
        """All of the last summed axis; `k` are the places along those before it."""
        steps = self.source.strides
        stray = self.each or steps[self.axis] not in (0, 1)
        turned = stray and steps[-1] == 1 and not self.source.bounds
        if turned and self.chunk.lanes > 1 and most >= self.lanes:
            self.squares(k, start, stop)
        else:
            self.e.loop(start, stop, 1, lambda i: self.row([*k, i]))

    @property
    def axis(self) -> int:
        """The last axis of the columns."""
        return len(self.at[0]) - 1

    def row(self, k: list[str]) -> None:
        """The columns of one row, as they lie."""
        lanes, count = (1, 1) if self.each else (self.chunk.lanes, self.chunk.count)
        target = offset_of(self.e, self.target, self._inside(k))
        vectors = [self._vector([*at, *k], lanes, count) for at in self.at]
        if not self.each:
            vectors = [functools.reduce(_either, vectors)]
        for c, vector in enumerate(vectors):
            transfer.store(vector, self._further(target, c))

    def _vector(self, place: list[str], lanes: int, count: int) -> Any:
        source = self.source
        if source.bounds:
            return bounded(self.e, source, place, self.axis, lanes, count)
        where = offset_of(self.e, source, place)
        return transfer.gather(self.e, where, source.strides[self.axis], source.dtype, lanes, count)

    def _further(self, place: str, by: int) -> str:
        kind = llvm_type(self.source.dtype)
        return self.e.value(f"getelementptr inbounds {kind}, ptr {place}, i64 {by}") if by else place

    def squares(self, k: list[str], start: str, stop: str) -> None:
        """Columns whose own elements lie side by side: squares of them are turned in registers, the last of
        which begins early enough to end with the piece."""
        e = self.e
        last = e.value(f"sub nsw i64 {stop}, {self.lanes}")

        def square(i: str) -> None:
            self._square(k, e.call("llvm.smin.i64", "i64", [("i64", i), ("i64", last)]))

        e.loop(start, stop, self.lanes, square)

    def _square(self, k: list[str], first: str) -> None:
        e, dtype = self.e, self.source.dtype
        width = 16 // dtype.itemsize
        zero = registers.constant(e, 0.0, dtype, width)
        step, below = self.source.strides[self.axis], self.target.strides[-1]
        sources = [offset_of(e, self.source, [*at, *k, first]) for at in self.at]
        target = offset_of(e, self.target, self._inside([*k, first]))

        def read(i: int, j: int) -> Any:
            if i >= self.chunk.count:
                return zero
            place = (
                self._further(sources[i], j) if len(sources) > 1 else self._further(sources[0], i * step + j)
            )
            return transfer.load(e, place, dtype, width)

        for i, column in enumerate(transfer.turned(read, self.lanes, width)):
            transfer.store(transfer.first_lanes(column, self.chunk.lanes), self._further(target, i * below))

    def _inside(self, k: list[str]) -> list[str]:
        return [*["0"] * self.before, self.to, *k]


def _either(a: Any, b: Any) -> Any:
    """Of each lane the bits of that vector which is not 0 there."""
    words = xp.uint64 if a.dtype.itemsize == 8 else xp.uint32
    return registers.bitcast(registers.bitcast(a, words) | registers.bitcast(b, words), a.dtype)


def _rows(source: Stream, ops: Operands) -> list[int]:
    """The sizes of the result's axes, without those along which the stream stands still."""
    return [n if step else 1 for n, step in zip(ops.sizes[:-1], source.strides[:-1], strict=True)]


def size_of(source: Stream, ops: Operands) -> int:
    """How many elements there are in a copy that `in_order` makes."""
    lanes = host.describe().lanes(ops.dtype.itemsize)
    return math.prod(_rows(source, ops)) * -(-ops.depth // lanes) * lanes


def in_order(e: Emitter, source: Stream, ops: Operands) -> Stream:
    """`source`, or if its elements do not lie in order along the one summed axis a copy where they do."""
    depth, lanes = ops.depth, host.describe().lanes(ops.dtype.itemsize)
    if source.strides[-1] == 1 or depth == 1:
        return source
    rows = _rows(source, ops)
    strides: list[int] = []
    step = -(-depth // lanes) * lanes
    for size in reversed(rows):
        strides.insert(0, step if size > 1 else 0)
        step *= size
    copy = Stream(e.reserve(step, llvm_type(source.dtype)), source.dtype, 0, [*strides, 1])

    def row(at: list[str]) -> None:
        def some(k: str, run: Any) -> None:
            where = offset_of(e, source, [*at, k])
            vector = transfer.gather(e, where, source.strides[-1], source.dtype, lanes, run.size)
            transfer.store(vector, offset_of(e, copy, [*at, k]), run.size)

        walk(e, scaled(cut(-(-depth // lanes), 1), lanes, depth), some)

    loops(e, rows, row)
    return copy
