"""Nests of lists, tuples and dicts: what functions take and give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rushlight.errors import ArgumentError, message

__all__ = ["is_nest", "leaves", "mapped", "rebuilt", "spread"]


def is_nest(value: Any) -> bool:
    """Whether `value` is a list, a tuple or a dict."""
    return isinstance(value, (list, tuple, dict))


def leaves(value: Any) -> list[Any]:
    """All that is no list, tuple or dict, in order.

    >>> leaves({"a": [1, (2, 3)], "b": 4})
    [1, 2, 3, 4]
    """
    if not is_nest(value):
        return [value]
    return [leaf for v in (value.values() if isinstance(value, dict) else value) for leaf in leaves(v)]


def rebuilt(value: Any, new: Iterator[Any]) -> Any:
    """The same nest with the next of `new` in the place of each leaf."""
    if isinstance(value, dict):
        parts = {k: rebuilt(v, new) for k, v in value.items()}
        return parts if type(value) is dict else type(value)(parts)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[rebuilt(v, new) for v in value])
    if isinstance(value, (list, tuple)):
        return type(value)(rebuilt(v, new) for v in value)
    return next(new)


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The nest with ``function(leaf)`` in the place of each leaf."""
    return rebuilt(value, iter([function(leaf) for leaf in leaves(value)]))


def spread(op: str, prefix: Any, value: Any) -> list[Any]:
    """For each leaf of `value` what `prefix` says of it: the nest that it is, or one that ends earlier."""
    if not is_nest(prefix):
        return [prefix] * len(leaves(value))
    if (
        not is_nest(value)
        or isinstance(prefix, dict) is not isinstance(value, dict)
        or len(prefix) != len(value)
    ):
        got = f"{prefix!r} for {_outline(value)}"
        raise ArgumentError(message(op, got, "one entry for each part", "Pass a single number for all."))
    pairs = (
        [(prefix[k], value[k]) for k in value] if isinstance(value, dict) else zip(prefix, value, strict=True)
    )
    return [found for p, v in pairs for found in spread(op, p, v)]


def _outline(value: Any) -> str:
    return f"a {type(value).__name__} of {len(value)}" if is_nest(value) else f"a {type(value).__name__}"
