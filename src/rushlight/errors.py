"""Exception types, and how a message is built.

Every error says four things: which operation refused, what came, what was expected, and what to do.
Each type also derives from the built-in exceptions that Python users would catch: the one that says what is
wrong (`ValueError`, `TypeError`, ...), and `RuntimeError`, which PyTorch raises for nearly everything.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = [
    "AnomalyError",
    "ArgumentError",
    "CheckpointError",
    "DTypeError",
    "DataError",
    "DivisionError",
    "GradError",
    "IndexingError",
    "LinAlgError",
    "NotSupportedError",
    "OutOfMemoryError",
    "RushlightError",
    "ShapeError",
    "WorkerError",
    "explained",
    "in_pytorch",
    "message",
    "missing",
    "names_of",
    "namespace",
    "nearest",
    "not_here",
    "refuse_options",
    "unexpected",
]


class RushlightError(Exception):
    """Base of all errors that Rushlight raises on purpose."""


class ShapeError(RushlightError, ValueError, RuntimeError):
    """Shapes that do not fit the operation."""


class DTypeError(RushlightError, TypeError, RuntimeError):
    """A dtype, or a kind of Python object, that the operation does not take."""


class ArgumentError(RushlightError, ValueError, RuntimeError):
    """An option outside its range, or unknown."""


class IndexingError(RushlightError, IndexError, RuntimeError):
    """An index outside the tensor, or of a kind that cannot index."""


class DivisionError(RushlightError, ZeroDivisionError, RuntimeError):
    """Whole numbers divided by 0."""


class GradError(RushlightError, RuntimeError):
    """A derivative that cannot be had: freed, overwritten, or never recorded."""


class DataError(RushlightError, ValueError, RuntimeError):
    """A file or data set that is missing, damaged or not what it claims to be."""


class CheckpointError(RushlightError, RuntimeError):
    """A checkpoint or state dict that does not fit, or cannot be read."""


class OutOfMemoryError(RushlightError, MemoryError, RuntimeError):
    """More elements than there is memory for, or than an array can have."""


class AnomalyError(RushlightError, ArithmeticError, RuntimeError):
    """The first NaN or infinity, found by `detect_anomaly`."""


class LinAlgError(RushlightError, RuntimeError):
    """A matrix that has not what was asked of it: no inverse, no Cholesky factor."""


class WorkerError(RushlightError, RuntimeError):
    """A worker process of a DataLoader that ended, or took too long."""


class NotSupportedError(RushlightError, NotImplementedError):
    """Something that PyTorch has and Rushlight does not, or not yet."""


def message(op: str, got: str, expected: str, remedy: str = "") -> str:
    """The text of an error: ``op: got ...; expected .... remedy``.

    >>> message("matmul", "shapes (2, 3) and (2, 3)", "inner sizes to agree", "Transpose one of them.")
    'matmul: got shapes (2, 3) and (2, 3); expected inner sizes to agree. Transpose one of them.'
    """
    text = f"{op}: got {got}; expected {expected}."
    return _SIZE.sub(_as_tuple, f"{text} {remedy}" if remedy else text)


_SIZE = re.compile(r"Size\(\[([\d, ]*)\]\)")


def _as_tuple(size: re.Match[str]) -> str:
    """A shape in a message is a tuple, whoever's shape it is."""
    sizes = size[1]
    return f"({sizes}{',' if sizes and ',' not in sizes else ''})"


def missing(module: str, name: str, known: Iterable[str], remedy: str = "") -> AttributeError:
    """The error for a name that a module does not have: with the remedy; or that PyTorch has it; or with the
    nearest names that it has.

    >>> missing("rushlight.nn", "Linaer", ["Linear", "ReLU"])
    AttributeError("rushlight.nn has no 'Linaer'. Did you mean 'Linear'?")
    >>> missing("rushlight.nn", "NLLLoss2d", ["Linear", "ReLU"])
    AttributeError("rushlight.nn has no 'NLLLoss2d': PyTorch has it, Rushlight does not. Use NLLLoss.")
    """
    text = f"{module} has no {name!r}"
    if name.startswith("__"):
        return AttributeError(text, name=name)
    if remedy:
        return AttributeError(f"{text}. {remedy}", name=name)
    if in_pytorch(module, name):
        return AttributeError(f"{text}: {not_here(module, name)}", name=name)
    near = nearest(name, known)
    if near:
        return AttributeError(f"{text}. Did you mean {' or '.join(repr(n) for n in near)}?", name=name)
    return AttributeError(f"{text}. dir({module}) lists what is there.", name=name)


def in_pytorch(module: str, name: str) -> bool:
    """Whether PyTorch has `name` in the namespace that `module` stands for."""
    from rushlight.pytorch_names import NAMES

    return name in NAMES.get(module, "").split()


