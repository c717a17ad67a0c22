"""Contractions: one register-blocked generator for products of any number of axes, whatever the strides.

out[..., m, n] = sum over k... of a[..., m, n, k...] b[..., m, n, k...]. A block of rows times a few vectors
of columns is held in registers while k runs; then the elementwise nodes that follow run on it, and their
results are stored. Where the columns of `b` do not lie as the blocks read them, a panel of them is copied
first. A sum that is too long for its panel to stay in the cache is cut into pieces, whose totals are added up
in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.arrange import arrange
from rushlight.compile.write.blocks import Chunk, blocks, chunks_of, ways
from rushlight.compile.write.bounded import bounded
from rushlight.compile.write.cuts import Run, cut, divide, pieces, scaled, walk, walk_loops
from rushlight.compile.write.dots import write_dots
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.compile.write.factors import Operands, finish, operands
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.nest import Stream, loops, offset_of
from rushlight.compile.write.panels import Piece, pack, panel
from rushlight.compile.write.totals import carry

__all__ = ["write_contraction", "write_product"]

DEEP = 1024
"""Products that are added to one register, one after the other: more than of other sums, since registers are
short here, and all must be put aside for the totals of blocks."""
LONG = 24
"""Lines of text for what follows a sum, from which a block's rows are finished in a loop."""
AGAIN = 4
"""Times that a panel is read, from which it pays to copy rows that lie far apart."""
FAR = 1024
"""Bytes from one row to the next that are far."""
BAND = 512
"""Rows whose totals wait in memory while the pieces of a long sum are added up."""


def write_product(writer: KernelWriter) -> None:
    """The product that is the kernel's root, and the nodes that follow."""
    node = writer.kernel.root
    assert node is not None
    write_contraction(writer, operands(writer, node))


def write_contraction(writer: KernelWriter, ops: Operands) -> None:
    """Choose how the axes run, and write the blocks."""
    if arrange(ops):
        write_dots(writer, ops)
    else:
        _Blocks(writer, ops).write()


