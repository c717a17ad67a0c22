"""Register blocks: how many rows and how many vectors of a product are summed at a time.

While a block of r rows times v vectors is summed, each step loads v vectors and r numbers for r v
multiply-adds. The larger the block the fewer loads, as long as the sums stay in registers (Goto and van de
Geijn, Anatomy of High-Performance Matrix Multiplication, 2008).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from rushlight.compile import host
from rushlight.compile.write.cuts import Run, cut

__all__ = [
    "DEEP",
    "Blocks",
    "Chunk",
    "blocks",
    "chunks_of",
    "narrowest",
    "room",
    "together",
    "vectors",
    "ways",
]

DEEP = 1024
"""Products that are added to one register, one after the other: more than of other sums, since registers are
short here, and all must be put aside for the totals of blocks."""
BUSY = 8
"""Multiply-adds that must not wait for each other: two begin in each cycle, and each takes four."""
SLACK = 0.4
"""What a block with hardly any sums takes longer, since it has nothing to do while a load is late."""
LOADED = 0.3
"""What each load for a multiply-add costs, even though it runs beside it."""
WIDEST, TALLEST = 6, 14
OVERHEAD = 25.0
"""Cycles to begin and to end a block."""
TEXT = 0.02
"""What a block of another shape must save, since it has to be compiled."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A vector of columns: from `start` on `count` of them, in a register of `lanes`; `aside` places further
    along the loop around the block."""

    start: int
    lanes: int
    count: int
    aside: int = 0


def chunks_of(width: int, lanes: int) -> list[Chunk]:
    """`width` columns as whole vectors of `lanes`, and for the rest the narrowest one that holds it.

    >>> [(c.start, c.lanes) for c in chunks_of(35, 16)]
    [(0, 16), (16, 16), (32, 4)]
    """
    whole = width // lanes * lanes
    out = [Chunk(j, lanes, lanes) for j in range(0, whole, lanes)]
    if width - whole:
        out.append(Chunk(whole, narrowest(width - whole), width - whole))
    return out


def narrowest(count: int) -> int:
    """The lanes of the narrowest register that holds `count` numbers."""
    return 1 << (count - 1).bit_length()


def vectors(length: int, lanes: int) -> float:
    """How many multiply-adds of a whole vector `length` columns take: one of few lanes is cheaper to load."""
    whole, rest = divmod(length, lanes)
    return whole + (0.0 if not rest else 0.75 if rest <= lanes // 2 else 1.0)


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a product is cut: `columns` are runs of groups of whole vectors, and of each width of them `rows`
    has the runs of blocks. `cycles` is the time for one step of the whole product."""

    columns: tuple[Run, ...]
    rows: dict[int, list[Run]]
    cycles: float


def blocks(m: int, count: int, depth: int) -> Blocks:
    """The blocks that take the least time for `m` rows of `count` vectors."""
    return _blocks(host.describe().registers, m, count, depth)


@functools.cache
def _blocks(registers: int, m: int, count: int, depth: int) -> Blocks:
    found: list[Blocks] = []
    for widest in range(1, min(WIDEST, count) + 1):
        columns = cut(count, widest)
        rows = {run.size: _rows(registers, m, run.size, depth) for run in columns}
        cycles = sum(run.count * _time(rows[run.size], run.size, registers, depth) for run in columns)
        shapes = sum(len(runs) for runs in rows.values())
        found.append(Blocks(tuple(columns), rows, cycles * (1 + TEXT * (shapes - 1)) / depth))
    return min(found, key=lambda b: b.cycles)


def _rows(registers: int, m: int, vectors: int, depth: int) -> list[Run]:
    """The runs of rows for groups of so many vectors."""
    held = min(room(registers), registers - vectors - 2)  # beside a row of vectors and a number, and the next
    most = max(1, min(TALLEST, m, held // vectors))
    ways = [cut(m, high) for high in range(1, most + 1)]
    return min(ways, key=lambda runs: _time(runs, vectors, registers, depth) * (1 + TEXT * len(runs)))


def room(registers: int) -> int:
    """How many sums there may be: the rest is for what is read, in this step and ahead of the next."""
    return registers * 3 // 4


def _time(rows: list[Run], vectors: int, registers: int, depth: int) -> float:
    return sum(run.count * _cycles(run.size, vectors, registers, depth) for run in rows)


def _cycles(rows: int, vectors: int, registers: int, depth: int) -> float:
    """Of a block: two multiply-adds a cycle, or two loads."""
    sums, loads = rows * vectors, rows + vectors
    side = ways(sums, depth)
    slow = 1 + SLACK * max(0.0, 1 - sums * side / room(registers)) + LOADED * loads / sums
    return depth * slow * max(sums, loads, BUSY / side) / 2 + OVERHEAD + sums


def ways(sums: int, depth: int) -> int:
    """How many steps run side by side, in sums of their own, where a block's few sums would wait for each
    other."""
    return next((w for w in (4, 5, 2, 3) if sums * w <= BUSY and depth % w == 0 and depth > w), 1)


def together(n: int, lanes: int) -> tuple[int, int]:
    """(columns, sums) of the blocks of dot products, for `n` columns: the columns' sums become one vector."""
    registers = host.describe().registers
    return min(8 if registers >= 32 else 4, lanes), room(registers)
