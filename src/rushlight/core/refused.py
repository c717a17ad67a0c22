"""Why an operation was refused: what the device's error means in terms of its operands. Loads when one is."""

from __future__ import annotations

import re
from typing import Any

from rushlight.core.atomic import struck
from rushlight.core.op import Op
from rushlight.core.spec import Spec
from rushlight.device import xp
from rushlight.errors import (
    ArgumentError,
    DTypeError,
    IndexingError,
    OutOfMemoryError,
    RushlightError,
    ShapeError,
    message,
)

__all__ = ["explain"]

_OUT_OF_BOUNDS = re.compile(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)")


def explain(op: Op, arrays: list[Any], attrs: dict[str, Any], error: Exception) -> Exception:
    """The error to raise in place of the device's: what `infer` says, or what is known of the inputs.

    The device's own error is its `__cause__` only where nothing clearer was found.
    """
    if isinstance(error, RushlightError) or struck(error):
        return error
    for a in arrays:
        if not hasattr(a, "shape") and (a.__class__ not in (bool, int, float) or op.promote == "same"):
            got = f"a {type(a).__name__}"
            return DTypeError(message(op.name, got, "a Tensor", "Convert it with rl.tensor()."))
    specs = [Spec(a.shape, a.dtype) if hasattr(a, "shape") else a for a in arrays]
    try:
        op.infer(*specs, **attrs)
    except RushlightError as clear:
        return clear.with_traceback(None)
    except Exception:
        pass
    if found := _OUT_OF_BOUNDS.search(str(error)):
        index, axis, size = found.groups()
        got, expected = f"index {index} on axis {axis} of size {size}", f"indices from 0 to {int(size) - 1}"
        remedy = "Look at where the index comes from, and at the size of the table."
        return IndexingError(message(op.name, got, expected if int(size) else "no index", remedy))
    given = [str(s) for s in specs]
    given += [
        f"{n}={value.name if isinstance(value, xp.dtype) else repr(value)}" for n, value in attrs.items()
    ]
    told = _REASONS.error(op.name, ", ".join(given), error)
    told.__cause__ = error
    return told


class _Reasons:
    """What NumPy and Python say when an array function cannot be computed, and what that means here."""

    def __init__(self, *rows: tuple[str, type[RushlightError], str, str]) -> None:
        self.rows = [(re.compile(row[0]), *row[1:]) for row in rows]

    def error(self, op: str, got: str, error: Exception) -> RushlightError:
        """The error for these arguments of an operation."""
        said = str(error)
        for pattern, kind, expected, remedy in self.rows:
            found = pattern.search(said) or pattern.search(type(error).__name__)
            if found:
                return kind(message(op, got, found.expand(expected), remedy))
        kind = IndexingError if isinstance(error, IndexError) else ArgumentError
        return kind(
            message(op, got, "arguments that fit", f"The reason: {said.rstrip('.') or type(error).__name__}.")
        )


_REASONS = _Reasons(
    (
        r"array is too big|Maximum allowed|index-sized|broadcast dimensions too large|MemoryError",
        OutOfMemoryError,
        "as many elements as there is memory for",
        "Look at the sizes.",
    ),
    (r"negative dimensions|must be non-negative", ShapeError, "sizes of 0 or more", ""),
    (
        r"could not (?:be )?broadcast|shape mismatch",
        ShapeError,
        "sizes that agree, counted from the last axis, or are 1",
        "Reshape or unsqueeze one of them.",
    ),
    (r"out of bounds for (u?int\d+)", ArgumentError, r"a number that \1 holds", "Convert the tensor."),
    (r"too large to convert", ArgumentError, "numbers that int64 holds", ""),
    (r"zero-dimensional arrays", ShapeError, "at least one axis", "Use stack() for numbers."),
    (r"zero-size array", ArgumentError, "at least one element", ""),
    (
        r"Cannot cast ufunc '\w+' output from dtype\('(\w+)'\) to dtype\('(\w+)'\)",
        DTypeError,
        r"a target that can hold \1, not one of \2",
        "Convert the target.",
    ),
    (
        r"cannot be interpreted as an integer|integer argument expected|indices must be integers",
        DTypeError,
        "whole numbers where sizes, axes and flags stand",
        "",
    ),
    (
        r"not supported between|unsupported operand|not contain a loop|has no attribute|could not convert",
        DTypeError,
        "tensors and numbers",
        "",
    ),
)
