"""Products: one register-blocked generator for matmul in all its forms, whatever the operands' strides.

out[..., m, n] = sum over k of A[..., m, k] B[..., k, n]. A block of rows times a few vectors of columns is
held in registers while k runs; then the elementwise nodes that follow run on it, and their results are
stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.vector import registers, transfer
from rushlight.compile.vector.float32 import fma
from rushlight.compile.write.emit import llvm_type
from rushlight.compile.write.kernel_writer import LANES, KernelWriter, Point, body_streams
from rushlight.compile.write.nest import Stream, loops, offset_of

__all__ = ["flops", "operands", "write_product"]

REGISTERS = 20
"""Accumulators at a time; of 32 vector registers the others hold the operands."""


@dataclass(slots=True)
class Operands:
    """The two factors as streams over (batch..., m, n, k), and the sizes."""

    sizes: tuple[int, ...]
    depth: int
    a: Stream
    b: Stream
    dtype: Any


def operands(writer: KernelWriter, node: Node) -> Operands:
    """The product's factors over the axes (batch..., m, n, k); vectors count as a row or a column."""
    left, right = node.inputs
    ta, tb = node.attrs.get("ta", False), node.attrs.get("tb", False)
    a_axes, b_axes = _axes(left, "mk", ta), _axes(right, "kn", tb)
    depth = left.spec.shape[a_axes.index("k")]
    m = left.spec.shape[a_axes.index("m")] if "m" in a_axes else 1
    n = right.spec.shape[b_axes.index("n")] if "n" in b_axes else 1
    batch = node.out.spec.shape[: len(node.out.spec.shape) - ("m" in a_axes) - ("n" in b_axes)]
    sizes = (*batch, m, n)
    place = {"m": len(batch), "n": len(batch) + 1, "k": len(batch) + 2}

    def stream(value: Value, axes: list[str]) -> Stream:
        lead = len(batch) - (len(axes) - sum(x in place for x in axes))
        at = [place[x] if x in place else lead + i for i, x in enumerate(axes)]
        found = writer.stream(value, at, len(sizes) + 1)
        assert found is not None
        # An axis of size 1 is no broadcast here if it is m, n or k: it is walked once anyway.
        return found

    return Operands(sizes, depth, stream(left, a_axes), stream(right, b_axes), node.out.spec.dtype)


def _axes(value: Value, names: str, transposed: bool) -> list[str]:
    rank = value.spec.ndim
    if rank == 1:
        return ["k"]
    last = list(names[::-1] if transposed else names)
    return [f"batch{i}" for i in range(rank - 2)] + last


def flops(node: Node) -> int:
    """Multiplications and additions of a product."""
    left = node.inputs[0]
    axes = _axes(left, "mk", node.attrs.get("ta", False))
    return 2 * node.out.spec.size * left.spec.shape[axes.index("k")]


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
    if _better_swapped(ops):
        _swap(ops, streams, rank)
    if ops.sizes[-1] == 1 and ops.depth > 4:
        _dots(writer, ops, streams)
    else:
        _blocks(writer, ops, streams)


def _better_swapped(ops: Operands) -> bool:
    """Whether the rows' axis should run in vectors: it is longer than the columns', or lies better."""
    m, n = ops.sizes[-2:]
    if n == 1:
        return ops.a.strides[-3] == 1
    if m == 1:
        return ops.b.strides[-2] != 1
    return n < 8 and m >= LANES


def _swap(ops: Operands, streams: dict[Any, Stream | None], rank: int) -> None:
    """Exchange m and n, so that the other axis runs in vectors."""
    ops.a, ops.b = ops.b, ops.a
    ops.sizes = (*ops.sizes[:-2], ops.sizes[-1], ops.sizes[-2])
    for s in [ops.a, ops.b, *[s for s in streams.values() if s is not None]]:
        s.strides[rank - 2], s.strides[rank - 1] = s.strides[rank - 1], s.strides[rank - 2]


