"""How far a regression is off: predicted against true values, and what is left of the true ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import colour_map, figure_of, finish, grid_of, legend_below, panel, style_axes
from rushlight.plot._host import columns_of_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["predicted", "residuals"]

MANY = 3000
"""Above so many points their density is drawn: single ones would lie on each other."""
CELLS = 45
GROUPS = 12
"""Groups of equally many points whose means show whether the residuals depend on the prediction."""


def predicted(
    y_true: Any,
    y_pred: Any,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Predicted against true values, with the line on which they are equal; MAE, RMSE and R² in the title.

    ``y_true`` and ``y_pred`` are (N,), (N, 1) or (N, outputs): a panel for each output, called by ``names``
    or, if ``y_true`` is a frame, by its columns. Of more than 3000 points the density is drawn. Rows with a
    number that is not finite are left out, and counted in the title.

    Raises ShapeError for other shapes or unequal ones, ArgumentError for names that do not fit, or ``ax``
    with several outputs.

    >>> import rushlight as rl
    >>> figure = rl.plot.predicted([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    >>> figure.axes[0].get_title()
    'MAE 0.3333, RMSE 0.5774, R² 0.7857'
    """
    true, found, labels = _columns("predicted", y_true, y_pred, names)
    figure, places = _panels("predicted", ax, len(labels), style.SQUARE)
    for place, label, t, p in zip(places, labels, true.T, found.T, strict=True):
        keep = np.isfinite(t) & np.isfinite(p)
        _points(place, t[keep], p[keep])
        low, high = _span(np.concatenate([t[keep], p[keep]]))
        ends, ideal = [low, high], "predicted = true"
        place.plot(ends, ends, "--", color=style.BLACK, linewidth=1.2, label=ideal, zorder=3)
        place.set_xlim(low, high)
        place.set_ylim(low, high)
        place.set_aspect("equal")
        heading = _heading(t[keep], p[keep], int((~keep).sum()))
        style_axes(place, _titled(title, label, heading), "true", "predicted")
        legend_below(place)
    return finish("predicted", figure, path)


