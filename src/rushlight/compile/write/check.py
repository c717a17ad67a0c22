"""Checks: whether all numbers of an index are in range, before anything is read or written through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compile.vector import registers
from rushlight.compile.write.kernel_writer import LANES, KernelWriter, Point
from rushlight.compile.write.nest import Nest, Stream
from rushlight.device import xp

__all__ = ["write_check"]


def write_check(writer: KernelWriter, number: int) -> None:
    """If an index is out of range, say so in the flag: its words are the number of the check that failed
    last, of the one that failed first, and the first index that this one found, in row-major order. Then the
    function is left; what is written after it runs where all is well."""
    check, e = writer.kernel.check, writer.emitter
    assert check is not None
    assert writer.memory.flag is not None
    shape = check.value.spec.shape
    stream = writer.stream(check.value, range(len(shape)), len(shape))
    assert stream is not None
    nest = Nest(list(shape), [False] * len(shape), {"index": stream})
    nest.simplify()
    flag = writer.at(writer.memory.flag, xp.dtype(xp.int64), 0, []).pointer
    own = writer.number(number)
    bad = _any(writer, nest.sizes, stream)
    mark = e.fresh("C")
    e.line(f"br i1 {bad}, label %{mark}.bad, label %{mark}.end")
    e.label(f"{mark}.bad")
    first = _first(writer, nest.sizes, stream)
    e.line(f"store i64 {own}, ptr {flag}")
    place = e.value(f"getelementptr i64, ptr {flag}, i64 1")
    old = e.value(f"load i64, ptr {place}")
    e.line(f"br label %{mark}.note")
    e.label(f"{mark}.note")
    fresh = e.value(f"icmp eq i64 {old}, 0")
    e.line(f"br i1 {fresh}, label %{mark}.store, label %{mark}.out")
    e.label(f"{mark}.store")
    e.line(f"store i64 {own}, ptr {place}")
    found = e.value(f"getelementptr i64, ptr {flag}, i64 2")
    e.line(f"store i64 {first}, ptr {found}")
    e.line(f"br label %{mark}.out")
    e.label(f"{mark}.out")
    e.line("ret void")
    e.label(f"{mark}.end")


def _outside(writer: KernelWriter, stream: Stream, point: Point) -> tuple[registers.Vec, registers.Vec]:
    """(the indices at a point, whether each is out of range)."""
    check = writer.kernel.check
    assert check is not None
    index = registers.cast(writer.read(check.value, stream, point), xp.int64)
    # As a number without sign, what is below the lowest is large.
    outside = registers.cast(index - check.low, xp.uint64) >= check.size - check.low
    return index, outside if check.free is None else outside & (index != check.free)


def _any(writer: KernelWriter, sizes: list[int], stream: Stream) -> str:
    """Whether any index is out of range."""
    e = writer.emitter
    if not sizes:
        return _outside(writer, stream, Point([], 1, 1))[1].name
    kind = f"<{LANES} x i1>"

    def add(indices: list[str], held: str, count: int) -> str:
        found = _outside(writer, stream, Point(indices, LANES, count))[1]
        return e.value(f"or {kind} {held}, {found.name}")

    def row(indices: list[str], held: str) -> str:
        whole = sizes[-1] // LANES * LANES
        if whole:
            held = e.carry(0, whole, LANES, [(kind, held)], lambda j, h: [add([*indices, j], h[0], LANES)])[0]
        return add([*indices, str(whole)], held, sizes[-1] - whole) if sizes[-1] - whole else held

    total = _nested(writer, sizes[:-1], kind, "zeroinitializer", row)
    return e.call(f"llvm.vector.reduce.or.v{LANES}i1", "i1", [(kind, total)])


def _first(writer: KernelWriter, sizes: list[int], stream: Stream) -> str:
    """The first index out of range: from the last element to the first, what was found last."""
    e = writer.emitter

    def look(indices: list[str], held: str) -> str:
        back = [e.value(f"sub nsw i64 {n - 1}, {i}") for n, i in zip(sizes, indices, strict=True)]
        index, outside = _outside(writer, stream, Point(back, 1, 1))
        return e.value(f"select i1 {outside.name}, i64 {index.name}, i64 {held}")

    return _nested(writer, sizes, "i64", "0", look)


def _nested(
    writer: KernelWriter, sizes: list[int], kind: str, start: str, body: Callable[[list[str], str], str]
) -> str:
    """Loops that carry one value in a register through all rounds; gives the last."""
    e = writer.emitter

    def enter(depth: int, indices: list[str], held: str) -> str:
        if depth == len(sizes):
            return body(indices, held)

        def once(i: str, values: list[Any]) -> list[str]:
            return [enter(depth + 1, [*indices, i], values[0])]

        return e.carry(0, sizes[depth], 1, [(kind, held)], once)[0]

    return enter(0, [], start)
