"""Exception types, and how a message is built.

Every error says four things: which operation refused, what came, what was expected, and what to do.
Each type also derives from the built-in exception that Python users would catch (`ValueError`,
`TypeError`, ...), so code written for other frameworks keeps working.
"""

from __future__ import annotations

__all__ = [
    "AnomalyError",
    "ArgumentError",
    "CheckpointError",
    "DTypeError",
    "DataError",
    "GradError",
    "IndexingError",
    "NotSupportedError",
    "RushlightError",
    "ShapeError",
    "message",
]


class RushlightError(Exception):
    """Base of all errors that Rushlight raises on purpose."""


class ShapeError(RushlightError, ValueError):
    """Shapes that do not fit the operation."""


class DTypeError(RushlightError, TypeError):
    """A dtype, or a kind of Python object, that the operation does not take."""


class ArgumentError(RushlightError, ValueError):
    """An option outside its range, or unknown."""


class IndexingError(RushlightError, IndexError):
    """An index outside the tensor, or of a kind that cannot index."""


class GradError(RushlightError, RuntimeError):
    """A derivative that cannot be had: freed, overwritten, or never recorded."""


class DataError(RushlightError, ValueError):
    """A file or data set that is missing, damaged or not what it claims to be."""


class CheckpointError(RushlightError, RuntimeError):
    """A checkpoint or state dict that does not fit, or cannot be read."""


class AnomalyError(RushlightError, ArithmeticError):
    """The first NaN or infinity, found by `detect_anomaly`."""


class NotSupportedError(RushlightError, NotImplementedError):
    """Something that PyTorch has and Rushlight does not, or not yet."""


def message(op: str, got: str, expected: str, remedy: str = "") -> str:
    """The text of an error: ``op: got ...; expected .... remedy``.

    >>> message("matmul", "shapes (2, 3) and (2, 3)", "inner sizes to agree", "Transpose one of them.")
    'matmul: got shapes (2, 3) and (2, 3); expected inner sizes to agree. Transpose one of them.'
    """
    text = f"{op}: got {got}; expected {expected}."
    return f"{text} {remedy}" if remedy else text
