"""What a sweep found: its runs, as a list and as tables."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.interop.files import write_atomically
from rushlight.train.better import Mode, direction
from rushlight.train.history import History
from rushlight.train.tables import as_table, frame
from rushlight.train.trainer import Trainer

__all__ = ["Run", "Sweep"]

NO_FIGURES = ("epoch", "lr", "seconds")


@dataclass(eq=False, repr=False)
class Run:
    """One network of a sweep.

    number    its place in the sweep; config: its settings; trainer: its Trainer, which may train on.
    diverged  the epoch, counted from 1, in which its loss was no longer finite, or None. Its history ends
              before that epoch, and its weights are of no use.
    over      whether it came to its end, in which way ever.
    random    while it trains beside others, the state of its random numbers.
    """

    number: int
    config: dict[str, Any]
    trainer: Trainer
    diverged: int | None = None
    over: bool = False
    random: Tensor | None = None

    @property
    def model(self) -> Any:
        """The trained network."""
        return self.trainer.model

    @property
    def history(self) -> History:
        """What was measured, epoch by epoch."""
        return self.trainer.history

    @property
    def final(self) -> dict[str, Any]:
        """The settings, and the figures of the last epoch's row of the history."""
        last = self.history.last
        return {**self.config, **{name: v for name, v in last.items() if name not in self.config}}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.config.items())
        end = f"diverged in epoch {self.diverged}" if self.diverged else f"{self.history.count} epochs"
        return f"Run({self.number}: {settings}; {end})"


