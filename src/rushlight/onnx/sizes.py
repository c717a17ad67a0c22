"""Sizes that are not fixed: found by tracing with several sizes, and looking which numbers follow them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from rushlight.core.size import Size
from rushlight.errors import NotSupportedError, message

__all__ = ["Dim", "Runs", "alike", "in_each", "merged"]


class Dim(int):
    """A whole number of a graph that follows dynamic axes; as an int what it is in the first trace.

    factor, powers   the number is factor times the product of the axes' sizes to these powers; or
    shares, rest     the sum of the axes' sizes times their shares, and the rest.
    text             how it is written in the file; None where no formula of these fits.
    values           what it is in each trace.

    Nothing computes with it: that would freeze it.
    """

    factor: Fraction | None = None
    powers: dict[str, int]
    shares: dict[str, int]
    rest: int = 0
    text: str | None = None
    values: tuple[int, ...] = ()

    def _frozen(self, *others: Any) -> Any:
        got = f"a computation with a size that follows a dynamic axis ({self.text or 'in no simple way'})"
        raise NotSupportedError(message("onnx.export", got, "fixed sizes here", "Leave the axis out."))

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __floordiv__ = _frozen
    __rfloordiv__ = __truediv__ = __rtruediv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _frozen


class Runs:
    """What the dynamic axes were in each trace: the first as given, then each of them changed, then all.

    >>> runs = Runs(["batch", "time"], [(2, 5), (3, 5), (2, 7), (4, 9)])
    >>> runs.number((10, 15, 14, 36)).text, runs.number((6, 7, 6, 8)).text, runs.number((1, 1, 1, 1))
    ('batch*time', 'batch + 4', 1)
    """

    def __init__(self, names: Sequence[str], sizes: Sequence[tuple[int, ...]]) -> None:
        self.names = list(names)
        self.sizes = [dict(zip(names, row, strict=True)) for row in sizes]

    def number(self, values: Sequence[int]) -> int:
        """A number of the graph, given what it was in each trace: plain if it was always the same."""
        if len(set(values)) == 1:
            return values[0]
        made = Dim(values[0])
        made.powers, made.shares, made.values = {}, {}, tuple(values)
        if not self._product(made, values):
            self._sum(made, values)
        return made

    def _product(self, made: Dim, values: Sequence[int]) -> bool:
        first = self.sizes[0]
        if not values[0]:
            return False
        powers = {}
        for name, row, value in zip(self.names, self.sizes[1:], values[1:], strict=False):
            ratio, found = Fraction(row[name], first[name]), Fraction(value, values[0])
            power = next((p for p in (0, 1, 2) if ratio**p == found), None)
            if power is None:
                return False
            if power:
                powers[name] = power
        whole = [self._times(row, powers) for row in self.sizes]
        factor = Fraction(values[0], whole[0])
        if any(factor * w != v for w, v in zip(whole, values, strict=True)):
            return False
        made.factor, made.powers = factor, powers
        body = "*".join(name for name, power in powers.items() for _ in range(power))
        over, under = factor.numerator, factor.denominator
        made.text = (f"{over}*" if over != 1 else "") + body + (f"/{under}" if under != 1 else "")
        return True

    @staticmethod
    def _times(row: dict[str, int], powers: dict[str, int]) -> int:
        total = 1
        for name, power in powers.items():
            total *= row[name] ** power
        return total

    def _sum(self, made: Dim, values: Sequence[int]) -> None:
        first = self.sizes[0]
        shares = {}
        for name, row, value in zip(self.names, self.sizes[1:], values[1:], strict=False):
            share = Fraction(value - values[0], row[name] - first[name])
            if share.denominator != 1:
                return
            if share:
                shares[name] = int(share)
        rest = values[0] - sum(a * first[name] for name, a in shares.items())
        for row, value in zip(self.sizes, values, strict=True):
            if sum(a * row[name] for name, a in shares.items()) + rest != value:
                return
        made.shares, made.rest = shares, rest
        body = " + ".join(name if a == 1 else f"{a}*{name}" for name, a in shares.items())
        made.text = f"{body} {'-' if rest < 0 else '+'} {abs(rest)}" if rest else body


def alike(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two shapes are the same in every trace."""
    return len(first) == len(second) and all(
        a == b and getattr(a, "values", None) == getattr(b, "values", None)
        for a, b in zip(first, second, strict=True)
    )


def in_each(numbers: Any) -> list[Any]:
    """Numbers in tuples and lists as plain ones, once for each trace; once where none of them is a Dim."""
    count = _count(numbers)
    return [_plain(numbers, k) for k in range(count)] if count else [numbers]


def _count(value: Any) -> int:
    if isinstance(value, Dim):
        return len(value.values)
    return max(map(_count, value), default=0) if isinstance(value, (tuple, list)) else 0


def _plain(value: Any, k: int) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_plain(v, k) for v in value)
    return value.values[k] if isinstance(value, Dim) else value


def merged(values: Sequence[Any], runs: Runs, where: str) -> Any:
    """An attribute, given what it was in each trace: with a Dim in the place of each number that differs.

    Raises NotSupportedError where something else differs.
    """
    values = [tuple(v) if isinstance(v, Size) else v for v in values]
    first = values[0]
    if type(first) in (tuple, list) and all(type(v) is type(first) and len(v) == len(first) for v in values):
        return type(first)(merged(column, runs, where) for column in zip(*values, strict=True))
    if all(type(v) is int for v in values):
        return runs.number(values)
    if all(v == first and type(v) is type(first) for v in values) or all(v != v for v in values):
        return first
    names = ", ".join(runs.names)
    got = f"{where} with {first!r} for one size of {names} and {values[-1]!r} for another"
    raise NotSupportedError(message("onnx.export", got, "the same for all sizes", "Leave the axis out."))
