"""Running totals along one axis: the other axes are parallel, and the total is carried in registers.

Where another axis is the last one, a vector holds as many running totals, and each adds up one after the
other. Along the last axis itself a vector is summed in four rounds, which add the lanes 1, 2, 4 and 8 places
before; the sum of all before it is added last. Totals of floats are kept in float64, and each is rounded by
itself.
"""

from __future__ import annotations

from typing import Any

from rushlight.compile.vector import registers
from rushlight.compile.vector.registers import Vec
from rushlight.compile.write.kernel_writer import (
    LANES,
    KernelWriter,
    Point,
    body_streams,
    read_source,
    write_root,
)
from rushlight.compile.write.maps import each_row, over_space
from rushlight.compile.write.nest import Nest
from rushlight.device import xp

__all__ = ["write_cumulative"]


def write_cumulative(writer: KernelWriter) -> None:
    """The sum of each element and all before it along an axis; elementwise nodes run before and after."""
    kernel, root = writer.kernel, writer.kernel.root
    assert root is not None
    source = next(root.values())
    space, rank = kernel.space, len(kernel.space)
    made: set[int] = set()
    streams = body_streams(writer, kernel.before, made, space, range(rank), rank)
    read_source(writer, root, streams, made, rank)
    streams.update(body_streams(writer, kernel.body, made | {id(root.out)}, space, range(rank), rank))
    write_root(writer, root, streams, range(rank), rank)
    summed = [d == root.attrs["dim"] for d in range(rank)]
    nest = Nest(list(space), summed, {k: s for k, s in streams.items() if s is not None})
    nest.simplify()
    _Running(writer, source, nest, streams).write()


class _Running:
    """The state of writing one such kernel."""

    def __init__(self, writer: KernelWriter, source: Any, nest: Nest, streams: Any) -> None:
        self.writer, self.source, self.nest, self.streams = writer, source, nest, streams
        assert writer.kernel.root is not None
        result = writer.kernel.root.out.spec.dtype
        self.dtype = xp.float64 if result.kind == "f" else result
        self.axis = nest.reduced.index(True) if True in nest.reduced else None
        self.kept = [d for d in range(len(nest.sizes)) if d != self.axis]

    def write(self) -> None:
        sizes = self.nest.sizes
        kept, last = [sizes[d] for d in self.kept], len(sizes) - 1
        if not sizes:
            self._point([], 1, 1, None)
        elif self.axis == last:
            each_row(self.writer, kept, lambda outer: self._row(outer, sizes[last]))
        else:
            over_space(self.writer, kept, lambda indices, lanes, count: self._column(indices, count))

    def _zero(self) -> Any:
        """What changes nothing when it is added: of floats -0, since -0 + 0 is 0."""
        zero = -0.0 if self.dtype.kind == "f" else 0
        return registers.constant(self.writer.emitter, zero, self.dtype, LANES)

    def _point(self, indices: list[str], lanes: int, count: int, total: Any) -> Any:
        """The elements at a point with `total`, a function of them, made and stored; gives that total."""
        writer, point = self.writer, Point(indices, lanes, count)
        kernel, root = writer.kernel, writer.kernel.root
        assert root is not None
        known: dict[int, Any] = {}
        if not any(n.out is self.source for n in kernel.before):
            stream = self.streams["read", id(self.source)]
            known[id(self.source)] = writer.read(self.source, stream, point)
        writer.run(kernel.before, known, self.streams, point)
        found = registers.cast(known[id(self.source)], self.dtype)
        result = found if total is None else total(found)
        known[id(root.out)] = registers.cast(result, root.out.spec.dtype)
        writer.run(kernel.body, known, self.streams, point)
        writer.store_all([*kernel.before, root, *kernel.body], known, self.streams, point)
        return result

    def _column(self, outer: list[str], count: int) -> None:
        """A vector of running totals, one element of each at a time."""
        e, at = self.writer.emitter, dict(zip(self.kept, outer, strict=True))
        zero = self._zero()

        def step(i: str, names: list[str]) -> list[str]:
            held = Vec(e, names[0], self.dtype, LANES)
            indices = [at.get(d, i) for d in range(len(self.nest.sizes))]
            return [self._point(indices, LANES, count, lambda x: held + x).name]

        if self.axis is None:
            self._point(outer, LANES, count, None)
        else:
            e.carry(0, self.nest.sizes[self.axis], 1, [(zero.kind, zero.name)], step)

    def _row(self, outer: list[str], size: int) -> None:
        """One running total, LANES elements at a time; `held` has the sum of all before in every lane."""
        e, zero = self.writer.emitter, self._zero()
        whole = size // LANES * LANES
        name = zero.name

        def block(j: str, count: int, held: str) -> str:
            before = Vec(e, held, self.dtype, LANES)
            return _last(self._point([*outer, j], LANES, count, lambda x: before + self._within(x))).name

        if whole:
            carried = [(zero.kind, zero.name)]
            (name,) = e.carry(0, whole, LANES, carried, lambda j, names: [block(j, LANES, names[0])])
        if size > whole:
            block(str(whole), size - whole, name)

    def _within(self, x: Any) -> Any:
        """The running totals of a Vec's lanes."""
        zero, step = self._zero(), 1
        while step < x.lanes:
            lanes = [i - step if i >= step else x.lanes for i in range(x.lanes)]
            x = x + _shuffle(x, zero, lanes)
            step *= 2
        return x


def _shuffle(a: Any, b: Any, lanes: list[int]) -> Any:
    mask = ", ".join(f"i32 {i}" for i in lanes)
    text = f"shufflevector {a.kind} {a.name}, {b.kind} {b.name}, <{len(lanes)} x i32> <{mask}>"
    return registers.vec(a, text)


def _last(x: Any) -> Any:
    """The last lane in every lane."""
    return _shuffle(x, x, [x.lanes - 1] * x.lanes)
