"""Checks of arguments that several data sets share; each raises ArgumentError naming `op`."""

from __future__ import annotations

import operator
from typing import Any

from rushlight.core.spec import as_dtype
from rushlight.errors import ArgumentError, message

__all__ = ["choice", "floating", "integer", "seed"]


def seed(op: str, value: Any) -> int:
    """An int from -2**63 to 2**64 - 1, PyTorch's range."""
    return integer(op, "seed", value, -(1 << 63), (1 << 64) - 1, "an integer from -2**63 to 2**64 - 1")


def integer(op: str, name: str, value: Any, low: int, high: int | None = None, expected: str = "") -> int:
    """An int from `low` to `high` (without end if None)."""
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if number < low or (high is not None and number > high) or isinstance(value, bool):
        default = f"an integer of at least {low}" if high is None else f"an integer from {low} to {high}"
        raise ArgumentError(message(op, f"{name}={value!r}", expected or default))
    return number


def choice(op: str, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of the words `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ArgumentError(message(op, f"{name}={value!r}", "one of " + ", ".join(map(repr, allowed))))
    return value


def floating(op: str, dtype: Any) -> Any:
    """A floating dtype; float32 for None."""
    found = as_dtype("float32" if dtype is None else dtype)
    if found.kind != "f":
        raise ArgumentError(
            message(op, f"dtype {found}", "a floating dtype", "Use rl.float32 or rl.float64.")
        )
    return found
