"""One traced program of a compiled function: when it applies, and how it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import setitem
from typing import Any

from rushlight.compile.capture.arguments import Flat, alike
from rushlight.compile.capture.gradients import note_user
from rushlight.compile.capture.ran import Ran
from rushlight.compile.capture.record import record
from rushlight.compile.capture.results import Hole, fill
from rushlight.compile.host import describe
from rushlight.compile.interpret import interpret
from rushlight.compile.native.known import make_program, note
from rushlight.compile.native.program import LastRun, Program
from rushlight.compile.pipeline import Recalled
from rushlight.compile.plan.verify import overwritten
from rushlight.compile.proof.blame import APART, report, report_failure
from rushlight.compile.proof.check import agrees
from rushlight.compile.proof.watch import Watch
from rushlight.core.atomic import Undo, at_once, make_lock, struck
from rushlight.core.autocast import lower_dtype
from rushlight.core.spec import default
from rushlight.core.state import asking_once
from rushlight.core.tensor import Tensor, clock, wrap
from rushlight.device import xp
from rushlight.device.memory import contiguous
from rushlight.errors import NotSupportedError

__all__ = ["Entry", "pick"]

NO_NUMBERS: Any = ((), ())


class Entry:
    """One traced program of a compiled function: when it applies, and how to run it."""

    def __init__(
        self, function: Callable[..., Any], mode: str, flat: Flat, moving: set[Any], known: Ran | None = None
    ) -> None:
        started = time.perf_counter()
        arguments = flat.tensors
        self.default_dtype, self.lower_dtype = default.dtype, lower_dtype()
        recorded = record(function, flat, moving, known)
        self.guards, traced = recorded.guards, recorded.traced
        self.moving, self.writes = recorded.moving, recorded.writes
        self._lines, self._sources, self._inputs = recorded.lines, recorded.sources, recorded.inputs
        self.graph, self.lifted, self.result, self.grads = (
            traced.graph,
            traced.lifted,
            traced.result,
            traced.grads,
        )
        self.cleared, self.rebound, self._asked = traced.cleared, traced.rebound, traced.asked
        self._over = traced.over
        self._notes = bool(traced.emptied) and not self.graph.updates
        left = self.grads or self.cleared or self._over or self.rebound or self._asked or self._notes
        self._alone = self.result is Hole and not left
        updated = {id(v) for v, _ in self.graph.updates}
        seen = {id(t) for t in traced.looked_at}
        seen_and_written = any(
            id(t) in seen and id(v) in updated for t, v in zip(self.lifted, self.graph.inputs, strict=True)
        )
        # A counter, say: each step has numbers of its own.
        self.steps_apart = bool(self.writes or self.rebound or self.grads or seen_and_written)
        self._simple = self._alone and self._lines is None
        self.count = len(arguments)
        self.example = [t.array for t in arguments]
        self.reads_numbers = self._lines is not None
        self._given_gradients = [key for key in self.grads if isinstance(key, int)]
        self.mode = mode
        self.used = 0
        self._like: Callable[[tuple[Any, ...]], bool] | None = None
        self.program: Program | None = None
        self._name: str | None = None
        self.proved = False
        self.proof = "Not proved yet: that is done in its first call."
        self._lock = make_lock()
        self._turn = make_lock()
        if mode in ("full", "nofuse"):
            traced_at = time.perf_counter()
            self.program = self._build(arguments)
            native = self.program.native.seconds if self.program else 0.0
            written = time.perf_counter() - traced_at - native
            self.seconds = {"trace": traced_at - started, "kernels and text": written}
        self.last = LastRun() if self.program is None else self.program.last
        for tensors, uses_up in ((traced.used_up, True), (traced.emptied, False)):
            for tensor in tensors:
                note_user(tensor, self.last, uses_up, self)

    def _build(self, arguments: list[Tensor]) -> Program | None:
        """The program; where the compiler fails the interpreter has to do, and a warning says so."""
        describe()  # a setting that it refuses is no failure of the compiler
        try:
            fuse = self.mode == "full"
            program, self._name = make_program(self.graph, self.lifted, self.count, fuse)
            if isinstance(program.built, Recalled):
                self.proved = True
                self.proof = "Proved in the first call of an earlier process."
            return program
        except (NotSupportedError, MemoryError):
            raise
        except Exception as error:
            if struck(error):
                raise
            report_failure(self.graph, [t.array for t in self._tensors(arguments)], self.mode, error)
            return None

    def ready(self, numbers: Sequence[Any] = ()) -> Any:
        """What `call` wants to know of the numbers that are read in each call; None where the program does
        not apply now."""
        if not self.guards.hold():
            return None
        if self._lines is None:
            return NO_NUMBERS
        try:
            return self._lines(*numbers, *[read() for read in self._sources])
        except Exception as error:
            if struck(error):
                raise
            return None  # the function will raise it in its own place

    def like(self, arguments: tuple[Tensor, ...]) -> Callable[[tuple[Any, ...]], bool]:
        """`alike` of the plain tensors of a call of this program: it is kept, since to write it takes longer
        than many calls."""
        if self._like is None or not self._like(arguments):
            self._like = alike(arguments)
        return self._like

    def call(self, arguments: list[Tensor], ready: Any = NO_NUMBERS) -> Any:
        """The result of one call, and all that it changes."""
        if self._simple and self.proved:
            return wrap(self.program.run(arguments)[0])  # type: ignore[union-attr]
        if self._lines is None:
            return self._call(arguments, ())
        inputs, results = ready
        with self._turn:  # the program's inputs hold one call's numbers at a time
            for tensor, value in zip(self._inputs, inputs, strict=True):
                tensor.array[...] = value
            found = self._call(arguments, results)
        for write, place in self.writes:
            write(results[place])
        return found

    def _call(self, arguments: list[Tensor], numbers: Sequence[Any]) -> Any:
        memory = [self.lifted[i].array for _, i in self.rebound]
        outputs = self.program.run(arguments) if self.proved and self.program else self._slowly(arguments)
        if self._notes:
            self.last.at = next(clock)
        if self._alone:
            return wrap(outputs[0])
        at_once(setattr, [t for t, _ in self.rebound], repeat("array"), memory)
        for i, asked in self._asked:
            arguments[i].requires_grad_(asked)
        rest = iter(outputs)
        result = fill(self.result, rest, numbers)
        left = [arguments[key] if isinstance(key, int) else key for key in self.grads]
        grads: list[Any] = [*map(wrap, rest), *repeat(None, len(self.cleared))]
        for i, tensor in enumerate(left[: len(self._given_gradients)]):
            if tensor._grad is not None and self._given_gradients[i] not in self._over:
                grads[i] = wrap(tensor._grad.array + grads[i].array)
        dropped = [arguments[i] for i in self._over if i not in self._given_gradients]
        grads += repeat(None, len(dropped))
        # Not `.grad`, which is set by Python code: that may be interrupted in between.
        at_once(setattr, [*left, *self.cleared, *dropped], repeat("_grad"), grads)
        return result

    def rehearse(self, program: Program, arguments: list[Tensor]) -> Any:
        """What a call does, for measuring: on a copy of the program, and leaving all gradients alone."""
        self.guards.hold()
        return fill(self.result, iter(program.run(arguments)))

    def scan(self, sources: list[Tensor], index: Tensor | None, steps: int, ready: Any = NO_NUMBERS) -> Any:
        """All steps in one native call; the first of a new program by itself, so that it proves itself."""
        inputs, results = ready
        with self._turn:
            for tensor, value in zip(self._inputs, inputs, strict=True):
                tensor.array[...] = value
            return self._scan(sources, index, steps, results)

    def _scan(self, sources: list[Tensor], index: Tensor | None, steps: int, numbers: Sequence[Any]) -> Any:
        if not self.proved and self.program is not None:
            with self._lock:
                self._prove_first([wrap(pick(t.array, index, 0)) for t in sources])
        if self.program is None:
            rest = self._interpret_all(sources, index, steps)
        else:
            arrays = [contiguous(t.array) for t in sources]
            rows = None if index is None else contiguous(index.array.astype(xp.int64, copy=False))
            rest = self.program.scan(arrays, rows, steps)
        return fill(self.result, iter(rest), numbers)

    def _interpret_all(self, sources: list[Tensor], index: Tensor | None, steps: int) -> list[Any]:
        """The outputs of all steps, stacked, by the interpreter: all steps or none."""
        self.last.at = next(clock)
        state = [self.lifted[i] for i in self._updated() if i >= self.count]
        kept = [t.array.copy() for t in state]
        undo = Undo(lambda: _write(state, kept), failed=True)
        with undo, undo, undo:
            done = [self._interpret([wrap(pick(t.array, index, s)) for t in sources]) for s in range(steps)]
        return [xp.stack(list(column)) for column in zip(*done, strict=True)]

    def _tensors(self, arguments: list[Tensor]) -> list[Tensor]:
        return [*arguments, *self.lifted[self.count :]]

    def _updated(self) -> list[int]:
        """Which of the inputs are updated."""
        index = {id(v): i for i, v in enumerate(self.graph.inputs)}
        return [index[id(t)] for t, _ in self.graph.updates]

    def _targets(self, tensors: list[Tensor]) -> list[Tensor]:
        """Those of the inputs that are updated."""
        return [tensors[i] for i in self._updated()]

    def _slowly(self, arguments: list[Tensor]) -> list[Any]:
        """One call at a time: by the interpreter, or the first of a program."""
        self.last.at = next(clock)
        asked = asking_once()
        with self._lock, asked, asked, asked:
            if self.program is None:
                return self._interpret(arguments)
            if self.proved:
                return self.program.run(arguments)
            if self.program.facts.watch is not None:
                return self._watch(self.program, arguments)
            found, new = self._prove(arguments)
            _write(self._targets(self._tensors(arguments)), new)
            return found

    def _interpret(self, arguments: list[Tensor]) -> list[Any]:
        tensors = self._tensors(arguments)
        outputs, updates = interpret(self.graph, [t.array for t in tensors])
        _write(self._targets(tensors), updates)
        return outputs

    def _prove(self, arguments: list[Tensor]) -> tuple[list[Any], list[Any]]:
        """The first run: by the interpreter and natively, both on copies; where they differ the
        interpreter is right, now and from now on. Gives the outputs and the updates, which are not made."""
        assert self.program is not None
        arrays = [t.array.copy(order="C") for t in self._tensors(arguments)]
        outputs, updates = interpret(self.graph, arrays)
        tried = self._tried(arrays)
        values = [*outputs, *updates]
        if tried is not None and agrees(self.graph, arrays, [*tried[0], *tried[1]], values):
            self._proved(f"Proved in its first call: all {len(values)} results agree with the interpreter's.")
            return tried
        report(self.graph, arrays, self.mode)
        self.program = None
        return outputs, updates

    def _prove_first(self, arguments: list[Tensor]) -> None:
        """Prove the program on a step that is not made."""
        assert self.program is not None
        asked = asking_once()
        with asked, asked, asked:
            if self.program.facts.watch is None:
                self._prove(arguments)
                return
            state = [self.lifted[i] for i in self._updated() if i >= self.count]
            kept = [t.array.copy() for t in state]
            undo = Undo(lambda: _write(state, kept), failed=False)
            with undo, undo, undo:
                self._watch(self.program, arguments)

    def _watch(self, program: Program, arguments: list[Tensor]) -> list[Any]:
        """The first run of a large program: in its own memory, looked at kernel by kernel."""
        lost = overwritten(program.plan, program.memory)
        if lost is not None:
            return self._refuse(arguments, f"{APART} ({lost})")
        watch = Watch(program)
        try:
            outputs = watch.run(arguments)
        except MemoryError:
            raise
        except Exception as error:  # it left all as it was
            if struck(error):
                raise
            return self._refuse(arguments, f"unknown; the program fails ({type(error).__name__}: {error})")
        if watch.fault is None:
            self._proved(watch.summary)
        else:
            report(watch.fault.graph, watch.fault.arrays, self.mode, watch.fault.what)
            self.program = None
        return outputs

    def _proved(self, how: str) -> None:
        """The program is right, in this process and in those to come."""
        assert self.program is not None
        self.proved, self.proof = True, how
        note(self.program, self._name)

    def _refuse(self, arguments: list[Tensor], fault: str) -> list[Any]:
        """The interpreter's results, now and from now on; its errors are the user's, not the program's."""
        tensors = self._tensors(arguments)
        arrays = [t.array for t in tensors]
        outputs, updates = interpret(self.graph, arrays)
        report(self.graph, arrays, self.mode, fault)
        self.program = None
        _write(self._targets(tensors), updates)
        return outputs

    def _tried(self, arrays: list[Any]) -> tuple[list[Any], list[Any]] | None:
        """The outputs and updates that the program makes of these inputs; None where it fails, which the
        interpreter did not."""
        assert self.program is not None
        trial = [wrap(self.program.copy_of(a)) for a in arrays]
        try:
            found = self.program.apart(trial).run(trial[: self.count])
        except MemoryError:
            raise
        except Exception as error:
            if struck(error):
                raise
            return None
        return found, [t.array for t in self._targets(trial)]


def _write(targets: list[Tensor], arrays: list[Any]) -> None:
    """Update the tensors, all or none."""
    for target in targets:
        target._written = next(clock)
        if target._base is not None:
            target._base._written = target._written
    at_once(setitem, [t.array for t in targets], repeat(Ellipsis), arrays)


def pick(source: Any, index: Tensor | None, step: int) -> Any:
    """One step's batch of a scan's source."""
    return source[step] if index is None else source[index.array[step]]
