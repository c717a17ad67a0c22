"""Products: one register-blocked generator for matmul in all its forms, whatever the operands' strides.

out[..., m, n] = sum over k of A[..., m, k] B[..., k, n]. A block of rows times a few vectors of columns is
held in registers while k runs; then the elementwise nodes that follow run on it, and their results are
stored. Where the columns of B do not lie as the blocks read them, a panel of them is copied first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.cuts import Run, cut, pieces, scaled, share, walk, worthwhile
from rushlight.compile.write.dots import write_dots
from rushlight.compile.write.emit import Emitter, llvm_type
from rushlight.compile.write.factors import Operands, finish, operands
from rushlight.compile.write.kernel_writer import LANES, KernelWriter, body_streams
from rushlight.compile.write.nest import Stream, loops, offset_of
from rushlight.compile.write.panels import LARGEST, Chunk, Panels, chunks_of, pack, size_of
from rushlight.compile.write.totals import add_up
from rushlight.compile.write.work import flops

__all__ = ["write_product"]

WIDEST = 4
"""Vectors of columns in a block."""
TALLEST = 12
"""Rows in a block."""
NEAR = 1200
"""Bytes along k up to which the rows that a block of dot products reads again and again stay in the first
cache."""
SMALL = 64 << 10
"""Bytes of a factor that is copied whole."""
DEEP = 1024
"""Products that are added to one register, one after the other: more than of other sums, since registers are
short here, and all must be put aside for the totals of blocks."""
LONG = 24
"""Lines of text for what follows a sum, from which a block's rows are finished in a loop."""
COPIED, SINGLE, ADDED = 0.3, 1.5, 1.4
"""What it costs to copy one element of a panel, square by square or one by one, and to add up the lanes of
one result, measured in multiply-adds of a vector."""


def write_product(writer: KernelWriter) -> None:
    """Choose which of the two output axes runs in vectors, and write the blocks."""
    kernel = writer.kernel
    node = kernel.root
    assert node is not None
    ops = operands(writer, node)
    rank = len(ops.sizes)
    space = kernel.space
    left_vector, right_vector = node.inputs[0].spec.ndim == 1, node.inputs[1].spec.ndim == 1
    place = [
        d for d in range(rank) if not (left_vector and d == rank - 2) and not (right_vector and d == rank - 1)
    ]
    streams = body_streams(writer, kernel.body, {id(node.out)}, space, place, rank)
    if any(v is node.out for v in kernel.stores):
        streams["write", id(node.out)] = writer.target(node.out, place, rank)
    swapped, dots = _best(ops, streams)
    if swapped:
        _swap(ops, streams, rank)
    most = accumulators(ops.dtype.itemsize)
    if dots:
        write_dots(writer, ops, streams, most)
    else:
        _blocks(writer, ops, streams, most, flops(node))


def _best(ops: Operands, streams: dict[Any, Stream | None]) -> tuple[bool, bool]:
    """(whether m and n change places, whether to run along k): what costs least.

    Costs are in multiply-adds of a whole vector, of which a narrow one is half. Beside the sums there are
    factors to be copied into order, lanes to be added up, vectors that do not begin where a line of the cache
    does, and results that lie apart in memory.
    """
    rank = len(ops.sizes)
    costs: dict[tuple[bool, bool], float] = {}
    for swapped in (False, True):
        a, b, down, across = ops.a, ops.b, rank - 2, rank - 1
        if swapped:
            a, b, down, across = b, a, across, down
        m, n, depth = ops.sizes[down], ops.sizes[across], ops.depth
        apart = sum(s.strides[across] not in (0, 1) for s in streams.values() if s is not None)
        own = 0.0 if b.strides[across] in (0, 1) else COPIED if b.strides[-1] == 1 else SINGLE
        costs[swapped, False] = m * depth * vectors(n) + n * depth * own + m * n * apart
        stray = [s for s in (a, b) if s.strides[-1] != 1]
        copies = sum(size_of(s, ops.sizes, depth) for s in stray) * ops.dtype.itemsize
        if 1 < depth <= NEAR // ops.dtype.itemsize and len(stray) < 2 and copies <= SMALL:
            sides = ((a, m, a.strides[down]), (b, n, b.strides[across]))
            copied = sum(SINGLE * depth * size for s, size, _ in sides if s.strides[-1] != 1)
            crooked = any(s.strides[-1] == 1 and step % LANES for s, _, step in sides)
            costs[swapped, True] = m * n * (vectors(depth) * (2 if crooked else 1) + ADDED + apart) + copied
    return min(costs, key=lambda way: costs[way])


