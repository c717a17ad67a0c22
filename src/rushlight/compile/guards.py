"""Guards: what a traced program took for granted, and must be traced anew for when it changes.

Numbers that live in Python freeze into a program: those that the function can see in its closure, its globals
and its own object, whether modules are training, the options of optimisers (but not learning rates, which are
read from tensors).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Guards", "collect"]

PLAIN = (bool, int, float, str, type(None))
LIVE_OPTIONS = ("params", "lr")
"""Options that a step reads from tensors, or that are no numbers."""


class Guards:
    """Things to look at, and what they were when the program was traced."""

    def __init__(self, modules: list[Any], readers: list[Callable[[], Any]]) -> None:
        self._modules = modules
        self._training = [m.training for m in modules]
        self._readers = readers
        self._values = [read() for read in readers]

    def hold(self) -> bool:
        """Whether everything is still as it was."""
        return [m.training for m in self._modules] == self._training and all(
            same(read(), value) for read, value in zip(self._readers, self._values, strict=True)
        )


def same(a: Any, b: Any) -> bool:
    """Equal and of one type: 1 and 1.0 and True freeze differently."""
    return type(a) is type(b) and a == b


def collect(function: Callable[..., Any]) -> Guards:
    """The guards of everything that `function` can see."""
    modules: dict[int, Any] = {}
    readers: list[Callable[[], Any]] = []
    for value, read in _visible(function, set()):
        if hasattr(value, "named_modules"):
            modules.update({id(m): m for m in value.modules()})
        elif hasattr(value, "param_groups"):
            readers.append(lambda optimizer=value: _options(optimizer))
        elif isinstance(value, PLAIN) or _plain_tuple(value):
            readers.append(read)
    return Guards(list(modules.values()), readers)


def _plain_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(v, PLAIN) for v in value)


def _options(optimizer: Any) -> list[Any]:
    """What of the options froze: a count of their changes, where the groups keep one."""
    return [group.changes if hasattr(group, "changes") else _plain(group) for group in optimizer.param_groups]


def _plain(group: Any) -> tuple[Any, ...]:
    return tuple(
        v
        for k, v in sorted(group.items())
        if k not in LIVE_OPTIONS and (isinstance(v, PLAIN) or _plain_tuple(v))
    )


def _visible(function: Any, seen: set[int]) -> Iterator[tuple[Any, Callable[[], Any]]]:
    """Pairs (value, how to read it again) of what a function refers to, and the functions that it calls do."""
    if id(function) in seen or len(seen) > 50:
        return
    seen.add(id(function))
    if hasattr(function, "named_modules"):
        yield function, lambda: function
        return
    if isinstance(function, types.MethodType):
        owner = function.__self__
        yield owner, lambda: owner
        for name, value in list(getattr(owner, "__dict__", {}).items()):
            yield value, lambda o=owner, n=name: o.__dict__.get(n)
        function = function.__func__
    code = getattr(function, "__code__", None)
    if code is None:
        return
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        del name
        yield from _entry(lambda c=cell: _content(c), seen)
    space = function.__globals__
    for name in code.co_names:
        if name in space:
            yield from _entry(lambda s=space, n=name: s.get(n), seen)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _entry(read: Callable[[], Any], seen: set[int]) -> Iterator[tuple[Any, Callable[[], Any]]]:
    value = read()
    yield value, read
    if isinstance(value, types.FunctionType) and not value.__module__.startswith("rushlight"):
        yield from _visible(value, seen)
