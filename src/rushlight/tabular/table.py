"""A table in memory: named columns of numbers, words or dates, with what is missing marked."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rushlight.errors import DataError, message
from rushlight.tabular.dates import read_dates

__all__ = ["Column", "Table", "as_column", "as_number", "guess", "text_of"]

Array = np.ndarray[Any, Any]

MISSING = frozenset(
    ["", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "nil", "nat", "?"]
)
"""Cells of a text file that mean that nothing is known, in lower case."""
CODE = re.compile(r"0\d+")
"""Digits that begin with 0 are a code, such as that of a town: as a number it would lose its beginning."""


@dataclass(frozen=True)
class Column:
    """One column. `kind` says what `values` are, and what marks a missing one:

    "number": float64, nan;  "word": an object array of str, None;  "date": datetime64 in microseconds, NaT.

    `logical` words are "False" and "True" and come from bools.
    """

    name: str
    kind: str
    values: Array
    logical: bool = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> Array:
        """Which values are missing, (N,) of bool."""
        if self.kind == "number":
            return np.isnan(self.values)
        if self.kind == "date":
            return np.isnat(self.values)
        return np.array([value is None for value in self.values], dtype=bool)

    def take(self, rows: Any) -> Column:
        """Some of the rows."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True)
class Table:
    """Columns by name, all of them `rows` long.

    >>> table = Table.of([as_column("x", [1, 2, None]), as_column("y", ["a", None, "b"])])
    >>> table.rows, [column.kind for column in table]
    (3, ['number', 'word'])
    """

    columns: Mapping[str, Column]
    rows: int

    @classmethod
    def of(cls, columns: Iterable[Column], op: str = "table") -> Table:
        """A table of these columns; DataError for a name that stands twice, and for different lengths."""
        found: dict[str, Column] = {}
        for column in columns:
            if column.name in found:
                remedy = "Rename one of them."
                raise DataError(message(op, f"two columns named {column.name!r}", "a name for each", remedy))
            found[column.name] = column
        if not found:
            raise DataError(message(op, "a table without columns", "at least one"))
        lengths = {name: len(column) for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            first, *others = lengths.items()
            other = next(item for item in others if item[1] != first[1])
            got = f"columns of different lengths: {first[0]!r} has {first[1]} rows, {other[0]!r} {other[1]}"
            raise DataError(message(op, got, "one length"))
        return cls(found, next(iter(lengths.values())))

    def __iter__(self) -> Any:
        return iter(self.columns.values())

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def take(self, rows: Any) -> Table:
        """Some of the rows, by their numbers or a mask."""
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return Table(columns, len(next(iter(columns.values()))))

    def without(self, names: Iterable[str]) -> Table:
        """Without the columns of these names."""
        left_out = set(names)
        return Table({n: c for n, c in self.columns.items() if n not in left_out}, self.rows)

    def replaced(self, column: Column) -> Table:
        """With another column in the place of the one of its name."""
        return Table({**self.columns, column.name: column}, self.rows)


def as_column(name: Any, values: Any) -> Column:
    """A Column of what a frame holds under `name`: an array, a list, a series. DataError for what is neither
    numbers, words nor dates."""
    name, array = str(name), _as_array(values)
    if array.ndim != 1:
        raise DataError(message("table", f"column {name!r} of shape {array.shape}", "one value for each row"))
    kind = array.dtype.kind
    if kind == "b":
        return Column(name, "word", np.array([str(v) for v in array.tolist()], dtype=object), logical=True)
    if kind in "iuf":
        return Column(name, "number", _finite(array.astype(np.float64)))
    if kind == "M":
        return Column(name, "date", array.astype("datetime64[us]"))
    if kind == "m":
        seconds = array.astype("timedelta64[us]").astype(np.float64) / 1e6
        return Column(name, "number", np.where(np.isnat(array), np.nan, seconds))
    if kind == "S":
        array = np.array([v.decode(errors="replace") for v in array.tolist()], dtype=object)
    if kind in "UST":
        return _of_words(name, [str(v) for v in array.tolist()])
    return _of_objects(name, array.tolist() if kind == "O" else list(array))


def _as_array(values: Any) -> Array:
    if isinstance(values, np.ma.MaskedArray):
        objects = np.asarray(values).astype(object)
        objects[np.ma.getmaskarray(values)] = None
        return objects
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "detach"):
        return np.asarray(values.detach().numpy())
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    return np.asarray(values)


