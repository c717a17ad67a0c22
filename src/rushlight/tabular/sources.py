"""Tables from outside: files, and the frames of other libraries, none of which is imported for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, DataError, DTypeError, message
from rushlight.tabular.csvs import read_csv
from rushlight.tabular.table import Column, Table, as_column

__all__ = ["SUFFIXES", "as_table", "is_path", "with_target"]

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".pq")
"""How the names of files end that hold tables."""
PARQUET = b"PAR1"


def is_path(source: Any) -> bool:
    """Whether `source` names a file."""
    return isinstance(source, str | os.PathLike)


def as_table(source: Any, op: str = "table") -> Table:
    """`source` as a Table: a path of a CSV (packed by gzip too) or Parquet file; a frame of pandas, polars or
    pyarrow, or of any library that offers Arrow's stream; a dict of columns; a structured array; an array
    (N, columns), whose columns are called x0, x1 and so on.

    >>> as_table({"x": [1, 2], "y": ["a", "b"]}).rows
    2
    """
    if isinstance(source, Table):
        return source
    if is_path(source):
        return _of_file(Path(source))
    return Table.of(_columns(source, op), op)


def with_target(table: Table, name: str, values: Any, op: str) -> Table:
    """The table with one more column, the target; ArgumentError if there is one of that name."""
    if name in table:
        raise ArgumentError(message(op, f"a target named {name!r}, as a column is", "a name of its own"))
    return Table.of([*table, as_column(name, values)], op)


def _of_file(path: Path) -> Table:
    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except (OSError, ValueError) as error:  # a name that no file can have
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if start != PARQUET:
        return read_csv(path)
    from rushlight.optional import load

    parquet = load("pyarrow.parquet", "Reading Parquet files")
    try:
        return as_table(parquet.read_table(path), str(path))
    except (OSError, ValueError) as error:  # what pyarrow raises for damaged ones
        raise DataError(f"{path} is a damaged Parquet file: {str(error).splitlines()[0]}") from error


def _columns(source: Any, op: str) -> Iterator[Column]:
    if isinstance(source, Mapping):
        yield from (as_column(name, values) for name, values in source.items())
    elif isinstance(source, np.ndarray) or hasattr(source, "detach"):
        yield from _of_array(np.asarray(source.detach().numpy() if hasattr(source, "detach") else source), op)
    elif hasattr(source, "column_names") and hasattr(source, "column"):  # pyarrow
        for place, name in enumerate(source.column_names):
            yield as_column(name, _of_arrow(source.column(place)))
    elif hasattr(source, "iter_columns"):  # polars
        for series in source.iter_columns():
            yield as_column(series.name, series.to_numpy() if series.dtype.is_numeric() else series.to_list())
    elif hasattr(source, "iloc") and hasattr(source, "columns"):  # pandas
        for place, name in enumerate(source.columns):
            yield as_column(name, _of_pandas(source.iloc[:, place]))
    elif hasattr(source, "collect_schema"):  # a lazy frame of polars
        yield from _columns(source.collect(), op)
    elif hasattr(source, "__arrow_c_stream__") or hasattr(source, "__dataframe__"):
        from rushlight.optional import load

        if hasattr(source, "__arrow_c_stream__"):
            table = load("pyarrow", "Reading an Arrow stream").table(source)
        else:
            table = load("pyarrow.interchange", "Reading a frame by __dataframe__").from_dataframe(source)
        yield from _columns(table, op)
    else:
        expected = "a frame of pandas, polars or pyarrow, a dict of columns, an array, or the path of a file"
        raise DTypeError(message(op, f"a {type(source).__name__}", expected))


def _of_array(array: np.ndarray, op: str) -> Iterator[Column]:
    if array.dtype.names:
        yield from (as_column(name, array[name]) for name in array.dtype.names)
    elif array.ndim == 2:
        yield from (as_column(f"x{place}", array[:, place]) for place in range(array.shape[1]))
    else:
        raise DTypeError(message(op, f"an array of shape {array.shape}", "rows and columns"))


def _of_arrow(column: Any) -> Any:
    """Numbers at once; everything else as Python's objects, whose missing ones are None."""
    kind = str(column.type)
    if kind.startswith(("int", "uint", "float", "double", "halffloat")):
        return column.to_numpy()
    return column.to_pylist()


def _of_pandas(series: Any) -> Any:
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufbM":
        return series.to_numpy()
    return series.astype(object).to_numpy()
