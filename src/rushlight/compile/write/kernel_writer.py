"""Writing one kernel: what every kind has in common. Reading operands, running the nodes, storing results."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.compile.plan.memory import Buffer, Memory
from rushlight.compile.plan.records import Kernel, Schedule
from rushlight.compile.vector import registers, transfer
from rushlight.compile.vector.namespace import VectorMath
from rushlight.compile.vector.registers import LANES
from rushlight.compile.write.bounded import bounded
from rushlight.compile.write.cuts import worthwhile
from rushlight.compile.write.emit import Emitter
from rushlight.compile.write.gather import gather_streams, read_gathered
from rushlight.compile.write.nest import Bound, Stream, offset_of
from rushlight.compile.write.work import work_of
from rushlight.core.atomic import struck
from rushlight.core.lower import Gather

__all__ = [
    "LANES",
    "KernelWriter",
    "Point",
    "aligned_axes",
    "body_streams",
    "can_emit",
    "lies_between",
    "read_source",
    "write_root",
]

DIVIDED = frozenset(
    ("map", "rows", "gather", "copy", "fill", "reduce", "integer matmul", "cumulative", "random")
)
"""Kernels that write each element by itself."""


class Point:
    """Where in the nest the code stands: an index per axis, and how many elements along the last one."""

    __slots__ = ("count", "indices", "lanes")

    def __init__(self, indices: Sequence[str], lanes: int, count: int) -> None:
        self.indices = list(indices)
        self.lanes = lanes
        self.count = count

    def first(self) -> Point:
        """Its first element alone."""
        return Point(self.indices, 1, 1)


class KernelWriter:
    """Writes the function of one kernel.

    Its arguments are the buffers that it touches, each once, so that LLVM may take it that they do not
    overlap, and numbers that are the caller's. Nothing in its text says where in the program the kernel is.
    """

    def __init__(self, plan: Schedule, memory: Memory, kernel: Kernel) -> None:
        self.plan = plan
        self.memory = memory
        self.kernel = kernel
        self.emitter = Emitter()
        self.arguments: dict[Buffer, int] = {}
        """The buffers, and how many bytes from the beginning of each its argument points."""
        self.numbers: list[int] = []
        self.parts = 1
        """Into how many parts, done side by side, the kernel divides its work. It follows from sizes
        alone, so that results do not depend on how many threads there are."""
        self.work = work_of(kernel)
        """How much there is to do, in operations of float32."""

    def divide(self, most: int) -> int:
        """Into how many parts, at most so many, the kernel divides its work."""
        if self.kernel.kind in DIVIDED:
            self.parts = worthwhile(self.work, most)
        return self.parts

    # Buffers

    def number(self, value: int) -> str:
        """An argument of its own for a number by which only the program's callers differ."""
        self.numbers.append(value)
        return f"%n{len(self.numbers) - 1}"

    def at(self, buffer: Buffer, dtype: Any, offset: int, strides: list[int]) -> Stream:
        """How to walk over `buffer` from its number `offset` on. Its argument points at the first place that
        is asked for, so that slices of a buffer are read by one function."""
        start = self.arguments.setdefault(buffer, offset * dtype.itemsize)
        first, between = divmod(start, dtype.itemsize)
        if between:
            raise ValueError(f"{buffer} holds numbers of different sizes for one kernel")
        place = list(self.arguments).index(buffer)
        return Stream(f"%b{place}", dtype, offset - first, strides)

    def stream(self, value: Value, axes: Sequence[int | None], rank: int) -> Stream | None:
        """How to read `value` in a nest of `rank` axes; `axes` says which of them each axis of it is.

        None for a constant. An axis of size 1 is broadcast: its stride is 0.
        """
        access = self.plan.access.get(id(value))
        if access is None:
            return None
        shape = value.spec.shape

        def over(steps: Sequence[int]) -> list[int]:
            found = [0] * rank
            for axis, n, step in zip(axes, shape, steps, strict=True):
                if axis is not None and n != 1:
                    found[axis] += step
            return found

        base, strides = access.value, over(access.strides)
        buffer = self.memory.places[id(base)]
        if not access.edges:
            return self.at(buffer, base.spec.dtype, access.offset, strides)
        # The argument points at memory that there is.
        stream = self.at(buffer, base.spec.dtype, 0, strides)
        stream.offset += access.offset
        stream.bounds = [Bound(edge.first, over(edge.steps), edge.size) for edge in access.edges]
        stream.beyond = access.beyond
        return stream

    def target(self, value: Value, axes: Sequence[int | None], rank: int) -> Stream:
        """How to write `value`."""
        strides = [0] * rank
        for axis, step in zip(axes, self.plan.access[id(value)].strides, strict=True):
            if axis is not None:
                strides[axis] = step
        return self.at(self.memory.places[id(value)], value.spec.dtype, 0, strides)

    # Points

    def read(self, value: Value, stream: Stream | None, point: Point) -> Any:
        """`value` at a point: a constant, a splat of one number, consecutive elements, or gathered ones."""
        dtype, e = value.spec.dtype, self.emitter
        if stream is None:
            return registers.constant(e, self.plan.constants[id(value)], dtype, point.lanes)
        if stream.bounds:
            return bounded(e, stream, point.indices, len(point.indices) - 1, point.lanes, point.count)
        where = offset_of(e, stream, point.indices)
        return self.read_at(where, stream.strides[-1] if stream.strides else 0, dtype, point)

    def read_at(self, where: str, step: int, dtype: Any, point: Point) -> Any:
        """What lies at an address, and `step` numbers further for each next lane."""
        e = self.emitter
        if point.lanes == 1:
            return transfer.load(e, where, dtype, 1, 1)
        if step == 0:
            return registers.splat(e, transfer.load(e, where, dtype, 1, 1).name, dtype, point.lanes)
        if step == 1:
            return transfer.load(e, where, dtype, point.lanes, point.count)
        return transfer.gather(e, where, step, dtype, point.lanes, point.count)

    def write(self, stream: Stream, vec: Any, point: Point) -> None:
        """Store a value at a point."""
        e = self.emitter
        where = offset_of(e, stream, point.indices)
        step = stream.strides[-1] if stream.strides else 0
        if point.lanes == 1 or step == 1:
            transfer.store(vec, where, point.count)
        else:
            transfer.scatter(vec, where, step, point.count)

    def run(
        self, nodes: Sequence[Node], known: dict[int, Any], streams: dict[Any, Stream | None], point: Point
    ) -> None:
        """Run elementwise nodes at a point. `known` holds values in registers and gains the results; what it
        lacks is read."""
        math = VectorMath(self.emitter, point.lanes)
        for node in nodes:
            if isinstance(node.op.lower, Gather):
                known[id(node.out)] = read_gathered(self, node, streams, point)
                continue
            operands = []
            for v in node.inputs:
                if isinstance(v, Value):
                    if id(v) not in known:
                        known[id(v)] = self.read(v, streams.get(("read", id(v))), point)
                    v = known[id(v)]
                operands.append(v)
            result = node.op.formula(math, *operands, **node.attrs)
            if not isinstance(result, registers.Vec):
                result = registers.constant(self.emitter, result, node.out.spec.dtype, point.lanes)
            known[id(node.out)] = registers.widen(registers.cast(result, node.out.spec.dtype), point.lanes)

    def store_all(
        self, nodes: Sequence[Node], known: dict[int, Any], streams: dict[Any, Any], point: Point
    ) -> None:
        """Store those results of `nodes` that go to memory."""
        stored = {id(v) for v in self.kernel.stores}
        for node in nodes:
            if id(node.out) in stored:
                self.write(streams["write", id(node.out)], known[id(node.out)], point)

    def read_woven(
        self, values: Iterable[Value], streams: dict[Any, Any], points: Sequence[Point], axis: int
    ) -> list[dict[int, Any]]:
        """Those of the values that lie between each other in whole vectors, at points one after the other
        along `axis`."""
        known: list[dict[int, Any]] = [{} for _ in points]
        for v in {id(v): v for v in values}.values():
            stream = streams.get(("read", id(v)))
            if stream is None or stream.bounds or not lies_between(stream, axis, len(points)):
                continue
            first = points[0]
            where = offset_of(self.emitter, stream, first.indices)
            vectors = transfer.unweave(
                self.emitter, where, len(points), v.spec.dtype, first.lanes, first.count
            )
            for found, vector in zip(known, vectors, strict=True):
                found[id(v)] = vector
        return known

    def store_woven(
        self,
        nodes: Sequence[Node],
        known: Sequence[dict[int, Any]],
        streams: dict[Any, Any],
        points: Sequence[Point],
        axis: int,
    ) -> None:
        """Store those results of `nodes` that go to memory, at points one after the other along `axis`; what
        lies between each other in whole vectors."""
        stored = {id(v) for v in self.kernel.stores}
        for out in (node.out for node in nodes if id(node.out) in stored):
            stream, first = streams["write", id(out)], points[0]
            vectors = [found[id(out)] for found in known]
            if lies_between(stream, axis, len(points)):
                transfer.weave(vectors, offset_of(self.emitter, stream, first.indices), first.count)
                continue
            for point, vector in zip(points, vectors, strict=True):
                self.write(stream, vector, point)

    def function(self) -> tuple[str, str]:
        """(the function's name, a module of it alone). Equal functions have one name."""
        arguments = ", ".join(
            [
                *[f"ptr noalias %b{i}" for i in range(len(self.arguments))],
                "ptr %callback",
                "i64 %part",
                *[f"i64 %n{i}" for i in range(len(self.numbers))],
            ]
        )
        declared = "\n".join(self.emitter.declarations.values())
        body = "\n".join([*self.emitter.reserved, *self.emitter.lines])
        name = f"f{hashlib.sha256(f'{declared}({arguments}){body}'.encode()).hexdigest()[:20]}"
        # Without the alignment, vectors that do not fit the registers would lie across lines of the cache.
        head = f"define void @{name}({arguments}) nounwind alignstack(64) {{"
        return name, f"{declared}\n\n{head}\nentry:\n{body}\n  ret void\n}}\n"


