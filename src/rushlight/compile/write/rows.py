"""Rows: stages that run row by row, one after the other.

Vectors run along the rows themselves, or across them, as many rows at a time as there are lanes: whichever
way most of what is read and written lies side by side. What a stage makes of a row for a later one stays: a
row's totals in registers, a number for each point in a row of memory of the kernel's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.records import Kernel
from rushlight.compile.plan.rows import place_in_rows
from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.kernel_writer import (
    LANES,
    KernelWriter,
    Point,
    body_streams,
    read_source,
    write_root,
)
from rushlight.compile.write.maps import Reduction, along, each_row, over_space, write_reduction
from rushlight.compile.write.nest import Nest, Stream, element_type, offset_of

__all__ = ["write_rows"]


def write_rows(writer: KernelWriter) -> None:
    """All rows, in all stages, and then what becomes of all of them."""
    _Rows(writer).write()
    for stage in writer.kernel.stages:
        if _is_last(stage, writer.kernel):
            assert writer.parts == 1
            write_reduction(writer, stage=stage)


def _is_last(stage: Kernel, kernel: Kernel) -> bool:
    """Whether a stage does not run row by row, but when all rows are done."""
    return place_in_rows(stage.space, kernel.space, kernel.axis) is None


class _Stage(Reduction):
    """One stage; a map has no reduction, and runs over all points of a row, or once for each row."""

    def __init__(self, rows: _Rows, kernel: Kernel) -> None:
        self.rows, self.writer, self.kernel, self.nest = rows, rows.writer, kernel, rows.nest
        space, axis, rank = rows.space, rows.axis, len(rows.space)
        first = [*kernel.before, *([kernel.root] if kernel.root else [])]
        self.inside = {True: self._inside(first), False: self._inside(kernel.body)}
        made = {*self.inside[True], *self.inside[False]}
        self.before: dict[Any, Any] = {}
        if kernel.root is not None:
            self.source = next(kernel.root.values())
            here = set(made)
            self.before = body_streams(self.writer, kernel.before, here, space, range(rank), rank)
            read_source(self.writer, kernel.root, self.before, here, rank)
            made.add(id(kernel.root.out))
        place = place_in_rows(kernel.space, space, axis)
        assert place is not None
        self.single = kernel.space != space
        self.after = body_streams(self.writer, kernel.body, made, kernel.space, place, rank)
        if kernel.root is not None:
            write_root(self.writer, kernel.root, self.after, place, rank)

    def _inside(self, nodes: Sequence[Node]) -> dict[int, Value]:
        """Of what the nodes read, what earlier stages make: the value in which it is found, by id."""
        own, inside = {id(n.out) for n in self.kernel.nodes}, self.writer.kernel.inside
        values = [v for node in nodes for v in node.values() if id(v) in inside - own]
        return {id(v): self.writer.plan.access[id(v)].value for v in values}

    def ready(self) -> None:
        """When the axes have found their order."""
        if self.kernel.root is not None:
            self.accumulate(self.kernel.root)

    def run(self, at: dict[int, str], lanes: int, count: int) -> None:
        """The stage on one row, or on as many as there are lanes."""
        if self.kernel.root is not None:
            along_row = self.nest.reduced[-1]
            total = self.of_row(at) if along_row else self.of_column(at, count)
            self._finish(self._indices(at), lanes, count, total)
        elif self.single:
            self._body(Point(self._indices(at), lanes, count))
        elif self.nest.reduced[-1]:
            along(
                self.writer,
                self.nest.sizes[-1],
                lambda j, n: self._body(Point([*self._indices(at)[:-1], j], LANES, n)),
            )
        else:
            axis = self.nest.reduced.index(True)
            e = self.writer.emitter
            e.loop(
                0,
                self.nest.sizes[axis],
                1,
                lambda i: self._body(Point(self._indices({**at, axis: i}), LANES, count)),
            )

    def _indices(self, at: dict[int, str]) -> list[str]:
        return [at.get(d, "0") for d in range(len(self.nest.sizes))]

    def _body(self, point: Point) -> None:
        known = self._at_hand(point)
        self.writer.run(self.kernel.body, known, self.after, point)
        self.writer.store_all(self.kernel.body, known, self.after, point)
        self._made(known, point)

    def _at_hand(self, point: Point, before: bool = False) -> dict[int, Any]:
        return {key: self.rows.recall(base, point) for key, base in self.inside[before].items()}

    def _made(self, known: dict[int, Any], point: Point) -> None:
        for node in self.kernel.nodes:
            if id(node.out) in known and id(node.out) in self.rows.wanted:
                self.rows.keep(node.out, known[id(node.out)], point)


class _Rows:
    """The state of writing one such kernel."""

    def __init__(self, writer: KernelWriter) -> None:
        kernel = writer.kernel
        self.writer, self.space, self.axis = writer, kernel.space, kernel.axis
        self.nest = Nest(list(kernel.space), [d == kernel.axis for d in range(len(kernel.space))])
        self.stages = [_Stage(self, stage) for stage in kernel.stages if not _is_last(stage, kernel)]
        self.wanted = {
            id(base) for stage in self.stages for some in stage.inside.values() for base in some.values()
        }
        self._rows: dict[int, Any] = {}
        self._points: dict[int, str] = {}
        for s, stage in enumerate(self.stages):
            for part in ("before", "after"):
                streams = getattr(stage, part)
                self.nest.streams.update({(s, part, k): v for k, v in streams.items() if v is not None})
        self.nest.simplify(free=True)
        for stage in self.stages:
            stage.ready()

    def write(self) -> None:
        kept = [d for d, r in enumerate(self.nest.reduced) if not r]
        lengths = [self.nest.sizes[d] for d in kept]

        def rows(indices: list[str], lanes: int = 1, count: int = 1) -> None:
            self._row(dict(zip(kept, indices, strict=True)), lanes, count)

        if self.nest.reduced[-1]:
            each_row(self.writer, lengths, rows)
        else:
            over_space(self.writer, lengths, rows)

    def _row(self, at: dict[int, str], lanes: int, count: int) -> None:
        self._rows.clear()
        for stage in self.stages:
            stage.run(at, lanes, count)

    def keep(self, value: Value, vec: Any, point: Point) -> None:
        """Remember what a stage made at a point."""
        if self._of_row(value):
            self._rows[id(value)] = vec
        else:
            transfer.store(vec, self._place(value, point), vec.lanes)

    def recall(self, value: Value, point: Point) -> Any:
        """What an earlier stage made at a point, or for the row that it is in."""
        e = self.writer.emitter
        if self._of_row(value):
            vec = self._rows[id(value)]
            return vec if vec.lanes == point.lanes else registers.splat(e, vec.name, vec.dtype, point.lanes)
        return transfer.load(e, self._place(value, point), value.spec.dtype, point.lanes, point.lanes)

    def _of_row(self, value: Value) -> bool:
        """Whether there is one number for each row."""
        return value.spec.shape != self.space

    def _place(self, value: Value, point: Point) -> str:
        """Where the number of a point is kept; across the rows, a vector of them."""
        e, sizes = self.writer.emitter, self.nest.sizes
        axis = self.nest.reduced.index(True)
        last = axis == len(sizes) - 1
        length = -(-sizes[axis] // LANES) * LANES if last else sizes[axis] * LANES
        if id(value) not in self._points:
            self._points[id(value)] = e.reserve(length, element_type(value.spec.dtype))
        steps = [(1 if last else LANES) if d == axis else 0 for d in range(len(sizes))]
        return offset_of(e, Stream(self._points[id(value)], value.spec.dtype, 0, steps), point.indices)
