"""What a training run measured, epoch by epoch: a table that is also a mapping from column to list."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.errors import CheckpointError, DataError
from rushlight.interop.files import write_atomically
from rushlight.interop.strict import parse_number, read_table
from rushlight.train.better import Mode, Told, direction
from rushlight.train.tables import as_table, frame

__all__ = ["History"]

Value = int | float


class History(dict[str, list[Value]]):
    """A table with a row per epoch: ``history["train_loss"]`` is a column, ``history.rows[-1]`` the last row.

    A value that a row lacks is NaN in the column and an empty cell in the CSV file. Being a dict of columns,
    it is what ``pandas.DataFrame(history)`` and matplotlib's ``data=`` take.

    >>> from rushlight.train import History
    >>> history = History()
    >>> history.append(epoch=1, train_loss=0.5)
    >>> history.append(epoch=2, train_loss=0.25)
    >>> history["train_loss"], history.rows[-1]
    ([0.5, 0.25], {'epoch': 2, 'train_loss': 0.25})
    >>> print(history)
    epoch  train_loss
        1         0.5
        2        0.25
    """

    def __init__(self, rows: list[dict[str, Value]] | None = None, better: Told | None = None) -> None:
        """`better`: which way metrics are better, by name."""
        super().__init__()
        self._rows: list[dict[str, Value]] = []
        self._unmade: tuple[str, ...] = ()
        self.better = dict(better or {})
        for row in rows or []:
            self.append(**row)

    def append(self, **values: Value) -> None:
        """Add a row."""
        rows = self.rows
        for name in values:
            if name not in self:
                self[name] = [math.nan] * len(rows)
        for name, column in self.items():
            column.append(values.get(name, math.nan))
        rows.append(values)

    def extend(self, columns: Mapping[str, Sequence[Value]]) -> None:
        """Add rows, all with the same names, as columns of one length.

        >>> history = History()
        >>> history.extend({"epoch": [1, 2], "train_loss": [0.5, 0.25]})
        >>> history.rows
        [{'epoch': 1, 'train_loss': 0.5}, {'epoch': 2, 'train_loss': 0.25}]
        """
        # The dicts of the rows take ten times the memory of their numbers: they are made when asked for.
        names = tuple(columns)
        if names != self._unmade:
            made = len(self.rows)
            for name in names:
                if name not in self:
                    self[name] = [math.nan] * made
            self._unmade = names
        count = len(columns[names[0]])
        for name, column in self.items():
            column.extend(columns.get(name) or [math.nan] * count)

    @property
    def rows(self) -> list[dict[str, Value]]:
        """A dict for each row, of the values that it has."""
        if self._unmade:
            names = [name for name in self._unmade if name in self]
            columns = [self[name][len(self._rows) :] for name in names]
            self._rows += [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            self._unmade = ()
        return self._rows

    @property
    def count(self) -> int:
        """How many rows there are."""
        return next((len(self[name]) for name in self._unmade if name in self), len(self._rows))

    @property
    def last(self) -> dict[str, Value]:
        """The last row; an empty one if there is none."""
        if self._unmade:
            return {name: self[name][-1] for name in self._unmade if name in self}
        return self._rows[-1] if self._rows else {}

    @property
    def columns(self) -> list[str]:
        """The names of all columns, in the order of their first appearance."""
        return list(self)

    def __missing__(self, column: str) -> list[Value]:
        raise KeyError(f"{column!r}; the columns are {', '.join(self.columns) or '(none yet)'}")

    def best(self, column: str, mode: Mode = "auto") -> dict[str, Value]:
        """The row where `column` is best: smallest (``mode="min"``), largest ("max"), or as its metric says.

        Raises KeyError for a column without values, ArgumentError where nobody knows what is better.

        >>> history = History([{"epoch": 1, "train_accuracy": 0.9}, {"epoch": 2, "train_accuracy": 0.8}])
        >>> history.best("train_accuracy")["epoch"]
        1
        """
        filled = [row for row in self.rows if row.get(column, float("nan")) == row.get(column)]
        if not filled:
            raise KeyError(f"{column!r} has no values; the columns are {', '.join(self.columns)}")
        choose = min if direction("best", column, mode, self.better) == "min" else max
        return choose(filled, key=lambda row: row[column])

    def __str__(self) -> str:
        names = self.columns
        return as_table(names, [[row.get(name) for name in names] for row in self.rows])

    def __repr__(self) -> str:
        return f"History({len(self.rows)} epochs: {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        from rushlight.notebook.results import history_html

        return history_html(self)

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame, a row for each epoch."""
        return frame(self)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table, atomically; numbers read back as the same numbers."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: repr(value) for name, value in row.items()} for row in self.rows)
        write_atomically(path, text.getvalue())

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> History:
        """Read what `to_csv` wrote. Raises DataError for a file that is missing or not such a table."""
        try:
            table = read_table(path)
            names = table[0][1] if table else []
            return cls([_row(f"line {number}", names, cells) for number, cells in table[1:]])
        except (OSError, ValueError) as error:
            raise DataError(f"History.from_csv: cannot read {os.fspath(path)}: {error}.") from error

    def state_dict(self) -> dict[str, Any]:
        """The rows, for a checkpoint."""
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave. Raises CheckpointError for what is no table of numbers."""
        rows = [{name: _plain(value) for name, value in row.items()} for row in state["rows"]]
        if not all(isinstance(n, str) and isinstance(v, int | float) for row in rows for n, v in row.items()):
            raise CheckpointError("History.load_state_dict: its rows hold something else than numbers")
        self._rows, self._unmade = [], ()
        self.clear()
        for row in rows:
            self.append(**row)


def _plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's."""
    return value.item() if getattr(value, "shape", None) == () else value


def _row(where: str, names: list[str], cells: list[str]) -> dict[str, Value]:
    if len(cells) != len(names):
        raise ValueError(f"{where} has {len(cells)} cells for {len(names)} columns")
    try:
        return {name: _number(text) for name, text in zip(names, cells, strict=True) if text}
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _number(text: str) -> Value:
    number = parse_number(text)
    return int(text) if text.strip("+-").isdecimal() else number
