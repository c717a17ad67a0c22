"""Named tuples that print as PyTorch's `torch.return_types`, to the letter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["named", "shown_as"]

T = TypeVar("T", bound=tuple[Any, ...])


def shown_as(name: str) -> Callable[[type[T]], type[T]]:
    """Have the named tuple that the function `name` gives print a field a line.

    >>> from typing import NamedTuple
    >>> @shown_as("halves")
    ... class Pair(NamedTuple):
    ...     one: int
    ...     two: int
    >>> Pair(1, 2)
    rushlight.return_types.halves(
    one=1,
    two=2)
    """

    def mark(kind: type[T]) -> type[T]:
        kind.__repr__ = _text(name)  # type: ignore[method-assign]
        return kind

    return mark


def named(kind: type[T], name: str) -> type[T]:
    """`kind`, which several functions give, as the one called `name` gives it."""
    body = {"__slots__": (), "__repr__": _text(name), "__reduce__": lambda self: (kind, tuple(self))}
    return type(name, (kind,), body)


def _text(name: str) -> Callable[[Any], str]:
    def text(results: Any) -> str:
        lines = (f"{field}={value!r}" for field, value in zip(results._fields, results, strict=True))
        return f"rushlight.return_types.{name}(\n" + ",\n".join(lines) + ")"

    return text
