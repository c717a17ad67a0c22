"""The arguments of a call: the tensors among them, and what of the rest a program depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rushlight.compile.capture.visible import PLAIN
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp

__all__ = ["flatten", "things_in"]

Rebuild = Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]


def flatten(args: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[list[Tensor], Any, Rebuild]:
    """(the tensors among the arguments, what a program depends on, how to put others in their places).

    Arrays count as tensors; everything else freezes into the program.
    """
    tensors: list[Tensor] = []
    named = sorted(options.items())
    key = (tuple(_enter(a, tensors) for a in args), tuple((k, _enter(v, tensors)) for k, v in named))

    def rebuild(stand_ins: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        rest = iter(stand_ins)
        return tuple(_leave(a, rest) for a in args), {k: _leave(v, rest) for k, v in named}

    return tensors, key, rebuild


def things_in(value: Any) -> Iterator[Any]:
    """What in an argument is neither tensor nor plain: modules, functions, the user's own objects."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        for v in value:
            yield from things_in(v)
    elif not isinstance(value, (Tensor, xp.ndarray, *PLAIN)):
        yield value


class _Same:
    """A thing in a key: equal to nothing but itself."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.thing is self.thing


def _is_array(value: Any) -> bool:
    return isinstance(value, xp.ndarray) and value.dtype.kind in "biuf"


def _enter(value: Any, tensors: list[Tensor]) -> Any:
    if isinstance(value, Tensor) or _is_array(value):
        tensors.append(value if isinstance(value, Tensor) else wrap(value))
        return value.shape, value.dtype.str, isinstance(value, Tensor) and value.requires_grad
    if isinstance(value, (tuple, list)):
        return type(value), tuple(_enter(v, tensors) for v in value)
    if isinstance(value, dict):
        return dict, tuple((_key(k), _enter(v, tensors)) for k, v in value.items())
    return _key(value)


def _key(value: Any) -> Any:
    return (type(value), value) if isinstance(value, PLAIN) else _Same(value)


def _leave(value: Any, tensors: Any) -> Any:
    if isinstance(value, Tensor) or _is_array(value):
        return next(tensors)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_leave(v, tensors) for v in value])
    if isinstance(value, (tuple, list)):
        return type(value)(_leave(v, tensors) for v in value)
    return {k: _leave(v, tensors) for k, v in value.items()} if isinstance(value, dict) else value
