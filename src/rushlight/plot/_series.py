"""Training histories and repeated runs, sorted into curves and panels. No drawing here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot._host import host

__all__ = ["Curve", "columns_of", "curve_of", "split_of"]

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
# Columns of a history that say when and how fast, not how well.
CLOCKS = frozenset(
    {"epoch", "step", "steps", "lr", "learning_rate", "time", "seconds", "samples_per_second", "rate"}
)


@dataclass(frozen=True)
class Curve:
    """One line: the runs with their mean, spread and lowest value, and how many of them stayed finite."""

    name: str
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lowest: np.ndarray
    each: np.ndarray
    finite: int

    @property
    def runs(self) -> int:
        return len(self.each)

    @property
    def label(self) -> str:
        if self.runs == 1:
            return self.name
        if self.finite < self.runs:
            return f"{self.name} ({self.finite} of {self.runs} runs finite)"
        return f"{self.name} ({self.runs} runs)"


def columns_of(history: Any) -> dict[str, Any]:
    """Named columns of a mapping, a frame, or a sequence of rows (mappings)."""
    if isinstance(history, Mapping):
        return {str(name): values for name, values in history.items()}
    if hasattr(history, "columns") and hasattr(history, "to_numpy"):
        return {str(name): host(history[name], "curves") for name in history.columns}
    rows = list(history) if isinstance(history, Iterable) else []
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(str(name) for row in rows for name in row)
        return {name: [_number(row.get(name)) for row in rows] for name in names}
    raise ArgumentError(
        message(
            "plot.curves",
            type(history).__name__,
            "a history, a mapping of names to values, a frame, or rows",
            'For one curve, write {"loss": values}.',
        )
    )


def _number(value: Any) -> Any:
    return float("nan") if value is None or value == "" else value


def split_of(name: str) -> tuple[str, str]:
    """The part of the data and the quantity that a column name speaks of.

    >>> split_of("val_loss"), split_of("train accuracy"), split_of("tanh")
    (('validation', 'loss'), ('train', 'accuracy'), ('', 'tanh'))
    """
    words = name.replace("_", " ").replace("/", " ").split()
    if len(words) > 1 and words[0].lower() in SPLITS:
        return SPLITS[words[0].lower()], " ".join(words[1:])
    return "", " ".join(words)


def curve_of(name: str, values: Any, band: str | None) -> Curve:
    """One curve from one run (epochs) or from several (runs, epochs), which may differ in length."""
    runs = _runs(name, values)
    keep = np.isfinite(runs)
    count = keep.sum(axis=0)
    filled = np.where(keep, runs, 0.0)
    safe = np.maximum(count, 1)
    mean = np.where(count > 0, filled.sum(axis=0) / safe, np.nan)
    lowest = np.where(count > 0, np.where(keep, runs, np.inf).min(axis=0), np.nan)
    if band == "range":
        low, high = lowest, np.where(count > 0, np.where(keep, runs, -np.inf).max(axis=0), np.nan)
    else:
        spread = np.sqrt((np.where(keep, runs - mean, 0.0) ** 2).sum(axis=0) / safe)
        low, high = mean - spread, mean + spread
    # A run that ended early is not a run that diverged: only what was given counts.
    finite = sum(1 for run in _rows(values) if np.isfinite(run).all())
    return Curve(name, mean, low, high, lowest, np.where(keep, runs, np.nan), finite)


def _rows(values: Any) -> list[np.ndarray]:
    if isinstance(values, Sequence) and len(values) and np.ndim(values[0]) > 0:
        return [np.asarray(host(run, "curves"), dtype=np.float64) for run in values]
    array = np.asarray(host(values, "curves"), dtype=np.float64)
    return [array] if array.ndim == 1 else list(array) if array.ndim == 2 else [array]


def _runs(name: str, values: Any) -> np.ndarray:
    rows = _rows(values)
    if not rows or any(row.ndim != 1 for row in rows) or max(len(row) for row in rows) == 0:
        shapes = ", ".join(str(row.shape) for row in rows[:3]) or "nothing"
        raise ShapeError(
            message(
                "plot.curves",
                f"{shapes} for {name!r}",
                "(epochs,) or (runs, epochs), at least one epoch",
                "Pass one number for each epoch.",
            )
        )
    runs = np.full((len(rows), max(len(row) for row in rows)), np.nan)
    for place, row in enumerate(rows):
        runs[place, : len(row)] = row
    return runs
