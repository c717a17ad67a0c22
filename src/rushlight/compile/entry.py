"""One traced program of a compiled function: when it applies, and how it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compile.blame import report
from rushlight.compile.check import agrees
from rushlight.compile.guards import Guards, Snapshot, collect
from rushlight.compile.interpret import interpret
from rushlight.compile.program import Program
from rushlight.compile.results import fill
from rushlight.compile.trace import GradOf, trace
from rushlight.core.tensor import Tensor, clock, wrap
from rushlight.device import xp
from rushlight.errors import NotSupportedError, message

__all__ = ["Entry", "pick"]


class Entry:
    """One traced program of a compiled function: when it applies, and how to run it."""

    def __init__(
        self, function: Callable[..., Any], mode: str, arguments: list[Tensor], rebuild: Callable[..., Any]
    ) -> None:
        self.guards: Guards = collect(function)
        snapshot = Snapshot(self.guards.scope)
        try:
            traced = trace(lambda *ts: function(*rebuild(ts)), arguments, snapshot.gradients())
        except BaseException:
            snapshot.restore()
            raise
        self.graph, self.lifted, self.result, self.grads = traced.graph, traced.lifted, traced.result, traced.grads
        self.count = len(arguments)
        self.example = [t.array for t in arguments]
        self.guards.watch(
            self.lifted[self.count :], traced.fresh, [t.parameter for t in self.lifted if isinstance(t, GradOf)]
        )
        self.mode = mode
        self.program: Program | None = None
        self.proved = False
        if mode in ("full", "nofuse"):
            self.program = Program(self.graph, self.lifted, self.count, fuse=mode == "full")

    def call(self, arguments: list[Tensor]) -> Any:
        if self.program is None:
            outputs = self._interpret(arguments)
        elif self.proved:
            outputs = self.program.run(arguments)
        else:
            outputs = self._prove(arguments)
        rest = iter(outputs)
        result = fill(self.result, rest)
        for key in self.grads:
            tensor = arguments[key] if isinstance(key, int) else key
            tensor.grad = wrap(next(rest))
        return result

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
        done: list[list[Any]] = []
        while len(done) < steps and (self.program is None or not self.proved):
            batch = [wrap(pick(t.array, index, len(done))) for t in sources]
            outputs = self._interpret(batch) if self.program is None else self._prove(batch)
            done.append(outputs)
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
        return fill(self.result, iter(rest))

    def _tensors(self, arguments: list[Tensor]) -> list[Tensor]:
        return [*arguments, *self.lifted[self.count :]]

    def _targets(self, arguments: list[Tensor]) -> list[Tensor]:
        tensors = self._tensors(arguments)
        index = {id(v): i for i, v in enumerate(self.graph.inputs)}
        return [tensors[index[id(t)]] for t, _ in self.graph.updates]

    def _interpret(self, arguments: list[Tensor]) -> list[Any]:
        outputs, updates = interpret(self.graph, [t.array for t in self._tensors(arguments)])
        _write(self._targets(arguments), updates)
        return outputs

    def _prove(self, arguments: list[Tensor]) -> list[Any]:
        """The first run: by the interpreter and natively; where they differ the interpreter is right."""
        assert self.program is not None
        targets = self._targets(arguments)
        arrays = [t.array.copy() for t in self._tensors(arguments)]
        outputs, updates = interpret(self.graph, arrays)
        before = [t.array.copy() for t in targets]
        try:
            found = self.program.run(arguments)
            right = agrees(
                self.graph, arrays, [*found, *[t.array.copy() for t in targets]], [*outputs, *updates]
            )
        except BaseException:
            _write(targets, before)
            raise
        if right:
            self.proved = True
            return found
        _write(targets, before)
        report(self.graph, arrays, self.mode)
        self.program = None
        _write(targets, updates)
        return outputs


def _write(targets: list[Tensor], arrays: list[Any]) -> None:
    for target, array in zip(targets, arrays, strict=True):
        xp.copyto(target.array, array)
        target._written = next(clock)


def pick(source: Any, index: Tensor | None, step: int) -> Any:
    """One step's batch of a scan's source."""
    return source[step] if index is None else source[index.array[step]]
