"""`rl.compile`: a Python function as one native call."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable
from typing import Any

from rushlight.compile.check import agrees
from rushlight.compile.guards import Guards, collect
from rushlight.compile.interpret import interpret
from rushlight.compile.program import Program
from rushlight.compile.trace import trace
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, clock, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, message

__all__ = ["MODES", "CompiledFunction", "compile"]

MODES = ("full", "nofuse", "interpret", "off")


class Entry:
    """One traced program of a compiled function: when it applies, and how to run it."""

    def __init__(
        self, function: CompiledFunction, arguments: list[Tensor], rebuild: Callable[..., Any]
    ) -> None:
        self.guards: Guards = collect(function.function)
        self.graph, self.lifted, result = trace(lambda *ts: function.function(*rebuild(ts)), arguments)
        self.count = len(arguments)
        self.result = _skeleton(result)
        self.program: Program | None = None
        self.proved = False
        if function.mode in ("full", "nofuse"):
            self.program = Program(self.graph, self.lifted, self.count, fuse=function.mode == "full")

    def call(self, arguments: list[Tensor]) -> Any:
        if self.program is None:
            outputs = self._interpret(arguments, write=True)
        elif self.proved:
            outputs = self.program.run(arguments)
            self.program.mark_written(arguments)
        else:
            outputs = self._prove(arguments)
        return _fill(self.result, iter(outputs))

    def _tensors(self, arguments: list[Tensor]) -> list[Tensor]:
        return [*arguments, *self.lifted[self.count :]]

    def _targets(self, arguments: list[Tensor]) -> list[Tensor]:
        tensors = self._tensors(arguments)
        index = {id(v): i for i, v in enumerate(self.graph.inputs)}
        return [tensors[index[id(t)]] for t, _ in self.graph.updates]

    def _interpret(self, arguments: list[Tensor], write: bool) -> list[Any]:
        outputs, updates = interpret(self.graph, [t.array for t in self._tensors(arguments)])
        self._expected = updates
        if write:
            for target, new in zip(self._targets(arguments), updates, strict=True):
                xp.copyto(target.array, new)
                target._written = next(clock)
        return outputs

    def _prove(self, arguments: list[Tensor]) -> list[Any]:
        """The first run: by the interpreter and natively; where they differ the interpreter is right."""
        assert self.program is not None
        targets = self._targets(arguments)
        before = [t.array.copy() for t in targets]
        expected = self._interpret(arguments, write=False)
        updates = self._expected
        outputs = self.program.run(arguments)
        if agrees([*outputs, *[t.array for t in targets]], [*expected, *updates]):
            self.proved = True
            self.program.mark_written(arguments)
            return outputs
        for target, old in zip(targets, before, strict=True):
            xp.copyto(target.array, old)
        warnings.warn(
            "rl.compile: a compiled program disagrees with the interpreter on its first inputs; the interpreter's "
            "result is used, and will be from now on. Please report the program.",
            RuntimeWarning,
            stacklevel=4,
        )
        self.program = None
        return self._interpret(arguments, write=True)


class CompiledFunction:
    """A function that runs as native code; made by `rl.compile`."""

    def __init__(self, function: Callable[..., Any], mode: str) -> None:
        self.function = function
        self.mode = mode
        self._entries: dict[Any, list[Entry]] = {}
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any) -> Any:
        if self.mode == "off" or state.tracing:
            return self.function(*args)
        arguments, key, rebuild = _flatten(args)
        entries = self._entries.setdefault((key, state.grad_enabled), [])
        for entry in entries:
            if entry.guards.hold():
                return entry.call(arguments)
        entry = Entry(self, arguments, rebuild)
        entries.append(entry)
        return entry.call(arguments)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.function, '__name__', type(self.function).__name__)}, mode {self.mode!r}>"


def compile(function: Callable[..., Any] | None = None, *, mode: str | None = None) -> Any:
    """`function` as native code, traced at its first call and again when what it took for granted changes.

    mode  "full"; "nofuse": one kernel for each operation; "interpret": the traced graph on NumPy; "off": the
          plain function. The environment variable RUSHLIGHT_COMPILE overrides it.
    """
    if function is None:
        return lambda f: compile(f, mode=mode)
    chosen = os.environ.get("RUSHLIGHT_COMPILE", mode or "full")
    if chosen not in MODES:
        raise ArgumentError(message("compile", f"mode={chosen!r}", f"one of {', '.join(MODES)}"))
    if not callable(function):
        raise DTypeError(message("compile", f"a {type(function).__name__}", "a function or a Module"))
    return CompiledFunction(function, chosen)


def _flatten(args: tuple[Any, ...]) -> tuple[list[Tensor], Any, Callable[..., Any]]:
    """(the tensors among the arguments, what a program depends on, how to put others in their places)."""
    tensors: list[Tensor] = []
    key = tuple(_enter(a, tensors) for a in args)
    return tensors, key, lambda ts: _leave(args, iter(ts))


def _enter(value: Any, tensors: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors.append(value)
        return value.array.shape, value.array.dtype.str, value.requires_grad
    if isinstance(value, (tuple, list)):
        return type(value), tuple(_enter(v, tensors) for v in value)
    if isinstance(value, dict):
        return dict, tuple((k, _enter(v, tensors)) for k, v in value.items())
    return type(value), value


def _leave(value: Any, tensors: Any) -> Any:
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, tuple):
        return tuple(_leave(v, tensors) for v in value)
    if isinstance(value, list):
        return [_leave(v, tensors) for v in value]
    return {k: _leave(v, tensors) for k, v in value.items()} if isinstance(value, dict) else value


class _Hole:
    """Where a tensor stands in a result."""


def _skeleton(result: Any) -> Any:
    if isinstance(result, Tensor):
        return _Hole
    if isinstance(result, dict):
        return {k: _skeleton(v) for k, v in result.items()}
    if isinstance(result, (tuple, list)):
        return type(result)(_skeleton(v) for v in result)
    return result


def _fill(skeleton: Any, arrays: Any) -> Any:
    if skeleton is _Hole:
        return wrap(next(arrays))
    if isinstance(skeleton, dict):
        return {k: _fill(v, arrays) for k, v in skeleton.items()}
    if isinstance(skeleton, (tuple, list)):
        return type(skeleton)(_fill(v, arrays) for v in skeleton)
    return skeleton
