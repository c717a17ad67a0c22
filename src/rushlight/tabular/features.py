"""What a network sees of a column: numbers on one scale, one-hot columns, codes, parts of dates.

Everything is learned from training rows, and kept as plain numbers and words."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rushlight.errors import DataError, message
from rushlight.tabular.table import Column, as_number, text_of

__all__ = [
    "NUMBERS_ROWS",
    "ONE_HOT",
    "Feature",
    "as_words",
    "category",
    "check_feature",
    "date",
    "dull",
    "number",
]

Array = np.ndarray[Any, Any]

ONE_HOT = 12
"""A column of more categories is embedded."""
CLIP = 10.0
"""Numbers are bent towards this many deviations, so that one far outside does not rule the network."""
FARTHEST = 1e6
"""Deviations beyond which all numbers are bent to the same float32."""
LARGE = 1e150
"""Numbers are made smaller than that before they are squared."""
NUMBERS_ROWS = "an identifier: it numbers the rows"
YEAR, WEEK, DAY = 365.2425, 7.0, 1.0
PARTS = {"year": YEAR, "week": WEEK, "day": DAY}
"""What comes back in dates, and after how many days."""
ID_NAME = re.compile(
    r"(.*[_ .-])?(id|ids|uuid|guid|key|index|row|nr|no|number)|unnamed: \d+|column 1|[a-z]+I[dD]"
)


@dataclass(frozen=True)
class Feature:
    """How one column is encoded.

    kind        "number", "category" or "date".
    centre, scale   of numbers, and of dates in days: (x - centre) / scale, bent towards ±10.
    fill        what stands for a missing number; indicator: whether a column of its own says so.
    words       the categories, None for the missing one; others that come later count as none of them.
    width       numbers in the vector that a category is embedded as; 0: one-hot.
    parts       of a date: "year", "week", "day": two columns each, around the clock.
    """

    name: str
    kind: str
    centre: float = 0.0
    scale: float = 1.0
    fill: float = 0.0
    indicator: bool = False
    words: tuple[str | None, ...] = ()
    width: int = 0
    parts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a model file keeps it."""
        return asdict(self)

    @property
    def columns(self) -> list[str]:
        """The names of its columns among the network's numbers; none if it is embedded."""
        if self.kind == "category":
            return [] if self.width else [f"{self.name}={'missing' if w is None else w}" for w in self.words]
        found = [self.name] if self.scale else []
        found += [f"{self.name}, {part} {side}" for part in self.parts for side in ("sin", "cos")]
        return [*found, *([f"{self.name} missing"] if self.indicator else [])]

    def numbers(self, column: Column, op: str) -> Array:
        """Its columns (N, columns), float32."""
        if self.kind == "category":
            codes = self.codes(column)
            hot = np.zeros((len(codes), len(self.words) + 1), np.float32)
            hot[np.arange(len(codes)), codes] = 1.0
            return hot[:, 1:]
        raw = _days(column, op) if self.kind == "date" else as_number(column, op).values
        absent = np.isnan(raw)
        known = np.where(absent, self.fill, raw)
        found: list[Array] = []
        if self.scale:
            with np.errstate(over="ignore"):
                scaled = np.clip((known - self.centre) / self.scale, -FARTHEST, FARTHEST)
            found.append(scaled / np.sqrt(1.0 + (scaled / CLIP) ** 2))
        for part in self.parts:
            angle = 2.0 * math.pi * known / PARTS[part]
            found += [np.where(absent, 0.0, np.sin(angle)), np.where(absent, 0.0, np.cos(angle))]
        if self.indicator:
            found.append(absent)
        return np.stack(found, axis=1).astype(np.float32)

    def codes(self, column: Column) -> Array:
        """The number of each row's category, (N,) of int64: 0 for one that was not learned."""
        places = {word: place + 1 for place, word in enumerate(self.words)}
        return np.array([places.get(word, 0) for word in as_words(column)], dtype=np.int64)


def as_words(column: Column) -> list[str | None]:
    """The values as words."""
    if column.kind == "word":
        return column.values.tolist()
    if column.kind == "date":
        return [None if np.isnat(value) else str(value) for value in column.values]
    return [None if value != value else text_of(value) for value in column.values.tolist()]


def dull(column: Column) -> str | None:
    """Why a column says nothing of other rows: empty, constant, a name for each; None if it may."""
    absent = column.missing
    if absent.all():
        return "empty"
    there = column.values[~absent]
    distinct = len(set(there.tolist()))
    if distinct == 1 and not absent.any():
        return "constant"
    if len(there) > 20 and column.kind == "word" and distinct > 0.9 * len(there):
        return "an identifier: nearly every row has a value of its own"
    if len(there) > 20 and column.kind == "number" and distinct == len(column) and _counts_rows(column):
        return NUMBERS_ROWS
    return None


