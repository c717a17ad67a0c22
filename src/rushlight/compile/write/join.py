"""Joins and copies: values written one by one into the slices of a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compile.graph import Value
from rushlight.compile.write.kernel_writer import LANES, KernelWriter, Point
from rushlight.compile.write.maps import along, over_rows
from rushlight.compile.write.nest import Nest, Stream, loops
from rushlight.core.strides import row_major

__all__ = ["copy_into", "write_cat", "write_elements", "write_fill"]


def write_elements(writer: KernelWriter, value: Value, target: Any) -> None:
    """Copy `value`, through whatever view, into the buffer `target`, C-contiguous."""
    strides = list(row_major(value.spec.shape))
    copy_into(writer, value, writer.at(target, value.spec.dtype, 0, strides))


def write_fill(writer: KernelWriter) -> None:
    """A value that is one number everywhere, for a reader that wants it in memory."""
    assert writer.kernel.root is not None
    value = writer.kernel.root.out
    strides = list(row_major(value.spec.shape))
    place = writer.memory.places[id(value)]
    copy_into(writer, value, writer.at(place, value.spec.dtype, 0, strides), known=True)


def copy_into(writer: KernelWriter, value: Value, out: Stream, known: bool = False) -> None:
    """Copy `value` element by element; `out` says where each goes. Of a known one only the number is read."""
    space = value.spec.shape
    if 0 in space:
        return
    rank = len(space)
    source = None if known else writer.stream(value, range(rank), rank)
    streams = {"out": out} if source is None else {"in": source, "out": out}
    nest = Nest(list(space), [False] * rank, streams)
    nest.simplify(free=True)

    def block(indices: list[str], lanes: int, count: int) -> None:
        point = Point(indices, lanes, count)
        writer.write(out, writer.read(value, source, point), point)

    beside = source is not None and source.strides and source.strides[-1] not in (0, 1)
    crosswise = [d for d, step in enumerate(source.strides) if step == 1] if source and beside else []
    if crosswise:
        _in_columns(writer, nest.sizes, crosswise[0], block)
    else:
        over_rows(writer, nest.sizes, block)


def _in_columns(
    writer: KernelWriter, sizes: list[int], axis: int, block: Callable[[list[str], int, int], None]
) -> None:
    """Vectors along the last axis, and for each of them all of `axis`, along which what is read lies side by
    side: the lines of memory that a vector's lanes come from are still in the cache for the next."""
    others = [d for d in range(len(sizes) - 1) if d != axis]

    def column(outer: list[str], j: str, count: int) -> None:
        at = dict(zip(others, outer, strict=True))

        def inner(i: list[str]) -> None:
            block([*[i[0] if d == axis else at[d] for d in range(len(sizes) - 1)], j], LANES, count)

        loops(writer.emitter, [sizes[axis]], inner)

    def columns(outer: list[str]) -> None:
        along(writer, sizes[-1], lambda j, count: column(outer, j, count))

    loops(writer.emitter, [sizes[d] for d in others], columns)


def write_cat(writer: KernelWriter) -> None:
    """Each piece into its own slice of the result."""
    node = writer.kernel.root
    assert node is not None
    strides = row_major(node.out.spec.shape)
    dim = node.attrs["dim"]
    place = writer.memory.places[id(node.out)]
    start = 0
    for piece in node.values():
        copy_into(writer, piece, writer.at(place, piece.spec.dtype, start * strides[dim], list(strides)))
        start += piece.spec.shape[dim]
