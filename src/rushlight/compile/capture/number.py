"""Python numbers that are read anew in each call: counters, schedules, arguments.

While a function is traced, a `Number` stands in the place of such a number. What the function computes of it
is written down as lines of Python, which are run before each call: they give the program's inputs, and what
the function writes back into its variables. Where the number itself decides what the function does (an `if`,
a shape, an index), the lines look whether it would decide the same again.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable
from itertools import repeat
from typing import Any

from rushlight.compile.capture.makes import same
from rushlight.core.atomic import at_once
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp

__all__ = ["Number", "Sheet", "is_number", "settled"]

NUMBERS = (int, float)


class Sheet:
    """The lines that a traced function's numbers are computed by."""

    def __init__(self) -> None:
        self.sources: list[Number] = []
        self.inputs: list[tuple[Tensor, str]] = []
        self.results: list[str] = []
        self._lines: list[str] = []
        self._constants: dict[str, Any] = {"same": same}
        self._tensors: dict[Any, Tensor] = {}
        self._thread = threading.get_ident()
        self.open = True

    @property
    def live(self) -> bool:
        """Whether it is being written, by this thread: to all others a Number is its value."""
        return self.open and threading.get_ident() == self._thread

    def source(self, value: Any) -> Number:
        """A number that is read in each call."""
        made = Number(self, f"s{len(self.sources)}", value)
        self.sources.append(made)
        return made

    def line(self, text: str, value: Any) -> Number:
        """One more line; `value` is what it gives now."""
        name = f"t{len(self._lines)}"
        self._lines.append(f"    {name} = {text}")
        return Number(self, name, value)

    def name(self, value: Any) -> str:
        """How lines speak of a number."""
        return value._name if type(value) is Number else self.constant(value)

    def constant(self, value: Any) -> str:
        """A name for something that does not change."""
        name = f"k{len(self._constants)}"
        self._constants[name] = value
        return name

    def settle(self, number: Number) -> Any:
        """The number's value, which has to be the same in each call from now on."""
        if self.live:
            held = self.constant(number.now)
            self._lines.append(
                f"    if {number._name} is not {held} and not same({number._name}, {held}): return None"
            )
        return number.now

    def tensor(self, number: Number, dtype: Any) -> Tensor:
        """The number as an input of the program, of this dtype."""
        key = number._name, dtype
        if key not in self._tensors:
            self._tensors[key] = made = wrap(xp.asarray(number.now, dtype))
            self.inputs.append((made, number._name))
        return self._tensors[key]

    def result(self, value: Any) -> int:
        """Ask for a number: gives its place among the results."""
        self.results.append(self.name(value))
        return len(self.results) - 1

    def close(self) -> Callable[..., Any]:
        """The lines as a function of the sources' values. It gives (the inputs' values, the results), or None
        where the program does not apply."""
        self.open = False
        inputs = "".join(f"{name}, " for _, name in self.inputs)
        results = "".join(f"{name}, " for name in self.results)
        given = ", ".join(s._name for s in self.sources)
        kinds = [f"    if type({s._name}) is not {type(s.now).__name__}: return None" for s in self.sources]
        body = [f"def lines({given}):", *kinds, *self._lines, f"    return ({inputs}), ({results})"]
        space = dict(self._constants)
        exec("\n".join(body), space)
        found: Callable[..., Any] = space["lines"]
        return found


class Number:
    """What stands for a number while a function is traced; to other threads, and afterwards, its value."""

    __slots__ = ("_name", "_sheet", "now")

    def __init__(self, sheet: Sheet, name: str, value: Any) -> None:
        self._sheet = sheet
        self._name = name
        self.now = value

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.now)

    def settle(self) -> Any:
        return self._sheet.settle(self)

    def tensor(self, dtype: Any) -> Tensor:
        return self._sheet.tensor(self, dtype)

    def result(self) -> int:
        return self._sheet.result(self)

    def __float__(self) -> float:
        return float(self.settle())

    def __int__(self) -> int:
        return int(self.settle())

    def __index__(self) -> int:
        return operator.index(self.settle())

    def __bool__(self) -> bool:
        return (
            bool(_line("{} != 0", operator.ne, self, 0).settle())
            if type(self.now) is not bool
            else self.settle()
        )

    def __hash__(self) -> int:
        return hash(self.settle())

    def __repr__(self) -> str:
        return repr(self.settle())

    def __str__(self) -> str:
        return str(self.settle())

    def __format__(self, spec: str) -> str:
        return format(self.settle(), spec)

    def __complex__(self) -> complex:
        return complex(self.settle())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return xp.asarray(self.settle(), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*settled(inputs), **settled(options))

    def __reduce__(self) -> Any:
        value = self.settle()
        return type(value), (value,)

    def __copy__(self) -> Number:
        return self

    def __deepcopy__(self, memo: Any) -> Number:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.settle(), name)

    def __round__(self, digits: Any = None) -> Any:
        if digits is None:
            return _line("round({})", round, self)
        return _line("round({}, {})", round, self, digits)


