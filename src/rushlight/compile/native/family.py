"""One program for many members: each has tensors of its own, and one native call runs them all.

A member's steps are those of `Program.scan` on one thread, so its numbers are those of its solo run, whatever
the number of threads and whoever else is in the call.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.compile.native.program import Program
from rushlight.compile.native.threads import together, worker_at
from rushlight.compile.write.pool import WORDS
from rushlight.core.tensor import Tensor, clock
from rushlight.device import xp
from rushlight.device.memory import address, aligned_bytes

__all__ = ["Family", "apart", "run_workers"]

_Aside = ctypes.CFUNCTYPE(None)


class Family:
    """A program, and the tensors that take the places of its lifted ones for each member.

    outputs  (shape, dtype) of what one step gives.
    written  for each member the tensors that the program updates; read: those that it only reads.
    """

    def __init__(self, program: Program, members: Sequence[Sequence[Tensor]], threads: int) -> None:
        graph, self.program = program.graph, program
        self.members = [list(tensors) for tensors in members]
        self.arguments = program.arguments
        self.outputs = [(v.spec.shape, v.spec.dtype) for v in graph.outputs]
        updated = {i - self.arguments for i in program.updated}
        self.written = [[t for k, t in enumerate(own) if k in updated] for own in self.members]
        self.read = [[t for k, t in enumerate(own) if k not in updated] for own in self.members]
        self._slot = len(graph.inputs) + len(graph.outputs)
        self._tables = xp.zeros((len(members), self._slot + 1), xp.int64)
        self._held: list[list[Any]] = [[None] * len(tensors) for tensors in self.members]
        # Each thread has its own arena: a member's would be out of the cache when its turn comes again.
        self._memory = [aligned_bytes(program.facts.arena) for _ in range(threads)]
        self._arenas = xp.asarray([address(a) for a in self._memory], xp.int64)
        self._room = 0
        self._batches: list[Any] = []

    def bind(self, who: Sequence[int]) -> None:
        """Before a call: enter the addresses of the arrays of the members `who`, which are C-contiguous, as
        `fits` has seen, and note that the tensors are written."""
        now = next(clock)
        for m in who:
            own, held, row, written = self.members[m], self._held[m], self._tables[m], self.written[m]
            for k, tensor in enumerate(own):
                array = tensor.array
                if array is not held[k]:
                    held[k] = None  # while the table points at neither
                    row[self.arguments + k] = address(array)
                    held[k] = array
            for tensor in written:
                tensor._written = now

    def fits(self) -> bool:
        """Whether every member's tensors are like the program's, C-contiguous."""
        specs = [v.spec for v in self.program.graph.inputs[self.arguments :]]
        return all(
            t.array.shape == spec.shape and t.array.dtype == spec.dtype and t.array.flags.c_contiguous
            for tensors in self.members
            for t, spec in zip(tensors, specs, strict=True)
        )

    def found(self) -> Exception | None:
        """What a check found in some member's step, as `Program.run` would raise it."""
        errors = [self.program.found(memory) for memory in self._memory]
        return next((error for error in errors if error is not None), None)

    def jobs(
        self, who: Any, epochs: int, sources: Sequence[Any], index: Any, steps: int, outputs: Any
    ) -> tuple[Any, Any]:
        """The jobs of the members `who`, `epochs` for each, int64 (k, 8), and what must live until they are
        done. Those of one member stand together, and are to be done in this order.

        sources  arrays: with `index`, addresses (k,) of int64 (steps, batch), the rows of them; without
                 (None) a stack of batches. outputs: addresses (k, outputs) where the steps' results go.
        """
        count, n = len(who) * epochs, self.arguments
        turn = xp.arange(count) // epochs
        places = xp.zeros((count, 2 * n + len(self.outputs)), xp.int64)
        if index is not None:
            self._make_room(len(who))
            for i, batch in enumerate(self._batches):
                places[:, n + i] = address(batch) + turn * batch.strides[0]
        for i, source in enumerate(sources):
            places[:, i] = address(source)
        places[:, 2 * n :] = outputs
        jobs = xp.zeros((count, WORDS), xp.int64)
        words = (
            self.program.loop(index is not None).address("scan"),
            address(self._tables) + who[turn] * self._tables.strides[0],
            address(places) + xp.arange(count) * places.strides[0],
            0 if index is None else index,
            steps,
            self._slot,
            address(self._arenas),
            self.program.native.address("step"),
        )
        for k, word in enumerate(words):
            jobs[:, k] = word
        return jobs, (places, self._batches)

    def _make_room(self, members: int) -> None:
        """Have a place for a gathered batch of each of so many members."""
        if members > self._room:
            self._batches = []  # before the larger ones are made
            given = [v.spec for v in self.program.graph.inputs[: self.arguments]]
            self._batches = [xp.empty((members, *spec.shape), spec.dtype) for spec in given]
            self._room = members


def run_workers(
    jobs: Any, starts: Any, threads: int, meanwhile: Callable[[Callable[[], bool]], None] | None = None
) -> None:
    """Do ``jobs[starts[m] : starts[m + 1]]`` for each member m, on so many threads, in one native call.

    meanwhile  if there may be several threads, called as ``meanwhile(done)`` by the first before it joins the
               others; `done` says whether all members are taken.
    """
    members = len(starts) - 1
    taken = xp.zeros(8, xp.int64)
    errors: list[BaseException] = []
    finished: list[bool] = []

    def aside() -> None:
        try:
            assert meanwhile is not None
            meanwhile(lambda: bool(taken[0] >= members))
            finished.append(True)
        except BaseException as error:
            errors.append(error)

    callback = _Aside(aside)
    both = meanwhile is not None and threads > 1
    at = ctypes.cast(callback, ctypes.c_void_p).value if both else None
    given = (ctypes.c_void_p * 5)(address(jobs), address(starts), members, address(taken), at)
    together(worker_at(), ctypes.addressof(given), threads)
    if both and not finished:
        # If it could not be caught, Python has written it down as one that it ignores.
        raise errors[0] if errors else KeyboardInterrupt


def apart(written: Sequence[Tensor], read: Sequence[Tensor]) -> bool:
    """Whether each written tensor has its memory for itself."""
    spans = sorted((a, a + t.array.nbytes) for t in written if (a := address(t.array)) and t.array.nbytes)
    if any(end > start for (_, end), (start, _) in zip(spans, spans[1:], strict=False)):
        return False
    starts = [start for start, _ in spans]
    for tensor in read:
        low = address(tensor.array)
        before = bisect_left(starts, low + tensor.array.nbytes)  # so many begin before the tensor ends
        if before and spans[before - 1][1] > low:
            return False
    return True
