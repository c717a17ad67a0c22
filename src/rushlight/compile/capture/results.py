"""What a function returns: tensors in lists, tuples and dicts, and plain things beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rushlight.core.tensor import Tensor, wrap

__all__ = ["Hole", "fill", "holes", "tensors_of"]


class Hole:
    """Where a tensor stands in a result."""


def tensors_of(result: Any) -> list[Tensor]:
    """The tensors in a result, in order."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        return [t for v in result.values() for t in tensors_of(v)]
    if isinstance(result, (tuple, list)):
        return [t for v in result for t in tensors_of(v)]
    return []


def holes(result: Any) -> Any:
    """The result with a Hole in the place of each tensor."""
    return _rebuild(result, lambda: Hole)


def fill(result: Any, arrays: Iterator[Any]) -> Any:
    """A result with tensors of these arrays in its holes."""
    return _rebuild(result, lambda: wrap(next(arrays)))


def _rebuild(value: Any, tensor: Any) -> Any:
    if isinstance(value, Tensor) or value is Hole:
        return tensor()
    if isinstance(value, dict):
        return {k: _rebuild(v, tensor) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_rebuild(v, tensor) for v in value])
    if isinstance(value, (tuple, list)):
        return type(value)(_rebuild(v, tensor) for v in value)
    return value