def lies_between(stream: Stream, axis: int, several: int) -> bool:
    """Whether `several` numbers along `axis` lie between those along the last axis."""
    return stream.strides[-1] == several and stream.strides[axis] == 1


def aligned_axes(shape: Sequence[int], space: Sequence[int], offset: int = 0) -> list[int]:
    """Which axis of `space` each axis of a tensor of `shape` is: broadcasting counts from the last."""
    lead = len(space) - len(shape)
    return [lead + d + offset for d in range(len(shape))]


def body_streams(
    writer: KernelWriter,
    nodes: Sequence[Node],
    made: set[int],
    space: tuple[int, ...],
    place: Sequence[int | None],
    rank: int,
) -> dict[Any, Any]:
    """Streams for all that `nodes` read from memory and store, over a nest of `rank` axes.

    place   the axis of the nest at which each axis of `space`, the nodes' own shape, lies.
    made    ids of values that are in registers.
    """
    streams: dict[Any, Any] = {}
    stored = {id(v) for v in writer.kernel.stores}
    for node in nodes:
        if isinstance(node.op.lower, Gather):
            streams.update(gather_streams(writer, node, place, rank))
        for v in node.values() if not isinstance(node.op.lower, Gather) else ():
            key = ("read", id(v))
            if id(v) not in made and key not in streams:
                axes = [place[d] for d in aligned_axes(v.spec.shape, space)]
                streams[key] = writer.stream(v, axes, rank)
        made.add(id(node.out))
        if id(node.out) in stored:
            streams["write", id(node.out)] = writer.target(node.out, list(place), rank)
    return streams


