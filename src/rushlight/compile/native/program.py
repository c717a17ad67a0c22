"""A compiled program: what one native call needs, and the call itself."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import setitem
from typing import Any

from rushlight.compile.graph import Graph
from rushlight.compile.native import jit
from rushlight.compile.native.slices import Slices
from rushlight.compile.native.threads import get_num_threads, together
from rushlight.compile.native.workspace import Pairs, Workspace
from rushlight.compile.pipeline import Built, Recalled
from rushlight.compile.plan.memory import Memory
from rushlight.compile.plan.records import Schedule
from rushlight.compile.write.render import Module
from rushlight.compile.write.scan import scan_text
from rushlight.core.atomic import Undo, at_once, make_lock
from rushlight.core.tensor import Tensor, clock
from rushlight.device import xp
from rushlight.device.memory import address, aligned_bytes

__all__ = ["LastRun", "Program"]

HEAVY = 50_000_000
"""Operations of the kernels with parts in one step from which it is worth waking other threads for it."""

_Alone = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class LastRun:
    """When something ran last, by the clock of all that happens to tensors."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = 0


class Program:
    """A graph as native code, with the tensors that it was lifted from."""

    new_array: Callable[..., Any] = staticmethod(xp.empty)
    new_bytes: Callable[..., Any] = staticmethod(aligned_bytes)
    """Where memory comes from; the fuzzer puts fences around it."""

    def __init__(self, built: Built | Recalled, lifted: Sequence[Tensor], arguments: int) -> None:
        self.built = built
        self.graph: Graph = built.graph
        self.lifted = list(lifted[arguments:])
        self.arguments = arguments
        self.native, self.facts = built.native, built.facts
        self._job = self.native.address("step_job")
        self._alone = _Alone(self.native.address("alone"))
        self._scans: dict[bool, jit.Native] = {}
        self._parts, self._apart = self.facts.parts, self.facts.apart
        self._checks = self.facts.flag is not None
        self._heavy = self.facts.shared >= HEAVY
        self.updated = self.facts.updated
        self._simple = not (self._apart or self.updated or self._heavy or self._checks)
        self.allocate()

    def allocate(self) -> None:
        """What belongs to one user of the program; a copy of it needs its own."""
        self._lock = make_lock()
        self.last = LastRun()
        self._free: list[Workspace] = []
        self.each: float | None = None
        updated = self.updated
        written = [self.lifted[i - self.arguments] for i in updated if i >= self.arguments]
        self._written = [*written, *[t._base for t in written if t._base is not None]]
        self._written_arguments = [i for i in updated if i < self.arguments]

    @property
    def plan(self) -> Schedule:
        """The kernels."""
        return self.built.whole.plan

    @property
    def memory(self) -> Memory:
        """Where their values live."""
        return self.built.whole.memory

    @property
    def module(self) -> Module:
        """Their text."""
        return self.built.whole.module

    def apart(self, tensors: Sequence[Tensor]) -> Program:
        """A copy of the program that takes these for its inputs, and has memory of its own."""
        other = copy.copy(self)
        other.lifted = list(tensors[self.arguments :])
        other.allocate()
        return other

    def copy_of(self, array: Any) -> Any:
        """A copy for a trial run to write to."""
        copied = self.new_array(array.shape, array.dtype)
        xp.copyto(copied, array)
        return copied

    def workspace(self) -> Workspace:
        """Memory for one call: what the last one left, or new."""
        return self._free.pop() if self._free else Workspace(self)

    def run(self, arguments: Sequence[Tensor]) -> list[Any]:
        """One call: reads the arguments and the lifted tensors, updates those that the program updates, and
        gives the outputs' arrays. An exception at any moment leaves all updates made, or none."""
        with self._lock:
            # Taken out, and put back last: what an exception leaves in the middle is never used again.
            work = self._free.pop() if self._free else Workspace(self)
            back = work.bind(arguments)
            if self._simple and not back:
                self._alone(work.given)
            elif self._apart or back:
                self._run_apart(work, arguments, back)
            else:
                written, before = self._note(arguments) if self.updated else ([], [])
                if self._heavy:
                    self._step(work)
                else:
                    self._alone(work.given)
                if self._checks and (error := self.found(work.arena)):
                    for tensor, noted in zip(written, before, strict=True):
                        tensor._written = noted
                    raise error
            made = work.outputs
            outputs = [made[0].copy()] if len(made) == 1 else [a.copy() for a in made]
            self._free.append(work)
        return outputs

    def _step(self, work: Workspace) -> None:
        if self._heavy and (workers := self.workers) > 1:
            together(self._job, work.given, workers)
        else:
            self._alone(work.given)

    def _run_apart(self, work: Workspace, arguments: Sequence[Tensor], back: Pairs) -> None:
        """A step that updates copies, which are written back together when it went well."""
        back = back + work.update_copies(self.updated)
        self._step(work)
        self._raise(work, 1)
        self._note(arguments)
        _write_back(back)
        work.update_originals()

    def watched(self, arguments: Sequence[Tensor], watch: Callable[[Workspace, int], None]) -> list[Any]:
        """One call of a large program, with ``watch(workspace, i)`` before each kernel and copy, and at
        the end."""
        place = self.facts.watch
        assert place is not None
        with self._lock:
            work = self.workspace()
            word = ctypes.c_int64.from_address(address(work.arena) + place)
            work.watch, word.value = watch, 1
            self._free.append(work)
            undo = Undo(lambda: work.unwatch(word), failed=False)
            with undo, undo, undo:
                outputs = self.run(arguments)
            if work.error is not None:  # the step is done, the proof is not
                error, work.error = work.error, None
                raise error
        return outputs

    def scan(self, sources: Sequence[Any], index: Any, steps: int) -> list[Any]:
        """`steps` calls in one: the arguments of each are the next items of `sources`, or with `index`, int64
        of shape (steps, batch), the rows that it names. Gives the outputs of all steps, stacked.

        It goes in slices of about SLICE seconds, between which Python looks for signals. An exception at any
        moment leaves all steps done, or none: where there may be one between two steps, they update copies.
        """
        with self._lock:
            work = self.workspace()
            back = work.bind_lifted()
            shapes = [(steps, *a.shape) for a in work.outputs]
            outputs = [xp.empty(s, a.dtype) for s, a in zip(shapes, work.outputs, strict=True)]
            slices = Slices(self, work, sources, index, outputs, steps)
            if work.shared:
                self._step_by_step(work, back, slices)
            elif back or not slices.single or self.facts.callbacks or self._checks:
                back = back + work.update_copies([i for i in self.updated if i >= self.arguments])
                for done in slices.run():
                    self._raise(work, done)
                self._note(())
                _write_back(back)
                work.update_originals()
            else:
                self._note(())
                for _ in slices.run():
                    pass
            work.point_at_outputs()
            work.forget_arguments()
            self.each = slices.each
            self._free.append(work)
        return outputs

    def loop(self, gather: bool) -> jit.Native:
        """The native loop over steps, compiled when it is first asked for; `gather` for batches that an index
        names."""
        if gather not in self._scans:
            self._scans[gather] = jit.build(scan_text(self.graph, self.arguments, gather), {})
        return self._scans[gather]

    def _step_by_step(self, work: Workspace, back: Pairs, slices: Slices) -> None:
        """A scan whose steps read what the steps before wrote through another tensor."""
        arrays = [self.lifted[i - self.arguments].array for i in self.updated if i >= self.arguments]
        kept = [a.copy() for a in arrays]
        undo = Undo(lambda: _write_back(list(zip(arrays, kept, strict=True))), failed=True)
        self._note(())
        with undo, undo, undo:
            for done in slices.run():
                self._raise(work, done)
                _write_back(back)
                _write_back(work.shared)

    def _raise(self, work: Workspace, steps: int) -> None:
        """Raise what a check found in the last steps, or what a callback raised."""
        error = self.found(work.arena) or work.failure(steps)
        if error is not None:
            raise error

    def _note(self, arguments: Sequence[Tensor]) -> tuple[list[Tensor], list[int]]:
        """Note on the tensors that they are written now, so that an eager backward through the old values
        refuses: before they are, since nothing may come between that and the end of the call. Gives them, and
        what was noted before if the step may find that it must not write."""
        now = next(clock)
        written = self._written
        if self._written_arguments and arguments:
            given = [arguments[i] for i in self._written_arguments]
            written = [*written, *given, *[t._base for t in given if t._base is not None]]
        before = [t._written for t in written] if self._checks else []
        for tensor in written:
            tensor._written = now
        self.last.at = now
        return written, before

    def found(self, arena: Any) -> Exception | None:
        """The error that eager code raises for the index that a check found out of range, in this arena."""
        place = self.facts.flag
        if place is None:
            return None
        flag = (ctypes.c_int64 * 3).from_address(address(arena) + place)
        if not flag[0]:
            return None
        check, index = self.module.checks[flag[1] - 1], flag[2]
        flag[0] = flag[1] = 0
        return check.error(index)

    @property
    def workers(self) -> int:
        """How many threads can share the work: no more than the largest number of parts."""
        return min(get_num_threads(), self._parts)

    @property
    def call_workers(self) -> int:
        """How many threads share a single step."""
        return self.workers if self._heavy else 1


def _write_back(pairs: Pairs) -> None:
    """Write the second of each pair into the first, all or none."""
    at_once(setitem, [target for target, _ in pairs], repeat(Ellipsis), [found for _, found in pairs])
