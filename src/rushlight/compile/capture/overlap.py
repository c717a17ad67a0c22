"""Inputs that share memory with one that the program writes.

A program reads its inputs whenever it likes and may write an update early, so an input that shares memory
with an updated one is read from a copy. That is what the plain function would have read if it read before
it wrote; where it reads afterwards (`graph.late`), or writes both, the program is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from rushlight.compile.capture.placeholder import TraceError
from rushlight.compile.graph import Graph
from rushlight.device import xp
from rushlight.device.memory import byte_bounds, shares_memory
from rushlight.errors import message

__all__ = ["Spans", "refuse_overlaps"]


def refuse_overlaps(graph: Graph, arrays: Sequence[Any]) -> None:
    """Raise TraceError if inputs with these arrays share memory in a way that the program cannot follow."""
    place = {id(v): i for i, v in enumerate(graph.inputs)}
    targets = {place[id(t)] for t, _ in graph.updates}
    bounds = [byte_bounds(a) for a in arrays]
    for j in targets:
        start, end = bounds[j]
        for i, (low, high) in enumerate(bounds):
            meet = low < end and start < high and i != j and (i in targets or (i, j) in graph.late)
            if meet and shares_memory(arrays[i], arrays[j]):
                raise TraceError(
                    message(
                        "compile",
                        f"a tensor of shape {arrays[j].shape} that is updated and shares memory with another",
                        "memory of its own",
                        "clone() one of them.",
                    )
                )


class Spans:
    """Where in memory the updated inputs lie, to be asked whether another input lies there too."""

    def __init__(self, graph: Graph) -> None:
        place = {id(v): i for i, v in enumerate(graph.inputs)}
        self.graph = graph
        self.targets = frozenset(place[id(t)] for t, _ in graph.updates)
        self._arrays: dict[int, Any] = {}
        self._bounds: dict[int, tuple[int, int]] = {}
        self._sorted: tuple[list[int], list[int]] | None = None

    def place(self, arrays: dict[int, Any]) -> bool:
        """These are the updated inputs' arrays now; gives whether one of them is another than before."""
        if arrays.keys() == self._arrays.keys() and all(self._arrays[i] is a for i, a in arrays.items()):
            return False
        self._arrays, self._bounds = arrays, {i: byte_bounds(a) for i, a in arrays.items()}
        self._sorted = None
        return True

    def meets(self, start: int, end: int) -> bool:
        """Whether bytes from `start` to `end` may belong to an updated input."""
        if self._sorted is None:
            spans = sorted(self._bounds.values())
            self._sorted = [s for s, _ in spans], list(accumulate((e for _, e in spans), max))
        starts, ends = self._sorted
        k = bisect_right(starts, end - 1)
        return k > 0 and ends[k - 1] > start

    def must_copy(self, i: int, array: Any) -> bool:
        """Whether input `i`, with this array, has to be read from a copy.

        Raises TraceError where a copy would not do.
        """
        found = False
        low, high = byte_bounds(array)
        for j, (start, end) in self._bounds.items():
            target = self._arrays[j]
            if low < end and start < high and i != j and shares_memory(array, target):
                if i in self.targets or (i, j) in self.graph.late:
                    arrays = [xp.empty((0,), xp.float32)] * len(self.graph.inputs)
                    arrays[i], arrays[j] = array, target
                    refuse_overlaps(self.graph, arrays)
                found = True
        return found
