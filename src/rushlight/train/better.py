"""Which way a figure is better: the smaller loss, the larger accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rushlight.errors import ArgumentError, message

__all__ = ["Direction", "Mode", "Told", "direction", "plain_name"]

Direction = Literal["min", "max"]
Mode = Literal["auto", "min", "max"]

Told = Mapping[str, Direction | None]
"""Which way metrics, by name, are better; None where one does not know."""

_KNOWN: dict[str, Direction] = {
    "loss": "min", "error": "min", "mae": "min", "mse": "min", "rmse": "min",
    "accuracy": "max", "r2": "max", "f1": "max", "auc": "max",
}  # fmt: skip
_SPLITS = ("train_", "validation_", "test_")


def plain_name(column: str) -> str:
    """The name of the metric that a column of a history holds.

    >>> plain_name("validation_accuracy")
    'accuracy'
    """
    for split in _SPLITS:
        if column.startswith(split):
            return column[len(split) :]
    return column


def direction(op: str, column: str, mode: str = "auto", told: Told | None = None) -> Direction:
    """Whether the smallest ("min") or the largest value of `column` is the best.

    mode  "auto": as the metric says, which is in `told` by its name, or as the last word of the name does:
          loss, error, mae, mse and rmse are better small, accuracy, r2, f1 and auc large.

    Raises ArgumentError for another mode, and where nobody knows.

    >>> direction("best", "validation_top5_accuracy")
    'max'
    """
    if mode in ("min", "max"):
        return "min" if mode == "min" else "max"
    if mode != "auto":
        raise ArgumentError(message(op, f"mode={mode!r}", '"auto", "min" or "max"'))
    name = plain_name(column)
    found = (told or {}).get(name) or _KNOWN.get(name.rsplit("_", 1)[-1].lower())
    if found is None:
        remedy = f'Say mode="min" or mode="max", or let the metric say it: MeanOf({name}, better="max").'
        raise ArgumentError(message(op, f"{column!r}, which does not say what is better", "a mode", remedy))
    return found