def residuals(
    y_true: Any,
    y_pred: Any,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """What the predictions leave: true - predicted against predicted, and beside it how often each is found.

    Arguments and errors are those of `predicted`. The line joins the means of 12 groups of equally many
    points: where it leaves zero, the model errs to one side. Beside it stands the histogram, with the normal
    curve of their mean and deviation; it is left out where ``ax`` is given.

    >>> import rushlight as rl
    >>> figure = rl.plot.residuals([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    >>> figure.axes[0].get_title()
    'mean 0.3333, deviation 0.4714'
    """
    true, found, labels = _columns("residuals", y_true, y_pred, names)
    beside = ax is None
    figure, places = _panels("residuals", ax, len(labels), (style.PANEL[0] + 1.4, style.PANEL[1]))
    for place, label, t, p in zip(places, labels, true.T, found.T, strict=True):
        keep = np.isfinite(t) & np.isfinite(p)
        rest, at = (t - p)[keep], p[keep]
        _points(place, at, rest, bar=not beside)
        place.axhline(0, color=style.BLACK, linestyle="--", linewidth=1.2, label="residual 0", zorder=3)
        _means(place, at, rest)
        place.set_xlim(*_span(at))
        place.set_ylim(*_around_zero(rest))
        heading = f"mean {_short(rest.mean())}, deviation {_short(rest.std())}" if len(rest) else "no numbers"
        style_axes(place, _titled(title, label, heading), "predicted", "true - predicted")
        legend_below(place)
        if beside and len(rest):
            _histogram(place, rest)
    return finish("residuals", figure, path)


def _columns(
    op: str, y_true: Any, y_pred: Any, names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Both as (N, outputs), and what the outputs are called."""
    true = columns_of_numbers(y_true, op, "true values")
    found = columns_of_numbers(y_pred, op, "predictions")
    if true.shape != found.shape:
        got = f"predictions {found.shape} for true values {true.shape}"
        raise ShapeError(message(f"plot.{op}", got, "the same shape twice"))
    count = true.shape[1]
    if names is None:
        known = [str(c) for c in getattr(y_true, "columns", ())]
        names = known if len(known) == count > 1 else [f"output {i}" for i in range(count)]
        names = names if count > 1 else [""]
    if len(names) != count:
        raise ArgumentError(message(f"plot.{op}", f"{len(names)} names", f"{count}, one for each output"))
    return true, found, [str(name) for name in names]


def _panels(op: str, ax: Axes | None, count: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    if ax is None:
        return grid_of(op, count, 3, size)
    if count > 1:
        remedy = "Leave ax out, or pass one output."
        raise ArgumentError(message(f"plot.{op}", f"one axes for {count} outputs", "one output", remedy))
    return panel(op, ax)[0], [ax]


def _points(ax: Axes, x: np.ndarray, y: np.ndarray, bar: bool = True) -> None:
    """The points, or their density with a bar that says what its colours are."""
    if len(x) <= MANY:
        look: dict[str, Any] = {"color": style.BLUE, "alpha": 0.45 if len(x) > 60 else 0.8, "linewidths": 0}
        ax.scatter(x, y, s=style.POINT_SIZE, **look)
        return
    (left, right), (low, high) = _span(x), _around_zero(y) if y.min() < 0 < y.max() else _span(y)
    counts, *edges = np.histogram2d(x, y, bins=CELLS, range=((left, right), (low, high)))
    # Squares without a point stay white; a few points are seen beside many on a logarithmic scale.
    from matplotlib.colors import LogNorm

    shown = np.ma.masked_less(counts.T, 1)
    norm = LogNorm(1, max(counts.max(), 2))
    colours = colour_map("share", style.SHARE_STOPS[1:])
    mesh = ax.pcolormesh(*edges, shown, norm=norm, cmap=colours, rasterized=True)
    if bar:
        _bar(ax, mesh)


def _bar(ax: Axes, mesh: Any) -> None:
    """How many samples a colour stands for, as high as the panel."""
    bar: Any = figure_of(ax).colorbar(mesh, cax=ax.inset_axes((1.04, 0.0, 0.04, 1.0)), format="%g")
    bar.set_label("samples", fontsize=style.LABEL_SIZE, color=style.TEXT)
    bar.ax.tick_params(labelsize=style.TICK_SIZE)
    bar.outline.set_visible(False)


def _span(values: np.ndarray) -> tuple[float, float]:
    """The range of the values with a margin."""
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return low - pad, high + pad


def _around_zero(values: np.ndarray) -> tuple[float, float]:
    """A range with zero in the middle, so that no side looks larger than it is."""
    reach = 1.08 * float(np.abs(values).max(initial=0.0)) or 0.5
    return -reach, reach


def _means(ax: Axes, at: np.ndarray, rest: np.ndarray) -> None:
    """The mean residual of groups of equally many points, in the order of the prediction."""
    if len(at) < 10 * GROUPS:  # fewer would show chance
        return
    order = np.argsort(at, kind="stable")
    groups = np.array_split(order, GROUPS)
    x, y = ([float(values[group].mean()) for group in groups] for values in (at, rest))
    label = "binned mean"
    ax.plot(
        x, y, "-o", color=style.VERMILION, markersize=3.5, linewidth=style.LINE_WIDTH, label=label, zorder=4
    )


def _histogram(ax: Axes, rest: np.ndarray) -> None:
    """How often each residual is found, turned, on the scale of the panel's y axis."""
    side = ax.inset_axes((1.04, 0.0, 0.24, 1.0))
    low, high = ax.get_ylim()
    bins = int(np.clip(np.sqrt(len(rest)), 8, 40))
    edges = np.linspace(low, high, bins + 1)
    side.hist(rest, bins=edges.tolist(), orientation="horizontal", color=style.SKY_BLUE, alpha=0.8)
    deviation = rest.std()
    if deviation > 0:
        y = np.linspace(low, high, 200)
        density = np.exp(-0.5 * ((y - rest.mean()) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
        side.plot(len(rest) * (edges[1] - edges[0]) * density, y, color=style.BLACK, linewidth=1.2)
    side.set_ylim(low, high)
    style_axes(side, xlabel="samples", grid=False)
    side.tick_params(labelleft=False, left=False)


def _heading(true: np.ndarray, found: np.ndarray, lost: int) -> str:
    """Mean absolute error, root of the mean squared error, and share of the variance explained."""
    figures = []
    if len(true):
        gap = true - found
        spread = float(np.square(true - true.mean()).sum())
        figures = [f"MAE {_short(np.abs(gap).mean())}", f"RMSE {_short(np.sqrt(np.square(gap).mean()))}"]
        figures += [f"R² {_short(1 - np.square(gap).sum() / spread)}"] if spread else []
    return ", ".join(figures) + (f" ({lost} not finite)" if lost else "")


def _titled(title: str | None, label: str, heading: str) -> str:
    first = ", ".join(part for part in (title, label) if part)
    return f"{first}\n{heading}" if first else heading


def _short(value: float) -> str:
    return f"{value:.4g}"
