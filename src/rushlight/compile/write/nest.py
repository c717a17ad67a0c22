"""Loop nests: a space of axes, and for each buffer that the loops touch how far it moves along every axis."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rushlight.compile.vector.registers import LANES
from rushlight.compile.vector.transfer import NEAR
from rushlight.compile.write.emit import Emitter, llvm_type

__all__ = ["Bound", "Nest", "Stream", "apart", "element_type", "linear", "loops", "offset_of"]


@dataclass(slots=True)
class Bound:
    """Along one axis of its memory a stream is read at ``first + steps . index``, if that is among the `size`
    numbers that there are."""

    first: int
    steps: list[int]
    size: int


@dataclass(slots=True)
class Stream:
    """How one buffer is read or written in a nest: from `pointer` on at ``offset + strides . index``.

    What is read outside of a bound is the number `beyond`.
    """

    pointer: str
    dtype: Any
    offset: int
    strides: list[int]
    bounds: list[Bound] = field(default_factory=list)
    beyond: float = 0

    def lists(self) -> Iterator[list[int]]:
        """All that there is a number of for each axis."""
        yield self.strides
        for bound in self.bounds:
            yield bound.steps


@dataclass(slots=True)
class Nest:
    """Axes with their sizes, marked as reduced or not, and the streams over them."""

    sizes: list[int]
    reduced: list[bool]
    streams: dict[Any, Stream] = field(default_factory=dict)

    def simplify(self, free: bool = False) -> None:
        """Drop axes of size 1, and join neighbours wherever every stream walks over them as over one axis.

        free  whether the order of the axes does not matter; then that along which most lies side by side
              becomes the last.
        """
        for d in reversed(range(len(self.sizes))):
            if self.sizes[d] == 1:
                self._drop(d)
        if free and self.sizes:
            self._turn()
        for d in reversed(range(len(self.sizes) - 1)):
            if self.reduced[d] == self.reduced[d + 1] and self._joinable(d):
                self.sizes[d + 1] *= self.sizes[d]
                self._drop(d)

    def _turn(self) -> None:
        """Make the axis the last along which vectors are the cheapest: the fewest streams jump, and lanes are
        not left empty."""

        def cost(d: int) -> float:
            moved = sum(_cost_of_step(s.strides[d]) for s in self.streams.values())
            return moved * -(-self.sizes[d] // LANES) * LANES / self.sizes[d]

        axes = range(len(self.sizes))
        best = min(reversed(axes), key=cost)
        self.sizes.append(self.sizes.pop(best))
        self.reduced.append(self.reduced.pop(best))
        for steps in self._lists():
            steps.append(steps.pop(best))

    def _joinable(self, d: int) -> bool:
        inner = self.sizes[d + 1]
        return all(steps[d] == steps[d + 1] * inner for steps in self._lists())

    def _drop(self, d: int) -> None:
        del self.sizes[d], self.reduced[d]
        for steps in [*self._lists()]:
            del steps[d]

    def _lists(self) -> Iterator[list[int]]:
        for stream in self.streams.values():
            yield from stream.lists()


def _cost_of_step(step: int) -> float:
    """What it costs to read or write a vector whose numbers lie so far apart, in whole vectors."""
    return max(1, abs(step)) if -1 <= step <= NEAR else LANES / 2


def loops(emitter: Emitter, sizes: Sequence[int], body: Callable[[list[str]], None]) -> None:
    """Nested loops over `sizes`, outermost first; ``body(indices)`` writes the innermost block."""

    def enter(depth: int, indices: list[str]) -> None:
        if depth == len(sizes):
            body(indices)
        elif sizes[depth] == 1:
            enter(depth + 1, [*indices, "0"])
        else:
            emitter.loop(0, sizes[depth], 1, lambda i: enter(depth + 1, [*indices, i]))

    enter(0, [])


def apart(emitter: Emitter, i: str, sizes: Sequence[int]) -> list[str]:
    """The indices over axes of these sizes that the index `i` over all of them as one stands for."""
    at: list[str] = []
    for size in reversed(sizes[1:]):
        if i.isdigit():
            at.insert(0, str(int(i) % size))
            i = str(int(i) // size)
        else:
            at.insert(0, emitter.value(f"urem i64 {i}, {size}"))
            i = emitter.value(f"udiv i64 {i}, {size}")
    return [i, *at]


def offset_of(emitter: Emitter, stream: Stream, indices: Sequence[str]) -> str:
    """The pointer to a stream's element at `indices` (one per axis, numbers or names)."""
    total = linear(emitter, stream.offset, stream.strides, indices)
    if total == "0":
        return stream.pointer
    return emitter.value(
        f"getelementptr inbounds {element_type(stream.dtype)}, ptr {stream.pointer}, i64 {total}"
    )


def linear(emitter: Emitter, constant: int, steps: Sequence[int], indices: Sequence[str]) -> str:
    """``constant + steps . indices``, a number or a name."""
    terms = []
    for step, i in zip(steps, indices, strict=True):
        if step == 0:
            continue
        if i.lstrip("-").isdigit():
            constant += step * int(i)
        else:
            terms.append(i if step == 1 else emitter.value(f"mul nsw i64 {i}, {step}"))
    total = terms[0] if terms else str(constant)
    for t in terms[1:]:
        total = emitter.value(f"add nsw i64 {total}, {t}")
    if terms and constant:
        total = emitter.value(f"add nsw i64 {total}, {constant}")
    return total


@functools.cache
def element_type(dtype: Any) -> str:
    """The LLVM type of one number in memory: a bool takes a byte."""
    return "i8" if str(dtype) == "bool" else llvm_type(dtype)
