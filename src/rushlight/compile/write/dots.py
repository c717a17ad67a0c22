"""Blocks of dot products: both factors lie in order along k, so the vectors run along it, and the lanes of
each sum are added at the end. Of several summed axes the last is k."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.blocks import DEEP, narrowest, together
from rushlight.compile.write.cuts import Run, cut, divide, pieces, walk, walk_loops
from rushlight.compile.write.emit import llvm_type
from rushlight.compile.write.factors import Operands, finish
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.nest import Stream, loops, offset_of
from rushlight.compile.write.panels import in_order
from rushlight.compile.write.reader import ahead
from rushlight.compile.write.totals import add_up

__all__ = ["outside", "write_dots"]


def write_dots(writer: KernelWriter, ops: Operands) -> None:
    """All dot products."""
    if ops.summed == 1:
        ops.a, ops.b = (in_order(writer.emitter, factor, ops) for factor in (ops.a, ops.b))
    _Dots(writer, ops).write()


def outside(ops: Operands, a: Stream, b: Stream, summed: Sequence[int]) -> int | None:
    """How many of the summed axes, the first ones of these, run around all blocks, so that what the blocks
    read stays in the second cache; None where there is no room for that, or for all sums."""
    room, size = host.describe().caches.l2 // 2, ops.dtype.itemsize
    if math.prod(ops.sizes[: ops.rank]) * host.describe().width > room:
        return None
    for count in range(len(summed)):
        axes = [*range(ops.rank), *summed[count:]]
        spans = (1 + sum((ops.sizes[d] - 1) * abs(f.strides[d]) for d in axes) for f in (a, b))
        if sum(spans) * size <= room:
            return count
    return None


class _Dots:
    """Blocks of rows times columns, each sum in a vector of its own. Where some of the summed axes run around
    all blocks, these vectors wait in memory."""

    def __init__(self, writer: KernelWriter, ops: Operands) -> None:
        self.writer, self.ops, self.e = writer, ops, writer.emitter
        self.width = host.describe().lanes(ops.dtype.itemsize)
        self.m, self.n = ops.sizes[ops.rank - 2 : ops.rank]
        wide, self.most = together(self.n, self.width)
        whole, rest = divmod(self.n, wide)
        self.groups = [Run(0, wide, whole)] if whole else []
        if rest:
            self.groups.append(Run(self.n - rest, rest, 1))
        self.around = ops.sizes[: ops.rank - 2]
        high = cut(self.m, max(1, min(12, self.most // wide)))
        self.counts = {
            "loops": math.prod(self.around),
            "columns": pieces(self.groups),
            "rows": pieces(high),
        }
        self.division = divide(ops.flops, self.counts)
        writer.parts = self.division.parts
        summed = range(ops.rank, len(ops.sizes))
        self.split = ops.rank + ((outside(ops, ops.a, ops.b, summed) or 0) if ops.summed > 1 else 0)

    def write(self) -> None:
        """Sum and finish block by block; or sum piece by piece, and finish all at the end."""
        e, ops = self.e, self.ops
        if self.split == ops.rank:
            self._each(lambda block: self._finish(block, self._sums(block, [])))
            return
        count = math.prod(ops.sizes[: ops.rank]) * self.width
        memory = e.reserve(count, llvm_type(ops.dtype))
        strides = [self.width]
        for size in reversed(ops.sizes[1 : ops.rank]):
            strides.insert(0, strides[0] * size)
        held = Stream(memory, ops.dtype, 0, strides)
        none = registers.constant(e, 0.0, ops.dtype, self.width)
        flat = Stream(memory, ops.dtype, 0, [1])
        e.loop(0, count, self.width, lambda i: transfer.store(none, offset_of(e, flat, [i])))

        def places(block: _Block) -> list[str]:
            return [offset_of(e, held, [*block.outer, r, c]) for r in block.lines for c in block.columns]

        def load(at: str) -> Any:
            return transfer.load(e, at, ops.dtype, self.width)

        def add(block: _Block, before: list[str]) -> None:
            for at, total in zip(places(block), self._sums(block, before), strict=True):
                transfer.store(load(at) + total, at)

        loops(e, ops.sizes[ops.rank : self.split], lambda k: self._each(lambda block: add(block, k)))
        self._each(lambda block: self._finish(block, [load(at) for at in places(block)]))

    def _each(self, body: Callable[[_Block], None]) -> None:
        """``body(block)`` for all blocks of this part."""
        e, division = self.e, self.division

        def columns(outer: list[str]) -> None:
            def group(j: str, run: Run) -> None:
                across = [ahead(e, j, c) for c in range(run.size)]
                rows = cut(self.m, max(1, min(12, self.most // run.size)))

                def block(i: str, high: Run) -> None:
                    body(_Block(outer, [ahead(e, i, r) for r in range(high.size)], across))

                walk(e, rows, block, division.share(e, "rows", pieces(rows)))

            walk(e, self.groups, group, division.share(e, "columns", self.counts["columns"]))

        walk_loops(e, self.around, columns, division.share(e, "loops", self.counts["loops"]))

    def _finish(self, block: _Block, sums: Sequence[Any]) -> None:
        width = len(block.columns)
        lanes = narrowest(width)
        none = [registers.constant(self.e, 0.0, self.ops.dtype, self.width)] * (lanes - width)
        for r, line in enumerate(block.lines):
            total = transfer.sum_each([*sums[r * width : (r + 1) * width], *none])
            place = [*block.outer, line, block.columns[0]]
            finish(self.writer, self.ops.after, place, lanes, width, total)

    def _sums(self, block: _Block, before: list[str]) -> list[Any]:
        """For each row and column a vector whose lanes add up to the dot product, at one place along the
        axes around all blocks."""
        e, dtype, width = self.e, self.ops.dtype, self.width
        *between, depth = self.ops.sizes[self.split :]
        whole = depth // width * width
        rest = depth - whole
        count = len(block.lines) * len(block.columns)
        zeros = [registers.constant(e, 0.0, dtype, width)] * count

        def along(k: list[str], accs: list[Any]) -> list[Any]:
            """All of the last axis. What is left over is first."""
            if rest:
                narrow = [registers.constant(e, 0.0, dtype, narrowest(rest))] * count
                left = self._products(block, [*k, str(whole)], rest, accs if between else narrow)
                accs = left if between else [transfer.with_zeros(v, width) for v in left]
            if not whole:
                return accs
            if whole == width:
                return self._products(block, [*k, "0"], width, accs)

            def step(i: str, held: list[Any]) -> list[Any]:
                return self._products(block, [*k, i], width, held)

            return add_up(e, whole, width, accs, step, 1, DEEP)

        def inside(k: list[str], accs: list[Any]) -> list[Any]:
            axis = len(k) - len(before)
            if axis == len(between):
                return along(k, accs)
            terms = math.prod(between[axis + 1 :]) * -(-depth // width)
            return add_up(e, between[axis], 1, accs, lambda i, held: inside([*k, i], held), terms, DEEP)

        return inside(before, zeros)

    def _products(self, block: _Block, k: list[str], count: int, accs: Sequence[Any]) -> list[Any]:
        """The products of the next `count` steps added to the sums."""
        lanes = accs[0].lanes

        def vectors(stream: Stream, places: list[list[str]]) -> list[Any]:
            dtype = self.ops.dtype
            return [
                transfer.load(self.e, offset_of(self.e, stream, at), dtype, lanes, count) for at in places
            ]

        left = vectors(self.ops.a, [[*block.outer, line, "0", *k] for line in block.lines])
        right = vectors(self.ops.b, [[*block.outer, "0", column, *k] for column in block.columns])
        pairs = ((a, b) for a in left for b in right)
        return [registers.intrinsic("fmuladd", a, b, acc) for (a, b), acc in zip(pairs, accs, strict=True)]


@dataclass(frozen=True, slots=True)
class _Block:
    """Where a block is: along the loops, its rows, its columns."""

    outer: list[str]
    lines: list[str]
    columns: list[str]
