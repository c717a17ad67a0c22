"""Points in a CSV file: two columns, with or without a header line."""

from __future__ import annotations

import csv
import math
import os
from typing import Any

import numpy as np

from rushlight.errors import DataError

__all__ = ["read_points"]


def read_points(path: str | os.PathLike[str]) -> Any:
    """The points in the CSV file at `path`, a float64 array (N, 2). DataError names the line at fault.

    >>> import tempfile
    >>> from rushlight.interop.points import read_points
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("x,y\\n0.25,0.75\\n")
    ...     file.flush()
    ...     read_points(file.name).tolist()
    [[0.25, 0.75]]
    """
    name = os.fspath(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [
                (number, row) for number, row in enumerate(csv.reader(file), 1) if any(c.strip() for c in row)
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name} is no CSV text file: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error
    if lines and _is_header(lines[0][1]):
        del lines[0]
    if not lines:
        raise DataError(f"{name} holds no points; expected lines such as 0.25,0.75")
    return np.array([_point(f"{name}, line {number}", row) for number, row in lines])


def _is_header(row: list[str]) -> bool:
    """Whether no cell is a number: a line with one number is a point with a mistake."""
    return not any(_is_number(cell) for cell in row)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _point(where: str, row: list[str]) -> list[float]:
    if len(row) != 2:
        raise DataError(f"{where}: got {len(row)} columns; expected two, x,y")
    if not all(_is_number(cell) and math.isfinite(float(cell)) for cell in row):
        raise DataError(f"{where}: {','.join(row)!r} are not two finite numbers")
    return [float(cell) for cell in row]