class Sweep:
    """The runs of a sweep; a sequence of them. ``print(result)`` shows the table of settings and figures.

    runs       in the order of the configs.
    epochs     how many each was asked for.
    seconds    how long the sweep took, building and compiling included.
    compiled   how many native programs trained and measured the networks; None if all went one by one.
    why_eager  then, the reason.

    ``result.to_pandas()`` and ``result.to_pandas(per_epoch=True)`` are the tables in pandas.

    >>> import rushlight as rl
    >>> def build(lr):
    ...     model = rl.nn.Linear(1, 1)
    ...     return rl.train.Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), rl.nn.MSELoss())
    >>> x = rl.linspace(-1, 1, 8).reshape(8, 1)
    >>> result = rl.sweep(build, rl.grid(lr=[0.5, 1e9]), (x, 2 * x), epochs=30, progress=False)
    >>> result.best().config, result[1].diverged is not None, result.where(lr=0.5).columns["epochs"]
    ({'lr': 0.5}, True, [30])
    """

    def __init__(self, runs: list[Run], epochs: int) -> None:
        self.runs, self.epochs = list(runs), epochs
        self.seconds = 0.0
        self.compiled: int | None = None
        self.why_eager: str | None = None

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @overload
    def __getitem__(self, place: int) -> Run: ...
    @overload
    def __getitem__(self, place: slice) -> list[Run]: ...
    def __getitem__(self, place: int | slice) -> Run | list[Run]:
        return self.runs[place]

    @property
    def models(self) -> list[Any]:
        """The networks."""
        return [run.model for run in self.runs]

    @property
    def settings(self) -> list[str]:
        """The keys of the configs."""
        return list(dict.fromkeys(key for run in self.runs for key in run.config))

    @property
    def figures(self) -> list[str]:
        """The names of what was measured, such as "train_loss" and "validation_error"."""
        names = dict.fromkeys(name for run in self.runs for name in run.history.columns)
        return [name for name in names if name not in NO_FIGURES]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A flat dict for each run: settings, figures of its last epoch (NaN if none), epochs, diverged."""
        columns = self.columns
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The same table by columns."""
        runs, settings = self.runs, self.settings
        found: dict[str, list[Any]] = {key: [run.config.get(key) for run in runs] for key in settings}
        last = [run.history.last for run in runs]
        found |= {n: [row.get(n, float("nan")) for row in last] for n in self.figures if n not in settings}
        found["epochs"] = [run.history.count for run in runs]
        found["diverged"] = [run.diverged for run in runs]
        return found

    @property
    def per_epoch(self) -> dict[str, list[Any]]:
        """The long table by columns, a line for each run and epoch: run, settings, epoch, figures."""
        lines = [(run, row) for run in self.runs for row in run.history.rows]
        settings = self.settings
        found: dict[str, list[Any]] = {"run": [run.number for run, _ in lines]}
        found |= {key: [run.config.get(key) for run, _ in lines] for key in settings}
        names = [name for name in ("epoch", *self.figures, "lr", "seconds") if name not in found]
        return found | {name: [row.get(name, float("nan")) for _, row in lines] for name in names}

    def curves(self, column: str, **where: Any) -> np.ndarray[Any, Any]:
        """A column of the histories of the matching runs as an array (runs, epochs), NaN where a run ended.

        Raises ArgumentError for a column that was not measured, and as `where` does.
        """
        runs = self.where(**where).runs if where else self.runs
        if column not in (*self.figures, *NO_FIGURES):
            raise ArgumentError(message("curves", repr(column), f"one of {', '.join(self.figures)}"))
        found = np.full((len(runs), self.epochs), np.nan)
        for line, run in zip(found, runs, strict=True):
            values = run.history.get(column, [])[: self.epochs]
            line[: len(values)] = values
        return found

    def where(self, **config: Any) -> Sweep:
        """The runs with these settings, as a Sweep.

        Raises ArgumentError for a setting, or a value of one, that no run has.
        """
        for key, value in config.items():
            if key not in self.settings:
                raise ArgumentError(message("where", repr(key), f"one of {', '.join(self.settings)}"))
            known = [run.config.get(key) for run in self.runs]
            if value not in known:
                tried = ", ".join(dict.fromkeys(repr(v) for v in known))
                raise ArgumentError(message("where", f"{key}={value!r}", f"one of {tried}"))
        return self._part(lambda run: all(run.config.get(key) == value for key, value in config.items()))

    def _part(self, keep: Callable[[Run], bool]) -> Sweep:
        part = Sweep([run for run in self.runs if keep(run)], self.epochs)
        part.seconds, part.compiled, part.why_eager = self.seconds, self.compiled, self.why_eager
        return part

    def best(self, column: str | None = None, mode: Mode = "auto") -> Run:
        """The run whose last epoch has the best `column`: validation_loss, or train_loss without validation.
        What is best is the smallest ("min"), the largest ("max"), or what the column's metric says. Runs that
        diverged are never the best.

        Raises ArgumentError for a column that was not measured, one that does not say what is better, and
        when no run is left.
        """
        name = column or ("validation_loss" if "validation_loss" in self.figures else "train_loss")
        whole = [run for run in self.runs if run.diverged is None and run.history.count]
        if whole and name not in self.figures:
            raise ArgumentError(message("best", repr(name), f"one of {', '.join(self.figures)}"))
        scored = [(run.history.last.get(name, float("nan")), run) for run in whole]
        scored = [(value, run) for value, run in scored if value == value]
        if not scored and any(run.diverged is None and not run.history.count for run in self.runs):
            got, remedy = "no run that has ended an epoch", "Train on: sweep(..., out=FOLDER, resume=True)."
            raise ArgumentError(message("best", got, "one at least", remedy))
        if not scored:
            remedy = "Try smaller learning rates."
            raise ArgumentError(message("best", "runs that all diverged", "one that did not", remedy))
        told = {n: way for run in self.runs for n, way in run.history.better.items()}
        return (min if direction("best", name, mode, told) == "min" else max)(
            scored, key=lambda pair: pair[0]
        )[1]

    def to_pandas(self, per_epoch: bool = False) -> Any:
        """The table of final figures as a pandas DataFrame; with `per_epoch` the long one."""
        return frame(self.per_epoch if per_epoch else self.columns)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table of final figures, atomically; its first column is the run's number."""
        text = io.StringIO()
        columns = self.columns
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["run", *columns])
        writer.writerows(
            [run.number, *row]
            for run, row in zip(self.runs, zip(*columns.values(), strict=True), strict=True)
        )
        write_atomically(path, text.getvalue())

    def __str__(self) -> str:
        columns = self.columns
        if all(value is None for value in columns["diverged"]):
            del columns["diverged"]
        numbers = [run.number for run in self.runs]
        return as_table(["run", *columns], zip(numbers, *columns.values(), strict=True))

    def __repr__(self) -> str:
        lost = sum(run.diverged is not None for run in self.runs)
        text = f"Sweep({len(self.runs)} runs of {self.epochs} epochs"
        return f"{text}, {lost} diverged)" if lost else f"{text})"

    def _repr_html_(self) -> str:
        from rushlight.notebook.results import sweep_html

        return sweep_html(self)
