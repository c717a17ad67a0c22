"""Loss and metric curves, of one run or as a mean with a band, on linear and logarithmic scales."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rushlight.errors import ArgumentError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, grid_of, legend_below, panel, plain_log_ticks, style_axes
from rushlight.plot._host import host
from rushlight.plot._series import CLOCKS, Curve, columns_of, curve_of, split_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves"]

Scale = Literal["linear", "log", "both"]


@dataclass(frozen=True)
class Panel:
    """One axes: a quantity, its curves as (label, colour, line style, curve), and its scale."""

    ylabel: str
    lines: list[tuple[str, str, str, Curve]]
    log: bool


def curves(
    history: Any,
    *,
    scale: Scale = "linear",
    names: Sequence[str] | None = None,
    band: Literal["deviation", "range", "runs"] | None = "deviation",
    xlabel: str = "epoch",
    ylabel: str | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Curves of losses and metrics over the epochs.

    ``history`` is a mapping from names to values (or a frame, rows, or the trainer's history). Values
    of shape (epochs,) give a line; values of shape (runs, epochs) give the mean over the runs with a
    band of plus and minus one standard deviation (``band="range"``: from the lowest run to the
    highest; "runs": every run as a thin line; None: no band). Runs may differ in length; values that
    are not finite are left out, and the legend says how many runs stayed finite.

    Names that begin with train, validation (val) or test and otherwise agree share a panel: columns
    ``train_loss``, ``validation_loss``, ``train_accuracy`` make two. Other names share one panel, and
    so do all when ``ylabel`` is given. ``scale="both"`` draws each panel twice, linear and logarithmic
    (accuracies only linear). A column ``epoch`` numbers the epochs; it may as well hold the sizes of training
    sets, of which the scores then are a learning curve.

    Raises ArgumentError for an unknown scale, band or column, or for ``ax`` with more than one panel;
    ShapeError for values with more than two axes.

    >>> import rushlight as rl
    >>> figure = rl.plot.curves({"tanh": [0.9, 0.4], "ReLU": [0.7, 0.3]}, scale="both", ylabel="MSE")
    >>> [ax.get_yscale() for ax in figure.axes]
    ['linear', 'log']
    """
    _check("scale", scale, ("linear", "log", "both"))
    _check("band", band, ("deviation", "range", "runs", None))
    columns = columns_of(history)
    steps = host(columns["epoch"], "curves") if "epoch" in columns else None
    panels = _panels(_chosen(columns, names), scale, band, ylabel)
    if ax is not None and len(panels) > 1:
        raise ArgumentError(
            message(
                "plot.curves",
                f"one axes for {len(panels)} panels",
                "one panel",
                "Leave ax out, or choose names and a scale that need one panel.",
            )
        )
    if ax is not None:
        figure, places = panel("curves", ax)[0], [ax]
    else:
        figure, places = grid_of("curves", len(panels), 2 if len(panels) in (2, 4) else 3, style.PANEL)
    for place, content in zip(places, panels, strict=True):
        _draw(place, content, steps, band, xlabel)
    if title and ax is not None:
        ax.set_title(title, fontsize=style.TITLE_SIZE, color=style.TEXT)
    elif title:
        figure.suptitle(title, fontsize=style.TITLE_SIZE, color=style.TEXT)
    return finish("curves", figure, path)


def _check(option: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ArgumentError(
            message("plot.curves", f"{option}={value!r}", " or ".join(repr(choice) for choice in allowed))
        )


def _chosen(columns: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """The wanted columns; by default all but clocks and columns without any number."""
    if names is None:
        chosen = {
            name: values
            for name, values in columns.items()
            if name.lower() not in CLOCKS and not _empty(values)
        }
    else:
        unknown = [name for name in names if name not in columns]
        if unknown:
            raise ArgumentError(
                message(
                    "plot.curves", f"names {unknown}", f"names among {sorted(columns)}", "Check the spelling."
                )
            )
        chosen = {name: columns[name] for name in names}
    if not chosen:
        raise ArgumentError(
            message("plot.curves", "no curves", "at least one", "Pass a history with a loss.")
        )
    return chosen


def _empty(values: Any) -> bool:
    """Whether a column was never measured (a history without validation, say)."""
    return len(values) > 0 and all(isinstance(value, float) and np.isnan(value) for value in values)


def _panels(columns: Mapping[str, Any], scale: Scale, band: str | None, ylabel: str | None) -> list[Panel]:
    parts = {name: split_of(name) for name in columns}
    by_quantity = ylabel is None and any(split for split, _ in parts.values())
    groups: dict[str, list[tuple[str, str, str, Curve]]] = {}
    for place, (name, values) in enumerate(columns.items()):
        split, quantity = parts[name]
        if by_quantity:
            colour, line = style.SPLIT_STYLES.get(split, (style.BLACK, ":"))
            key, label = quantity, split or quantity
        else:
            colour, line = (
                style.CYCLE[place % len(style.CYCLE)],
                style.LINE_STYLES[place % len(style.LINE_STYLES)],
            )
            key, label = ylabel or (next(iter(columns)) if len(columns) == 1 else "value"), name
        groups.setdefault(key, []).append((label, colour, line, curve_of(label, values, band)))
    return [
        Panel(quantity, lines, log) for quantity, lines in groups.items() for log in _scales(scale, quantity)
    ]


def _scales(scale: Scale, quantity: str) -> tuple[bool, ...]:
    if scale == "both":
        return (False,) if "accuracy" in quantity.lower() else (False, True)
    return (scale == "log",)


def _draw(ax: Axes, content: Panel, steps: np.ndarray | None, band: str | None, xlabel: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    # Nothing of a curve that is zero throughout can be seen on a logarithmic scale.
    log = content.log and any((curve.mean > 0).any() for *_, curve in content.lines)
    thin = False
    for _, colour, line, curve in content.lines:
        x = np.arange(1, len(curve.mean) + 1) if steps is None else steps[: len(curve.mean)]
        marker = "o" if len(x) == 1 else None
        ax.plot(
            x, curve.mean, line, color=colour, linewidth=style.LINE_WIDTH, label=curve.label, marker=marker
        )
        if band == "runs" and curve.runs > 1:
            for run in curve.each:
                ax.plot(x, run, line, color=colour, linewidth=style.THIN_WIDTH, alpha=style.RUN_ALPHA)
            thin = True
        elif band is not None and curve.runs > 1:
            # Mean minus deviation may be negative, where a logarithm has no place; the lowest run is not.
            low = np.where(curve.low > 0, curve.low, curve.lowest) if log else curve.low
            ax.fill_between(x, low, curve.high, color=colour, alpha=style.BAND_ALPHA, linewidth=0)
    ax.set_yscale("log" if log else "linear")
    if log:
        plain_log_ticks(ax)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True))
    note = " (log scale)" if log else ""
    style_axes(ax, xlabel=xlabel, ylabel=content.ylabel + note)
    if len(content.lines) > 1 or content.lines[0][3].runs > 1 or content.lines[0][0] != content.ylabel:
        handles = ax.get_legend_handles_labels()[0]
        if thin:
            text = "one run (thick: the mean)"
            handles.append(Line2D([], [], color=style.FAINT, linewidth=style.THIN_WIDTH, label=text))
        legend_below(ax, handles)