def read_source(writer: KernelWriter, root: Node, streams: dict[Any, Any], made: set[int], rank: int) -> None:
    """The stream for what a reduction reads, over a nest of its axes, unless that is in registers."""
    source = next(root.values())
    if id(source) not in made:
        streams["read", id(source)] = writer.stream(source, range(rank), rank)


def write_root(
    writer: KernelWriter, root: Node, streams: dict[Any, Any], place: Sequence[int | None], rank: int
) -> None:
    """The stream for the result of a kernel's root, if that is stored."""
    if any(v is root.out for v in writer.kernel.stores):
        streams["write", id(root.out)] = writer.target(root.out, place, rank)


@functools.cache
def _emits(op: Any, kinds: tuple[Any, ...], attrs: str, node: _Hashed) -> bool:
    emitter = Emitter()
    operands = [registers.Vec(emitter, "%x", k, LANES) if number is None else number for k, number in kinds]
    try:
        op.formula(VectorMath(emitter, LANES), *operands, **node.attrs)
    except Exception as error:
        if struck(error):
            raise
        return False
    return True


class _Hashed:
    """Attributes that ride along in a cached call without being looked at."""

    def __init__(self, attrs: dict[str, Any]) -> None:
        self.attrs = attrs

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed)


def can_emit(node: Node) -> bool:
    """Whether an elementwise node's formula can be written as instructions."""
    kinds = tuple((v.spec.dtype, None) if isinstance(v, Value) else (None, v) for v in node.inputs)
    return _emits(node.op, kinds, repr(node.attrs), _Hashed(node.attrs))
