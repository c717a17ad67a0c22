"""Long sums as trees: totals of blocks, and totals of these, so that errors grow with the height of the tree
and not with the number of terms. The tree follows from sizes alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rushlight.compile.vector.registers import Vec, constant
from rushlight.compile.write.emit import Emitter

__all__ = ["BLOCK", "add_up", "carry", "height"]

BLOCK = 64
"""Numbers that are added to one register, one after the other."""

Step = Callable[[str, list[Vec]], list[Vec]]


def add_up(
    e: Emitter, size: int, by: int, accs: list[Vec], step: Step, terms: int = 1, most: int = BLOCK
) -> list[Vec]:
    """``accs = step(i, accs)`` for i from 0 to `size` by `by`, where each step adds `terms` numbers to each.

    Where that makes more than `most` numbers, blocks of steps begin at zero, and their totals are added up.
    """
    if -(-size // by) * terms <= most:
        return carry(e, 0, size, by, accs, step)
    span = by * max(1, most // terms)

    def block(i: str, held: list[Vec]) -> list[Vec]:
        zeros = [constant(e, 0.0, a.dtype, a.lanes) for a in held]
        if span == by:
            totals = step(i, zeros)
        else:
            ahead = e.value(f"add nuw nsw i64 {i}, {span}")
            stop = e.call("llvm.smin.i64", "i64", [("i64", ahead), ("i64", str(size))])
            totals = carry(e, i, stop, by, zeros, step)
        return [a + t for a, t in zip(held, totals, strict=True)]

    return add_up(e, size, span, accs, block, 1, most)


def height(size: int, by: int, terms: int = 1, most: int = BLOCK) -> int:
    """How many numbers `add_up` adds to each register that it is given."""
    steps = -(-size // by)
    while steps * terms > most:
        steps, terms = -(-steps // max(1, most // terms)), 1
    return steps * terms


def carry(e: Emitter, start: object, stop: object, by: int, accs: Sequence[Vec], step: Step) -> list[Vec]:
    """A loop that carries registers."""

    def named(names: Sequence[str]) -> list[Vec]:
        return [Vec(e, name, a.dtype, a.lanes) for name, a in zip(names, accs, strict=True)]

    kinds = [(a.kind, a.name) for a in accs]
    return named(e.carry(start, stop, by, kinds, lambda i, names: [a.name for a in step(i, named(names))]))
