"""What the blocks of a product read of its factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.vector import registers, transfer
from rushlight.compile.write.blocks import Chunk
from rushlight.compile.write.bounded import bounded
from rushlight.compile.write.emit import Emitter
from rushlight.compile.write.nest import Stream, offset_of

__all__ = ["Reader", "ahead", "aside_of", "index_sum"]


class Reader:
    """What a block reads of a factor at one step, each number or vector once.

    own    whether the factor is one of the product's own, and no panel, which has numbers for all lanes.
    lines  where the rows are, along the axes that they are in the factor.
    """

    def __init__(
        self,
        e: Emitter,
        factor: Stream,
        own: bool,
        outer: list[str],
        lines: Sequence[list[str]],
        column: str,
        k: list[str],
    ) -> None:
        self.e, self.factor, self.own = e, factor, own
        self.outer, self.lines, self.column, self.k = outer, lines, column, k
        *down, self.across = factor.strides[len(outer) : len(outer) + len(lines[0]) + 1]
        self.down = any(down)
        self.apart = bool(outer) and any(steps[len(outer) - 1] for steps in factor.lists())
        self.known: dict[tuple[int, tuple[int, int]], Any] = {}

    def at(self, row: int, chunk: Chunk) -> Any:
        """What goes with a row and a chunk of columns: a vector, or one number in all lanes."""
        row = row if self.down else 0
        if self.across:
            return self._once(row, (chunk.aside, chunk.start), lambda: self._vector(row, chunk))
        aside = chunk.aside if self.apart else 0
        number = self._once(row, (aside, -1), lambda: self._number(row, aside))
        return self._once(
            row,
            (aside, -1 - chunk.lanes),
            lambda: registers.splat(self.e, number.name, number.dtype, chunk.lanes),
        )

    def _once(self, row: int, key: tuple[int, int], make: Callable[[], Any]) -> Any:
        if (row, key) not in self.known:
            self.known[row, key] = make()
        return self.known[row, key]

    def _place(self, row: int, chunk: Chunk) -> list[str]:
        line = self.lines[row] if self.down else ["0"] * len(self.lines[0])
        column = ahead(self.e, self.column, chunk.start) if self.across else "0"
        return [*aside_of(self.e, self.outer, chunk), *line, column, *self.k]

    def _number(self, row: int, aside: int) -> Any:
        place = self._place(row, Chunk(0, 1, 1, aside))
        if self.factor.bounds:
            return bounded(self.e, self.factor, place, 0, 1, 1)
        return transfer.load(self.e, offset_of(self.e, self.factor, place), self.factor.dtype, 1, 1)

    def _vector(self, row: int, chunk: Chunk) -> Any:
        place = self._place(row, chunk)
        count = chunk.count if self.own else chunk.lanes
        if self.factor.bounds:
            return bounded(self.e, self.factor, place, len(place) - len(self.k) - 1, chunk.lanes, count)
        where = offset_of(self.e, self.factor, place)
        return transfer.gather(self.e, where, self.across, self.factor.dtype, chunk.lanes, count)


def aside_of(e: Emitter, outer: Sequence[str], chunk: Chunk) -> list[str]:
    """Where a chunk is along the loops."""
    return [*outer[:-1], ahead(e, outer[-1], chunk.aside)] if chunk.aside else [*outer]


def ahead(e: Emitter, i: str, by: int) -> str:
    """The index `by` further."""
    if not by:
        return i
    return str(int(i) + by) if i.isdigit() else e.value(f"add nuw nsw i64 {i}, {by}")


def index_sum(e: Emitter, i: str, j: str) -> str:
    """The index i + j."""
    if i.isdigit():
        return ahead(e, j, int(i))
    return ahead(e, i, int(j)) if j.isdigit() else e.value(f"add nuw nsw i64 {i}, {j}")
