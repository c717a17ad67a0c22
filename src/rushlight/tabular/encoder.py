"""From a table to the arrays of a network, by what was learned from training rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, DataError, message, nearest
from rushlight.tabular.features import NUMBERS_ROWS, Feature, category, check_feature, date, dull, number
from rushlight.tabular.table import Column, Table

__all__ = ["Encoder", "find_column", "learn"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Encoder:
    """The features that a network sees, and why the other columns are left out.

    >>> from rushlight.tabular.sources import as_table
    >>> encoder = learn(as_table({"size": [1.0, 2.0, None, 4.0], "colour": ["red", "blue", "red", "green"]}))
    >>> encoder.columns
    ['size', 'size missing', 'colour=red', 'colour=blue', 'colour=green']
    """

    features: tuple[Feature, ...]
    dropped: dict[str, str]

    @property
    def columns(self) -> list[str]:
        """The names of the network's numbers."""
        return [name for feature in self.features for name in feature.columns]

    @property
    def embedded(self) -> list[Feature]:
        """The features that the network embeds."""
        return [feature for feature in self.features if feature.width]

    @property
    def used(self) -> list[str]:
        """The columns of the table that are looked at."""
        return [feature.name for feature in self.features]

    def encode(self, table: Table, op: str) -> tuple[Array, Array]:
        """The numbers (N, columns) and the codes (N, embedded) of all rows.

        Raises DataError for columns that are not there, or not of the kind that was learned.
        """
        for name in self.used:
            find_column(table, name, op, "one of that name, which the model was trained on")
        numbers = [f.numbers(table[f.name], op) for f in self.features if not f.width]
        codes = [f.codes(table[f.name]) for f in self.embedded]
        none = np.zeros((table.rows, 0), np.float32)
        return (
            np.concatenate([none, *numbers], axis=1),
            np.stack(codes, axis=1) if codes else np.zeros((table.rows, 0), np.int64),
        )

    def to_json(self) -> dict[str, Any]:
        """As a model file keeps it."""
        return {"features": [feature.to_json() for feature in self.features], "dropped": self.dropped}

    @classmethod
    def from_json(cls, values: Any) -> Encoder:
        """From what `to_json` gave; ValueError for anything else."""
        if not isinstance(values, dict) or values.keys() != {"features", "dropped"}:
            raise ValueError("its columns")
        features, dropped = values["features"], values["dropped"]
        if not isinstance(features, list) or not features or not isinstance(dropped, dict):
            raise ValueError("its columns")
        if not all(isinstance(word, str) for word in dropped.values()):
            raise ValueError("its columns")
        return cls(tuple(map(check_feature, features)), dropped)


def find_column(table: Table, name: str, op: str, why: str = "") -> Column:
    """The column of this name; DataError, with the nearest names, where there is none."""
    if name in table:
        return table[name]
    near = nearest(name, list(table.columns), 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"The columns are {_listed(list(table.columns))}."
    raise DataError(message(op, f"no column {name!r}", why or "one of that name", hint))


def _listed(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def learn(
    table: Table, drop: Collection[str] = (), categories: Collection[str] = (), op: str = "fit"
) -> Encoder:
    """The encoder of the rows of `table`.

    drop  columns to leave out; categories: columns of numbers that are names of kinds.

    Raises DataError if no column is left.
    """
    for name in (*drop, *categories):
        find_column(table, name, op)
    if both := set(drop) & set(categories):
        raise ArgumentError(message(op, f"{sorted(both)[0]!r} in drop and categories", "it in one of them"))
    features, dropped = _features(table, drop, categories, kept=())
    if not features and NUMBERS_ROWS in dropped.values():  # then it is what there is to learn from
        features, dropped = _features(table, drop, categories, kept=(NUMBERS_ROWS,))
    if not features:
        reasons = "; ".join(f"{name}: {why}" for name, why in dropped.items()) or "there is none"
        raise DataError(message(op, "no column to learn from", "one or more", f"({reasons})"))
    return Encoder(tuple(features), dropped)


def _features(
    table: Table, drop: Collection[str], categories: Collection[str], kept: Collection[str]
) -> tuple[list[Feature], dict[str, str]]:
    """The features, and why the other columns are left out, but for the reasons in `kept`."""
    features, dropped = [], {}
    for column in table:
        why = "as asked" if column.name in drop else dull(column) if column.name not in categories else None
        if why is None or why in kept:
            feature = _feature(column, column.name in categories)
            if feature is not None:
                features.append(feature)
                continue
            why = "constant, but for rare values"
        dropped[column.name] = why
    return features, dropped


def _feature(column: Column, named: bool) -> Feature | None:
    if column.kind == "word" or named:
        return category(column)
    found = number(column) if column.kind == "number" else date(column)
    return found if found.columns else None
