"""What is predicted: classes or a number, found from the column's values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.errors import ArgumentError, DataError, message
from rushlight.tabular.features import as_words
from rushlight.tabular.table import Column, as_number, text_of
from rushlight.tabular.weighing import mean_one

__all__ = ["TASKS", "Target", "are_classes", "learn_target"]

Array = np.ndarray[Any, Any]

TASKS = ("classification", "regression")
FEW = 20
"""So many whole numbers may be classes, if there are five rows or more of each on average."""
MOST_CLASSES = 1000


@dataclass(frozen=True)
class Target:
    """The column that is predicted. Of classes `labels`, as str, int or bool, in order; of numbers mean and
    deviation, by which the network's target is scaled."""

    name: str
    labels: tuple[Any, ...] = ()
    mean: float = 0.0
    std: float = 1.0

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return TASKS[0] if self.labels else TASKS[1]

    @property
    def classes(self) -> list[str]:
        """The labels as words."""
        return [text_of(label) for label in self.labels]

    def encode(self, column: Column, op: str) -> Array:
        """Numbers of classes, or scaled numbers, (N,) of float32; nan where they are missing.

        DataError for a class that was not there when it was learned.
        """
        if not self.labels:
            return ((as_number(column, op).values - self.mean) / self.std).astype(np.float32)
        places = {name: place for place, name in enumerate(self.classes)}
        words = as_words(column)
        for word in words:
            if word is not None and word not in places:
                got = f"the class {word!r} in column {self.name!r}"
                raise DataError(message(op, got, f"one of {', '.join(self.classes)[:200]}"))
        return np.array([np.nan if w is None else places[w] for w in words], dtype=np.float32)

    def decode(self, numbers: Array) -> Array:
        """Labels of numbers of classes; numbers on the scale of the column."""
        if not self.labels:
            return numbers.astype(np.float64) * self.std + self.mean
        return np.array(self.labels)[numbers]

    def to_json(self) -> dict[str, Any]:
        """As a model file keeps it."""
        return {"name": self.name, "labels": list(self.labels), "mean": self.mean, "std": self.std}

    @classmethod
    def from_json(cls, values: Any) -> Target:
        """From what `to_json` gave; ValueError for anything else."""
        if not isinstance(values, dict) or values.keys() != {"name", "labels", "mean", "std"}:
            raise ValueError("its target")
        labels, numbers = values["labels"], (values["mean"], values["std"])
        good = (
            isinstance(values["name"], str)
            and isinstance(labels, list)
            and all(type(label) in (str, int, bool, float) for label in labels)
            and len({text_of(label) for label in labels}) == len(labels) != 1
            and all(type(n) in (int, float) and math.isfinite(n) for n in numbers)
            and values["std"] > 0
        )
        if not good:
            raise ValueError("its target")
        return cls(values["name"], tuple(labels), *numbers)


def learn_target(
    column: Column, task: str | None = None, op: str = "fit", weights: Array | None = None
) -> Target:
    """Classes if the values are words, bools or few whole numbers; else a number. `task` decides otherwise.

    weights  what each value counts in mean and deviation.

    >>> from rushlight.tabular.table import as_column
    >>> learn_target(as_column("y", [1.5, 2.5, 4.0])).task, learn_target(as_column("y", ["no", "yes"])).labels
    ('regression', ('no', 'yes'))
    """
    if task not in (None, *TASKS):
        raise ArgumentError(message(op, f"task={task!r}", " or ".join(map(repr, TASKS))))
    there = column.take(~column.missing)
    if not len(there):
        raise DataError(message(op, f"the target {column.name!r} without a value", "values to learn from"))
    if column.kind == "date" and task != "classification":
        remedy = "Turn the dates into numbers, such as days, first."
        raise DataError(message(op, f"dates in the target {column.name!r}", "numbers or classes", remedy))
    if task == "classification" or (task is None and are_classes(there)):
        return _classes(there, op)
    numbers = as_number(there, op).values
    with np.errstate(over="ignore", invalid="ignore"):
        if weights is None:
            mean, std = float(numbers.mean()), float(numbers.std())
        else:
            share = mean_one(weights)[~column.missing]
            mean = float(np.average(numbers, weights=share))
            std = math.sqrt(float(np.average((numbers - mean) ** 2, weights=share)))
    if not math.isfinite(mean + std):
        got = f"numbers as large as {np.abs(numbers).max():g} in the target {column.name!r}"
        raise DataError(message(op, got, "numbers whose squares are finite", "Divide them first."))
    if not std > 1e-12 * abs(mean):
        got = f"{numbers[0]:g} in every row of the target {column.name!r}"
        raise DataError(message(op, got, "two values or more"))
    return Target(column.name, (), mean, std)


def are_classes(there: Column) -> bool:
    """Whether values, none of which is missing, are words, bools or few whole numbers."""
    if there.kind != "number":
        return True
    distinct = len(np.unique(there.values))
    whole = bool((there.values == np.round(there.values)).all())
    return whole and distinct <= max(2, min(FEW, len(there) // 5))


def _classes(there: Column, op: str) -> Target:
    if there.kind == "number":
        labels: list[Any] = [int(v) if v.is_integer() else v for v in np.unique(there.values).tolist()]
    else:
        labels = sorted(set(as_words(there)), key=str)
    if there.logical:
        labels = [word == "True" for word in labels]
    if len(labels) == 1:
        got = f"the class {text_of(labels[0])!r} in every row of the target {there.name!r}"
        raise DataError(message(op, got, "two classes or more"))
    if len(labels) > min(MOST_CLASSES, max(2, len(there) // 2)):
        got = f"{len(labels)} classes in the {len(there)} rows of the target {there.name!r}"
        raise DataError(message(op, got, "two rows or more of each, and 1000 classes at most"))
    return Target(there.name, tuple(labels))
