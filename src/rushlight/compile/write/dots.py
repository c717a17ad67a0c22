"""Blocks of dot products: both factors lie in order along k, so the vectors run along it, and the lanes of
each sum are added at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.cuts import Run, cut, walk
from rushlight.compile.write.factors import Operands, finish
from rushlight.compile.write.kernel_writer import LANES, KernelWriter
from rushlight.compile.write.nest import Stream, loops, offset_of
from rushlight.compile.write.panels import in_order, narrowest

__all__ = ["write_dots"]

TOGETHER = 8
"""Columns whose sums become one vector."""


def write_dots(writer: KernelWriter, ops: Operands, streams: Any, most: int) -> None:
    """All dot products, with at most `most` sums at a time."""
    e = writer.emitter
    m, n = ops.sizes[-2:]
    ops.a, ops.b = (in_order(e, stream, ops.sizes, ops.depth) for stream in (ops.a, ops.b))
    whole, rest = divmod(n, TOGETHER)
    groups = [Run(0, TOGETHER, whole)] if whole else []
    if rest:
        groups.append(Run(n - rest, rest, 1))

    def batchwise(batch: list[str]) -> None:
        def group(j: str, run: Run) -> None:
            columns = [_ahead(e, j, c) for c in range(run.size)]

            def block(i: str, high: Run) -> None:
                lines = [_ahead(e, i, r) for r in range(high.size)]
                sums = iter(_sums(writer, ops, batch, lines, columns))
                lanes = narrowest(run.size)
                none = registers.constant(e, 0.0, ops.dtype, LANES)
                for line in lines:
                    row = [next(sums) for _ in columns] + [none] * (lanes - run.size)
                    finish(writer, streams, [*batch, line, j], lanes, run.size, transfer.sum_each(row))

            walk(e, cut(m, max(1, min(12, most // run.size))), block)

        walk(e, groups, group)

    loops(e, ops.sizes[:-2], batchwise)


def _ahead(e: Any, i: str, by: int) -> str:
    if not by:
        return i
    return str(int(i) + by) if i.isdigit() else e.value(f"add nuw nsw i64 {i}, {by}")


def _sums(
    writer: KernelWriter, ops: Operands, batch: list[str], lines: Sequence[str], columns: Sequence[str]
) -> list[Any]:
    """For each row and column a vector whose lanes add up to the dot product."""
    e, dtype = writer.emitter, ops.dtype
    whole = ops.depth // LANES * LANES
    rest = ops.depth - whole

    def products(k: str, lanes: int, count: int, accs: Sequence[Any]) -> list[Any]:
        def vectors(stream: Stream, places: list[list[str]]) -> list[Any]:
            return [transfer.load(e, offset_of(e, stream, at), dtype, lanes, count) for at in places]

        left = vectors(ops.a, [[*batch, line, "0", k] for line in lines])
        right = vectors(ops.b, [[*batch, "0", column, k] for column in columns])
        pairs = ((a, b) for a in left for b in right)
        return [registers.intrinsic("fmuladd", a, b, acc) for (a, b), acc in zip(pairs, accs, strict=True)]

    count = len(lines) * len(columns)
    accs = [registers.constant(e, 0.0, dtype, LANES)] * count
    if rest:
        lanes = narrowest(rest)
        zeros = [registers.constant(e, 0.0, dtype, lanes)] * count
        accs = [transfer.with_zeros(v, LANES) for v in products(str(whole), lanes, rest, zeros)]
    if whole == LANES:
        return products("0", LANES, LANES, accs)
    if whole:

        def step(k: str, names: list[str]) -> list[str]:
            held = [registers.Vec(e, name, dtype, LANES) for name in names]
            return [v.name for v in products(k, LANES, LANES, held)]

        names = e.carry(0, whole, LANES, [(v.kind, v.name) for v in accs], step)
        accs = [registers.Vec(e, name, dtype, LANES) for name in names]
    return accs
