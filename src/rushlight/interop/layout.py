"""Which tensors share a storage in a file, and where in it each lies.

Tensors whose memory overlaps share one, so that they still do after loading, and nothing is written twice.
What no saved tensor looks at is not written: of a batch, not the data set that it is a view of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Layout", "Place"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Place:
    """A tensor's storage and how many numbers that has, where in it the tensor begins, and its steps."""

    storage: int
    count: int
    offset: int
    strides: tuple[int, ...]


@dataclass
class Span:
    """A stretch of memory, and the arrays that look at it."""

    start: int
    end: int
    arrays: list[Array]


class Layout:
    """The storages of a file. `place` collects tensors, until `close` has decided where they lie."""

    def __init__(self) -> None:
        self.storages: list[Array] = []
        self._arrays: list[Array] = []
        self._places: dict[Any, Place] | None = None

    def place(self, array: Array) -> Place:
        """Where the numbers of `array` lie; before `close`, anywhere."""
        if self._places is None:
            self._arrays.append(array)
            return Place(0, 0, 0, ())
        return self._places[_identity(array)]

    def close(self) -> None:
        """Decide. The next `place` of every array says where it lies."""
        spans: list[Span] = []
        alone: list[Array] = []
        for array in {_identity(a): a for a in self._arrays}.values():
            fits = array.size and all(s >= 0 and s % array.itemsize == 0 for s in array.strides)
            if fits:
                first = array.__array_interface__["data"][0]
                last = first + sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
                spans.append(Span(first, last + array.itemsize, [array]))
            else:
                alone.append(array)
        self._places = {}
        for span in _merged(spans):
            self._share(span)
        for array in alone:
            self._copy(array)

    def _share(self, span: Span) -> None:
        itemsize = span.arrays[0].itemsize
        # One that leaves gaps is written without them.
        if len(span.arrays) == 1 and span.end - span.start > span.arrays[0].nbytes:
            self._copy(span.arrays[0])
            return
        count = (span.end - span.start) // itemsize
        for array in span.arrays:
            offset = (array.__array_interface__["data"][0] - span.start) // itemsize
            strides = tuple(step // itemsize for step in array.strides)
            self._enter(array, Place(len(self.storages), count, offset, strides))
        self.storages.append(_memory(span))

    def _copy(self, array: Array) -> None:
        strides: list[int] = []
        step = 1
        for size in reversed(array.shape):
            strides.insert(0, step)
            step *= max(size, 1)
        self._enter(array, Place(len(self.storages), array.size, 0, tuple(strides)))
        self.storages.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8))

    def _enter(self, array: Array, place: Place) -> None:
        assert self._places is not None
        self._places[_identity(array)] = place


def _identity(array: Array) -> Any:
    """Equal for arrays that look at the same numbers in the same way."""
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def _merged(spans: list[Span]) -> list[Span]:
    """Spans that overlap as one, where the dtypes agree and the numbers fall on one another."""
    found: list[Span] = []
    last: dict[Any, Span] = {}
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        array = span.arrays[0]
        kind = array.dtype.str, span.start % array.itemsize
        before = last.get(kind)
        if before is not None and span.start < before.end:
            before.end = max(before.end, span.end)
            before.arrays += span.arrays
        else:
            last[kind] = span
            found.append(span)
    return found


class _Bytes:
    """Memory of arrays, as NumPy's array interface gives it."""

    def __init__(self, span: Span) -> None:
        self.kept = span.arrays
        self.__array_interface__ = {
            "data": (span.start, True),
            "shape": (span.end - span.start,),
            "typestr": "|u1",
            "version": 3,
        }


def _memory(span: Span) -> Array:
    return np.asarray(_Bytes(span))
