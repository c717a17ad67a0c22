"""Panels: some columns of a factor, copied so that they lie as they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.blocks import Chunk, chunks_of
from rushlight.compile.write.bounded import bounded
from rushlight.compile.write.cuts import cut, scaled, walk
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.compile.write.factors import Operands
from rushlight.compile.write.nest import Stream, loops, offset_of

__all__ = ["Piece", "in_order", "pack", "panel", "size_of"]


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
) -> None:
    """Copy `width` columns from column `first` on, of all rows of a piece; `outer` are the places along the
    axes of the result before the columns."""
    chunks = chunks_of(width, lanes)
    whole = sum(c.count == lanes for c in chunks)

    def copy(chunk: Chunk, by: str) -> None:
        start = first if by == "0" else e.value(f"add nuw nsw i64 {first}, {by}")
        _Copy(e, source, target, [*outer, start], by, chunk, lanes).piece(piece)

    if whole > 1:
        e.loop(0, whole * lanes, lanes, lambda by: copy(chunks[0], by))
    for chunk in chunks if whole < 2 else chunks[whole:]:
        copy(chunk, str(chunk.start))


@dataclass(frozen=True, slots=True)
class _Copy:
    """Copying one chunk of columns, which begins at `at`, to `to` among the target's columns."""

    e: Emitter
    source: Stream
    target: Stream
    at: list[str]
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
        turned = steps[len(self.at) - 1] not in (0, 1) and steps[-1] == 1 and not self.source.bounds
        if turned and self.chunk.lanes > 1 and most >= self.lanes:
            self.squares(k, start, stop)
        else:
            self.e.loop(start, stop, 1, lambda i: self.row([*k, i]))

    def row(self, k: list[str]) -> None:
        """The columns of one row, as they lie."""
        source, chunk = self.source, self.chunk
        place = [*self.at, *k]
        if source.bounds:
            vector = bounded(self.e, source, place, len(self.at) - 1, chunk.lanes, chunk.count)
        else:
            step = source.strides[len(self.at) - 1]
            where = offset_of(self.e, source, place)
            vector = transfer.gather(self.e, where, step, source.dtype, chunk.lanes, chunk.count)
        transfer.store(vector, offset_of(self.e, self.target, self._inside(k)))

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
        apart, below = self.source.strides[len(self.at) - 1], self.target.strides[-1]
        source = offset_of(e, self.source, [*self.at, *k, first])
        target = offset_of(e, self.target, self._inside([*k, first]))

        def place(base: str, by: int) -> str:
            return e.value(f"getelementptr inbounds {llvm_type(dtype)}, ptr {base}, i64 {by}") if by else base

        def read(i: int, j: int) -> Any:
            if i >= self.chunk.count:
                return zero
            return transfer.load(e, place(source, i * apart + j), dtype, width)

        for i, column in enumerate(transfer.turned(read, self.lanes, width)):
            transfer.store(transfer.first_lanes(column, self.chunk.lanes), place(target, i * below))

    def _inside(self, k: list[str]) -> list[str]:
        return [*["0"] * (len(self.at) - 1), self.to, *k]


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