def _finish(
    writer: KernelWriter, streams: Any, indices: list[str], lanes: int, count: int, total: Any
) -> None:
    root = writer.kernel.root
    assert root is not None
    point = Point(indices, lanes, count)
    known = {id(root.out): total}
    writer.run(writer.kernel.body, known, streams, point)
    writer.store_all([root, *writer.kernel.body], known, streams, point)


def _dots(writer: KernelWriter, ops: Operands, streams: Any) -> None:
    """One column (or row): a dot product for each row, vectors running along k."""
    e = writer.emitter
    whole = ops.depth // LANES * LANES

    def row(indices: list[str]) -> None:
        def part(k: str, count: int, acc: Any) -> Any:
            point = Point([*indices, "0", k], LANES, count)
            a, b = _along(writer, ops.a, point, ops.dtype), _along(writer, ops.b, point, ops.dtype)
            return fma(a, b, acc)

        acc = registers.constant(e, 0.0, ops.dtype, LANES)
        if whole:

            def step(k: str, names: list[str]) -> list[str]:
                return [part(k, LANES, registers.Vec(e, names[0], ops.dtype, LANES)).name]

            out = e.carry(0, whole, LANES, [(acc.kind, acc.name)], step)
            acc = registers.Vec(e, out[0], ops.dtype, LANES)
        if ops.depth - whole:
            acc = part(str(whole), ops.depth - whole, acc)
        _finish(writer, streams, [*indices, "0"], 1, 1, transfer.reduce_add(acc))

    loops(e, ops.sizes[:-1], row)


def _along(writer: KernelWriter, stream: Stream, point: Point, dtype: Any) -> Any:
    """Consecutive elements along the last axis, whatever their distance."""
    e = writer.emitter
    where, step = offset_of(e, stream, point.indices), stream.strides[-1]
    if step == 1:
        return transfer.load(e, where, dtype, point.lanes, point.count)
    if step == 0:
        return registers.splat(e, transfer.load(e, where, dtype, 1, 1).name, dtype, point.lanes)
    return transfer.gather(e, where, step, dtype, point.lanes, point.count)


def _blocks(writer: KernelWriter, ops: Operands, streams: Any) -> None:
    """Blocks of rows times vectors of columns."""
    e = writer.emitter
    m, n = ops.sizes[-2:]
    if ops.b.strides[-2] not in (0, 1):
        _pack(writer, ops)
    chunks = [(j, min(LANES, n - j)) for j in range(0, n, LANES)]
    groups = [chunks[i : i + 4] for i in range(0, len(chunks), 4)]
    for group in groups:
        height = _height(m, len(group))

        def rows(batch: list[str], start: int, stop: int, high: int, group: Any = group) -> None:
            def block(i: str) -> None:
                lines = [i if r == 0 else e.value(f"add nuw nsw i64 {i}, {r}") for r in range(high)]
                _block(writer, ops, streams, batch, lines, group)

            if stop - start == high:
                _block(writer, ops, streams, batch, [str(start + r) for r in range(high)], group)
            else:
                e.loop(start, stop, high, block)

        def batchwise(batch: list[str], rows: Any = rows, height: int = height) -> None:
            whole = m // height * height
            if whole:
                rows(batch, 0, whole, height)
            if m - whole:
                rows(batch, whole, m, m - whole)

        loops(e, ops.sizes[:-2], batchwise)


