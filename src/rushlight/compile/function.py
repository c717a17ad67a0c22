"""`rl.compile`: a Python function as one native call."""

from __future__ import annotations

import copy
import functools
import os
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rushlight.compile import host
from rushlight.compile.capture.arguments import flatten
from rushlight.compile.capture.trace import tracing
from rushlight.compile.entry import Entry, pick
from rushlight.core.anomaly import warn
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, IndexingError, NotSupportedError, ShapeError, message

if TYPE_CHECKING:
    from rushlight.compile.explain.table import Explanation

__all__ = ["MODES", "CompiledFunction", "compile"]

MODES = ("full", "nofuse", "interpret", "off")
MANY, MOST = 8, 32
"""How many programs one function may have before it warns, and how many of one kind it keeps."""


class CompiledFunction:
    """A function that runs as native code; made by `rl.compile`."""

    def __init__(self, function: Callable[..., Any], mode: str) -> None:
        self.function: Callable[..., Any] = (
            function.function if isinstance(function, CompiledFunction) else function
        )
        self.mode = mode
        self._entries: dict[Any, list[Entry]] = {}
        self._traced = 0
        self._name = ""
        self._latest: tuple[list[tuple[Any, Any]], bool, Entry] | None = None
        functools.update_wrapper(self, function, updated=())

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> CompiledFunction:
        """As a method: each instance has a compiled function of its own, made when it is first asked for."""
        if instance is None:
            return self
        bound = CompiledFunction(types.MethodType(self.function, instance), self.mode)
        if self._name and hasattr(instance, "__dict__"):
            instance.__dict__[self._name] = bound
        return bound

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledFunction:
        return CompiledFunction(copy.deepcopy(self.function, memo), self.mode)

    def __reduce__(self) -> Any:
        module, name = (getattr(self, part, "") for part in ("__module__", "__qualname__"))
        if getattr(sys.modules.get(module), name, None) is self:
            return name  # a decorated function: found again by its name, as functions are
        return CompiledFunction, (self.function, self.mode)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if self.mode == "off" or state.run is not None:
            # A part of another traced function; or eager, because anomalies are looked for.
            return self.function(*args, **options)
        latest = self._latest
        if latest is not None and not options and _matches(args, latest):
            return latest[2].call(args)  # type: ignore[arg-type]
        arguments, key, rebuild = flatten(args, options)
        entry = self._entry(arguments, key, rebuild)
        if not options and all(a.__class__ is Tensor and a.node is None for a in args):
            self._latest = [(a.array.shape, a.array.dtype) for a in args], state.grad_enabled, entry
        return entry.call(arguments)

    def entry(self, *args: Any) -> Entry:
        """The program that a call with these arguments would run, traced and compiled if it is a new one."""
        return self._entry(*flatten(args, {}))

    def _entry(self, arguments: list[Tensor], key: Any, rebuild: Callable[..., Any]) -> Entry:
        """The program that applies now: an earlier one whose guards hold, or a new one."""
        entries = self._entries.setdefault((key, state.grad_enabled), [])
        entry = next((e for e in entries if e.guards.hold()), None)
        if entry is not None:
            return entry
        with tracing:
            entry = next((e for e in entries if e.guards.hold()), None)
            if entry is None:
                self._warn_of_many(entries)
                entry = Entry(self.function, self.mode, arguments, rebuild)
                entries.append(entry)
                del entries[:-MOST]
        return entry

    def _warn_of_many(self, entries: list[Entry]) -> None:
        """Tracing takes much longer than a call: say when it happens again and again, and why."""
        self._traced += 1
        if self._traced == MANY + 1:
            why = entries[-1].guards.broken() if entries else "the shapes, dtypes or numbers of the arguments"
            warn(
                f"{self!r} is traced and compiled again and again, for the {self._traced}th time now. What "
                f"changed last: {why}. Pass what changes as a tensor of one shape."
            )

    def scan(self, *sources: Tensor, index: Tensor | None = None) -> Any:
        """Many calls in one: each argument is a stack of batches, and so is each result.

        sources  tensors of shape (steps, ...), whose items are the arguments of one call each; or with
        index    integers of shape (steps, batch): tensors of shape (samples, ...), of which each call
                 gets the rows that its line of the index names.

        Raises ShapeError when the sources do not fit together and for no steps, IndexingError for an index
        outside them. When a step fails, all are taken back.

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
        if not steps:
            raise ShapeError(message("scan", "no steps", "at least one", "Leave the call out."))
        if self.mode == "off" or state.tracing:
            results = [self.function(*[_item(t, index, s) for t in sources]) for s in range(steps)]
            return _stack(results)
        first, key, rebuild = flatten(tuple(_item(t, index, 0) for t in sources), {})
        return self._entry(first, key, rebuild).scan(list(sources), index, steps)

    def explain(self) -> Explanation:
        """The kernels of the program that ran last: their work, their times, and how near they come to the
        machine's limits. Printed it is a table. It runs the program many times, on copies of its data.

        Raises NotSupportedError where there is no program: before the first call, or in other modes.

        >>> import rushlight as rl
        >>> from rushlight.compile.function import compile
        >>> double = compile(lambda x: 2 * x)
        >>> double(rl.ones(3))
        tensor([2., 2., 2.])
        >>> [row.name for row in double.explain().kernels]
        ['mul']
        """
        from rushlight.compile.explain.table import explain

        return explain(self._explained())

    def stages(self) -> dict[str, str]:
        """What each stage of the compiler made of the program that ran last, as text.

        The keys are "graph", "kernels" (the graph cut into loops), "llvm" (as written), "optimized" (after
        LLVM's passes) and "assembly".
        """
        from rushlight.compile.explain.table import stages

        return stages(self._explained())

    def _explained(self) -> Entry:
        entries = [e for group in self._entries.values() for e in group]
        entry = self._latest[2] if self._latest is not None else entries[-1] if entries else None
        if entry is None or entry.program is None:
            raise NotSupportedError(
                message(
                    "explain",
                    f"{self!r} without a compiled program",
                    'a function that has run in the mode "full" or "nofuse"',
                    "Call it once before.",
                )
            )
        return entry

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"<compiled {name}, mode {self.mode!r}>"


def compile(function: Callable[..., Any] | None = None, *, mode: str | None = None) -> Any:
    """`function` as native code; `rl.compile` says all about it."""
    if function is None:
        return lambda f: compile(f, mode=mode)
    named = os.environ.get("RUSHLIGHT_COMPILE")
    chosen = named or mode or "full"
    if chosen not in MODES:
        got = f"RUSHLIGHT_COMPILE={named!r} in the environment" if named else f"mode={chosen!r}"
        raise ArgumentError(message("compile", got, f"one of {', '.join(MODES)}"))
    if not callable(function):
        raise DTypeError(message("compile", f"a {type(function).__name__}", "a function or a Module"))
    if chosen in ("full", "nofuse") and not host.available():
        raise host.missing()
    return CompiledFunction(function, chosen)


def _matches(args: tuple[Any, ...], latest: tuple[list[tuple[Any, Any]], bool, Entry]) -> bool:
    """Whether a call is like the last one: then nothing has to be looked up."""
    specs, grad_enabled, entry = latest
    if len(args) != len(specs):
        return False
    for a, (shape, dtype) in zip(args, specs):  # noqa: B905, this is the way of every call
        if a.__class__ is not Tensor or a.node is not None:
            return False
        array = a.array
        if array.shape != shape or array.dtype is not dtype:
            return False
    return state.grad_enabled is grad_enabled and entry.guards.hold()


def _check_scan(sources: tuple[Any, ...], index: Any) -> int:
    """How many steps a scan has; raises for what does not fit."""
    if not sources or not all(
        isinstance(t, Tensor) and t.ndim for t in (*sources, *([] if index is None else [index]))
    ):
        raise DTypeError(
            message("scan", "other arguments", "tensors with a first axis", "Wrap them with rl.tensor().")
        )
    lengths = {t.shape[0] for t in sources}
    if len(lengths) > 1:
        raise ShapeError(message("scan", f"first axes of {sorted(lengths)}", "one length"))
    if index is None:
        return lengths.pop()
    if index.ndim != 2 or index.dtype.kind not in "iu":
        raise ShapeError(message("scan", f"an index {index.spec}", "integers of shape (steps, batch)"))
    rows = lengths.pop()
    if index.numel() and not (
        xp.amin(index.array, axis=None) >= 0 and xp.amax(index.array, axis=None) < rows
    ):
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
