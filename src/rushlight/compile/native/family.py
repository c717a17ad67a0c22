"""One program for many members: each has tensors of its own, and one native call runs them all.

A member's steps are those of `Program.scan` on one thread, so its numbers are those of its solo run, whatever
the number of threads and whoever else is in the call.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rushlight.compile.native import jit
from rushlight.compile.native.program import Program
from rushlight.compile.write.family import WORDS, crew_text
from rushlight.core.tensor import Tensor, clock
from rushlight.device import xp

__all__ = ["Crew", "Family", "Work", "apart"]

_Crew = ctypes.CFUNCTYPE(
    None,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_void_p,
    ctypes.c_int64,
)


@functools.cache
def _crew() -> Any:
    native = jit.build(crew_text(), {})
    return native, _Crew(native.address("crew"))


class Family:
    """A program, and the tensors that take the places of its lifted ones for each member.

    outputs  (shape, dtype) of what one step gives.
    """

    def __init__(self, program: Program, members: Sequence[Sequence[Tensor]], threads: int) -> None:
        graph, self.program = program.graph, program
        self.members = [list(tensors) for tensors in members]
        self.arguments = program.arguments
        self.outputs = [(v.spec.shape, v.spec.dtype) for v in graph.outputs]
        self.slot = len(graph.inputs) + len(graph.outputs)
        self.tables = xp.zeros((len(members), self.slot + 1), xp.int64)
        self._held: list[list[Any]] = [[None] * len(tensors) for tensors in self.members]
        self._written = [i - self.arguments for i in program.updated]
        given = [(v.spec.shape, v.spec.dtype) for v in graph.inputs[: self.arguments]]
        # Each thread has its own arena: a member's would be out of the cache when its turn comes again.
        self._memory = [xp.aligned_bytes(program.memory.arena) for _ in range(threads)]
        self._arenas = xp.asarray([xp.address(a) for a in self._memory], xp.int64)
        self._batches = [xp.empty((len(members), *shape), dtype) for shape, dtype in given]

    def bind(self) -> None:
        """Enter the addresses of the members' arrays. They are in row order, as `fits` has seen."""
        for tensors, held, row in zip(self.members, self._held, self.tables, strict=True):
            for k, tensor in enumerate(tensors):
                array = tensor.array
                if array is not held[k]:
                    held[k] = array
                    row[self.arguments + k] = xp.address(array)

    def fits(self) -> bool:
        """Whether every member's tensors are like the program's, in row order."""
        specs = [v.spec for v in self.program.graph.inputs[self.arguments :]]
        return all(
            t.array.shape == spec.shape and t.array.dtype == spec.dtype and t.array.flags.c_contiguous
            for tensors in self.members
            for t, spec in zip(tensors, specs, strict=True)
        )

    def written(self, member: int) -> list[Tensor]:
        """What the program updates of a member."""
        return [self.members[member][i] for i in self._written]

    def read(self, member: int) -> list[Tensor]:
        """What it only reads."""
        tensors = self.members[member]
        return [tensors[i] for i in range(len(tensors)) if i not in self._written]

    def found(self) -> Exception | None:
        """What a check found in some member's step, as `Program.run` would raise it."""
        errors = [self.program.found(memory) for memory in self._memory]
        return next((error for error in errors if error is not None), None)

    def touch(self) -> None:
        """Note that the members' tensors were written."""
        now = next(clock)
        for member in range(len(self.members)):
            for tensor in self.written(member):
                tensor._written = now

    def jobs(self, who: Any, sources: Sequence[Any], index: Any, steps: int, outputs: Any) -> tuple[Any, Any]:
        """The jobs of the members `who`, int64 (k, 8), and an array that must live until they are done.

        sources  arrays: with `index`, addresses (k,) of int64 (steps, batch), the rows of them; without
                 (None) a stack of batches. outputs: addresses (k, outputs) where the steps' results go.
        """
        count = len(who)
        places = xp.zeros((count, 2 * self.arguments + len(self.outputs)), xp.int64)
        for i, (source, batch) in enumerate(zip(sources, self._batches, strict=True)):
            places[:, i] = xp.address(source)
            places[:, self.arguments + i] = xp.address(batch) + who * batch.strides[0]
        places[:, 2 * self.arguments :] = outputs
        jobs = xp.zeros((count, WORDS), xp.int64)
        program = self.program
        jobs[:, 0] = program.scan_address(index is not None)
        jobs[:, 1] = program.native.address("step")
        jobs[:, 2] = xp.address(self.tables) + who * self.tables.strides[0]
        jobs[:, 3] = xp.address(places) + xp.arange(count) * places.strides[0]
        jobs[:, 4] = 0 if index is None else index
        jobs[:, 5], jobs[:, 6], jobs[:, 7] = steps, self.slot, xp.address(self._arenas)
        return jobs, places


class Crew:
    """Threads that do jobs of several families at once. Use it in a ``with``."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._next = xp.zeros(8, xp.int64)
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def begin(self, jobs: Any, starts: Any) -> Work:
        """Do ``jobs[starts[m] : starts[m + 1]]`` for each member m. One thread does it at once; several begin
        to, and nothing that they read or write may be touched before they are done."""
        self._next[0] = 0
        places = [xp.address(a) for a in (jobs, starts, self._next)]
        call, given = _crew()[1], (places[0], places[1], len(starts) - 1, places[2])
        if self.threads == 1:
            call(*given, 0)
            return Work([], None)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="rushlight-crew")
        futures = [self._pool.submit(lambda me: call(*given, me), me) for me in range(self.threads)]
        time.sleep(1e-4)  # so that they get the interpreter's lock to begin with
        return Work(futures, (jobs, starts))


class Work:
    """What a crew is doing."""

    def __init__(self, futures: list[Future[None]], kept: Any) -> None:
        self._futures, self._kept = futures, kept

    def done(self) -> bool:
        """Whether all is done."""
        return all(future.done() for future in self._futures)

    def wait(self) -> None:
        """Come back when all is done."""
        for future in self._futures:
            future.result()
        self._kept = None


def apart(written: Sequence[Tensor], read: Sequence[Tensor]) -> bool:
    """Whether each written tensor has its memory for itself."""
    spans = sorted((a, a + t.array.nbytes) for t in written if (a := xp.address(t.array)) and t.array.nbytes)
    if any(end > start for (_, end), (start, _) in zip(spans, spans[1:], strict=False)):
        return False
    starts = xp.asarray([s for s, _ in spans], xp.int64)
    ends = xp.asarray([e for _, e in spans], xp.int64)
    low = xp.asarray([xp.address(t.array) for t in read], xp.int64)
    high = low + xp.asarray([t.array.nbytes for t in read], xp.int64)
    if not len(starts) or not len(low):
        return True
    k = starts.searchsorted(high, side="left")  # the spans before k begin before the tensor ends
    return not bool(((k > 0) & (ends[xp.maximum(k, 1) - 1] > low)).any())