def _height(m: int, columns: int) -> int:
    """Rows in a block: as many as fit the registers, best a divisor of all."""
    most = max(1, min(REGISTERS // columns, 12, m))
    for height in range(most, max(most // 2, 1) - 1, -1):
        if m % height == 0:
            return height
    return most


def _block(
    writer: KernelWriter,
    ops: Operands,
    streams: Any,
    batch: list[str],
    lines: list[str],
    group: Sequence[tuple[int, int]],
) -> None:
    """One block: accumulate over k, then finish each row's vectors."""
    e, dtype = writer.emitter, ops.dtype
    zero = registers.constant(e, 0.0, dtype, LANES)
    # Few accumulators would wait for each other: then several ks run side by side.
    count = len(lines) * len(group)
    ways = next((w for w in (4, 5, 2) if count * w <= 8 and ops.depth % w == 0 and ops.depth > w), 1)

    def step(k: str, names: list[str]) -> list[str]:
        out: list[str] = []
        for way in range(ways):
            kk = k if way == 0 else e.value(f"add nuw nsw i64 {k}, {way}")
            out += _rank_one(writer, ops, batch, lines, group, kk, names[way * count : (way + 1) * count])
        return out

    if ops.depth == 1:
        totals = _rank_one(writer, ops, batch, lines, group, "0", [zero.name] * count)
    else:
        carried = e.carry(0, ops.depth, ways, [(zero.kind, zero.name)] * (count * ways), step)
        totals = carried[:count]
        for way in range(1, ways):
            parts = carried[way * count : (way + 1) * count]
            pairs = zip(totals, parts, strict=True)
            totals = [
                (registers.Vec(e, a, dtype, LANES) + registers.Vec(e, b, dtype, LANES)).name for a, b in pairs
            ]
    done = iter(totals)
    for line in lines:
        for j, width in group:
            acc = registers.Vec(e, next(done), dtype, LANES)
            _finish(writer, streams, [*batch, line, str(j)], LANES, width, acc)


def _rank_one(
    writer: KernelWriter,
    ops: Operands,
    batch: list[str],
    lines: list[str],
    group: Sequence[tuple[int, int]],
    k: str,
    accs: Sequence[str],
) -> list[str]:
    """Add the outer product of a column of A and a row of B to the accumulators."""
    e, dtype = writer.emitter, ops.dtype
    row = Stream(ops.b.pointer, ops.b.dtype, ops.b.offset, [*ops.b.strides[:-2], 0, ops.b.strides[-1]])
    columns = []
    for j, width in group:
        start = offset_of(
            e,
            Stream(row.pointer, row.dtype, row.offset + j * ops.b.strides[-2], row.strides),
            [*batch, "0", "0", k],
        )
        if ops.b.strides[-2] == 0:
            columns.append(registers.splat(e, transfer.load(e, start, dtype, 1, 1).name, dtype, LANES))
        else:
            columns.append(transfer.load(e, start, dtype, LANES, width))
    out: list[str] = []
    for r, line in enumerate(lines):
        where = offset_of(e, ops.a, [*batch, line, "0", k])
        value = registers.splat(e, transfer.load(e, where, dtype, 1, 1).name, dtype, LANES)
        for c, column in enumerate(columns):
            acc = registers.Vec(e, accs[r * len(group) + c], dtype, LANES)
            out.append(fma(value, column, acc).name)
    return out


def _pack(writer: KernelWriter, ops: Operands) -> None:
    """Copy B so that its columns lie side by side: on the stack, for it is small."""
    e, dtype = writer.emitter, ops.dtype
    n, depth, rank = ops.sizes[-1], ops.depth, len(ops.sizes) + 1
    batch = [size if step else 1 for size, step in zip(ops.sizes[:-2], ops.b.strides, strict=False)]
    total = depth * n
    for size in batch:
        total *= size
    place = e.value(f"alloca [{total + LANES} x {llvm_type(dtype)}], align 64")
    strides = [0] * rank
    step = 1
    for axis, size in (
        (rank - 2, n),
        (rank - 1, depth),
        *[(d, batch[d]) for d in reversed(range(len(batch)))],
    ):
        strides[axis] = step if size > 1 or axis >= rank - 2 else 0
        step *= size
    packed = Stream(place, dtype, 0, strides)

    def copy(indices: list[str]) -> None:
        *lead, j, k = indices
        at = [*lead, "0", j, k]
        value = transfer.load(e, offset_of(e, ops.b, at), dtype, 1, 1)
        transfer.store(value, offset_of(e, packed, at))

    loops(e, [*batch, n, depth], copy)
    ops.b = packed
