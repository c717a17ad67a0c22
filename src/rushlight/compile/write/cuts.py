"""Cutting an axis into pieces, and loops over them: all pieces, or those of one part of the work."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rushlight.compile.write.emit import Emitter
from rushlight.compile.write.nest import apart, loops

__all__ = [
    "LEAST",
    "Division",
    "Run",
    "cut",
    "divide",
    "pieces",
    "scaled",
    "share",
    "walk",
    "walk_loops",
    "worthwhile",
]

LEAST = 2e6
"""Operations below which work is never divided."""


@dataclass(frozen=True, slots=True)
class Run:
    """`count` pieces of `size` each, from `start` on."""

    start: int
    size: int
    count: int


def cut(length: int, most: int) -> list[Run]:
    """`length` in few pieces of at most `most`: equal ones, or of two sizes that differ by one, the smaller
    first.

    >>> cut(100, 12)
    [Run(start=0, size=10, count=10)]
    >>> cut(128, 6)
    [Run(start=0, size=5, count=4), Run(start=20, size=6, count=18)]
    """
    least = -(-length // most)
    for equal in range(least, least * 5 // 4 + 1):
        if length % equal == 0:
            return [Run(0, length // equal, equal)]
    size, larger = divmod(length, least)
    edge = size * (least - larger)
    return [Run(0, size, least - larger), Run(edge, size + 1, larger)]


def scaled(runs: Sequence[Run], unit: int, length: int) -> list[Run]:
    """Runs over units of `unit` as runs over single elements; of the last unit only what `length` has of it.

    >>> scaled(cut(7, 4), 16, 100)
    [Run(start=0, size=48, count=1), Run(start=48, size=52, count=1)]
    """
    out = [Run(r.start * unit, r.size * unit, r.count) for r in runs]
    last = out[-1]
    missing = last.start + last.size * last.count - length
    if missing:
        out[-1:] = [Run(last.start, last.size, last.count - 1)] if last.count > 1 else []
        start = last.start + last.size * (last.count - 1)
        out.append(Run(start, last.size - missing, 1))
    return out


def pieces(runs: Sequence[Run]) -> int:
    """How many pieces there are in all runs."""
    return sum(r.count for r in runs)


def worthwhile(work: float, most: int) -> int:
    """Into how many parts to divide `work` operations, so that each outweighs the waiting at its end."""
    wanted = next((p for p, least in ((8, 400e6), (4, 60e6), (2, LEAST)) if work >= least), 1)
    return max(1, min(wanted, most))


@dataclass(frozen=True, slots=True)
class Division:
    """Work in `parts` along one of the ways in which it can be divided: one part does its `share` of the
    pieces along that way, and all along the others."""

    parts: int
    way: str

    def share(self, e: Emitter, way: str, total: int) -> tuple[str, str] | None:
        """(first, past the last) of `total` pieces along `way` that fall to this part; None for all."""
        return share(e, total, "%part", self.parts) if self.parts > 1 and way == self.way else None


def divide(work: int, pieces: Mapping[str, int]) -> Division:
    """Divide `work` operations along the first of the ways, with so many pieces along each, in which the
    parts are of one size, more or less."""
    parts = worthwhile(work, max(pieces.values()))
    even = (way for way, count in pieces.items() if count % parts == 0 or count >= 4 * parts)
    return Division(parts, next(even, max(pieces, key=lambda way: pieces[way])))


def share(e: Emitter, total: int, part: str, parts: object) -> tuple[str, str]:
    """(first, past the last) of `total` pieces that fall to number `part` of `parts`."""
    first = e.value(f"mul nuw nsw i64 {part}, {total}")
    after = e.value(f"add nuw nsw i64 {first}, {total}")
    return e.value(f"udiv i64 {first}, {parts}"), e.value(f"udiv i64 {after}, {parts}")


def walk(
    e: Emitter, runs: Sequence[Run], body: Callable[[str, Run], None], some: tuple[str, str] | None = None
) -> None:
    """``body(start, run)`` for every piece; with `some`, (first, past the last), for those alone."""
    before = 0
    for run in runs:
        if some is not None:
            first, after = (_place(e, bound, before, run) for bound in some)
            mark = e.fresh("W")
            any_left = e.value(f"icmp slt i64 {first}, {after}")
            e.line(f"br i1 {any_left}, label %{mark}.some, label %{mark}.none")
            e.label(f"{mark}.some")
            e.loop(first, after, run.size, functools.partial(_call, body, run))
            e.line(f"br label %{mark}.none")
            e.label(f"{mark}.none")
        elif run.count == 1:
            body(str(run.start), run)
        else:
            stop = run.start + run.size * run.count
            e.loop(run.start, stop, run.size, functools.partial(_call, body, run))
        before += run.count


def walk_loops(
    e: Emitter, sizes: Sequence[int], body: Callable[[list[str]], None], some: tuple[str, str] | None = None
) -> None:
    """``body(indices)`` for every place of nested loops; with `some`, (first, past the last), for those
    alone, as they are counted with the last index fastest."""
    if some is None:
        loops(e, sizes, body)
        return

    def once(i: str, run: Run) -> None:
        body(apart(e, i, sizes) if sizes else [])

    walk(e, [Run(0, 1, math.prod(sizes))], once, some)


def _call(body: Callable[[str, Run], None], run: Run, i: str) -> None:
    body(i, run)


def _place(e: Emitter, piece: str, before: int, run: Run) -> str:
    """Where piece number `piece` of all begins, within `run`, which has `before` pieces before it."""
    inside = e.value(f"sub nsw i64 {piece}, {before}")
    low = e.call("llvm.smax.i64", "i64", [("i64", inside), ("i64", "0")])
    clipped = e.call("llvm.smin.i64", "i64", [("i64", low), ("i64", str(run.count))])
    offset = e.value(f"mul nsw i64 {clipped}, {run.size}")
    return e.value(f"add nsw i64 {offset}, {run.start}")