class _Blocks:
    """Blocks of rows times vectors of columns; a large product is divided into parts along one axis."""

    def __init__(self, writer: KernelWriter, ops: Operands) -> None:
        described = host.describe()
        self.writer, self.ops, self.e = writer, ops, writer.emitter
        self.lanes = described.lanes(ops.dtype.itemsize)
        self.m, self.n = ops.sizes[ops.rank - 2 : ops.rank]
        self.depth = ops.sizes[ops.rank :]
        self.blocks = blocks(self.m, -(-self.n // self.lanes), ops.depth)
        self.groups = scaled(self.blocks.columns, self.lanes, self.n)
        self.widest = max(run.size for run in self.groups)
        self.copied = self._copies()
        width = -(-self.widest // self.lanes) * self.lanes * ops.dtype.itemsize
        # The panel takes half of the second cache at most; what is added to one register is limited too.
        most = min(DEEP, described.caches.l2 // 2 // width) if self.copied else DEEP
        self.cut = _cut(self.depth, most, self.lanes)
        self.whole = self.cut == (0, self.depth[0])
        self.memory = self.totals = ""
        if self.copied:
            held = self.cut[1] * math.prod(self.depth[self.cut[0] + 1 :])
            columns = sum(c.lanes for c in chunks_of(self.widest, self.lanes))
            self.memory = self.e.reserve(columns * held, llvm_type(ops.dtype))

    def _high(self) -> int:
        """How many blocks there are one below the other at least."""
        return min(pieces(rows) for rows in self.blocks.rows.values())

    def _copies(self) -> bool:
        """Whether `b` is read from panels: its columns lie apart, or it has bounds; or it lies row by row far
        apart and is read again and again."""
        b, rank = self.ops.b, self.ops.rank
        if b.strides[rank - 2]:
            return False  # nothing of it is read twice
        far = abs(b.strides[-1]) * b.dtype.itemsize >= FAR and self._high() >= AGAIN
        return bool(b.bounds) or b.strides[rank - 1] not in (0, 1) or (far and b.strides[rank - 1] == 1)

    def write(self) -> None:
        """All of the result, or one part of it."""
        ops = self.ops
        around = ops.sizes[: ops.rank - 2]
        # Parts along the loops or the columns need no panel twice.
        counts = {"loops": math.prod(around), "columns": pieces(self.groups), "rows": self._high()}
        self.division = divide(ops.flops, counts)
        self.writer.parts = self.division.parts
        self.bands = cut(self.m, self._band())
        walk_loops(self.e, around, self._rows, self._share("loops", counts["loops"]))

    def _band(self) -> int:
        """How many rows to do for all columns before the next: those of which `a` fits the second cache, or
        one part's; of a sum in pieces, whose totals wait in memory, no more than BAND."""
        ops, size = self.ops, self.m
        fit = host.describe().caches.l2 // 2 // (ops.depth * ops.dtype.itemsize)
        if len(self.groups) > 1 or self.groups[0].count > 1:
            size = min(size, max(fit, AGAIN * self._highest()))
        if self.division.way == "rows":
            size = min(size, -(-self.m // self.division.parts))
        return size if self.whole else min(size, BAND)

    def _highest(self, groups: Sequence[Run] = ()) -> int:
        """The rows of the highest block for any of these groups of columns, or for all."""
        widths = {-(-run.size // self.lanes) for run in groups or self.groups}
        return max(run.size for width in widths for run in self.blocks.rows[width])

    def _share(self, way: str, total: int) -> tuple[str, str] | None:
        return self.division.share(self.e, way, total)

    def _rows(self, outer: list[str]) -> None:
        some = self._share("rows", pieces(self.bands))
        walk(self.e, self.bands, lambda top, band: self._columns(outer, top, band.size), some)

    def _columns(self, outer: list[str], top: str, size: int) -> None:
        """All columns of a band, which has `size` rows from row `top` on."""
        group = self._at_once if self.whole else self._by_pieces
        some = self._share("columns", pieces(self.groups))
        walk(self.e, self.groups, lambda j, run: group(outer, top, size, j, run), some)

    def _at_once(self, outer: list[str], top: str, size: int, j: str, run: Run) -> None:
        """A group of columns of a band."""
        e, chunks = self.e, chunks_of(run.size, self.lanes)
        piece = Piece((), "0", str(self.depth[0]), self.depth[0], tuple(self.depth[1:]))
        b, first = self._panel(outer, j, run, piece)

        def rows(i: str, high: Run) -> None:
            start = _sum(e, top, i)
            lines = [_ahead(e, start, r) for r in range(high.size)]
            sums = self._sums(b, outer, lines, (first, j), chunks, piece)
            by_row = [sums[r : r + len(chunks)] for r in range(0, len(sums), len(chunks))]
            _each_row(e, lines, by_row, lambda line, totals: self._finish([*outer, line], j, chunks, totals))

        walk(e, cut(size, self._highest([run])), rows)

    def _finish(self, outer: list[str], j: str, chunks: Sequence[Chunk], totals: Sequence[Any]) -> None:
        for c, total in zip(chunks, totals, strict=True):
            finish(self.writer, self.ops.after, [*outer, _ahead(self.e, j, c.start)], c.lanes, c.count, total)

    def _by_pieces(self, outer: list[str], top: str, size: int, j: str, run: Run) -> None:
        """A group of columns of a band, piece by piece of the sum: the totals wait in memory."""
        e, chunks, dtype = self.e, chunks_of(run.size, self.lanes), self.ops.dtype
        width = sum(c.lanes for c in chunks)
        if not self.totals:
            columns = sum(c.lanes for c in chunks_of(self.widest, self.lanes))
            self.totals = e.reserve(max(r.size for r in self.bands) * columns, llvm_type(dtype))
        held = Stream(self.totals, dtype, 0, [width, 1])

        def places(i: str) -> list[tuple[Chunk, str]]:
            return [(c, offset_of(e, held, [i, str(c.start)])) for c in chunks]

        def begin(i: str) -> None:
            for c, place in places(i):
                transfer.store(registers.constant(e, 0.0, dtype, c.lanes), place)

        def piece(part: Piece) -> None:
            b, first = self._panel(outer, j, run, part)

            def rows(i: str, high: Run) -> None:
                inside = [_ahead(e, i, r) for r in range(high.size)]
                sums = iter(self._sums(b, outer, [_sum(e, top, r) for r in inside], (first, j), chunks, part))
                for r in inside:
                    for c, place in places(r):
                        transfer.store(transfer.load(e, place, dtype, c.lanes) + next(sums), place)

            walk(e, cut(size, self._highest([run])), rows)

        def end(i: str) -> None:
            totals = [transfer.load(e, place, dtype, c.lanes) for c, place in places(i)]
            self._finish([*outer, _sum(e, top, i)], j, chunks, totals)

        e.loop(0, size, 1, begin)
        self._pieces(piece)
        e.loop(0, size, 1, end)

    def _pieces(self, body: Callable[[Piece], None]) -> None:
        """``body(piece)`` for all pieces of the sum."""
        axis, span = self.cut
        size, rest = self.depth[axis], tuple(self.depth[axis + 1 :])
        e = self.e

        def along(before: list[str]) -> None:
            def one(start: str) -> None:
                stop = e.value(f"add nuw nsw i64 {start}, {span}")
                if size % span:
                    stop = e.call("llvm.smin.i64", "i64", [("i64", stop), ("i64", str(size))])
                body(Piece(tuple(before), start, stop, span, rest))

            e.loop(0, size, span, one)

        loops(e, self.depth[:axis], along)

    def _panel(self, outer: list[str], j: str, run: Run, piece: Piece) -> tuple[Stream, str]:
        """(`b` or a copy of some columns, their first column in it)."""
        b = self.ops.b
        if not self.copied:
            return b, j
        target = panel(self.e, self.memory, run.size, self.lanes, self.ops.rank, piece, b.dtype)
        pack(self.e, b, target, [*outer, "0"], j, run.size, self.lanes, piece)
        return target, "0"

    def _sums(
        self,
        b: Stream,
        outer: list[str],
        lines: Sequence[str],
        starts: tuple[str, str],
        chunks: Sequence[Chunk],
        piece: Piece,
    ) -> list[Any]:
        """The sums of one block over a piece, row by row. `starts` are its first column in `b`, and in
        `a`."""
        e, dtype = self.e, self.ops.dtype
        zeros = [registers.constant(e, 0.0, dtype, c.lanes) for _ in lines for c in chunks]
        sizes = piece.sizes
        high = str(sizes[-1]) if sizes else piece.stop
        # Few sums would wait for each other: then several steps run side by side.
        side = ways(len(zeros), int(high)) if high.isdigit() else 1

        def step(k: list[str], held: list[Any]) -> list[Any]:
            out: list[Any] = []
            for way in range(side):
                sums = held[way * len(zeros) : (way + 1) * len(zeros)]
                out += self._rank_one(b, outer, lines, starts, chunks, [*k[:-1], _ahead(e, k[-1], way)], sums)
            return out

        def along(k: list[str], held: list[Any]) -> list[Any]:
            """The axes of the piece from the one on that comes after the places `k`."""
            d = len(k) - len(piece.before)
            if d == 0:
                start, stop = piece.start, piece.stop
            else:
                start, stop = "0", str(sizes[d - 1])
            last = d == len(sizes)

            def inside(i: str, now: list[Any]) -> list[Any]:
                return step([*k, i], now) if last else along([*k, i], now)

            return (
                inside(start, held)
                if (start, stop) == ("0", "1")
                else carry(e, start, stop, side if last else 1, held, inside)
            )

        carried = along(list(piece.before), zeros * side)
        totals = carried[: len(zeros)]
        for way in range(1, side):
            others = carried[way * len(zeros) : (way + 1) * len(zeros)]
            totals = [x + y for x, y in zip(totals, others, strict=True)]
        return totals

    def _rank_one(
        self,
        b: Stream,
        outer: list[str],
        lines: Sequence[str],
        starts: tuple[str, str],
        chunks: Sequence[Chunk],
        k: list[str],
        sums: Sequence[Any],
    ) -> list[Any]:
        """Add the products of one step to the sums: of a number of each row, and a vector of each chunk."""
        right = _Reader(self, b, outer, lines, starts[0], k)
        left = _Reader(self, self.ops.a, outer, lines, starts[1], k)
        if not b.strides[self.ops.rank - 2]:
            for c in chunks:
                right.at(0, c)
        pairs = ((r, c) for r in range(len(lines)) for c in chunks)
        return [
            registers.intrinsic("fmuladd", left.at(r, c), right.at(r, c), total)
            for (r, c), total in zip(pairs, sums, strict=True)
        ]


class _Reader:
    """What a block reads of a factor at one step, each number or vector once."""

    def __init__(
        self,
        blocks: _Blocks,
        factor: Stream,
        outer: list[str],
        lines: Sequence[str],
        column: str,
        k: list[str],
    ) -> None:
        self.e, self.factor, self.own = blocks.e, factor, factor is blocks.ops.a or factor is blocks.ops.b
        self.outer, self.lines, self.column, self.k = outer, lines, column, k
        self.down, self.across = factor.strides[len(outer) : len(outer) + 2]
        self.known: dict[tuple[int, int], Any] = {}

    def at(self, row: int, chunk: Chunk) -> Any:
        """What goes with a row and a chunk of columns: a vector, or one number in all lanes."""
        row = row if self.down else 0
        if self.across:
            return self._once(row, chunk.start, lambda: self._vector(row, chunk))
        number = self._once(row, -1, lambda: self._number(row))
        return self._once(
            row, -1 - chunk.lanes, lambda: registers.splat(self.e, number.name, number.dtype, chunk.lanes)
        )

    def _once(self, row: int, key: int, make: Callable[[], Any]) -> Any:
        if (row, key) not in self.known:
            self.known[row, key] = make()
        return self.known[row, key]

    def _place(self, row: int, start: int) -> list[str]:
        line = self.lines[row] if self.down else "0"
        return [*self.outer, line, _ahead(self.e, self.column, start) if self.across else "0", *self.k]

    def _number(self, row: int) -> Any:
        place = self._place(row, 0)
        if self.factor.bounds:
            return bounded(self.e, self.factor, place, 0, 1, 1)
        return transfer.load(self.e, offset_of(self.e, self.factor, place), self.factor.dtype, 1, 1)

    def _vector(self, row: int, chunk: Chunk) -> Any:
        place = self._place(row, chunk.start)
        # A panel has numbers for all lanes.
        count = chunk.count if self.own else chunk.lanes
        if self.factor.bounds:
            return bounded(self.e, self.factor, place, len(self.outer) + 1, chunk.lanes, count)
        where = offset_of(self.e, self.factor, place)
        return transfer.gather(self.e, where, self.across, self.factor.dtype, chunk.lanes, count)


def _cut(sizes: Sequence[int], most: int, lanes: int) -> tuple[int, int]:
    """(axis, length) of the pieces of a sum over these axes, of at most `most` products each: one place along
    the axes before that one, a length of it, and all that comes after.

    The last piece along the axis is as long as the others, or as a vector at least.
    """
    rest = math.prod(sizes)
    for axis, size in enumerate(sizes):
        rest //= size
        if rest > most and axis + 1 < len(sizes):
            continue
        fewest = -(-size // max(1, most // rest))
        span = -(-size // fewest)
        while size % span and size % span < lanes:
            span -= 1
        return axis, span
    raise ValueError("a sum over no axes")


def _ahead(e: Emitter, i: str, by: int) -> str:
    """The index `by` further."""
    if not by:
        return i
    return str(int(i) + by) if i.isdigit() else e.value(f"add nuw nsw i64 {i}, {by}")


def _sum(e: Emitter, i: str, j: str) -> str:
    """The index i + j."""
    if i.isdigit():
        return _ahead(e, j, int(i))
    return _ahead(e, i, int(j)) if j.isdigit() else e.value(f"add nuw nsw i64 {i}, {j}")


def _each_row(
    e: Emitter, lines: Sequence[str], sums: Sequence[Sequence[Any]], row: Callable[..., None]
) -> None:
    """``row(line, sums)`` for every row of a block. Where that is long it is a loop, and the sums wait in
    memory: all rows side by side would need more registers than there are."""
    mark = len(e.lines)
    row(lines[0], sums[0])
    if len(lines) == 1 or len(e.lines) - mark <= LONG * len(sums[0]):
        for line, total in zip(lines[1:], sums[1:], strict=True):
            row(line, total)
        return
    del e.lines[mark:]
    kind, width = llvm_type(sums[0][0].dtype), sum(v.lanes for v in sums[0])
    memory = Stream(e.reserve(len(lines) * width, kind), sums[0][0].dtype, 0, [width, 1])
    starts = [sum(v.lanes for v in sums[0][:c]) for c in range(len(sums[0]))]
    for r, totals in enumerate(sums):
        for start, total in zip(starts, totals, strict=True):
            transfer.store(total, offset_of(e, memory, [str(r), str(start)]))

    def again(r: str) -> None:
        held = [
            transfer.load(e, offset_of(e, memory, [r, str(start)]), v.dtype, v.lanes)
            for start, v in zip(starts, sums[0], strict=True)
        ]
        row(_sum(e, lines[0], r), held)

    e.loop(0, len(lines), 1, again)
