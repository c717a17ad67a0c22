"""What a function returns: tensors in lists, tuples and dicts, and plain things beside them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.compile.capture.number import Number
from rushlight.compile.capture.placeholder import TraceError
from rushlight.core.composite import Composite
from rushlight.core.printing import TRACED
from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import message

__all__ = ["Hole", "NumberAt", "fill", "holes", "tensors_of"]


class Hole:
    """Where a tensor stands in a result."""


class NumberAt:
    """Where a number stands in a result that is computed anew in each call."""

    def __init__(self, place: int) -> None:
        self.place = place


def tensors_of(result: Any) -> list[Tensor]:
    """The tensors in a result, in order."""
    if isinstance(result, Composite):
        return list(result.parts())
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, dict):
        return [t for v in result.values() for t in tensors_of(v)]
    if isinstance(result, (tuple, list)):
        return [t for v in result for t in tensors_of(v)]
    return []


def holes(result: Any) -> Any:
    """The result with a Hole in the place of each tensor, and NumberAt in that of each Number.

    Raises TraceError for a text with a traced tensor in it, which has no numbers yet.
    """
    return _rebuild(result, lambda: Hole, lambda n: NumberAt(n.result()), _refuse_text)


def _refuse_text(value: Any) -> Any:
    if type(value) is str and TRACED in value:
        remedy = "Return the tensor, and write the text outside."
        raise TraceError(message("compile", f"the result {value!r}", "tensors, not texts of them", remedy))
    return value


def fill(result: Any, arrays: Iterator[Any], numbers: Sequence[Any] = ()) -> Any:
    """A result with tensors of these arrays in its holes, and with these numbers."""
    return _rebuild(result, lambda: wrap(next(arrays)), lambda n: numbers[n.place])


def _rebuild(value: Any, tensor: Any, number: Any, plain: Any = lambda value: value) -> Any:
    if type(value) in (Number, NumberAt):
        return number(value)
    if isinstance(value, Composite):
        return value.rebuilt([tensor() for _ in value.parts()])
    if isinstance(value, Tensor) or value is Hole:
        return tensor()
    if isinstance(value, dict):
        items = {k: _rebuild(v, tensor, number, plain) for k, v in value.items()}
        if type(value) is dict:
            return items
        made = copy.copy(value)  # of its own class
        for k, v in items.items():
            dict.__setitem__(made, k, v)
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_rebuild(v, tensor, number, plain) for v in value])
    if isinstance(value, (tuple, list)):
        return type(value)(_rebuild(v, tensor, number, plain) for v in value)
    return plain(value)
