"""Points in a CSV file: two columns, with or without a header line that names them."""

from __future__ import annotations

import math
import os
import re
from typing import Any

import numpy as np

from rushlight.errors import DataError
from rushlight.interop.recognise import recognise
from rushlight.interop.strict import parse_number, read_table

__all__ = ["read_points"]

NAME = re.compile(r"\s*[^\W\d]\w*\s*")


def read_points(path: str | os.PathLike[str]) -> Any:
    """The points in the CSV file at `path`, a float64 array (N, 2). DataError names the line at fault.

    Columns have the order x,y, or that of a header line, which may name more columns. The text is UTF-8,
    cells are parted by commas, and numbers are written with a dot.

    >>> import tempfile
    >>> from rushlight.interop.points import read_points
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("y,x\\n0.25,0.75\\n")
    ...     file.flush()
    ...     read_points(file.name).tolist()
    [[0.75, 0.25]]
    """
    name = os.fspath(path)
    try:
        lines = read_table(path)
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{name} is {_what(path) or f'no CSV text file: {error}'}") from error
    names = ["x", "y"]
    if lines and not any(_is_number(cell) for cell in lines[0][1]):
        number, row = lines[0]
        if all(NAME.fullmatch(cell) for cell in row) and len(row) > 1:
            names = _columns(f"{name}, line {number}", row)
            del lines[0]
    if not lines:
        raise DataError(f"{name} holds no points; expected lines such as 0.25,0.75")
    at = names.index("x"), names.index("y")
    return np.array([_point(f"{name}, line {number}", row, len(names), at) for number, row in lines])


def _what(path: str | os.PathLike[str]) -> str:
    with open(path, "rb") as file:
        what = recognise(file.read(64))[0]
    return what and f"{what}; this takes points, lines such as 0.25,0.75 in a CSV file"


def _columns(where: str, header: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in header]
    if names.count("x") != 1 or names.count("y") != 1:
        raise DataError(f"{where}: the header names {', '.join(names)}; expected columns x and y, each once")
    return names


def _is_number(cell: str) -> bool:
    try:
        parse_number(cell)
    except ValueError:
        return False
    return True


def _point(where: str, row: list[str], columns: int, at: tuple[int, int]) -> list[float]:
    if len(row) != columns:
        expected = "two, x,y" if columns == 2 else f"{columns}, as in the header"
        hint = " parted by a comma" if len(row) == 1 else ""
        raise DataError(
            f"{where}: got {len(row)} columns in {','.join(row)[:40]!r}; expected {expected}{hint}"
        )
    cells = [row[i] for i in at]
    try:
        point = [parse_number(cell) for cell in cells]
    except ValueError:
        point = [math.nan]
    if not all(math.isfinite(number) for number in point):
        raise DataError(f"{where}: {','.join(cells)!r} are not two finite numbers")
    return point
