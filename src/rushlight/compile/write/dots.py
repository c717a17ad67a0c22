"""Blocks of dot products: both factors lie in order along k, so the vectors run along it, and the lanes of
each sum are added at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.compile import host
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.blocks import narrowest, together
from rushlight.compile.write.cuts import Run, cut, divide, pieces, walk, walk_loops
from rushlight.compile.write.factors import Operands, finish
from rushlight.compile.write.kernel_writer import KernelWriter
from rushlight.compile.write.nest import Stream, offset_of
from rushlight.compile.write.panels import in_order
from rushlight.compile.write.reader import ahead

__all__ = ["write_dots"]


def write_dots(writer: KernelWriter, ops: Operands) -> None:
    """All dot products."""
    e = writer.emitter
    m, n = ops.sizes[ops.rank - 2 : ops.rank]
    ops.a, ops.b = (in_order(e, factor, ops) for factor in (ops.a, ops.b))
    width = host.describe().lanes(ops.dtype.itemsize)
    wide, most = together(n, width)
    whole, rest = divmod(n, wide)
    groups = [Run(0, wide, whole)] if whole else []
    if rest:
        groups.append(Run(n - rest, rest, 1))
    around = ops.sizes[: ops.rank - 2]
    high = cut(m, max(1, min(12, most // wide)))
    counts = {"loops": math.prod(around), "columns": pieces(groups), "rows": pieces(high)}
    division = divide(ops.flops, counts)
    writer.parts = division.parts

    def columns(outer: list[str]) -> None:
        def group(j: str, run: Run) -> None:
            columns = [ahead(e, j, c) for c in range(run.size)]

            def block(i: str, high: Run) -> None:
                lines = [ahead(e, i, r) for r in range(high.size)]
                sums = iter(_sums(writer, ops, outer, lines, columns))
                lanes = narrowest(run.size)
                none = registers.constant(e, 0.0, ops.dtype, width)
                for line in lines:
                    row = [next(sums) for _ in columns] + [none] * (lanes - run.size)
                    finish(writer, ops.after, [*outer, line, j], lanes, run.size, transfer.sum_each(row))

            rows = cut(m, max(1, min(12, most // run.size)))
            walk(e, rows, block, division.share(e, "rows", pieces(rows)))

        walk(e, groups, group, division.share(e, "columns", counts["columns"]))

    walk_loops(e, around, columns, division.share(e, "loops", counts["loops"]))


def _sums(
    writer: KernelWriter, ops: Operands, outer: list[str], lines: Sequence[str], columns: Sequence[str]
) -> list[Any]:
    """For each row and column a vector whose lanes add up to the dot product."""
    e, dtype = writer.emitter, ops.dtype
    width = host.describe().lanes(dtype.itemsize)
    whole = ops.depth // width * width
    rest = ops.depth - whole

    def products(k: str, lanes: int, count: int, accs: Sequence[Any]) -> list[Any]:
        def vectors(stream: Stream, places: list[list[str]]) -> list[Any]:
            return [transfer.load(e, offset_of(e, stream, at), dtype, lanes, count) for at in places]

        left = vectors(ops.a, [[*outer, line, "0", k] for line in lines])
        right = vectors(ops.b, [[*outer, "0", column, k] for column in columns])
        pairs = ((a, b) for a in left for b in right)
        return [registers.intrinsic("fmuladd", a, b, acc) for (a, b), acc in zip(pairs, accs, strict=True)]

    count = len(lines) * len(columns)
    accs = [registers.constant(e, 0.0, dtype, width)] * count
    if rest:
        lanes = narrowest(rest)
        zeros = [registers.constant(e, 0.0, dtype, lanes)] * count
        accs = [transfer.with_zeros(v, width) for v in products(str(whole), lanes, rest, zeros)]
    if whole == width:
        return products("0", width, width, accs)
    if whole:

        def step(k: str, names: list[str]) -> list[str]:
            held = [registers.Vec(e, name, dtype, width) for name in names]
            return [v.name for v in products(k, width, width, held)]

        names = e.carry(0, whole, width, [(v.kind, v.name) for v in accs], step)
        accs = [registers.Vec(e, name, dtype, width) for name in names]
    return accs
