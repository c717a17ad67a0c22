"""`rl.compile`: a Python function as one native call."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from rushlight.compile.entry import Entry, pick
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, IndexingError, ShapeError, message

__all__ = ["MODES", "CompiledFunction", "compile"]

MODES = ("full", "nofuse", "interpret", "off")


class CompiledFunction:
    """A function that runs as native code; made by `rl.compile`."""

    def __init__(self, function: Callable[..., Any], mode: str) -> None:
        self.function = function
        self.mode = mode
        self._entries: dict[Any, list[Entry]] = {}
        self._latest: tuple[list[tuple[Any, Any]], bool, Entry] | None = None
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any) -> Any:
        if self.mode == "off" or state.tracing:
            return self.function(*args)
        latest = self._latest
        if latest is not None and _matches(args, latest):
            return latest[2].call(args)  # type: ignore[arg-type]
        arguments, key, rebuild = _flatten(args)
        entry = self._entry(arguments, key, rebuild)
        if all(isinstance(a, Tensor) and a.node is None for a in args):
            self._latest = [(a.array.shape, a.array.dtype) for a in args], state.grad_enabled, entry
        return entry.call(arguments)

    def _entry(self, arguments: list[Tensor], key: Any, rebuild: Callable[..., Any]) -> Entry:
        """The program that applies now: an earlier one whose guards hold, or a new one."""
        entries = self._entries.setdefault((key, state.grad_enabled), [])
        for entry in entries:
            if entry.guards.hold():
                return entry
        entries.append(Entry(self.function, self.mode, arguments, rebuild))
        return entries[-1]

    def scan(self, *sources: Tensor, index: Tensor | None = None) -> Any:
        """Many calls in one: each argument is a stack of batches, and so is each result.

        sources  tensors of shape (steps, ...), whose items are the arguments of one call each; or with
        index    integers of shape (steps, batch): tensors of shape (samples, ...), of which each call gets the
                 rows that its line of the index names.

        Raises ShapeError when the sources do not fit together, IndexingError for an index outside them.

        >>> import rushlight as rl
        >>> from rushlight.compile.function import compile
        >>> total = rl.zeros(2)
        >>> @compile
        ... def add(x):
        ...     total.add_(x)
        ...     return total.sum()
        >>> add.scan(rl.ones(3, 2)), total
        (tensor([2., 4., 6.]), tensor([3., 3.]))
        """
        steps = _check_scan(sources, index)
        if self.mode == "off" or state.tracing or not steps:
            results = [self.function(*[_item(t, index, s) for t in sources]) for s in range(steps)]
            return _stack(results)
        first, key, rebuild = _flatten(tuple(_item(t, index, 0) for t in sources))
        return self._entry(first, key, rebuild).scan(list(sources), index, steps)

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


def _matches(args: tuple[Any, ...], latest: tuple[list[tuple[Any, Any]], bool, Entry]) -> bool:
    """Whether a call is like the last one: then nothing has to be looked up."""
    specs, grad_enabled, entry = latest
    if len(args) != len(specs) or state.grad_enabled is not grad_enabled:
        return False
    for a, (shape, dtype) in zip(args, specs, strict=True):
        if a.__class__ is not Tensor or a.node is not None or a.array.shape != shape or a.array.dtype is not dtype:
            return False
    return entry.guards.hold()


def _check_scan(sources: tuple[Any, ...], index: Any) -> int:
    """How many steps a scan has; raises for what does not fit."""
    if not sources or not all(isinstance(t, Tensor) and t.ndim for t in (*sources, *([] if index is None else [index]))):
        raise DTypeError(message("scan", "other arguments", "tensors with a first axis", "Wrap them with rl.tensor()."))
    lengths = {t.shape[0] for t in sources}
    if len(lengths) > 1:
        raise ShapeError(message("scan", f"first axes of {sorted(lengths)}", "one length"))
    if index is None:
        return lengths.pop()
    if index.ndim != 2 or index.dtype.kind not in "iu":
        raise ShapeError(message("scan", f"an index {index.spec}", "integers of shape (steps, batch)"))
    rows = lengths.pop()
    if index.numel() and not (xp.amin(index.array, axis=None) >= 0 and xp.amax(index.array, axis=None) < rows):
        raise IndexingError(message("scan", "an index outside the sources", f"rows from 0 to {rows - 1}"))
    return index.shape[0]


def _item(source: Tensor, index: Tensor | None, step: int) -> Tensor:
    return wrap(xp.asarray(pick(source.array, index, step)))


def _stack(results: list[Any]) -> Any:
    first = results[0]
    if isinstance(first, Tensor):
        return wrap(xp.stack([r.detach().array for r in results]))
    if isinstance(first, dict):
        return {k: _stack([r[k] for r in results]) for k in first}
    if isinstance(first, (tuple, list)):
        return type(first)(_stack(list(part)) for part in zip(*results, strict=True))
    return first