def _counts_rows(column: Column) -> bool:
    """Whether whole numbers, all different, count the rows from the first, or are called identifiers.

    Some may have been left out since, as those of a test part. Years, one a row, do not begin at 1.
    """
    values = column.values
    if not (values == np.round(values)).all():
        return False
    few = 1 + len(values) / 5
    counts = (np.diff(values) > 0).all() and 0 <= values[0] <= few and values[-1] <= 2 * len(values) + few
    return bool(counts or ID_NAME.fullmatch(column.name.lower()))


def number(column: Column) -> Feature:
    """Centre and scale by quartiles, which outliers do not move; the median fills what is missing."""
    absent = np.isnan(column.values)
    centre, scale = _scale(column.values[~absent])
    return Feature(column.name, "number", centre, scale, centre, bool(absent.any()))


def _scale(there: Array) -> tuple[float, float]:
    """Median and deviation by quartiles; the plain deviation where most values are the same."""
    unit = max(1.0, float(np.abs(there).max()) / LARGE)
    there = there / unit
    low, centre, high = (float(q) for q in np.quantile(there, (0.25, 0.5, 0.75)))
    scale = (high - low) / 1.349  # of a normal distribution that is the deviation
    if not scale > 1e-12 * abs(centre):
        centre, scale = float(there.mean()), float(there.std())
    scale = scale if scale > 1e-12 * abs(centre) else 0.0
    return centre * unit, min(scale * unit, sys.float_info.max)


def date(column: Column) -> Feature:
    """Days since 1970, and where in the year, the week and the day it is, as far as that varies."""
    days = _days(column, "fit")
    there = days[~np.isnan(days)]
    centre, scale = _scale(there)
    whole = np.floor(there)
    parts = []
    if there.max() - there.min() > 60:
        parts.append("year")
    if len(np.unique(whole % 7)) > 1:
        parts.append("week")
    if (there != whole).any():
        parts.append("day")
    indicator = bool(len(there) < len(days))
    return Feature(column.name, "date", centre, scale, centre, indicator, parts=tuple(parts))


def _days(column: Column, op: str) -> Array:
    if column.kind == "date":
        micro = column.values.astype("datetime64[us]").astype(np.float64)
        return np.where(np.isnat(column.values), np.nan, micro / 86_400e6)
    if column.kind == "number" and column.missing.all():
        return column.values
    from rushlight.tabular.dates import read_dates

    words = as_words(column)
    found = read_dates(words)
    if found is None and any(word is not None for word in words):
        bad = next(word for word in words if word is not None)
        got = f"{bad!r} in column {column.name!r}"
        raise DataError(message(op, got, "dates, which this column has to hold"))
    if found is None:
        return np.full(len(words), np.nan)
    return _days(Column(column.name, "date", found), op)


def category(column: Column) -> Feature | None:
    """The categories, most frequent first, without rare ones, which teach nothing; None if all are."""
    counts = Counter(as_words(column))
    least = max(1, min(10, len(column) // 200))
    frequent = [word for word, count in counts.most_common() if count >= least]
    if all(word is None for word in frequent) or len(counts) == 1:
        return None
    width = 0
    if len(frequent) > ONE_HOT:
        width = min(16, math.ceil(1.6 * len(frequent) ** 0.56 / 2))
    elif len(frequent) == 2 and len(counts) == 2:
        frequent = frequent[1:]  # the other one is its absence
    return Feature(column.name, "category", words=tuple(frequent), width=width)


def check_feature(values: Any) -> Feature:
    """A Feature of what `to_json` gave; ValueError for anything else."""
    if not isinstance(values, Mapping) or set(values) != set(Feature("", "number").to_json()):
        raise ValueError("its features")
    numbers = [values[key] for key in ("centre", "scale", "fill")]
    good = (
        values["kind"] in ("number", "category", "date")
        and isinstance(values["name"], str)
        and all(type(n) in (int, float) and math.isfinite(n) for n in numbers)
        and type(values["indicator"]) is bool
        and type(values["width"]) is int
        and 0 <= values["width"] <= 1024
        and isinstance(values["words"], list)
        and all(w is None or isinstance(w, str) for w in values["words"])
        and isinstance(values["parts"], list)
        and all(part in tuple(PARTS) for part in values["parts"])
    )
    if not good:
        raise ValueError("its features")
    return Feature(**{**values, "words": tuple(values["words"]), "parts": tuple(values["parts"])})
