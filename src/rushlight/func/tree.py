"""Nests of lists, tuples and dicts: what functions take and give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rushlight.errors import ArgumentError, message

__all__ = ["is_nest", "leaves", "mapped", "matched", "rebuilt", "spread"]


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


def matched(op: str, name: str, like: Any, value: Any) -> list[Any]:
    """The leaves of `value` in the order of those of `like`: of dicts by their keys.

    Raises ArgumentError where the nests differ in their containers, their lengths or their keys.

    >>> matched("scan", "a carry", {"a": 1, "b": 2}, {"b": 3, "a": 4})
    [4, 3]
    """
    try:
        return _beside(like, value)
    except LookupError:
        got, expected = (repr(mapped(lambda _: _LEAF, nest)) for nest in (value, like))
        raise ArgumentError(message(op, f"{name} {got}", f"{expected}, as before")) from None


def _beside(like: Any, value: Any) -> list[Any]:
    if not is_nest(like) and not is_nest(value):
        return [value]
    fits = type(like) is type(value) and len(like) == len(value)
    if not fits or (isinstance(like, dict) and like.keys() != value.keys()):
        raise LookupError
    pairs = [(like[k], value[k]) for k in like] if isinstance(like, dict) else zip(like, value, strict=True)
    return [leaf for a, b in pairs for leaf in _beside(a, b)]


class _Leaf:
    def __repr__(self) -> str:
        return "*"


_LEAF = _Leaf()


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
