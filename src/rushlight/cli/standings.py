"""How the configurations of a sweep compare: statistics over the seeds, the order, the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.cli.console import table
from rushlight.cli.grid import Point, text
from rushlight.cli.runs import statistics

__all__ = ["Standing", "compare", "show"]

FIGURE = "validation_error"


@dataclass(frozen=True)
class Standing:
    """One configuration and its runs, one for each seed."""

    point: Point
    runs: Sequence[Any]

    @property
    def finished(self) -> list[Any]:
        """The runs that did not diverge."""
        return [run for run in self.runs if run.diverged is None]

    @property
    def diverged(self) -> int:
        """How many did."""
        return len(self.runs) - len(self.finished)

    def mean(self, column: str) -> float:
        """The mean of a final figure over the runs that did not diverge."""
        values = [run.final[column] for run in self.finished]
        return sum(values) / len(values) if values else math.inf

    @property
    def best(self) -> Any:
        """The run with the lowest validation error, of several the one with the lowest validation loss."""
        return min(self.finished, key=lambda run: (run.final[FIGURE], run.final["validation_loss"]))


def compare(points: Sequence[Point], runs: Sequence[Any]) -> list[Standing]:
    """The configurations, best first: by diverged runs, then by mean validation error, then by mean loss."""
    found = [Standing(p, [run for run in runs if p.items() <= run.config.items()]) for p in points]
    return sorted(found, key=lambda one: (one.diverged, one.mean(FIGURE), one.mean("validation_loss")))


def show(standings: Sequence[Standing], width: int | None = None) -> str:
    """The table; where it is wider than `width`, two lines for each configuration."""
    axes = list(standings[0].point)
    several, lost = len(standings[0].runs) > 1, any(one.diverged for one in standings)
    names = ["worst", "best", "mean", "deviation"] if several else ["error", "loss"]
    names += ["diverged"] if lost else []
    rows = []
    for place, one in enumerate(standings):
        figures = [*_figures(one, several), *([str(one.diverged or "")] if lost else [])]
        rows.append(["*" if place == 0 else "", *(text(one.point[axis]) for axis in axes), *figures])
    right = [1 + axes.index(axis) for axis in axes if axis in ("lr", "momentum")]
    right += range(1 + len(axes), 1 + len(axes) + len(names))
    whole = table(("", *axes, *names), rows, right=right)
    if width is None or max(len(line) for line in whole.splitlines()) <= width:
        return whole
    return "\n".join(_stacked(axes, names, rows))


def _figures(one: Standing, several: bool) -> list[str]:
    errors = [100 * run.final[FIGURE] for run in one.finished]
    if not errors:
        return ["-"] * (4 if several else 2)
    if several:
        return [f"{value:.2f}" for value in statistics(errors)]
    return [f"{errors[0]:.2f}", f"{one.finished[0].final['validation_loss']:.4g}"]


def _stacked(axes: list[str], names: list[str], rows: list[list[str]]) -> list[str]:
    lines = []
    for mark, *cells in rows:
        values = zip(axes, cells, strict=False)
        lines.append(f"{mark or ' '} {', '.join(f'{axis} {value}' for axis, value in values)}")
        figures = zip(names, cells[len(axes) :], strict=True)
        lines.append("    " + "  ".join(f"{name} {value}" for name, value in figures if value))
    return lines
