"""Maps and reductions: nests whose last axis runs in vectors."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile import host
from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.records import Kernel
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.accumulate import accumulator_of, reduced_axes
from rushlight.compile.write.cuts import share, worthwhile
from rushlight.compile.write.kernel_writer import (
    LANES,
    KernelWriter,
    Point,
    body_streams,
    lies_between,
    read_source,
    write_root,
)
from rushlight.compile.write.nest import Nest, loops
from rushlight.compile.write.totals import add_up, carry, height

__all__ = [
    "Reduction",
    "along",
    "each_row",
    "keep_first",
    "over_rows",
    "over_space",
    "write_map",
    "write_reduction",
]

WIDE, LESS = 8, 4
"""Registers beside each other that are added up at a time, if they lie far from the next ones; and where
other things are computed first."""
FAR = 512
"""Bytes that are far."""


def write_map(writer: KernelWriter) -> None:
    """Every point of the space on its own."""
    kernel = writer.kernel
    space = kernel.space
    streams = body_streams(writer, kernel.body, set(), space, range(len(space)), len(space))
    nest = Nest(list(space), [False] * len(space), {k: s for k, s in streams.items() if s is not None})
    nest.simplify(free=True)
    axis = _axis_between(nest)
    if axis is not None:
        _woven(writer, nest, streams, axis)
        return

    def block(indices: list[str], lanes: int, count: int) -> None:
        point = Point(indices, lanes, count)
        known: dict[int, Any] = {}
        writer.run(kernel.body, known, streams, point)
        writer.store_all(kernel.body, known, streams, point)

    over_space(writer, nest.sizes, block)


def _axis_between(nest: Nest) -> int | None:
    """The axis whose few results lie between those of the last axis, as of windows that are spread."""
    for key, stream in nest.streams.items():
        step = stream.strides[-1] if stream.strides else 0
        if key[0] == "write" and 2 <= step <= transfer.NEAR:
            axes = range(len(nest.sizes) - 1)
            return next((d for d in axes if lies_between(stream, d, nest.sizes[d])), None)
    return None


def _woven(writer: KernelWriter, nest: Nest, streams: dict[Any, Any], axis: int) -> None:
    """A map that reads and writes whole vectors of what lies between each other along `axis` and the last
    axis."""
    nodes, steps = writer.kernel.body, range(nest.sizes[axis])

    def block(indices: list[str], lanes: int, count: int) -> None:
        points = [Point([*indices[:axis], str(i), *indices[axis:]], lanes, count) for i in steps]
        read = [v for node in nodes for v in node.values()]
        known = writer.read_woven(read, streams, points, axis)
        for point, found in zip(points, known, strict=True):
            writer.run(nodes, found, streams, point)
        writer.store_woven(nodes, known, streams, points, axis)

    over_space(writer, [n for d, n in enumerate(nest.sizes) if d != axis], block)


def over_space(
    writer: KernelWriter,
    sizes: list[int],
    block: Callable[[list[str], int, int], None],
    lanes: int = LANES,
) -> None:
    """``block(indices, lanes, count)`` for every point of a nest, in vectors along its last axis; one long
    row is divided along itself, many by another axis."""
    if len(sizes) == 1 and writer.divide(sizes[0] // lanes) > 1:
        _row_in_parts(writer, sizes[0], block, lanes)
    else:
        over_rows(writer, sizes, block, lanes)


def _row_in_parts(
    writer: KernelWriter, size: int, block: Callable[[list[str], int, int], None], lanes: int
) -> None:
    """A long row in parts that threads may share; the last one takes what is left over."""
    e = writer.emitter
    step = size // writer.parts // lanes * lanes
    start = e.value(f"mul nuw nsw i64 %part, {step}")
    last = e.value(f"icmp eq i64 %part, {writer.parts - 1}")
    whole = size // lanes * lanes
    ahead = e.value(f"add nuw nsw i64 {start}, {step}")
    stop = e.value(f"select i1 {last}, i64 {whole}, i64 {ahead}")
    e.loop(start, stop, lanes, lambda j: block([j], lanes, lanes))
    if size - whole:
        mark = e.fresh("R")
        e.line(f"br i1 {last}, label %{mark}.rest, label %{mark}.end")
        e.label(f"{mark}.rest")
        block([str(whole)], lanes, size - whole)
        e.line(f"br label %{mark}.end")
        e.label(f"{mark}.end")


def over_rows(
    writer: KernelWriter, sizes: list[int], block: Callable[[list[str], int, int], None], lanes: int = LANES
) -> None:
    """Loops over the outer axes; along the last one whole vectors, then the rest."""
    if not sizes:
        block([], 1, 1)
        return
    each_row(
        writer,
        sizes[:-1],
        lambda outer: along(writer, sizes[-1], lambda j, n: block([*outer, j], lanes, n), lanes),
    )


def each_row(writer: KernelWriter, sizes: list[int], body: Callable[[list[str]], None]) -> None:
    """Loops over `sizes`, outermost first, of which the longest is divided among the parts."""
    longest = max(range(len(sizes)), key=lambda d: sizes[d], default=0)
    parts = writer.divide(sizes[longest]) if sizes else 1
    if parts == 1:
        loops(writer.emitter, sizes, body)
        return
    e = writer.emitter
    first, after = share(e, sizes[longest], "%part", parts)

    def some(outer: list[str]) -> None:
        def inner(i: str) -> None:
            loops(e, sizes[longest + 1 :], lambda rest: body([*outer, i, *rest]))

        e.loop(first, after, 1, inner)

    loops(e, sizes[:longest], some)


def along(writer: KernelWriter, size: int, body: Callable[[str, int], None], lanes: int = LANES) -> None:
    whole = size // lanes * lanes
    if whole == lanes:
        body("0", lanes)
    elif whole:
        writer.emitter.loop(0, whole, lanes, lambda j: body(j, lanes))
    if size - whole:
        body(str(whole), size - whole)


def write_reduction(
    writer: KernelWriter, kind: type[Reduction] | None = None, stage: Kernel | None = None
) -> None:
    """Accumulators in registers over the reduced axes; the nodes after the reduction run on the result.
    `stage` is the part of the kernel that is a reduction, if not all is."""
    kernel = stage or writer.kernel
    assert kernel.root is not None
    source = next(kernel.root.values())
    full = source.spec.shape
    axes = reduced_axes(kernel.root)
    reduced = [d in axes for d in range(len(full))]
    rank = len(full)
    made: set[int] = set()
    before = body_streams(writer, kernel.before, made, full, range(rank), rank)
    read_source(writer, kernel.root, before, made, rank)
    place = [d for d in range(rank) if kernel.root.attrs["keepdim"] or not reduced[d]]
    after = body_streams(writer, kernel.body, {id(kernel.root.out)}, kernel.space, place, rank)
    write_root(writer, kernel.root, after, place, rank)
    merged: dict[Any, Any] = {}
    for part, streams in (("before", before), ("after", after)):
        merged.update({(part, k): s for k, s in streams.items() if s is not None})
    for (part, _), stream in merged.items():
        if part == "after":
            stream.strides = [0 if r else s for r, s in zip(reduced, stream.strides, strict=True)]
    nest = Nest(list(full), reduced, merged)
    nest.simplify(free=kind is None)
    (kind or Reduction)(writer, kernel, source, nest, before, after).write()


class Reduction:
    """The state of writing one reduction."""

    def __init__(
        self, writer: KernelWriter, kernel: Kernel, source: Value, nest: Nest, before: Any, after: Any
    ) -> None:
        self.writer, self.kernel, self.source, self.nest = writer, kernel, source, nest
        self.before, self.after = before, after
        assert kernel.root is not None
        self.accumulate(kernel.root)

    def accumulate(self, root: Node) -> None:
        """What is added up, and how much of it, now that the axes are known."""
        self.total = accumulator_of(root)
        self.dtype = self.total.dtype
        self.lower: Any = root.op.lower
        self.count = 1
        for n, r in zip(self.nest.sizes, self.nest.reduced, strict=True):
            self.count *= n if r else 1

    def write(self) -> None:
        sizes, reduced = self.nest.sizes, self.nest.reduced
        if not sizes:
            self._finish([], 1, 1, self._contribution([], 1, 1))
        elif reduced[-1]:
            self._rows()
        else:
            self._columns()

    def _contribution(
        self, indices: Sequence[str], lanes: int, count: int, read: dict[int, Any] | None = None
    ) -> Any:
        """The value to be accumulated at a point; lanes past `count` hold the identity. Some may be `read`
        already."""
        writer, point = self.writer, Point(indices, lanes, count)
        known = {**(read or {}), **self._at_hand(point, before=True)}
        if not any(n.out is self.source for n in self.kernel.before) and id(self.source) not in known:
            known[id(self.source)] = writer.read(self.source, self.before["read", id(self.source)], point)
        writer.run(self.kernel.before, known, self.before, point)
        writer.store_all(self.kernel.before, known, self.before, point)
        self._made(known, point)
        return self.total.enter(known[id(self.source)])

    def _at_hand(self, point: Point, before: bool = False) -> dict[int, Any]:
        """What the nodes before the reduction, or those after it, need not read at a point."""
        return {}

    def _made(self, known: dict[int, Any], point: Point) -> None:
        """What else becomes of the values that are made at a point."""

    def _masked(self, vec: Any, lanes: int, count: int) -> Any:
        if count == lanes:
            return vec
        return keep_first(vec, count, self.total.start)

    def _combine(self, a: Any, b: Any) -> Any:
        return self.total.merge(a, b)

    def _start(self, lanes: int) -> Any:
        return registers.constant(self.writer.emitter, self.total.start, self.dtype, lanes)

    def _finish(self, indices: Sequence[str], lanes: int, count: int, total: Any) -> None:
        """What comes after: the mean's division, the nodes that follow, and the stores."""
        writer, point = self.writer, Point(indices, lanes, count)
        root = self.kernel.root
        assert root is not None
        if self.lower.mean:
            total = total * (1.0 / self.count)
        known = {**self._at_hand(point), id(root.out): self.total.leave(total)}
        writer.run(self.kernel.body, known, self.after, point)
        writer.store_all([root, *self.kernel.body], known, self.after, point)
        self._made(known, point)

    def _nest(
        self, axes: Sequence[int], indices: dict[int, str], accs: list[Any], body: Any, terms: int = 1
    ) -> list[Any]:
        """Loops over `axes` that carry accumulators; ``body(indices, accs)`` gives the next ones, with
        `terms` more numbers in each."""
        if not axes:
            return body(indices, accs)
        first, rest = axes[0], axes[1:]

        def step(i: str, held: list[Any]) -> list[Any]:
            return self._nest(rest, {**indices, first: i}, held, body, terms)

        inside = terms
        for d in reversed(rest):
            inside = height(self.nest.sizes[d], 1, inside)
        return self._loop(self.nest.sizes[first], 1, accs, step, inside)

    def _loop(self, size: int, by: int, accs: list[Any], step: Any, terms: int = 1) -> list[Any]:
        """Steps that add `terms` numbers each to the accumulators."""
        if self.total.rounds:
            return add_up(self.writer.emitter, size, by, accs, step, terms)
        return carry(self.writer.emitter, 0, size, by, accs, step)

    def _split(self) -> tuple[list[int], list[int]]:
        rank = len(self.nest.sizes)
        kept = [d for d in range(rank) if not self.nest.reduced[d]]
        return kept, [d for d in range(rank) if self.nest.reduced[d]]

    def _rows(self) -> None:
        """The last axis is reduced: accumulate whole vectors of a row, then across the lanes."""
        kept, _ = self._split()

        def row(outer: list[str]) -> None:
            at = dict(zip(kept, outer, strict=True))
            self._finish([at.get(d, "0") for d in range(len(self.nest.sizes))], 1, 1, self.of_row(at))

        each_row(self.writer, [self.nest.sizes[d] for d in kept], row)

    def of_row(self, at: dict[int, str]) -> Any:
        """The total along the last axis and the others that are reduced, in one lane."""
        size, reduced = self.nest.sizes[-1], self._split()[1]
        unroll = 4 if size >= 8 * LANES else 1
        accs = [self._start(LANES) for _ in range(unroll)]
        terms = height(size, LANES * unroll) + unroll
        accs = self._nest(reduced[:-1], at, accs, lambda where, held: self._row(where, held, size), terms)
        return self.total.across(functools.reduce(self._combine, accs))

    def _row(self, at: dict[int, str], accs: list[Any], size: int) -> list[Any]:
        e, rank = self.writer.emitter, len(self.nest.sizes)
        unroll = len(accs)
        whole = size // (LANES * unroll) * (LANES * unroll)

        def one(j: str, count: int, acc: Any) -> Any:
            indices = [*[at.get(d, "0") for d in range(rank - 1)], j]
            vec = self._masked(self._contribution(indices, LANES, count), LANES, count)
            return self._combine(acc, vec)

        if whole:

            def step(j: str, held: list[Any]) -> list[Any]:
                starts = [j, *[e.value(f"add nuw nsw i64 {j}, {LANES * u}") for u in range(1, unroll)]]
                return [one(s, LANES, a) for s, a in zip(starts, held, strict=True)]

            accs = self._loop(whole, LANES * unroll, accs, step)
        for j in range(whole, size, LANES):
            accs = [one(str(j), min(LANES, size - j), accs[0]), *accs[1:]]
        return accs

    def _columns(self) -> None:
        """The last axis stays: a vector of results at a time, rows added one after the other."""
        kept, _ = self._split()
        sizes = self.nest.sizes

        def block(indices: list[str], lanes: int, count: int) -> None:
            at = dict(zip(kept, indices, strict=True))
            total = self.of_column(at, count, lanes)
            self._finish([at.get(d, "0") for d in range(len(sizes))], lanes, count, total)

        over_space(self.writer, [sizes[d] for d in kept], block, self._wide())

    def _wide(self) -> int:
        """Results at a time: several vectors beside each other, where all is not in the first cache and what
        is added up next lies far away."""
        nest, (_, reduced) = self.nest, self._split()
        if not reduced or math.prod(nest.sizes) * self.dtype.itemsize <= host.describe().caches.l1:
            return LANES
        streams = [s for s in self.before.values() if s is not None and s.strides and not s.bounds]
        if not any(abs(s.strides[reduced[-1]]) * s.dtype.itemsize >= FAR for s in streams):
            return LANES
        lanes = host.describe().lanes(self.dtype.itemsize)
        width = max(LANES, lanes * (LESS if self.kernel.before else WIDE))
        vectors = nest.sizes[-1] // LANES
        parts = worthwhile(self.writer.work, vectors)
        return min(width, max(1, vectors // parts) * LANES)

    def of_column(self, at: dict[int, str], count: int, lanes: int = LANES) -> Any:
        """The totals of a vector of results."""
        reduced = self._split()[1]
        length = self.nest.sizes[reduced[-1]] if reduced else 1
        unroll = 1 if lanes > LANES else next(u for u in (4, 5, 2, 1) if length % u == 0) if reduced else 1
        accs = [self._start(lanes) for _ in range(unroll)]
        terms = height(length, unroll)
        accs = self._nest(reduced[:-1], at, accs, lambda where, held: self._column(where, held, count), terms)
        return functools.reduce(self._combine, accs)

    def _column(self, at: dict[int, str], accs: list[Any], count: int) -> list[Any]:
        e, rank = self.writer.emitter, len(self.nest.sizes)
        reduced = [d for d in range(rank) if self.nest.reduced[d]]
        if not reduced:
            return [self._contribution([at[d] for d in range(rank)], accs[0].lanes, count)]
        axis, lanes = reduced[-1], accs[0].lanes

        def step(i: str, held: list[Any]) -> list[Any]:
            rows = [i, *[e.value(f"add nuw nsw i64 {i}, {u}") for u in range(1, len(held))]]
            places = [[row if d == axis else at.get(d, "0") for d in range(rank)] for row in rows]
            read: list[dict[int, Any]] = [{} for _ in rows]
            if 1 < len(held) == self.nest.sizes[axis] <= transfer.NEAR:  # they may lie between each other
                values = [self.source, *[v for node in self.kernel.before for v in node.values()]]
                points = [Point(place, lanes, count) for place in places]
                read = self.writer.read_woven(values, self.before, points, axis)
            return [
                self._combine(acc, self._contribution(place, lanes, count, known))
                for acc, place, known in zip(held, places, read, strict=True)
            ]

        return self._loop(self.nest.sizes[axis], len(accs), accs, step)


def keep_first(vec: Any, count: int, rest: float) -> Any:
    """The first `count` lanes as they are, `rest` in the others."""
    e, lanes = vec.emitter, vec.lanes
    mask = ", ".join(f"i1 {'true' if i < count else 'false'}" for i in range(lanes))
    other = registers.constant(e, rest, vec.dtype, lanes)
    name = e.value(f"select <{lanes} x i1> <{mask}>, {vec.kind} {vec.name}, {vec.kind} {other.name}")
    return registers.Vec(e, name, vec.dtype, lanes)