def _line(text: str, function: Callable[..., Any], *given: Any) -> Any:
    """`function` of these, as a line of the sheet of those that are Numbers."""
    try:
        now = function(*[g.now if type(g) is Number else g for g in given])
    except Exception:
        settled(given)  # the program may catch that, and go another way
        raise
    sheet = next(g._sheet for g in given if type(g) is Number)
    if not sheet.live:
        return now
    if type(now) not in (int, float, bool):
        return function(*settled(given))
    return sheet.line(text.format(*map(sheet.name, given)), now)


def _plain(value: Any) -> bool:
    return type(value) in (Number, int, float, bool)


def _binary(name: str, symbol: str, function: Callable[..., Any], reflected: bool = True) -> None:
    text = f"{{}} {symbol} {{}}"

    def method(self: Number, other: Any) -> Any:
        return _line(text, function, self, other) if _plain(other) else NotImplemented

    def swapped(self: Number, other: Any) -> Any:
        return _line(text, function, other, self) if _plain(other) else NotImplemented

    setattr(Number, f"__{name}__", method)
    if reflected:
        setattr(Number, f"__r{name}__", swapped)


for _name, _symbol, _function in (
    ("add", "+", operator.add),
    ("sub", "-", operator.sub),
    ("mul", "*", operator.mul),
    ("truediv", "/", operator.truediv),
    ("floordiv", "//", operator.floordiv),
    ("mod", "%", operator.mod),
    ("pow", "**", operator.pow),
    ("and", "&", operator.and_),
    ("or", "|", operator.or_),
    ("xor", "^", operator.xor),
    ("lshift", "<<", operator.lshift),
    ("rshift", ">>", operator.rshift),
):
    _binary(_name, _symbol, _function)
for _name, _symbol in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!=")):
    _binary(_name, _symbol, getattr(operator, _name), reflected=False)


def _unary(name: str, text: str, function: Any) -> None:
    setattr(Number, f"__{name}__", lambda self: _line(text, function, self))


_UNARY: tuple[tuple[str, str, Any], ...] = (
    ("neg", "-{}", operator.neg),
    ("pos", "+{}", operator.pos),
    ("invert", "~{}", operator.invert),
    ("abs", "abs({})", abs),
    ("trunc", "{}.__trunc__()", math.trunc),
    ("floor", "{}.__floor__()", math.floor),
    ("ceil", "{}.__ceil__()", math.ceil),
)
for _name, _text, _only in _UNARY:
    _unary(_name, _text, _only)


def is_number(value: Any) -> bool:
    """Whether it may be read in each call in place of being frozen."""
    return type(value) in (int, float, Number)


def settled(value: Any) -> Any:
    """The same with its Numbers as plain ones, for good."""
    if type(value) is Number:
        return value.settle()
    if type(value) in (tuple, list):
        return type(value)(map(settled, value)) if any(_holds(v) for v in value) else value
    if type(value) is dict:
        return {k: settled(v) for k, v in value.items()} if any(_holds(v) for v in value.values()) else value
    return value


def _holds(value: Any) -> bool:
    if type(value) in (tuple, list):
        return any(map(_holds, value))
    return type(value) is Number


MATH = ("acos", "asin", "atan", "atan2", "cos", "cosh", "exp", "expm1", "fabs", "fmod", "hypot", "log",
        "log10", "log1p", "log2", "pow", "sin", "sinh", "sqrt", "tan", "tanh")  # fmt: skip


class ThroughMath:
    """From `begin` to `end` functions of `math` take Numbers too; what they make of all else is the same."""

    def __init__(self) -> None:
        self._before = [getattr(math, name) for name in MATH]
        self._taking = [_taking_numbers(function) for function in self._before]

    def begin(self) -> None:
        """All of them at once."""
        at_once(setattr, repeat(math), MATH, self._taking)

    def end(self) -> None:
        """As they were."""
        at_once(setattr, repeat(math), MATH, self._before)


def _taking_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    def takes(*given: Any) -> Any:
        sheet = next((g._sheet for g in given if type(g) is Number), None)
        if sheet is None or not sheet.live or not all(map(_plain, given)):
            return function(*given)
        called = sheet.constant(function)
        return _line(f"{called}({', '.join(['{}'] * len(given))})", function, *given)

    return takes
