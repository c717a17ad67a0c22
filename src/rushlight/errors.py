"""Exception types, and how a message is built.

Every error says four things: which operation refused, what came, what was expected, and what to do.
Each type also derives from the built-in exception that Python users would catch (`ValueError`,
`TypeError`, ...), so code written for other frameworks keeps working.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "AnomalyError",
    "ArgumentError",
    "CheckpointError",
    "DTypeError",
    "DataError",
    "DivisionError",
    "GradError",
    "IndexingError",
    "NotSupportedError",
    "RushlightError",
    "ShapeError",
    "message",
    "missing",
    "refuse_options",
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


class DivisionError(RushlightError, ZeroDivisionError, RuntimeError):
    """Whole numbers divided by 0."""


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


def missing(module: str, name: str, known: Iterable[str], remedy: str = "") -> AttributeError:
    """The error for a name that a module does not have: with the remedy, or the nearest names that it has.

    >>> missing("rushlight.nn", "Linaer", ["Linear", "ReLU"])
    AttributeError("rushlight.nn has no 'Linaer'. Did you mean 'Linear'?")
    """
    text = f"{module} has no {name!r}"
    if name.startswith("__"):
        return AttributeError(text, name=name)
    if remedy:
        return AttributeError(f"{text}. {remedy}", name=name)
    from difflib import get_close_matches

    lower = {k.lower(): k for k in known if not k.startswith("_")}
    near = [lower[n] for n in get_close_matches(name.lower(), lower, 3, 0.7)]
    if near:
        return AttributeError(f"{text}. Did you mean {' or '.join(repr(n) for n in near)}?", name=name)
    return AttributeError(
        f"{text}: Rushlight does not have it, or not yet. dir({module}) lists what is there.", name=name
    )


def refuse_options(name: str, given: Mapping[str, Any], defaults: Mapping[str, Any], remedy: str) -> None:
    """Let PyTorch's options that Rushlight does without pass at their defaults only.

    Raises NotSupportedError for another value, TypeError, as Python does, for an option that is none.
    """
    for option, value in given.items():
        if option not in defaults:
            raise TypeError(f"{name}() got an unexpected keyword argument {option!r}")
        default = defaults[option]
        off = value is None or value is False
        if value != default and not (off and not default):
            got = f"{option}={value!r}"
            raise NotSupportedError(message(name, got, f"its default, {default!r}", remedy))
