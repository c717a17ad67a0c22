"""Weights of rows: what each counts in the loss and in the measures."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, DataError, message
from rushlight.tabular.encoder import find_column
from rushlight.tabular.table import Column, Table, as_column, as_number

__all__ = ["check_weights", "mean_one", "weights_for"]

Array = np.ndarray[Any, Any]


def weights_for(table: Table, weights: Any, target: str, op: str) -> tuple[Array | None, str | None]:
    """The weight of each row, (N,) of float64, and the name of their column.

    weights  None, the name of a column, or one number for each row, which have no name.

    ArgumentError for the target's name, or another count of numbers; DataError names the first row whose
    weight is missing, infinite or below 0, and tells of weights that are all 0.
    """
    if weights is None:
        return None, None
    if isinstance(weights, str):
        if weights == target:
            got = f"weights={weights!r}, which is the target"
            raise ArgumentError(message(op, got, "another column, or one number for each row"))
        return check_weights(find_column(table, weights, op, "the column of weights"), op), weights
    column = as_column("weights", weights)
    if len(column) != table.rows:
        got = f"{len(column)} weights for {table.rows} rows"
        raise ArgumentError(message(op, got, "one for each row, or the name of a column"))
    return check_weights(column, op), None


def check_weights(column: Column, op: str) -> Array:
    """The numbers of a column of weights; DataError for one that is none, and for rows without any."""
    values = as_number(column, op).values
    wrong = ~(values >= 0)
    if wrong.any():
        row = int(wrong.argmax())
        value = "a missing or infinite weight" if np.isnan(values[row]) else f"the weight {values[row]:g}"
        got = f"{value} in column {column.name!r}, row {row + 1}"
        raise DataError(message(op, got, "finite weights of at least 0", "0 leaves a row out."))
    if not values.any():
        raise DataError(message(op, f"weights in column {column.name!r} that are all 0", "one above 0"))
    return values


def mean_one(weights: Array) -> Array:
    """Weights divided by their mean, so that a loss keeps its size, and a learning rate its meaning."""
    scaled = weights / weights.max()  # a sum of the largest floats is infinite
    return scaled / scaled.mean()
