"""Text from outside, read strictly: what it may say is checked before it is believed.

Every function raises ValueError, and nothing else, for text that is not what it should be.
"""

from __future__ import annotations

import csv
import json
import os
import re
from typing import Any

__all__ = ["parse_json", "parse_number", "read_table"]

DEEPEST = 200
"""More levels of lists and objects are no settings and no state, and functions that walk them would fail."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf)", re.ASCII | re.IGNORECASE)


def parse_json(data: str | bytes) -> Any:
    """The value that `data`, JSON as text or UTF-8, holds.

    >>> parse_json('{"lr": 0.5}')
    {'lr': 0.5}
    >>> parse_json("[" * 10_000)
    Traceback (most recent call last):
    ValueError: more than 200 levels of lists and objects
    """
    text = data.decode() if isinstance(data, bytes) else data
    try:
        value = json.loads(text, object_pairs_hook=_without_twins)
    except RecursionError:
        raise ValueError(f"more than {DEEPEST} levels of lists and objects") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [child for item in level for child in _children(item)]
        if not level:
            return value
    raise ValueError(f"more than {DEEPEST} levels of lists and objects")


def parse_number(text: str) -> float:
    """A number as programs write them: no ``1_0``, no hexadecimal, no digits of other scripts.

    >>> parse_number(" 1e-3 "), parse_number("nan")
    (0.001, nan)
    """
    if not NUMBER.fullmatch(text.strip(" \t")):
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def read_table(path: str | os.PathLike[str]) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file, each with the number of its last line; empty lines are left out.

    Raises OSError where the file cannot be read.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        try:
            return [(reader.line_num, row) for row in reader if len(row) > 1 or (row and row[0].strip())]
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _children(item: Any) -> Any:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
