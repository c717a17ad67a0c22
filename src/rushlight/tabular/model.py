"""What `fit` returns: a trained network with all that it takes to use it on tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.errors import ArgumentError, DataError, NotSupportedError, message
from rushlight.tabular.encoder import Encoder, find_column
from rushlight.tabular.measures import JUDGED_BY, measure
from rushlight.tabular.settings import Settings
from rushlight.tabular.sources import as_table, with_target
from rushlight.tabular.table import Table
from rushlight.tabular.target import Target
from rushlight.tabular.weighing import weights_for
from rushlight.train import History
from rushlight.train.tables import Figures
from rushlight.train.trainer import evaluating

__all__ = ["Importance", "TabularModel"]

Array = np.ndarray[Any, Any]

ROWS = 4096
"""So many go through the network at a time."""


@dataclass(frozen=True)
class Importance:
    """By how much `measure` gets worse when the values of `column` are shuffled: mean and deviation."""

    column: str
    mean: float
    std: float
    measure: str


@dataclass
class TabularModel:
    """A trained model of a table.

    network     the Module; encoder and target: what was learned of the columns.
    history     losses of every epoch.
    validation  measures on rows that were held out from the members that answered.
    weights     the column of weights that it was trained with, if there was one.
    """

    network: Any
    encoder: Encoder
    target: Target
    settings: Settings
    history: History
    validation: Figures = field(default_factory=Figures)
    weights: str | None = None

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return self.target.task

    @property
    def columns(self) -> list[str]:
        """The columns that it needs."""
        return self.encoder.used

    @property
    def dropped(self) -> dict[str, str]:
        """The columns that it left out, and why."""
        return self.encoder.dropped

    @property
    def classes(self) -> list[Any]:
        """The labels of the classes, in the order of `predict_proba`; empty for regression."""
        return list(self.target.labels)

    def predict(self, frame: Any) -> Array:
        """The predicted label or number of each row, (N,).

        Columns that it does not need may be missing, and further ones are not looked at. DataError names a
        column that is missing, or holds values of another kind; categories that were never seen are no error.
        """
        answers = self.answers(*self._encoded(frame, "predict"))
        return self.target.decode(answers.argmax(axis=1) if self.target.labels else answers[:, 0])

    def predict_proba(self, frame: Any) -> Array:
        """The probability of each class, (N, classes), in the order of `classes`.

        NotSupportedError for regression.
        """
        if not self.target.labels:
            raise NotSupportedError(message("predict_proba", "a model of numbers", "one of classes"))
        return self.answers(*self._encoded(frame, "predict_proba"))

    def evaluate(self, frame: Any, target: Any = None, weights: Any = None) -> Figures:
        """Measures on the rows of `frame` that have a target: error, accuracy, log_loss, f1 and auc of
        classes, rmse, mae and r2 of numbers.

        target   its values (N,), where `frame` has no such column.
        weights  what each row counts, a column's name or numbers (N,); left out, the column that the model
                 was trained with if `frame` has it, else all rows count alike.
        """
        return self.measure(*self.encoded_with_target(frame, "evaluate", target, weights))

    def importance(
        self,
        frame: Any,
        repeats: int = 5,
        measure: str | None = None,
        seed: int = 0,
        target: Any = None,
        weights: Any = None,
    ) -> list[Importance]:
        """How much each column matters: by how much a measure gets worse when its values are shuffled among
        the rows, so that they say nothing any more; the most important first.

        measure  of those of `evaluate`: "log_loss" and "rmse" if left out; target, weights: as there.

        Correlated columns share their importance. Rows should be others than those trained on.
        """
        if repeats < 1:
            raise ArgumentError(message("importance", f"repeats={repeats!r}", "at least 1"))
        x, codes, y, weight = self.encoded_with_target(frame, "importance", target, weights)
        before = self.measure(x, codes, y, weight)
        name = measure or JUDGED_BY[self.task]
        if name not in before:
            raise ArgumentError(message("importance", f"measure={name!r}", f"one of {', '.join(before)}"))
        sign = -1.0 if name in ("accuracy", "f1", "auc", "r2") else 1.0
        random = np.random.default_rng(seed)
        found = []
        for column, numbers, embedded in self._places():
            gaps = []
            for _ in range(repeats):
                order = random.permutation(len(y))
                shuffled, mixed = x.copy(), codes.copy()
                shuffled[:, numbers] = x[order][:, numbers]
                mixed[:, embedded] = codes[order][:, embedded]
                gaps.append(sign * (self.measure(shuffled, mixed, y, weight)[name] - before[name]))
            found.append(Importance(column, float(np.mean(gaps)), float(np.std(gaps)), name))
        return sorted(found, key=lambda one: -one.mean)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, `rl.tabular.load` reads it and runs no code."""
        from rushlight.tabular.saving import save

        save(self, path)

    def to_onnx(self, path: str | os.PathLike[str], opset_version: int | None = None) -> None:
        """Write the model as a graph of ONNX, which takes the columns as they are in a table, each as an
        input [N, 1] of its name: numbers as float (double where their spread is far smaller than they), nan
        for missing ones; categories as string, bools and codes too ("True", "3"), "" for missing ones; dates
        as double, seconds since 1970-01-01 in UTC.

        Of classes it gives "label" [N] and "probabilities" [N, classes], in the order of `classes`; else
        "variable" [N, 1], in the target's unit. opset_version: as for `rl.onnx.export`. `rl.onnx.load` does
        not read it where it has words, which no tensor holds.

        Raises MissingPackageError without the package onnx.

        >>> import tempfile
        >>> frame = {"x": [i / 20 for i in range(60)], "kind": ["a", "b", "c"] * 20, "y": range(60)}
        >>> model = rl.tabular.fit(frame, "y", task="regression", epochs=2, progress=False)
        >>> path = tempfile.mkdtemp() + "/model.onnx"
        >>> model.to_onnx(path)
        >>> import onnxruntime
        >>> session = onnxruntime.InferenceSession(path)
        >>> x, kind = np.array([[0.5], [np.nan]], np.float32), np.array([["a"], ["never seen"]])
        >>> session.run(None, {"x": x, "kind": kind})[0].shape
        (2, 1)
        """
        from rushlight.onnx.external import save as save_proto
        from rushlight.tabular.onnx_file import proto_of

        save_proto(proto_of(self, opset_version), path, None)

    def report(
        self,
        frame: Any,
        path: str | os.PathLike[str],
        title: str | None = None,
        target: Any = None,
        weights: Any = None,
    ) -> None:
        """Write a page of HTML about the model, with its pictures in it: how it does on the rows of `frame`,
        which columns matter, how it was trained. target, weights: as for `evaluate`."""
        from rushlight.tabular.page import Findings, write_page

        if target is not None:
            frame = with_target(as_table(frame, "report"), self.target.name, target, "report")
        write_page(Findings(self, frame, weights=weights), path, title or f"A model of {self.target.name}")

    def __repr__(self) -> str:
        measured = ", ".join(f"{k} {v:.4g}" for k, v in list(self.validation.items())[:2])
        return f"TabularModel({self.task} of {self.target.name!r} by {len(self.columns)} columns; {measured})"

    def encoded_with_target(
        self, frame: Any, op: str, target: Any = None, weights: Any = None
    ) -> tuple[Array, Array, Array, Array | None]:
        """Numbers, codes, targets and weights, if there are any, of the rows that have a target and no weight
        of 0; DataError if there is none."""
        table = as_table(frame, op)
        if target is not None:
            table = with_target(table, self.target.name, target, op)
        column = find_column(table, self.target.name, op, "the target, to compare with")
        y = self.target.encode(column, op)
        if weights is None and self.weights is not None and self.weights in table:
            weights = self.weights
        weight, _ = weights_for(table, weights, self.target.name, op)
        there = ~np.isnan(y) if weight is None else ~np.isnan(y) & (weight > 0)
        if not there.any():
            weighed = "" if weight is None else " with a weight above 0"
            got = f"no value of the target {self.target.name!r}{weighed}"
            raise DataError(message(op, got, "one or more"))
        x, codes = self.encoder.encode(table, op)
        return x[there], codes[there], y[there], None if weight is None else weight[there]

    def measure(
        self,
        x: Array,
        codes: Array,
        y: Array,
        weights: Array | None = None,
        fold: Array | None = None,
    ) -> Figures:
        """Measures on encoded rows. fold: the part of each row; only members that did not see it answer."""
        if fold is not None:
            asked = fold < (self.settings.members or 1)
            x, codes, y, fold = x[asked], codes[asked], y[asked], fold[asked]
            weights = None if weights is None else weights[asked]
        return measure(self.target, self.answers(x, codes, fold), y, weights)

    def _encoded(self, frame: Any, op: str) -> tuple[Array, Array]:
        table: Table = as_table(frame, op)
        return self.encoder.encode(table, op)

    def answers(self, x: Array, codes: Array, fold: Array | None = None) -> Array:
        """Probabilities (N, classes), or scaled numbers (N, 1): means of the members, or one for each row."""
        parts = []
        with evaluating(self.network), rl.no_grad():
            for start in range(0, len(x), ROWS):
                rows = slice(start, start + ROWS)
                inputs = [x[rows], codes[rows]] if codes.shape[1] else [x[rows]]
                out = self.network(*(rl.from_numpy(np.ascontiguousarray(part)) for part in inputs)).double()
                if self.target.labels:
                    out = out.softmax(2)
                answer = out.numpy()
                parts.append(
                    answer.mean(axis=1) if fold is None else answer[np.arange(len(answer)), fold[rows]]
                )
        width = len(self.target.labels) or 1
        return np.concatenate(parts) if parts else np.zeros((0, width))

    def _places(self) -> Sequence[tuple[str, slice, list[int]]]:
        """Each column with its places among the network's numbers and codes."""
        found, at, embedded = [], 0, 0
        for feature in self.encoder.features:
            count = len(feature.columns)
            found.append((feature.name, slice(at, at + count), [embedded] if feature.width else []))
            at, embedded = at + count, embedded + bool(feature.width)
        return found
