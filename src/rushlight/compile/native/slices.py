"""A scan in slices: native calls of many steps each, short enough that a signal does not wait for long.

The results do not depend on where it is cut: the steps are computed one after the other, by the same
instructions.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rushlight.compile.native.threads import together
from rushlight.device import xp
from rushlight.device.memory import address

if TYPE_CHECKING:
    from rushlight.compile.native.program import Program
    from rushlight.compile.native.workspace import Workspace

__all__ = ["SECONDS", "Slices"]

SECONDS = 0.05
"""How long a slice takes, about: on a busy machine it may be twice as long."""
SHORT = 0.12
"""A scan that takes so long is not cut: those of a Trainer are not to be."""
GROWTH = 16
"""A slice has at most so many times the steps of the one before: the first few are slower than the rest."""


class Slices:
    """The slices of one scan, of these arguments for `Program.scan`.

    each    seconds that a step took; None if there was none yet.
    single  whether one slice does all; shared: whether something has to be copied between all steps.
    """

    def __init__(
        self,
        program: Program,
        work: Workspace,
        sources: Sequence[Any],
        index: Any,
        outputs: Sequence[Any],
        steps: int,
    ) -> None:
        given = [v.spec for v in program.graph.inputs[: program.arguments]]
        sizes = [spec.size * spec.dtype.itemsize for spec in given]
        self._batches = [xp.empty(spec.shape, spec.dtype) for spec in given]
        self._kept = sources, index, outputs
        # (where it begins, by how many bytes it goes on with each step)
        self._places = [
            *[(address(a), 0 if index is not None else n) for a, n in zip(sources, sizes, strict=True)],
            *[(address(a), 0) for a in self._batches],
            *[(address(a), a.nbytes // steps) for a in outputs],
        ]
        self._index = None if index is None else (address(index), index.nbytes // steps)
        self._job = program.loop(index is not None).address("scan_job")
        self._step = program.native.address("step")
        self._words, self._threads, self.steps = work.words, program.workers, steps
        self.each = program.each
        self.shared = bool(work.shared)
        self.single = steps == 1 or (self.each is not None and steps * self.each <= SHORT and not self.shared)

    def run(self) -> Iterator[int]:
        """Do them, and tell after each how many steps it had."""
        start, last = 0, 0
        while start < self.steps:
            count = self.steps - start if self.single else self._next(self.steps - start, last)
            began = time.perf_counter()
            self._call(start, count)
            took = (time.perf_counter() - began) / count
            self.each = took if self.each is None or not start else min(self.each, took)
            start, last = start + count, count
            yield count

    def _next(self, left: int, last: int) -> int:
        """How many steps the next slice has."""
        if self.shared:
            return 1
        if not last:
            return 1 if self.each is None else max(1, min(left, int(SECONDS / self.each)))
        assert self.each is not None
        slices = max(1, round(left * self.each / SECONDS))
        return min(-(-left // slices), last * GROWTH)

    def _call(self, start: int, count: int) -> None:
        places = (ctypes.c_void_p * len(self._places))(*[at + start * n for at, n in self._places])
        index = None if self._index is None else self._index[0] + start * self._index[1]
        given = (ctypes.c_void_p * 6)(*self._words, ctypes.addressof(places), index, count, self._step)
        together(self._job, ctypes.addressof(given), self._threads)
