"""CSV files as programs and people write them: several encodings and delimiters, packed by gzip or not."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections import Counter
from itertools import islice
from pathlib import Path

from rushlight.errors import DataError, message
from rushlight.interop.recognise import recognise
from rushlight.tabular.table import Table, guess

__all__ = ["read_csv"]

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 100
"""So many lines tell the delimiter."""
LONGEST = 2**24
"""The longest cell, in characters."""


def read_csv(path: str | os.PathLike[str]) -> Table:
    """The table in the CSV file at `path`; packed by gzip it may be.

    The first line has the names of the columns. Cells are parted by commas, semicolons, tabs or bars,
    whichever fits; they may be quoted. The text is UTF-8, UTF-16 with its mark, or Windows-1252. A column is
    of numbers or dates if all its cells are; empty cells, NA, null and the like are missing. DataError names
    the line that does not fit.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write('name;size\\n"Rush; tall";1,5\\nReed;NA\\n')
    ...     file.flush()
    ...     table = read_csv(file.name)
    >>> table["name"].values.tolist(), table["size"].values.tolist()
    (['Rush; tall', 'Reed'], [1.5, nan])
    """
    name = os.fspath(path)
    text = _text(name, _bytes(name))
    delimiter = _delimiter(text)
    lines = _lines(name, text, delimiter)
    if not lines:
        raise DataError(f"{name} is empty; expected a line with the names of the columns, then rows")
    names = _names(name, lines[0][1])
    for number, row in lines[1:]:
        if len(row) != len(names):
            raise DataError(
                f"{name}, line {number}: got {len(row)} cells; expected {len(names)}, as in the first line. "
                "A cell that holds the delimiter has to be quoted."
            )
    cells = list(zip(*(row for _, row in lines[1:]), strict=True)) or [()] * len(names)
    comma = delimiter != ","
    return Table.of((guess(n, column, comma) for n, column in zip(names, cells, strict=True)), name)


def _bytes(name: str) -> bytes:
    try:
        data = Path(name).read_bytes()
        return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{name} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error


def _text(name: str, data: bytes) -> str:
    what = recognise(data[:64])[0]
    if what or (b"\0" in data[:1024] and not data.startswith((b"\xff\xfe", b"\xfe\xff"))):
        raise DataError(
            f"{name} is {what or 'no text'}; expected a CSV file, packed by gzip or not, or Parquet"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{name} begins as UTF-16 text, and does not go on as such")


def _delimiter(text: str) -> str:
    """The one by which most of the first lines have the same number of cells, two or more."""
    best, most = ",", (0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = [
                len(row)
                for row in islice(csv.reader(io.StringIO(text), delimiter=delimiter), LOOKED_AT)
                if row
            ]
        except csv.Error:
            continue
        if not rows or rows[0] < 2:
            continue
        same = Counter(rows)[rows[0]]
        if (same, rows[0]) > most:
            best, most = delimiter, (same, rows[0])
    return best


def _lines(name: str, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows with the numbers of their lines; empty lines are left out."""
    before = csv.field_size_limit(LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num, row) for row in reader if len(row) > 1 or (row and row[0].strip())]
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: {error}") from error
    finally:
        csv.field_size_limit(before)


def _names(name: str, header: list[str]) -> list[str]:
    found = [cell.strip() or f"column {place + 1}" for place, cell in enumerate(header)]
    if all(_is_number(cell) for cell in found):
        got = f"a first line of numbers, {', '.join(found)[:40]}"
        raise DataError(message(name, got, "the names of the columns there", "Add such a line."))
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
