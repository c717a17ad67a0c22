"""One traced program of a compiled function: when it applies, and how it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rushlight.compile.capture.arguments import things_in
from rushlight.compile.capture.guards import Guards, Snapshot, collect
from rushlight.compile.capture.placeholder import GradOf
from rushlight.compile.capture.results import Hole, fill
from rushlight.compile.capture.trace import trace
from rushlight.compile.interpret import interpret
from rushlight.compile.native.known import make_program
from rushlight.compile.native.program import Program
from rushlight.compile.proof.blame import report, report_failure
from rushlight.compile.proof.check import agrees
from rushlight.core.tensor import Tensor, clock, wrap
from rushlight.device import xp
from rushlight.errors import NotSupportedError, message

__all__ = ["Entry", "pick"]


class Entry:
    """One traced program of a compiled function: when it applies, and how to run it."""

    def __init__(
        self, function: Callable[..., Any], mode: str, arguments: list[Tensor], rebuild: Callable[..., Any]
    ) -> None:
        started = time.perf_counter()
        self.guards: Guards = collect(function, things_in(list(rebuild(arguments))))
        snapshot = Snapshot(self.guards.scope)
        try:
            traced = trace(lambda *ts: _call(function, *rebuild(ts)), arguments, snapshot.gradients())
        except BaseException:
            snapshot.restore()
            raise
        self.graph, self.lifted, self.result, self.grads = (
            traced.graph,
            traced.lifted,
            traced.result,
            traced.grads,
        )
        self.cleared = traced.cleared
        self._alone = self.result is Hole and not self.grads and not self.cleared
        self.count = len(arguments)
        self.example = [t.array for t in arguments]
        self.guards.watch(
            self.lifted[self.count :],
            traced.fresh,
            [t.parameter for t in self.lifted if isinstance(t, GradOf)],
        )
        self.mode = mode
        self.program: Program | None = None
        self.proved = False
        self._lock = threading.Lock()
        if mode in ("full", "nofuse"):
            traced_at = time.perf_counter()
            self.program = self._build(arguments)
            native = self.program.native.seconds if self.program else 0.0
            written = time.perf_counter() - traced_at - native
            self.seconds = {"trace": traced_at - started, "kernels and text": written}

    def _build(self, arguments: list[Tensor]) -> Program | None:
        """The program; where the compiler fails the interpreter has to do, and a warning says so."""
        try:
            return make_program(self.graph, self.lifted, self.count, fuse=self.mode == "full")
        except (NotSupportedError, MemoryError):
            raise
        except Exception as error:
            report_failure(self.graph, [t.array for t in self._tensors(arguments)], self.mode, error)
            return None

    def call(self, arguments: list[Tensor]) -> Any:
        outputs = self.program.run(arguments) if self.proved and self.program else self._slowly(arguments)
        if self._alone:
            return wrap(outputs[0])
        rest = iter(outputs)
        result = fill(self.result, rest)
        for key in self.grads:
            tensor = arguments[key] if isinstance(key, int) else key
            tensor.grad = wrap(next(rest))
        for tensor in self.cleared:
            tensor.grad = None
        return result

    def rehearse(self, program: Program, arguments: list[Tensor]) -> Any:
        """What a call does, for measuring: on a copy of the program, and leaving all gradients alone."""
        self.guards.hold()
        return fill(self.result, iter(program.run(arguments)))

    def scan(self, sources: list[Tensor], index: Tensor | None, steps: int) -> Any:
        """All steps in one native call; the first of a new program by itself, so that it proves itself."""
        if self.grads:
            raise NotSupportedError(
                message(
                    "scan",
                    "a function that leaves gradients behind",
                    "one that uses them up",
                    "Let the optimiser's step be a part of it.",
                )
            )
        before = [] if self.proved else [(t, t.array.copy()) for t in self._state()]
        try:
            rest = self._steps(sources, index, steps)
        except BaseException:
            # All steps or none: a program that is proved takes its steps back itself.
            for tensor, array in before:
                xp.copyto(tensor.array, array)
            raise
        return fill(self.result, iter(rest))

    def _steps(self, sources: list[Tensor], index: Tensor | None, steps: int) -> list[Any]:
        """The outputs of all steps, stacked."""
        done: list[list[Any]] = []
        while len(done) < steps and (self.program is None or not self.proved):
            batch = [wrap(pick(t.array, index, len(done))) for t in sources]
            done.append(self._slowly(batch))
        rest: list[Any] = []
        if len(done) < steps:
            assert self.program is not None
            skip = len(done)
            arrays = [xp.contiguous(t.array if index is not None else t.array[skip:]) for t in sources]
            rows = None if index is None else xp.contiguous(index.array[skip:].astype(xp.int64, copy=False))
            rest = self.program.scan(arrays, rows, steps - skip)
        if done:
            first = [xp.stack([d[i] for d in done]) for i in range(len(self.graph.outputs))]
            rest = [xp.concatenate((a, b)) for a, b in zip(first, rest, strict=True)] if rest else first
        return rest

    def _state(self) -> list[Tensor]:
        """The tensors that the program updates, but for its arguments."""
        missing: list[Any] = [None] * self.count
        return [t for t in self._targets([*missing, *self.lifted[self.count :]]) if t is not None]

    def _tensors(self, arguments: list[Tensor]) -> list[Tensor]:
        return [*arguments, *self.lifted[self.count :]]

    def _targets(self, tensors: list[Tensor]) -> list[Tensor]:
        """Those of the inputs that are updated."""
        index = {id(v): i for i, v in enumerate(self.graph.inputs)}
        return [tensors[index[id(t)]] for t, _ in self.graph.updates]

    def _slowly(self, arguments: list[Tensor]) -> list[Any]:
        """One call at a time: by the interpreter, or the first of a program."""
        with self._lock:
            if self.program is None:
                return self._interpret(arguments)
            return self.program.run(arguments) if self.proved else self._prove(arguments)

    def _interpret(self, arguments: list[Tensor]) -> list[Any]:
        tensors = self._tensors(arguments)
        outputs, updates = interpret(self.graph, [t.array for t in tensors])
        _write(self._targets(tensors), updates)
        return outputs

    def _prove(self, arguments: list[Tensor]) -> list[Any]:
        """The first run: by the interpreter and natively, both on copies; where they differ the
        interpreter is right, now and from now on."""
        assert self.program is not None
        arrays = [t.array.copy(order="C") for t in self._tensors(arguments)]
        outputs, updates = interpret(self.graph, arrays)
        tried = self._tried(arrays)
        if tried is not None and agrees(self.graph, arrays, [*tried[0], *tried[1]], [*outputs, *updates]):
            self.proved = True
            found, new = tried
        else:
            report(self.graph, arrays, self.mode)
            self.program = None
            found, new = outputs, updates
        _write(self._targets(self._tensors(arguments)), new)
        return found

    def _tried(self, arrays: list[Any]) -> tuple[list[Any], list[Any]] | None:
        """The outputs and updates that the program makes of these inputs; None where it fails, which the
        interpreter did not."""
        assert self.program is not None
        trial = [wrap(self.program.copy_of(a)) for a in arrays]
        try:
            found = self.program.apart(trial).run(trial[: self.count])
        except MemoryError:
            raise
        except Exception:
            return None
        return found, [t.array for t in self._targets(trial)]


def _call(function: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return function(*given, **named)


def _write(targets: list[Tensor], arrays: list[Any]) -> None:
    for target, array in zip(targets, arrays, strict=True):
        xp.copyto(target.array, array)
        target._written = next(clock)
        if target._base is not None:
            target._base._written = target._written


def pick(source: Any, index: Tensor | None, step: int) -> Any:
    """One step's batch of a scan's source."""
    return source[step] if index is None else source[index.array[step]]