def _absent(value: Any) -> bool:
    """None, nan, and what pandas puts where nothing is known."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating) and bool(value != value)


def _of_objects(name: str, items: list[Any]) -> Column:
    absent = [_absent(item) for item in items]
    there = [item for item, gone in zip(items, absent, strict=True) if not gone]
    if all(isinstance(item, bool | np.bool_) for item in there) and there:
        words = [None if gone else str(bool(item)) for item, gone in zip(items, absent, strict=True)]
        return Column(name, "word", _objects(words), logical=True)
    numeric = (int, float, decimal.Decimal, np.integer, np.floating)
    if all(isinstance(item, numeric) for item in there):  # also where nothing is there at all
        numbers = [np.nan if gone else _float(item) for item, gone in zip(items, absent, strict=True)]
        return Column(name, "number", _finite(np.array(numbers, dtype=np.float64)))
    if all(isinstance(item, datetime.date | np.datetime64) for item in there):
        days = ["NaT" if gone else _utc(item) for item, gone in zip(items, absent, strict=True)]
        return Column(name, "date", np.array(days, dtype="datetime64[us]"))
    odd = next((item for item in there if not isinstance(item, (str, bool, np.str_, *numeric))), None)
    if odd is not None:
        got = f"column {name!r} with a {type(odd).__name__} in it"
        remedy = "Leave the column out, or turn it into one of these."
        raise DataError(message("table", got, "numbers, words or dates", remedy))
    return _of_words(name, [None if gone else text_of(i) for i, gone in zip(items, absent, strict=True)])


def _float(number: Any) -> float:
    try:
        return float(number)
    except (OverflowError, ValueError):  # too large an integer, a signalling nan
        return np.nan


def _of_words(name: str, words: Sequence[str | None]) -> Column:
    """Dates if all of the words are; numbers that are words stay so, for whoever made the frame knew them."""
    dates = read_dates(words)
    return Column(name, "word", _objects(words)) if dates is None else Column(name, "date", dates)


def _objects(items: Sequence[Any]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _utc(value: Any) -> Any:
    zoned = isinstance(value, datetime.datetime) and value.tzinfo is not None
    return value.astimezone(datetime.UTC).replace(tzinfo=None) if zoned else value


def _finite(numbers: Array) -> Array:
    """An infinity says as little as a missing number."""
    return np.where(np.isfinite(numbers), numbers, np.nan)


def text_of(value: Any) -> str:
    """A value as the word that stands for it: whole numbers without a point.

    >>> text_of(3.0), text_of(0.5), text_of("red")
    ('3', '0.5', 'red')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def guess(name: str, cells: Sequence[str], comma: bool = False) -> Column:
    """A Column of the cells of a text file: numbers or dates if all of them are, else words.

    comma  numbers may be written 3,14.

    >>> [guess("x", cells).kind for cells in (["1", "NA", "2e3"], ["2024-05-01", ""], ["02134", "90210"])]
    ['number', 'date', 'word']
    """
    words = [None if cell.strip().lower() in MISSING else cell.strip() for cell in cells]
    there = [word for word in words if word is not None]
    numbers = None if any(map(CODE.fullmatch, there)) else _numbers(words, comma)
    if numbers is not None:
        return Column(name, "number", numbers)
    return _of_words(name, words)


def _numbers(words: Sequence[str | None], comma: bool) -> Array | None:
    """The numbers that the words are; None if one of them is none."""
    try:
        # float takes 1_000 and the digits of all scripts too, which no program writes.
        if any(word is not None and ("_" in word or not word.isascii()) for word in words):
            return None
        found = [np.nan if word is None else float(word) for word in words]
    except ValueError:
        if comma and any(word is not None and "," in word for word in words):
            return _numbers([None if w is None else _with_a_point(w) for w in words], comma=False)
        return None
    return _finite(np.array(found, dtype=np.float64))


def _with_a_point(word: str) -> str:
    return word.replace(",", ".") if word.count(",") == 1 and "." not in word else word


def as_number(column: Column, op: str) -> Column:
    """The column as numbers, as which it was learned; DataError names a value that is none."""
    if column.kind == "number":
        return column
    if column.kind == "word":
        if column.logical:
            values = [np.nan if v is None else float(v == "True") for v in column.values]
            return Column(column.name, "number", np.array(values, dtype=np.float64))
        found = guess(column.name, ["" if v is None else v for v in column.values], comma=True)
        if found.kind == "number":
            return found
        for row, value in enumerate(column.values):
            if value is not None and _numbers([value], True) is None and value.lower() not in MISSING:
                got = f"{value!r} in column {column.name!r}, row {row + 1}"
                raise DataError(message(op, got, "a number, which this column has to hold"))
        codes = [None if v is None or v.lower() in MISSING else v for v in column.values]
        numbers = _numbers(codes, comma=True)
        assert numbers is not None  # each of them is one
        return Column(column.name, "number", numbers)
    got = f"dates in column {column.name!r}"
    raise DataError(message(op, got, "numbers, which this column has to hold"))
