"""Lists and dicts of parameters that a module registers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, DTypeError, IndexingError, message
from rushlight.nn.containers import MissingKey
from rushlight.nn.module import Module

__all__ = ["ParameterDict", "ParameterList"]


def _as_parameter(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _line(key: Any, value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(map(str, value.shape))
    return f"  ({key}): {kind} containing: [{value.dtype} of size {size}]"


class ParameterList(Module):
    """A list whose tensors become parameters that are registered, as "0", "1", ...; others may be in it.

    >>> import rushlight as rl
    >>> weights = rl.nn.ParameterList([rl.zeros(2, 3), rl.zeros(4)])
    >>> weights, list(weights.state_dict())
    (ParameterList(
        (0): Parameter containing: [float32 of size 2x3]
        (1): Parameter containing: [float32 of size 4]
    ), ['0', '1'])
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(() if values is None else values)

    def _name(self, index: int) -> str:
        if not -self._size <= index < self._size:
            raise IndexingError(message("ParameterList", f"index {index}", f"one of {self._size} values"))
        return str(index % self._size)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(self._size)[index]])
        return getattr(self, self._name(index.__index__()))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index.__index__()), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def append(self, value: Any) -> ParameterList:
        """Adds ``value`` at the end and returns self."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Adds all of ``values`` at the end and returns self."""
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(_line(i, value) for i, value in enumerate(self))


class ParameterDict(Module):
    """A dict whose tensors become parameters that are registered; other values may be in it.

    >>> import rushlight as rl
    >>> weights = rl.nn.ParameterDict({"a": rl.zeros(2, 3)})
    >>> weights["b"] = rl.zeros(4)
    >>> list(weights), list(weights.state_dict()), "c" in weights
    (['a', 'b'], ['a', 'b'], False)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._names: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._names:
            known = ", ".join(map(str, self._names)) or "nothing, it is empty"
            raise MissingKey(message("ParameterDict", f"key {key!r}", f"one of: {known}"))
        return self.__dict__[_attribute(key)]

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, _attribute(key), _as_parameter(value))
        self._names = {**self._names, key: None}

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._names)

    def __contains__(self, key: str) -> bool:
        return key in self._names

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return type(self)([*self.items(), *other.items()])

    def __ior__(self, other: ParameterDict) -> ParameterDict:
        self.update(other)
        return self

    def keys(self) -> Iterable[str]:
        """The names, in order."""
        return self._names.keys()

    def values(self) -> Iterable[Any]:
        """The values, in order."""
        return [self[k] for k in self._names]

    def items(self) -> Iterable[tuple[str, Any]]:
        """The pairs of both."""
        return [(k, self[k]) for k in self._names]

    def get(self, key: str, default: Any = None) -> Any:
        """The value under ``key``, or ``default``."""
        return self[key] if key in self._names else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under ``key``, which becomes ``default`` if there is none."""
        if key not in self._names:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Removes the value under ``key`` and returns it."""
        value = self[key]
        self._names = {k: None for k in self._names if k != key}
        delattr(self, _attribute(key))
        return value

    def popitem(self) -> tuple[str, Any]:
        """Removes the last pair and returns it."""
        if not self._names:
            raise MissingKey(message("ParameterDict.popitem", "an empty dict", "a pair in it"))
        key = next(reversed(self._names))
        return key, self.pop(key)

    def clear(self) -> None:
        """Removes all values."""
        for key in list(self._names):
            self.pop(key)

    def copy(self) -> ParameterDict:
        """Another dict of the same values."""
        return type(self)(self.items())

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict with ``default`` under each of ``keys``."""
        return type(self)([(k, default) for k in keys])

    def update(self, parameters: Any) -> None:
        """Adds or replaces the given values: of a mapping, or of pairs.

        Those of a plain dict are taken in the order of their keys, sorted, as in PyTorch: states count on it.
        """
        mapping = isinstance(parameters, (Mapping, ParameterDict))
        pairs = parameters.items() if mapping else parameters
        ordered = not mapping or isinstance(parameters, (OrderedDict, ParameterDict))
        for key, value in pairs if ordered else sorted(pairs):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(_line(key, value) for key, value in self.items())


def _attribute(key: Any) -> str:
    if not isinstance(key, str):
        raise DTypeError(message("ParameterDict", f"a key of type {type(key).__name__}", "text"))
    if hasattr(ParameterDict, key) or key == "_names":
        raise ArgumentError(message("ParameterDict", f"the key {key!r}", "one that it does not use itself"))
    return key
