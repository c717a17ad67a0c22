"""What a function returns: tensors in lists, tuples and dicts, and plain things beside them."""

from __future__ import annotations

import copy
import enum
import types
from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.compile.capture.makes import PLAIN, is_record
from rushlight.compile.capture.number import Number, settled
from rushlight.compile.capture.placeholder import TraceError
from rushlight.core.composite import Composite
from rushlight.core.placement import device
from rushlight.core.printing import TRACED
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.errors import message

__all__ = ["Hole", "NumberAt", "fill", "holes", "strange", "tensors_of"]

FIXED = (
    *PLAIN, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.GenericAlias,
    type(...), enum.Enum, range, frozenset, xp.generic, xp.dtype, device, Tensor,
)  # fmt: skip
"""What is the same in each call, if it is equal."""


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
    if is_record(result):
        return tensors_of(vars(result))
    return []


def strange(result: Any) -> list[Any]:
    """What in a result is neither tensor nor number, text or container, and may be made anew in each call."""
    if isinstance(result, FIXED) or result is Hole or type(result) in (Number, NumberAt):
        return []
    if isinstance(result, dict):
        return [found for v in result.values() for found in strange(v)]
    if isinstance(result, (tuple, list)):
        return [found for v in result for found in strange(v)]
    return strange(vars(result)) if is_record(result) else [result]


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
        items = {settled(k): _rebuild(v, tensor, number, plain) for k, v in value.items()}
        if type(value) is dict:
            return items
        made = copy.copy(value)  # of its own class
        for k, v in items.items():
            dict.__setitem__(made, k, v)
        return made
    if is_record(value):
        made = copy.copy(value)
        vars(made).update({k: _rebuild(v, tensor, number, plain) for k, v in vars(value).items()})
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_rebuild(v, tensor, number, plain) for v in value])
    if isinstance(value, (tuple, list)):
        return type(value)(_rebuild(v, tensor, number, plain) for v in value)
    return plain(value)
