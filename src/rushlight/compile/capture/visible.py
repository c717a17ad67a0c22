"""What a function can see: its closure, its globals, its own object, and what these lead to.

A traced program takes all of it for granted: numbers froze into it, tensors were lifted from where they
stood. Only names that some code of the function mentions are followed.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping
from typing import Any

from rushlight.core.tensor import Tensor

__all__ = ["PLAIN", "Scope", "look"]

PLAIN = (bool, int, float, complex, str, bytes, type(None))
OWN = "rushlight"
DEPTH, MANY = 6, 1000
"""How far references are followed, and how long a list may be to be looked into."""


class Scope:
    """Everything that a function can see.

    cells       (cell, name, value): the function's closure.
    names       (namespace, name, value): globals, and attributes of objects.
    modules     neural networks, with all modules inside them.
    optimizers  objects with parameter groups.
    containers  lists and dicts.
    """

    def __init__(self) -> None:
        self.cells: list[tuple[Any, str, Any]] = []
        self.names: list[tuple[Any, str, Any]] = []
        self.modules: dict[int, Any] = {}
        self.optimizers: dict[int, Any] = {}
        self.containers: list[Any] = []
        self.tensors: dict[int, Tensor] = {}
        self._words: set[str] = set()
        self._seen: set[Any] = set()
        self._kept: list[Any] = []

    def parameters(self) -> Iterator[Tensor]:
        """The tensors that may have gradients, some of them more than once."""
        yield from self.tensors.values()
        for module in self.modules.values():
            yield from (v for v in vars(module).values() if isinstance(v, Tensor))
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                yield from group["params"]

    # The walk

    def _enter(self, value: Any, depth: int) -> None:
        """Follow what a value leads to."""
        if isinstance(value, PLAIN) or depth > DEPTH or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, Tensor):
            self.tensors[id(value)] = value
        elif hasattr(value, "named_modules") and not isinstance(value, type):
            self._module(value, depth)
        elif hasattr(value, "param_groups"):
            self.optimizers[id(value)] = value
        elif isinstance(value, (dict, list, tuple)):
            self._container(value, depth)
        else:
            self._thing(value, depth)

    def _thing(self, value: Any, depth: int) -> None:
        if isinstance(value, types.MethodType):
            self._enter(value.__self__, depth + 1)
            self._enter(value.__func__, depth + 1)
        elif isinstance(value, types.FunctionType):
            self._function(value, depth)
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self._enter(part, depth + 1)
        elif isinstance(value, types.ModuleType):
            if value.__name__.split(".")[0] != OWN:
                self._space(vars(value), depth)
        elif not _is_own(type(value)) and not isinstance(value, types.BuiltinFunctionType):
            self._object(value, depth)

    def _object(self, value: Any, depth: int) -> None:
        """An instance or a class of the user's: the attributes that are mentioned, and the methods."""
        kind = value if isinstance(value, type) else type(value)
        if kind.__module__ == "builtins":
            return
        if not isinstance(value, type):
            own = getattr(value, "__dict__", {})
            self._space(own, depth)
            # An attribute of the class that the instance may get for itself.
            hidden = [w for w in self._words if w not in own and hasattr(kind, w)]
            self.names += [(own, w, None) for w in hidden]
        for base in kind.__mro__[:-1]:
            if not _is_own(base):
                self._space(vars(base), depth)
                self._function_of(vars(base).get("__call__"), depth)

    def _module(self, module: Any, depth: int) -> None:
        for m in module.modules():
            self.modules[id(m)] = m
            if not _is_own(type(m)):
                self._function_of(type(m).forward, depth)
                self._space(vars(type(m)), depth)
            for v in vars(m).values():
                if not isinstance(v, Tensor):
                    self._enter(v, depth + 1)

    def _container(self, value: Any, depth: int) -> None:
        if len(value) > MANY:
            return
        if not isinstance(value, tuple):
            self.containers.append(value)
        for v in value.values() if isinstance(value, dict) else value:
            self._enter(v, depth + 1)

    def _function_of(self, value: Any, depth: int) -> None:
        if isinstance(value, types.FunctionType):
            self._enter(value, depth + 1)

    def _function(self, function: Any, depth: int) -> None:
        if _is_own(function) and depth:  # but the function in question itself, whoever wrote it
            return
        self._words.update(_words(function.__code__))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            held = content(cell)
            self.cells.append((cell, name, held))
            self._enter(held, depth + 1)
        self._space(function.__globals__, depth, _words(function.__code__))
        for value in (function.__defaults__, function.__kwdefaults__):
            if value:
                self._enter(value, depth + 1)

    def _space(self, space: Mapping[str, Any], depth: int, words: Any = None) -> None:
        self._kept.append(space)
        for word in sorted(self._words if words is None else words):
            key = (id(space), word)
            if word in space and key not in self._seen and not word.startswith("__"):
                self._seen.add(key)
                self.names.append((space, word, space[word]))
                self._enter(space[word], depth + 1)


def look(function: Any, arguments: Any = ()) -> Scope:
    """What `function` can see, its arguments included. The words of all code in reach are gathered first,
    then followed."""
    words: set[str] = set()
    while True:
        scope = Scope()
        scope._words = set(words)
        scope._enter(function, 0)
        for value in arguments:
            scope._enter(value, 0)
        if scope._words == words:
            return scope
        words = scope._words


def content(cell: Any) -> Any:
    """What a closure's cell holds; None while it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _words(code: types.CodeType) -> set[str]:
    """The names that code mentions, inner functions included."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _words(constant)
    return found


def _is_own(thing: Any) -> bool:
    module = getattr(thing, "__module__", None) or ""
    return module.split(".")[0] == OWN