def vectors(length: int) -> float:
    """How many multiply-adds of a whole vector `length` columns take."""
    return sum(1.0 if c.lanes == LANES else 0.5 for c in chunks_of(length))


def _swap(ops: Operands, streams: dict[Any, Stream | None], rank: int) -> None:
    """Exchange m and n, so that the other axis runs in vectors."""
    ops.a, ops.b = ops.b, ops.a
    ops.sizes = (*ops.sizes[:-2], ops.sizes[-1], ops.sizes[-2])
    for s in [ops.a, ops.b, *[s for s in streams.values() if s is not None]]:
        s.strides[rank - 2], s.strides[rank - 1] = s.strides[rank - 1], s.strides[rank - 2]


@functools.cache
def accumulators(itemsize: int) -> int:
    """Vectors of LANES numbers that may be sums at a time: three quarters of the registers, in which the
    operands need place too."""
    described = host.describe()
    return max(1, described.registers * described.width * 3 // 4 // (LANES * itemsize))


def _blocks(writer: KernelWriter, ops: Operands, streams: Any, most: int, work: int) -> None:
    """Blocks of rows times vectors of columns; a large product is divided into parts along one axis."""
    e = writer.emitter
    m, n = ops.sizes[-2:]
    deepest = LARGEST // (LANES * ops.dtype.itemsize * ops.depth)
    groups = scaled(cut(-(-n // LANES), max(1, min(WIDEST, most, deepest))), LANES, n)
    rows = {run.size: cut(m, max(1, min(TALLEST, most // -(-run.size // LANES)))) for run in groups}
    panels = Panels(e, max(rows), ops.depth, len(ops.sizes) + 1, ops.dtype)
    of_columns = None
    if len(ops.sizes) == 2:
        blocks = min(pieces(r) for r in rows.values())
        writer.parts = worthwhile(work, max(pieces(groups), blocks))
        # Parts along the columns need no panel twice, but they must be of one size, more or less.
        count = pieces(groups)
        even = count % writer.parts == 0 or count >= 2 * writer.parts or blocks < writer.parts
        if writer.parts > 1 and even:
            of_columns = share(e, pieces(groups), "%part", writer.parts)

    def batchwise(batch: list[str]) -> None:
        def group(j: str, run: Run) -> None:
            b, first = _panel(panels, ops, batch, j, run.size, pieces(rows[run.size]))
            split = writer.parts > 1 and of_columns is None
            some = share(e, pieces(rows[run.size]), "%part", writer.parts) if split else None

            def block(i: str, high: Run) -> None:
                lines = [i if r == 0 else _ahead(e, i, r) for r in range(high.size)]
                _block(writer, ops, b, streams, batch, lines, first, j, chunks_of(run.size))

            walk(e, rows[run.size], block, some)

        walk(e, groups, group, of_columns)

    loops(e, ops.sizes[:-2], batchwise)


def _ahead(e: Any, i: str, by: int) -> str:
    return str(int(i) + by) if i.isdigit() else e.value(f"add nuw nsw i64 {i}, {by}")


def _panel(
    panels: Panels, ops: Operands, batch: list[str], first: str, width: int, times: int
) -> tuple[Stream, str]:
    """(B or a copy of some columns, their first column in it): a copy if they lie apart, or if they are far
    apart row by row and will be read several `times`."""
    step, deep = ops.b.strides[-2:]
    far = times >= 4 and deep * ops.dtype.itemsize >= 1024
    if step in (0, 1) and not far:
        return ops.b, first
    panel = panels.panel(width)
    if panel is None:
        return ops.b, first
    pack(panels.emitter, ops.b, panel, batch, first, width, ops.depth)
    return panel, "0"


def _block(
    writer: KernelWriter,
    ops: Operands,
    b: Stream,
    streams: Any,
    batch: list[str],
    lines: list[str],
    first: str,
    column: str,
    chunks: Sequence[Chunk],
) -> None:
    """One block: accumulate over k, then finish each row's vectors. Its columns begin at `first` in `b`, and
    at `column` in the result."""
    e, dtype = writer.emitter, ops.dtype
    zeros = [registers.constant(e, 0.0, dtype, c.lanes) for _ in lines for c in chunks]
    # Few accumulators would wait for each other: then several ks run side by side.
    count = len(zeros)
    ways = next((w for w in (4, 5, 2) if count * w <= 8 and ops.depth % w == 0 and ops.depth > w), 1)

    def step(k: str, held: list[Any]) -> list[Any]:
        out: list[Any] = []
        for way in range(ways):
            kk = _ahead(e, k, way) if way else k
            accs = held[way * count : (way + 1) * count]
            out += _rank_one(writer, ops, b, batch, lines, first, chunks, kk, accs)
        return out

    if ops.depth == 1:
        totals = _rank_one(writer, ops, b, batch, lines, first, chunks, "0", zeros)
    else:
        carried = add_up(e, ops.depth, ways, zeros * ways, step, most=DEEP)
        totals = carried[:count]
        for way in range(1, ways):
            others = carried[way * count : (way + 1) * count]
            totals = [x + y for x, y in zip(totals, others, strict=True)]

    def row(line: str, sums: Sequence[Any]) -> None:
        for c, total in zip(chunks, sums, strict=True):
            j = column if not c.start else _ahead(e, column, c.start)
            finish(writer, streams, [*batch, line, j], c.lanes, c.count, total)

    _each_row(e, lines, [totals[r : r + len(chunks)] for r in range(0, count, len(chunks))], row)


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
    kind = llvm_type(sums[0][0].dtype)
    memory = e.reserve(len(lines) * len(sums[0]) * LANES, kind)

    def place(i: str, c: int) -> str:
        first = e.value(f"mul nuw nsw i64 {i}, {len(sums[0]) * LANES}")
        at = e.value(f"add nuw nsw i64 {first}, {c * LANES}")
        return e.value(f"getelementptr inbounds {kind}, ptr {memory}, i64 {at}")

    for r, totals in enumerate(sums):
        for c, total in enumerate(totals):
            transfer.store(total, place(str(r), c))

    def again(r: str) -> None:
        held = [transfer.load(e, place(r, c), v.dtype, v.lanes) for c, v in enumerate(sums[0])]
        row(e.value(f"add nuw nsw i64 {lines[0]}, {r}"), held)

    e.loop(0, len(lines), 1, again)


def _rank_one(
    writer: KernelWriter,
    ops: Operands,
    b: Stream,
    batch: list[str],
    lines: list[str],
    first: str,
    chunks: Sequence[Chunk],
    k: str,
    accs: Sequence[Any],
) -> list[Any]:
    """Add the outer product of a column of A and a row of B to the accumulators."""
    e, dtype = writer.emitter, ops.dtype
    columns = []
    for c in chunks:
        shifted = Stream(b.pointer, b.dtype, b.offset + c.start * b.strides[-2], b.strides)
        where = offset_of(e, shifted, [*batch, "0", first, k])
        if b.strides[-2] == 0:
            number = transfer.load(e, where, dtype, 1, 1)
            columns.append(registers.splat(e, number.name, dtype, c.lanes))
        else:
            count = c.count if b is ops.b else c.lanes
            columns.append(transfer.gather(e, where, b.strides[-2], dtype, c.lanes, count))
    out: list[Any] = []
    sums = iter(accs)
    for line in lines:
        number = transfer.load(e, offset_of(e, ops.a, [*batch, line, "0", k]), dtype, 1, 1)
        spread = {v.lanes: registers.splat(e, number.name, dtype, v.lanes) for v in columns}
        out += [
            registers.intrinsic("fmuladd", spread[column.lanes], column, next(sums)) for column in columns
        ]
    return out
