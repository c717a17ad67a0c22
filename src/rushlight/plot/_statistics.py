"""Test errors of repeated runs: every run, and worst, best, mean and deviation beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, legend_below, panel, style_axes
from rushlight.plot._host import host

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["run_statistics"]

COLUMNS = ("worst", "best", "mean", "dev.")
COLUMN_WIDTH = 42  # points


def run_statistics(
    errors_by_name: Mapping[str, Any],
    *,
    reported: Mapping[str, Sequence[float]] | None = None,
    xlabel: str = "test error (%)",
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """The test errors of repeated runs, one row for each configuration.

    ``errors_by_name``: name -> errors of the runs as fractions, (runs,). Each row shows every run, the
    mean with plus and minus one standard deviation (dividing by the number of runs), and worst, best,
    mean and deviation in per cent. Runs that are not finite are left out and counted in the row's name.
    ``reported``: name -> (worst, best, mean, deviation), also as fractions, drawn under ours in grey.

    Raises ArgumentError when there is nothing to draw, ShapeError for errors that are not (runs,) or
    reported figures that are not four.

    >>> import rushlight as rl
    >>> figure = rl.plot.run_statistics({"tanh": [0.20, 0.30], "ReLU": [0.25, 0.27]})
    >>> [text.get_text() for text in figure.axes[0].texts[4:8]]
    ['30.0', '20.0', '25.0', '5.0']
    """
    rows = {str(name): _errors(name, errors) for name, errors in errors_by_name.items()}
    if not rows:
        raise ArgumentError(message("plot.run_statistics", "no configurations", "at least one"))
    theirs = {str(name): _figures(name, figures) for name, figures in (reported or {}).items()}
    height = 1.5 + len(rows) * (0.75 if theirs else 0.5)
    figure, ax = panel("run_statistics", ax, (7.4, height))
    for place, (name, errors) in enumerate(rows.items()):
        _row(ax, place, errors[np.isfinite(errors)])
        if name in theirs:
            _reported(ax, place, theirs[name])
    _frame(ax, rows, xlabel, title)
    return finish("run_statistics", figure, path)


def _errors(name: str, errors: Any) -> np.ndarray:
    array = host(errors, "run_statistics").astype(np.float64)
    if array.ndim != 1 or not np.isfinite(array).any():
        raise ShapeError(
            message(
                "plot.run_statistics",
                f"errors of shape {array.shape} for {name!r}, finite ones: {int(np.isfinite(array).sum())}",
                "shape (runs,), at least one of them finite",
                "Pass the final test error of each run.",
            )
        )
    return array


def _figures(name: str, figures: Sequence[float]) -> np.ndarray:
    array = 100 * np.asarray(figures, dtype=np.float64)
    if array.shape != (4,):
        raise ShapeError(
            message(
                "plot.run_statistics",
                f"reported figures of shape {array.shape} for {name!r}",
                "four: worst, best, mean, deviation",
            )
        )
    return array


def _row(ax: Axes, place: int, fractions: np.ndarray) -> None:
    errors = 100 * fractions
    colour = style.CYCLE[place % len(style.CYCLE)]
    # Runs are spread by their order, not at random: the same runs give the same picture.
    spread = 0.12 * ((np.arange(len(errors)) % 3) - 1)
    first = place == 0
    ax.scatter(
        errors,
        place + spread,
        s=20,
        color=colour,
        alpha=0.55,
        linewidths=0,
        label="one run" if first else None,
    )
    ax.errorbar(
        errors.mean(),
        place,
        xerr=[[min(errors.std(), errors.mean())], [errors.std()]],  # no error lies below zero
        fmt="D",
        color=style.BLACK,
        markersize=5.5,
        capsize=4,
        markerfacecolor="white",
        linewidth=1.4,
        label="mean ± deviation" if first else None,
        zorder=3,
    )
    # From the fractions, so that they round as they do elsewhere.
    figures = (fractions.max(), fractions.min(), fractions.mean(), fractions.std())
    _numbers(ax, place, [100 * figure for figure in figures], style.TEXT)


def _reported(ax: Axes, place: int, figures: np.ndarray) -> None:
    worst, best, mean, deviation = figures
    level = place + 0.32
    ax.plot([best, worst], [level, level], color=style.FAINT, linewidth=1.0)
    ax.errorbar(
        mean,
        level,
        xerr=[[min(deviation, mean)], [deviation]],
        fmt="s",
        color=style.FAINT,
        markersize=4.5,
        capsize=3,
        linewidth=2.2,
        label=None if "reported" in ax.get_legend_handles_labels()[1] else "reported",
    )
    _numbers(ax, level, (worst, best, mean, deviation), style.FAINT)


def _numbers(ax: Axes, level: float, figures: Sequence[float], colour: str) -> None:
    if not ax.texts:
        _column_heads(ax)
    for column, figure in enumerate(figures):
        ax.annotate(
            f"{figure:.1f}",
            (1, level),
            xycoords=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            color=colour,
            xytext=((column + 1) * COLUMN_WIDTH, 0),
            textcoords="offset points",
            fontsize=style.TICK_SIZE,
            annotation_clip=False,
        )


def _column_heads(ax: Axes) -> None:
    for column, head in enumerate(COLUMNS):
        ax.annotate(
            head,
            (1, 1),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            color=style.TEXT,
            fontweight="bold",
            xytext=((column + 1) * COLUMN_WIDTH, 2),
            textcoords="offset points",
            fontsize=style.TICK_SIZE,
            annotation_clip=False,
        )


def _frame(ax: Axes, rows: Mapping[str, np.ndarray], xlabel: str, title: str | None) -> None:
    names = []
    for name, errors in rows.items():
        lost = int((~np.isfinite(errors)).sum())
        names.append(f"{name}\n({lost} of {len(errors)} not finite)" if lost else name)
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    style_axes(ax, title, xlabel)
    ax.grid(False, axis="y")
    legend_below(ax, columns=3)
