"""argmax and argmin: reductions with two accumulators, the best number so far and where it stood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.compile.vector import registers, transfer
from rushlight.compile.vector.registers import Vec, select
from rushlight.compile.write.kernel_writer import LANES, KernelWriter
from rushlight.compile.write.maps import Reduction, each_row, keep_first, over_space, write_reduction
from rushlight.device import xp

__all__ = ["write_positions"]

NARROW = 2**31
"""Up to so many elements a position is counted in 32 bits: twice as many go into a register."""


def write_positions(writer: KernelWriter) -> None:
    """The position of the first of the largest or smallest; the first nan counts as larger and smaller."""
    write_reduction(writer, _Positions)


class _Positions(Reduction):
    """The state of writing one such reduction; its accumulators are the pair (number, position)."""

    @property
    def _counted(self) -> Any:
        return xp.int32 if self.count <= NARROW else xp.int64

    def write(self) -> None:
        if self.nest.sizes:
            super().write()
        else:
            self._contribution([], 1, 1)  # one number is its own best, but may be stored as well
            self._finish([], 1, 1, registers.constant(self.writer.emitter, 0, xp.int64, 1))

    def _rows(self) -> None:
        """The last axis is reduced: each lane keeps the first best of its own elements."""
        kept, reduced = self._split()
        sizes = self.nest.sizes
        ways = 4 if sizes[-1] >= 8 * LANES else 1

        def row(outer: list[str]) -> None:
            at = dict(zip(kept, outer, strict=True))
            accs = [a for w in range(ways) for a in (self._start(LANES), self._ramp(str(w * LANES)))]
            accs = self._nest(reduced[:-1], at, accs, lambda where, held: self._row(where, held, sizes[-1]))
            best = accs[:2]
            for w in range(1, ways):
                best = self._first(best, accs[2 * w : 2 * w + 2])
            while best[0].lanes > 1:
                best = self._first(*zip(*map(transfer.halves, best), strict=True))
            self._finish([at.get(d, "0") for d in range(len(sizes))], 1, 1, best[1])

        each_row(self.writer, [sizes[d] for d in kept], row)

    def _row(self, at: dict[int, str], accs: list[Any], size: int) -> list[Any]:
        e, rank = self.writer.emitter, len(self.nest.sizes)
        step = LANES * len(accs) // 2
        whole = size // step * step

        def one(j: str, count: int, held: Sequence[Any]) -> list[Any]:
            indices = [*[at.get(d, "0") for d in range(rank - 1)], j]
            found = self._contribution(indices, LANES, count)
            if count < LANES:
                found = keep_first(found, count, self.total.start)
            return self._better(held, found, self._ramp(self._position(indices)))

        def some(j: str, names: list[str]) -> list[str]:
            held, out = _named(accs, names), []
            for w in range(len(held) // 2):
                start = j if w == 0 else e.value(f"add nuw nsw i64 {j}, {w * LANES}")
                out += one(start, LANES, held[2 * w : 2 * w + 2])
            return [a.name for a in out]

        if whole:
            accs = _named(accs, e.carry(0, whole, step, [(a.kind, a.name) for a in accs], some))
        for j in range(whole, size, LANES):
            accs = [*one(str(j), min(LANES, size - j), accs[:2]), *accs[2:]]
        return accs

    def _columns(self) -> None:
        """The last axis stays: a vector of results at a time."""
        kept, reduced = self._split()
        e, sizes = self.writer.emitter, self.nest.sizes

        def block(indices: list[str], lanes: int, count: int) -> None:
            at = dict(zip(kept, indices, strict=True))
            accs = [self._start(LANES), registers.constant(e, 0, self._counted, LANES)]

            def point(where: dict[int, str], held: list[Any]) -> list[Any]:
                indices = [where.get(d, "0") for d in range(len(sizes))]
                found = self._contribution(indices, LANES, count)
                position = registers.splat(e, self._number(self._position(indices)), self._counted, LANES)
                return self._better(held, found, position)

            accs = self._nest(reduced, at, accs, point)
            self._finish([at.get(d, "0") for d in range(len(sizes))], LANES, count, accs[1])

        over_space(self.writer, [sizes[d] for d in kept], block)

    def _beats(self, a: Any, b: Any) -> Any:
        """Whether `a` goes before `b`, whatever their places: it is larger, or the only nan."""
        order = "gt" if self.lower.merge == "max" else "lt"
        if a.dtype.kind != "f":
            return registers.compare(order, a, b)
        e = self.writer.emitter
        larger = e.value(f"fcmp u{order} {a.kind} {a.name}, {b.name}")
        number = e.value(f"fcmp ord {b.kind} {b.name}, {b.name}")
        both = Vec(e, larger, xp.bool_, a.lanes)
        return both & Vec(e, number, xp.bool_, a.lanes)

    def _better(self, held: Sequence[Any], found: Any, position: Any) -> list[Any]:
        """The accumulators after one more number of each lane."""
        take = self._beats(found, held[0])
        return [select(take, found, held[0]), select(take, position, held[1])]

    def _first(self, a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        """The better of two accumulators, lane by lane; of equals, the one that stood first."""
        tie = ~self._beats(a[0], b[0]) & (b[1] < a[1])
        take = self._beats(b[0], a[0]) | tie
        return [select(take, x, y) for x, y in zip(b, a, strict=True)]

    def _position(self, indices: Sequence[str]) -> str:
        """The number of a point among the reduced ones, in row-major order."""
        e, sizes = self.writer.emitter, self.nest.sizes
        axes = [d for d, r in enumerate(self.nest.reduced) if r]
        terms, known = [], 0
        for k, d in enumerate(axes):
            step = math.prod(sizes[a] for a in axes[k + 1 :])
            if indices[d].isdigit():
                known += int(indices[d]) * step
            else:
                terms.append(indices[d] if step == 1 else e.value(f"mul nuw nsw i64 {indices[d]}, {step}"))
        total = terms[0] if terms else str(known)
        for term in [*terms[1:], *([str(known)] if terms and known else [])]:
            total = e.value(f"add nuw nsw i64 {total}, {term}")
        return total

    def _number(self, position: str) -> str:
        """A position in the type in which it is counted."""
        if position.isdigit() or self._counted == xp.int64:
            return position
        return self.writer.emitter.value(f"trunc i64 {position} to i32")

    def _ramp(self, start: str) -> Any:
        """The positions of LANES elements from `start` on."""
        e, dtype = self.writer.emitter, self._counted
        word = "i32" if dtype == xp.int32 else "i64"
        lanes = Vec(e, "<" + ", ".join(f"{word} {i}" for i in range(LANES)) + ">", dtype, LANES)
        return lanes if start == "0" else registers.splat(e, self._number(start), dtype, LANES) + lanes


def _named(accs: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Vecs like these under other names."""
    return [Vec(a.emitter, name, a.dtype, a.lanes) for a, name in zip(accs, names, strict=True)]
