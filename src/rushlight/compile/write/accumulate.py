"""What a reduction accumulates: where it starts, how two totals become one, what goes in and what comes out.

Bools are accumulated as bytes of 0 and 1, since a vector of single bits is slow to carry along.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rushlight.compile.graph import Node
from rushlight.compile.vector import registers, transfer
from rushlight.compile.vector.registers import Vec
from rushlight.compile.vector.rest import maximum, minimum
from rushlight.core.lower import Reduce
from rushlight.device import xp

__all__ = ["Accumulator", "accumulator_of", "reduced_axes"]

_OF_BOOLS = {"sum": "max", "prod": "min"}
_MERGE: dict[str, Callable[[Any, Any], Vec]] = {
    "sum": operator.add,
    "prod": operator.mul,
    "max": maximum,
    "min": minimum,
}


@dataclass(frozen=True, slots=True)
class Accumulator:
    """One reduction's arithmetic.

    dtype   of the numbers that are accumulated.
    start   the total of nothing.
    merge   the total of two totals.
    test    whether only the truth of each element counts.
    result  the dtype of the reduction's result.
    rounds  whether it matters how many numbers are added one after the other.
    """

    dtype: Any
    start: float
    merge: Callable[[Any, Any], Vec]
    test: bool
    result: Any
    rounds: bool

    def enter(self, x: Vec) -> Vec:
        """An element as it is accumulated."""
        return registers.cast(registers.cast(x, xp.bool_) if self.test else x, self.dtype)

    def leave(self, total: Vec) -> Vec:
        """The result."""
        return registers.cast(total, self.result)

    def across(self, x: Vec) -> Vec:
        """The total of a Vec's lanes, in one lane."""
        return transfer.reduce_lanes(x, self.merge)


def reduced_axes(node: Node) -> tuple[int, ...]:
    """The axes over which a reduction runs; argmax has one, or all."""
    dim = node.attrs["dim"]
    if dim is None:
        return tuple(range(next(node.values()).spec.ndim))
    return dim if isinstance(dim, tuple) else (dim,)


def accumulator_of(node: Node) -> Accumulator:
    """How the reduction `node` accumulates."""
    lower, result = node.op.lower, node.out.spec.dtype
    assert isinstance(lower, Reduce)
    numbers = next(node.values()).spec.dtype if lower.position else result
    bools = lower.test or numbers.kind == "b"
    dtype = xp.uint8 if bools else numbers
    if dtype == xp.float16 and lower.merge in ("sum", "prod"):
        dtype = xp.float32
    kind = _OF_BOOLS.get(lower.merge, lower.merge) if bools else lower.merge
    rounds = kind == "sum" and dtype.kind == "f"
    return Accumulator(dtype, _start(kind, dtype, bools), _MERGE[kind], lower.test, result, rounds)


def _start(kind: str, dtype: Any, bools: bool) -> float:
    if kind in ("sum", "prod"):
        return 0 if kind == "sum" else 1
    low = kind == "max"
    if bools:
        return 0 if low else 1
    return xp.smallest(dtype) if low else xp.largest(dtype)
