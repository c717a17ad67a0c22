"""Modules that hold other modules: Sequential, ModuleList, ModuleDict."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, IndexingError, message
from rushlight.nn.module import Module
from rushlight.nn.registered import Registered, replace

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


def _check_module(where: str, module: object) -> Module:
    if isinstance(module, Module):
        return module
    if isinstance(module, type):
        got, remedy = f"the class {module.__name__}", f"Make one of it: {module.__name__}(...)."
    else:
        got, remedy = f"a {type(module).__name__}", "Wrap it in a class derived from nn.Module."
    raise DTypeError(message(where, got, "a Module", remedy))


def _forget(module: Module) -> None:
    """Drops all children; a module's children are its attributes."""
    for name in module._modules:
        delattr(module, name)


class _Gaps(Module):
    """A container whose places may be empty: None stands there, and counts."""

    @property
    def _modules(self) -> dict[str, Any]:
        own = self.__dict__.items()
        found = {k: v for k, v in own if isinstance(v, Module) or (v is None and not k.startswith("_"))}
        return Registered(self, "_modules", found)

    @_modules.setter
    def _modules(self, entries: dict[str, Any]) -> None:
        replace(self, "_modules", entries)


class _Numbered(Module):
    """What Sequential and ModuleList share: children kept under "0", "1", ... in order."""

    _may_be_none = False

    def _checked(self, module: object) -> Any:
        return None if module is None and self._may_be_none else _check_module(type(self).__name__, module)

    def _position(self, index: int) -> int:
        size = len(self._modules)
        if not -size <= index < size:
            expected = f"an index from {-size} to {size - 1}" if size else "an index, but it is empty"
            raise IndexingError(message(type(self).__name__, f"index {index}", expected))
        return index % size

    def _replace(self, modules: Iterable[Module]) -> None:
        modules = list(modules)
        _forget(self)
        for index, module in enumerate(modules):
            self.add_module(str(index), module)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> _Numbered: ...
    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return self._slice(index)
        return list(self)[self._position(int(index))]

    def _slice(self, index: slice) -> _Numbered:
        return type(self)(list(self)[index])  # type: ignore[call-arg]

    def __setitem__(self, index: int, module: Module) -> None:
        name = list(self._modules)[self._position(int(index))]
        setattr(self, name, self._checked(module))

    def __delitem__(self, index: int | slice) -> None:
        children = list(self)
        if not isinstance(index, slice):
            index = self._position(int(index))
        del children[index]
        self._replace(children)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def append(self, module: Module) -> Any:
        """Adds ``module`` at the end and returns self."""
        self.add_module(str(len(self)), self._checked(module))
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Adds all of ``modules`` at the end and returns self."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Puts ``module`` before position ``index`` and returns self."""
        children = list(self)
        children.insert(index, self._checked(module))
        self._replace(children)
        return self

    def pop(self, key: int = -1) -> Module:
        """Removes the module at position ``key`` and returns it."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Runs its modules in order: ``y = f_n(... f_2(f_1(x)))``; ``backward`` goes through them in reverse.

    Takes modules one by one, a list of them, or one OrderedDict that names them. Indexing gives a module,
    slicing a Sequential over the same modules. Raises ArgumentError for anything that is no Module.

    >>> import rushlight as rl
    >>> net = rl.nn.Sequential(rl.nn.Linear(2, 3), rl.nn.ReLU(), rl.nn.Linear(3, 1))
    >>> net(rl.zeros(5, 2)).shape, len(net), net[1]
    (Size([5, 1]), 3, ReLU())
    """

    def __init__(self, *args: Module | Mapping[str, Module] | Iterable[Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, _check_module("Sequential", module))
            return
        if len(args) == 1 and isinstance(args[0], (list, tuple)):
            args = tuple(args[0])
        for index, module in enumerate(args):
            self.add_module(str(index), _check_module("Sequential", module))

    def _slice(self, index: slice) -> Sequential:
        # A subclass such as MLP has its own arguments, so that a part of it is a plain Sequential.
        return Sequential(OrderedDict(list(self._modules.items())[index]))

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ArgumentError(
                message("Sequential + other", f"a {type(other).__name__}", "a Sequential", "Use append().")
            )
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ArgumentError(
                message("Sequential += other", f"a {type(other).__name__}", "a Sequential", "Use append().")
            )
        return self.extend(list(other))

    def __mul__(self, times: int) -> Sequential:
        """The same modules, again and again: they share their weights."""
        if not hasattr(times, "__index__") or times <= 0:
            raise ArgumentError(message("Sequential * times", repr(times), "a whole number above 0"))
        return Sequential(*[module for _ in range(times) for module in self])

    __rmul__ = __mul__

    def forward(self, input: Tensor) -> Tensor:
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Gaps, _Numbered):
    """A list whose modules are registered; it has no forward of its own. Entries may be None.

    >>> import rushlight as rl
    >>> layers = rl.nn.ModuleList([rl.nn.Linear(4, 4) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    _may_be_none = True

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        self.extend(modules)
        return self

    def __add__(self, modules: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *modules])

    def __repr__(self) -> str:
        """Neighbours that look alike are shown once."""
        lines: list[str] = []
        at = 0
        for text, group in itertools.groupby(map(repr, self)):
            count = len(list(group))
            name = f"({at})" if count == 1 else f"({at}-{at + count - 1}): {count} x"
            lines.append(f"{name}: {text}" if count == 1 else f"{name} {text}")
            at += count
        inner = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inner}\n)" if lines else f"{type(self).__name__}()"


class MissingKey(IndexingError, KeyError):
    """Both an error of this package and the KeyError that users of a dict expect."""

    __str__ = Exception.__str__


class ModuleDict(_Gaps):
    """A dict from names to modules, which are registered; it has no forward of its own. Entries may be None.

    >>> import rushlight as rl
    >>> heads = rl.nn.ModuleDict({"a": rl.nn.Linear(2, 1), "b": rl.nn.Identity()})
    >>> list(heads), heads["b"]
    (['a', 'b'], Identity())
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        if key not in self._modules:
            known = ", ".join(self._modules) or "nothing, it is empty"
            raise MissingKey(
                message("ModuleDict", f"key {key!r}", f"one of: {known}", "Add it with update().")
            )
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, None if module is None else _check_module("ModuleDict", module))

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Module]]:
        return self._modules.items()

    def values(self) -> Iterable[Module]:
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Adds or replaces the given modules."""
        for key, module in modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules:
            self[key] = module

    def pop(self, key: str) -> Module:
        """Removes the module under ``key`` and returns it."""
        module = self[key]
        delattr(self, key)
        return module

    def clear(self) -> None:
        """Removes all modules."""
        _forget(self)
