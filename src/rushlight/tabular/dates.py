"""Dates and times as people write them in tables."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["read_dates"]

TIME = r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"
FORMS: tuple[tuple[re.Pattern[str], tuple[int, int, int]], ...] = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})" + TIME), (0, 1, 2)),
    (re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})" + TIME), (0, 1, 2)),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})" + TIME), (2, 1, 0)),
    (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})" + TIME), (2, 0, 1)),  # month first, as in the United States
    (re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})" + TIME), (2, 1, 0)),
)
"""How a date is written, and where year, month and day stand in it."""


def read_dates(words: Sequence[str | None]) -> Any:
    """The dates that all of the words are in one way of writing, datetime64 in microseconds, NaT for None.

    None if there is no such way, or no word. Times with an offset are brought to UTC.

    >>> read_dates(["2024-05-01", None, "2024-05-02 12:30"]).tolist()[0]
    datetime.datetime(2024, 5, 1, 0, 0)
    >>> read_dates(["25/12/2024", "01/02/2024"]).astype(str).tolist()[1][:10]
    '2024-02-01'
    """
    there = sorted({word for word in words if word is not None})
    if not there:
        return None
    for pattern, order in FORMS:
        if pattern.fullmatch(there[0]) is None:
            continue
        found = _all(there, lambda word, p=pattern, o=order: _read(word, p, o))  # type: ignore[misc]
        if found is not None:
            return np.array(["NaT" if w is None else found[w] for w in words], dtype="datetime64[us]")
    return None


def _all(words: Sequence[str], read: Callable[[str], Any]) -> dict[str, Any] | None:
    found = {}
    for word in words:
        date = read(word)
        if date is None:
            return None
        found[word] = date
    return found


def _read(word: str, pattern: re.Pattern[str], order: tuple[int, int, int]) -> Any:
    match = pattern.fullmatch(word)
    if match is None:
        return None
    parts = match.groups()
    year, month, day = (int(parts[place]) for place in order)
    hour, minute, second = (int(part or 0) for part in parts[3:6])
    micro = int((parts[6] or "0").ljust(6, "0")[:6])
    try:
        found = datetime.datetime(year, month, day, hour, minute, second, micro)
        return found - _offset(parts[7])
    except (ValueError, OverflowError):
        return None


def _offset(zone: str | None) -> datetime.timedelta:
    if zone is None or zone == "Z":
        return datetime.timedelta()
    sign = -1 if zone[0] == "-" else 1
    digits = zone[1:].replace(":", "")
    return sign * datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
