"""How an operation becomes native code: what its record tells the compiler.

The compiler knows these few kinds and no operation by its name. What is not of such a kind, NumPy computes
within the compiled program.

Each kind also says how its results are rounded, and how they follow their operands; from this the proof of a
program knows how far a right one may be off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Contract",
    "Cumulate",
    "Draw",
    "Fill",
    "Follows",
    "Gather",
    "Join",
    "Loop",
    "Lower",
    "Map",
    "Opaque",
    "Reduce",
    "Result",
    "Rounding",
    "Scatter",
    "Sort",
    "View",
]

Rounding = Literal["none", "once", "sum", "freely"]
Follows = Literal["smoothly", "in steps", "by comparing", "freely"]
Strides = tuple[int, ...]


class Lower:
    """What the kinds have in common.

    rounding  "none": the result is one of the operands' numbers, or one that every program finds alike;
              "once": the exact result, rounded; "sum": added up, in an order that is not fixed;
              "freely": by approximations of the program's own.
    follows   "smoothly": a small change of the operands changes the result little; "in steps": it jumps, and
              stays as it is between jumps; "by comparing": it says which operand is the larger, or whether
              they are equal; "freely": nothing is known.
    """

    rounding: Rounding = "freely"
    follows: Follows = "freely"


class Opaque(Lower):
    """NumPy computes it."""


@dataclass(frozen=True)
class Map(Lower):
    """Element by element: the op's formula, over a namespace that writes instructions.

    adds  whether it is the sum of two operands.
    """

    rounding: Rounding = "freely"
    follows: Follows = "freely"
    adds: bool = False


class _Moves(Lower):
    rounding: Rounding = "none"
    follows: Follows = "smoothly"


@dataclass(frozen=True)
class View(_Moves):
    """Another look at the memory of the first input.

    access  ``access(offset, strides, shape, out, attrs)``: the offset and the strides, in elements, at which
            a result of shape `out` lies, given those of the input; None where no strides can say it, and
            the result is a copy.
    always  whether it is never None.
    limits  ``limits(attrs)`` gives (low, high, free): the input must hold whole numbers from low to high - 1,
            or `free`; of others the op's formula raises the error.
    beyond  ``beyond(attrs)`` gives (axes, value) of a view that goes beyond the ends of the input along those
            axes, and is `value` there.
    """

    access: Callable[[int, Strides, Strides, Strides, dict[str, Any]], tuple[int, Strides] | None]
    always: bool = True
    limits: Callable[[dict[str, Any]], tuple[int, int, int | None]] | None = None
    beyond: Callable[[dict[str, Any]], tuple[Sequence[int], float]] | None = None


class Fill(_Moves):
    """One number everywhere: the attribute `value`."""


class Join(_Moves):
    """The inputs one after the other, along the axis `dim`."""


@dataclass(frozen=True)
class Gather(_Moves):
    """Reads the first input through an index: the attribute `pattern` and the input tensors that stand in it,
    or with ``along`` one tensor of positions along the axis `dim`."""

    along: bool = False


@dataclass(frozen=True)
class Scatter(Lower):
    """Writes an input through an index, as Gather reads, into a copy of the first input; or with ``adds``
    adds it to zeros.

    source   which of the inputs is written.
    tensors  the first input that is an index tensor.
    """

    source: int
    tensors: int = 1
    adds: bool = False
    along: bool = False

    follows: Follows = "smoothly"

    @property
    def rounding(self) -> Rounding:  # type: ignore[override]
        return "sum" if self.adds else "none"


@dataclass(frozen=True)
class Reduce(Lower):
    """Merges the elements along the axes `dim`.

    merge     what two totals become.
    mean      divided by how many elements there are.
    test      only the truth of each element counts.
    position  the result is where the extreme stands along the axis, or among all elements, not its value.
    """

    merge: Literal["sum", "prod", "max", "min"]
    mean: bool = False
    test: bool = False
    position: bool = False

    @property
    def rounding(self) -> Rounding:  # type: ignore[override]
        return "sum" if self.merge == "sum" else "freely" if self.merge == "prod" else "none"

    @property
    def follows(self) -> Follows:  # type: ignore[override]
        return "freely" if self.merge == "prod" else "smoothly"


class Cumulate(Lower):
    """The sum of each element and all before it along the axis `dim`."""

    rounding: Rounding = "sum"
    follows: Follows = "smoothly"


@dataclass(frozen=True)
class Contract(Lower):
    """A sum of products of elements of two inputs.

    letters  ``letters(ranks, attrs)``: a letter for each axis of either input and of the result; over those
             that the result lacks is summed.
    """

    letters: Callable[[list[int], dict[str, Any]], tuple[list[str], str]]

    rounding: Rounding = "sum"
    follows: Follows = "smoothly"


class Sort(Lower):
    """The positions of the elements in their order along the axis `dim`."""


@dataclass(frozen=True)
class Draw(Lower):
    """Random words from a generator's state; with ``moves`` the state after so many of them."""

    moves: bool = False


class Loop(Lower):
    """Runs the graph `body` so many times as `count` says, its `carried` first inputs each time what it gave
    before, the next `stacked` the next slice; the last slice first in `reverse`. What comes of it is packed.
    """


class Result(_Moves):
    """One of the results of a loop, the one at `place`."""