def not_here(module: str, name: str) -> str:
    """That PyTorch has `name`, and what is nearest to it.

    >>> not_here("Tensor", "to_mkldnn")
    'PyTorch has it, Rushlight does not. There is one layout; rl.compile makes programs fast.'
    """
    from rushlight.pytorch_nearest import nearest_thing

    why = nearest_thing(module, name)
    return "PyTorch has it, Rushlight does not" + (f". {why}" if why else ", or not yet.")


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names that `name` may be a slip of, nearest first: one letter in four is wrong at most, or it is
    the beginning. None rather than a name that means something else.

    >>> nearest("zeross", ["zeros", "ones"]), nearest("amp", ["clamp"]), nearest("HuberLoss", ["BCELoss"])
    (['zeros'], [], [])
    """
    return list(_nearest(name, tuple(known)))[:most]


@functools.lru_cache(1024)  # `getattr(module, "name", None)` asks again and again, and drops the message
def _nearest(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    lower, slips = name.lower(), len(name) // 4
    letters = set(lower)
    found: list[tuple[int, str]] = []
    for candidate in known:
        other = candidate.lower()
        if len(lower) >= 5 and other.startswith(lower):
            found.append((slips, candidate))
        # A slip brings in one letter and takes one away at most: most candidates need no closer look.
        elif abs(len(other) - len(lower)) <= slips and len(letters.symmetric_difference(other)) <= 2 * slips:
            distance = _distance(lower, other)
            if distance <= slips:
                found.append((distance, candidate))
    return tuple(candidate for _, candidate in sorted(found))


def _distance(a: str, b: str) -> int:
    """How many letters to insert, drop, replace, or exchange with their neighbour make b of a."""
    above: list[int] = []
    line = list(range(len(b) + 1))
    for i, x in enumerate(a):
        older, above, line = above, line, [i + 1]
        for j, y in enumerate(b):
            cost = min(above[j] + (x != y), above[j + 1] + 1, line[j] + 1)
            if i and j and x == b[j - 1] and a[i - 1] == y:
                cost = min(cost, older[j - 1] + 1)
            line.append(cost)
    return line[-1]


def namespace(
    module: str, known: Iterable[str], later: Mapping[str, str] | None = None, folder: str | None = None
) -> tuple[Any, Any]:
    """A package's ``__getattr__`` and ``__dir__``: what is missing is explained, and only what is public is
    listed.

    later   the package's files that load when one of their names is first asked for, each with its names
            in one text; one without names when itself is asked for. No file may be called like a function of
            the package: importing it would hide that.
    folder  the package of those files, where `module` is a file in it.
    """
    later, folder = later or {}, folder or module
    files = {name: file for file, names in later.items() for name in names.split()}

    def __getattr__(name: str) -> object:
        if name not in files:
            if name in later:
                return importlib.import_module(f"{folder}.{name}")
            from rushlight import aliases

            if (alias := aliases.find(module, name)) is not None:
                return alias
            raise missing(module, name, known)
        value = getattr(importlib.import_module(f"{folder}.{files[name]}"), name)
        setattr(sys.modules[module], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted([*known, "__all__", "__doc__", "__file__", "__name__"])

    return __getattr__, __dir__


def names_of(later: Mapping[str, str]) -> list[str]:
    """All names of a package's files that load when used."""
    return [name for file, names in later.items() for name in names.split() or [file]]


def unexpected(name: str, option: str, known: Iterable[str], remedy: str = "") -> TypeError:
    """The error for an argument that a function does not take: with the nearest that it takes, or the remedy.

    >>> unexpected("fit", "epoch", ["train", "epochs"])
    TypeError("fit() got an unexpected keyword argument 'epoch'. Did you mean 'epochs'?")
    """
    near = nearest(option, known, 1)
    remedy = f"Did you mean {near[0]!r}?" if near else remedy
    text = f"{name}() got an unexpected keyword argument {option!r}"
    return TypeError(f"{text}. {remedy}" if remedy else text)


F = TypeVar("F", bound=Callable[..., Any])


def explained(remedy: str, name: str = "") -> Callable[[F], F]:
    """A decorator: calls with other arguments than the function takes are refused by Python's TypeError, with
    the nearest argument or the remedy added. `name` stands there in the place of the function's own. The
    function itself is the wrapper's `plain`.

    >>> @explained("Call area(width, height).")
    ... def area(width, height):
    ...     return width * height
    >>> area(3)
    Traceback (most recent call last):
        ...
    TypeError: area() missing 1 required positional argument: 'height'. Call area(width, height).
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            try:
                return function(*args, **options)
            except TypeError as error:
                if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                    raise  # it is not of the call: something within raised it
                told = str(error).replace(f"{function.__qualname__}()", f"{name or function.__qualname__}()")
                raise _with_remedy(told, function, options, remedy) from None

        call.plain = function  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def _with_remedy(
    told: str, function: Callable[..., Any], options: Mapping[str, Any], remedy: str
) -> TypeError:
    import inspect

    known = inspect.signature(function).parameters
    unknown = [option for option in options if option not in known]
    if unknown and " unexpected " in told:
        return unexpected(told.partition("(")[0], unknown[0], known, remedy)
    return TypeError(f"{told}. {remedy}")


def refuse_options(name: str, given: Mapping[str, Any], defaults: Mapping[str, Any], remedy: str) -> None:
    """Let PyTorch's options that Rushlight does without pass at their defaults only.

    Raises NotSupportedError for another value, TypeError, as Python does, for an option that is none.
    """
    for option, value in given.items():
        if option not in defaults:
            raise unexpected(name, option, defaults)
        default = defaults[option]
        off = value is None or value is False
        if value != default and not (off and not default):
            got = f"{option}={value!r}"
            raise NotSupportedError(message(name, got, f"its default, {default!r}", remedy))


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
