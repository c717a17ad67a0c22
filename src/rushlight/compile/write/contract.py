"""Contractions: one register-blocked generator for products of any number of axes, whatever the strides.

out[..., m, n] = sum over k... of a[..., m, n, k...] b[..., m, n, k...]. A block of rows times a few vectors
of columns is held in registers while k runs; then the elementwise nodes that follow run on it, and their
results are stored. Where the columns of `b` do not lie as the blocks read them, a panel of them is copied
first. Rows and columns may be several axes, of windows say, over which all the rest walks as over one. A sum
that is too long for its panel to stay in the cache is cut into pieces, whose totals are added up in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.arrange import arrange
from rushlight.compile.write.blocks import DEEP, Chunk, blocks, chunks_of, room, ways
from rushlight.compile.write.cuts import Run, cut, divide, pieces, scaled, walk, walk_loops
from rushlight.compile.write.dots import write_dots
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.compile.write.factors import Operands, finish, operands
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.nest import Stream, apart, loops, offset_of
from rushlight.compile.write.panels import Piece, pack, panel
from rushlight.compile.write.reader import Reader, ahead, aside_of, index_sum
from rushlight.compile.write.totals import carry

__all__ = ["write_contraction", "write_product"]

LONG = 24
"""Lines of text for what follows a sum, from which a block's rows are finished in a loop."""
AGAIN = 4
"""Times that a panel is read, from which it pays to copy rows that lie far apart."""
FAR = 1024
"""Bytes from one row to the next that are far."""
NEAR = 128
"""Steps of a piece of the sum where each step of `a` is far from the last: their lines stay in the first
cache for the next rows, and their pages in the processor's table. It halves the time of long sums."""
FETCHED = 64
"""Products to add up from which asking for what follows them takes no time beside them."""
LINE = 64
"""Bytes of a line of the cache."""
ASIDE = 4
"""Places of a loop that share a block at most."""
CROWDED = 512
"""Bytes of which a step is a multiple if its lines share few places of the first cache."""
HELD = 1 << 18
"""Bytes on the stack for the totals of a band, and for its rows of `a`, at most."""
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
        self.aside = self._aside()
        width = -(-self.widest // self.lanes) * self.lanes * ops.dtype.itemsize
        # The panel takes half of the second cache at most; what is added to one register is limited too, and
        # so is the number of pieces, whose sums are added one after the other.
        most = NEAR if self._steep() else DEEP
        most = min(most, max(NEAR, described.caches.l2 // 2 // width)) if self.copied else most
        self.cut = _cut(self.depth, most, self.lanes)
        self.whole = self.cut == (0, self.depth[0])
        self.memory = self.totals = ""
        self.a, self.beside, self.crowded = ops.a, "", self._crowded()
        self.late = self._late()
        if self.copied:
            held = self.cut[1] * math.prod(self.depth[self.cut[0] + 1 :])
            columns = self._width()
            self.memory = self.e.reserve(columns * held, llvm_type(ops.dtype))

    def _high(self) -> int:
        """How many blocks there are one below the other at least."""
        return min(pieces(rows) for rows in self.blocks.rows.values())

    def _steep(self) -> bool:
        """Whether the rows of `a` lie side by side, and the steps of the sum far apart, as in a gradient of
        weights."""
        a, rank = self.ops.a, self.ops.rank
        return a.strides[rank - 2] == 1 and abs(a.strides[-1]) * a.dtype.itemsize >= FAR

    def _copies(self) -> bool:
        """Whether `b` is read from panels: its columns lie apart, or it has bounds; or it lies row by row far
        apart and is read again and again."""
        b, rank = self.ops.b, self.ops.rank
        if b.strides[rank - 2]:
            return False  # nothing of it is read twice
        if len(self.ops.columns) > 1:
            return True
        far = abs(b.strides[-1]) * b.dtype.itemsize >= FAR and self._high() >= AGAIN
        return bool(b.bounds) or b.strides[rank - 1] not in (0, 1) or (far and b.strides[rank - 1] == 1)

    def _aside(self) -> int:
        """How many places of the innermost loop share a block, where `a` is the same for all of them: sums of
        few rows and columns would wait for each other."""
        ops, d = self.ops, self.ops.rank - 3
        if d < 0 or self.copied or ops.b.strides[d + 1] or any(steps[d] for steps in ops.a.lists()):
            return 1
        sums = max(run.size * -(-g.size // self.lanes) for g in self.groups for run in self._runs(g))
        return max(1, min(ASIDE, room(host.describe().registers) // sums))

    def _runs(self, group: Run) -> list[Run]:
        """The blocks' rows for a group of columns."""
        return self.blocks.rows[-(-group.size // self.lanes)]

    def _width(self) -> int:
        """Lanes of the widest group's chunks."""
        return self.aside * sum(c.lanes for c in chunks_of(self.widest, self.lanes))

    def _chunks(self, width: int, aside: int) -> list[Chunk]:
        """The vectors of `width` columns, for each of the places that share a block."""
        return [replace(c, aside=k) for k in range(aside) for c in chunks_of(width, self.lanes)]

    def write(self) -> None:
        """All of the result, or one part of it."""
        ops = self.ops
        around = ops.sizes[: ops.rank - 2]
        shared = around.pop() if self.aside > 1 else 1
        # Parts along the loops or the columns need no panel twice.
        counts = {"loops": math.prod(around), "columns": pieces(self.groups), "rows": self._high()}
        self.division = divide(ops.flops, counts)
        self.writer.parts = self.division.parts
        self.bands = cut(self.m, self._band())
        self.at_hand = self._at_hand()
        some = self._share("loops", counts["loops"])
        if self.aside == 1:
            walk_loops(self.e, around, lambda outer: self._rows(outer, 1), some)
            return
        runs = cut(shared, self.aside)
        walk_loops(
            self.e,
            around,
            lambda outer: walk(self.e, runs, lambda i, run: self._rows([*outer, i], run.size)),
            some,
        )

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

    def _rows(self, outer: list[str], aside: int) -> None:
        some = self._share("rows", pieces(self.bands))
        walk(self.e, self.bands, lambda top, band: self._columns(outer, aside, top, band.size), some)

    def _columns(self, outer: list[str], aside: int, top: str, size: int) -> None:
        """All columns of a band, which has `size` rows from row `top` on."""
        some = self._share("columns", pieces(self.groups))

        def columns(body: Callable[..., None]) -> None:
            def group(j: str, run: Run) -> None:
                body(outer, self._chunks(run.size, aside), top, size, j, run)

            walk(self.e, self.groups, group, some)

        if self.whole:
            columns(self._at_once)
        elif self.at_hand:
            columns(self._begin)

            def piece(part: Piece) -> None:
                own = self.a
                if self.crowded:
                    self.a = self._copied_rows(outer, top, size, part)
                columns(lambda *given: self._add(part, *given))
                self.a = own

            self._pieces(piece)
            columns(self._end)
        else:

            def one(*given: Any) -> None:
                self._begin(*given)
                self._pieces(lambda part: self._add(part, *given))
                self._end(*given)

            columns(one)

    def _crowded(self) -> bool:
        """Whether the steps of `a` are so far apart that few places of the first cache are left for them."""
        a, ops = self.ops.a, self.ops
        single = len(self.depth) == 1 and len(ops.rows) == 1 and not a.bounds and not a.strides[ops.rank - 1]
        return single and self._steep() and a.strides[-1] * a.dtype.itemsize % CROWDED == 0

    def _copied_rows(self, outer: list[str], top: str, size: int, part: Piece) -> Stream:
        """A copy of what a piece reads of `a`, whose steps are not as far apart."""
        e, a, rank = self.e, self.ops.a, self.ops.rank
        most = max(run.size for run in self.bands)
        step = -(-most // self.lanes) * self.lanes + self.lanes
        if not self.beside:
            self.beside = e.reserve(part.most * step, llvm_type(a.dtype))
        back = index_sum(e, e.value(f"mul nsw i64 {part.start}, {step}"), top)
        base = e.value(
            f"getelementptr {llvm_type(a.dtype)}, ptr {self.beside}, i64 {e.value(f'sub i64 0, {back}')}"
        )
        copy = Stream(base, a.dtype, 0, [0] * (rank - 2) + [1, 0, step])

        def row(k: str) -> None:
            def some(i: str, run: Run) -> None:
                place = [*outer, index_sum(e, top, i), "0", k]
                vector = transfer.load(e, offset_of(e, a, place), a.dtype, self.lanes, run.size)
                transfer.store(vector, offset_of(e, copy, place), run.size)

            walk(e, scaled(cut(-(-size // self.lanes), 1), self.lanes, size), some)

        e.loop(part.start, part.stop, 1, row)
        return copy

    def _at_hand(self) -> bool:
        """Whether the totals of all columns may wait at once, beside what a piece reads of `a`: then each
        piece of `a` comes from far away once, not for each group of columns."""
        rows = max(run.size for run in self.bands)
        room = min(host.describe().caches.l2 // 3, HELD) // self.ops.dtype.itemsize
        most = self.cut[1] * math.prod(self.depth[self.cut[0] + 1 :])
        worth = self.aside == 1 and (self.crowded or pieces(self.groups) > 1)
        return worth and rows * self.n <= room and rows * most <= room

    def _at_once(
        self, outer: list[str], chunks: Sequence[Chunk], top: str, size: int, j: str, run: Run
    ) -> None:
        """A group of columns of a band."""
        e = self.e
        piece = Piece((), "0", str(self.depth[0]), self.depth[0], tuple(self.depth[1:]))
        b, first = self._panel(outer, j, run, piece)

        def rows(i: str, high: Run) -> None:
            start = index_sum(e, top, i)
            lines = [ahead(e, start, r) for r in range(high.size)]
            for line in lines:
                self._fetch(outer, line, j, chunks)
            sums = self._sums(b, outer, lines, (first, j), chunks, piece)
            by_row = [sums[r : r + len(chunks)] for r in range(0, len(sums), len(chunks))]
            _each_row(e, lines, by_row, lambda line, totals: self._finish(outer, line, j, chunks, totals))

        walk(e, cut(size, self._highest([run])), rows)

    def _fetch(self, outer: list[str], line: str, j: str, chunks: Sequence[Chunk]) -> None:
        """Ask for what follows the sums of a row to be in the cache by the time that they are there."""
        for stream in self.late:
            for c in chunks:
                place = [*aside_of(self.e, outer, c), line, ahead(self.e, j, c.start)]
                transfer.prefetch(self.e, offset_of(self.e, stream, place))

    def _late(self) -> list[Stream]:
        """Streams that follow the sums, of which a block touches short pieces far apart, so that no processor
        guesses the next."""
        ops = self.ops
        if ops.depth < FETCHED:
            return []
        size = math.prod(ops.sizes[: ops.rank])
        found = {
            (s.pointer, s.offset, *s.strides): s
            for s in ops.after.values()
            if s is not None
            and s.strides[ops.rank - 1] == 1
            and abs(s.strides[ops.rank - 2]) * s.dtype.itemsize >= LINE
            and not s.bounds
        }
        held = sum(size * s.dtype.itemsize for s in found.values())
        return [*found.values()] if held > host.describe().caches.l2 else []

    def _finish(
        self, outer: list[str], line: str, j: str, chunks: Sequence[Chunk], totals: Sequence[Any]
    ) -> None:
        for c, total in zip(chunks, totals, strict=True):
            place = [*aside_of(self.e, outer, c), line, ahead(self.e, j, c.start)]
            finish(self.writer, self.ops.after, place, c.lanes, c.count, total)

    def _places(self, chunks: Sequence[Chunk], j: str, i: str) -> list[tuple[Chunk, str]]:
        """Where the totals of row `i` of a band wait, for each chunk of a group of columns."""
        held = Stream(self.totals, self.ops.dtype, 0, [self._across(), 1])
        starts = [sum(c.lanes for c in chunks[:k]) for k in range(len(chunks))]
        first = j if self.at_hand else "0"
        return [
            (c, offset_of(self.e, held, [i, index_sum(self.e, first, str(start))]))
            for c, start in zip(chunks, starts, strict=True)
        ]

    def _across(self) -> int:
        """How many totals of a row wait at a time."""
        return -(-self.n // self.lanes) * self.lanes if self.at_hand else self._width()

    def _begin(
        self, outer: list[str], chunks: Sequence[Chunk], top: str, size: int, j: str, run: Run
    ) -> None:
        """Totals of zero, for a group of columns of a band."""
        e, dtype = self.e, self.ops.dtype
        if not self.totals:
            self.totals = e.reserve(max(r.size for r in self.bands) * self._across(), llvm_type(dtype))

        def row(i: str) -> None:
            for c, place in self._places(chunks, j, i):
                transfer.store(registers.constant(e, 0.0, dtype, c.lanes), place)

        e.loop(0, size, 1, row)

    def _add(
        self,
        part: Piece,
        outer: list[str],
        chunks: Sequence[Chunk],
        top: str,
        size: int,
        j: str,
        run: Run,
    ) -> None:
        """A piece of the sums added to the totals."""
        e, dtype = self.e, self.ops.dtype
        b, first = self._panel(outer, j, run, part)

        def rows(i: str, high: Run) -> None:
            inside = [ahead(e, i, r) for r in range(high.size)]
            lines = [index_sum(e, top, r) for r in inside]
            sums = iter(self._sums(b, outer, lines, (first, j), chunks, part))
            for r in inside:
                for c, place in self._places(chunks, j, r):
                    transfer.store(transfer.load(e, place, dtype, c.lanes) + next(sums), place)

        walk(e, cut(size, self._highest([run])), rows)

    def _end(self, outer: list[str], chunks: Sequence[Chunk], top: str, size: int, j: str, run: Run) -> None:
        """What follows the totals."""
        e, dtype = self.e, self.ops.dtype

        def row(i: str) -> None:
            totals = [transfer.load(e, place, dtype, c.lanes) for c, place in self._places(chunks, j, i)]
            self._finish(outer, index_sum(e, top, i), j, chunks, totals)

        e.loop(0, size, 1, row)

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
        pack(self.e, b, target, [*outer, "0"], j, run.size, self.lanes, piece, self.ops.columns)
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
        rows = [apart(e, line, self.ops.rows) for line in lines]
        sizes = piece.sizes
        high = str(sizes[-1]) if sizes else piece.stop
        # Few sums would wait for each other: then several steps run side by side.
        side = ways(len(zeros), int(high)) if high.isdigit() else 1

        def step(k: list[str], held: list[Any]) -> list[Any]:
            out: list[Any] = []
            for way in range(side):
                sums = held[way * len(zeros) : (way + 1) * len(zeros)]
                at = [*k[:-1], ahead(e, k[-1], way)]
                out += self._rank_one(b, outer, (lines, rows), starts, chunks, at, sums)
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
        lines: tuple[Sequence[str], Sequence[list[str]]],
        starts: tuple[str, str],
        chunks: Sequence[Chunk],
        k: list[str],
        sums: Sequence[Any],
    ) -> list[Any]:
        """Add the products of one step to the sums: of a number of each row, and a vector of each chunk. Of
        the lines come their places in `b`, then those in `a`."""
        right = Reader(self.e, b, b is self.ops.b, outer, [[line] for line in lines[0]], starts[0], k)
        left = Reader(self.e, self.a, True, outer, lines[1], starts[1], k)
        if not b.strides[self.ops.rank - 2]:
            for c in chunks:
                right.at(0, c)
        pairs = ((r, c) for r in range(len(lines[0])) for c in chunks)
        return [
            registers.intrinsic("fmuladd", left.at(r, c), right.at(r, c), total)
            for (r, c), total in zip(pairs, sums, strict=True)
        ]


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
        row(index_sum(e, lines[0], r), held)

    e.loop(0, len(lines), 1, again)
