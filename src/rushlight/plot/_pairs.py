"""Curves in pairs: train and validation, or two programs that should agree, for several networks at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, legend_below, panel, style_axes
from rushlight.plot._series import curve_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["paired_curves"]

WIDE = 5.0  # a line that another is to lie on
THIN = 1.5
KEY = "#555555"  # the legend's lines that stand for a kind, whatever the network


def paired_curves(
    groups: Mapping[str, Sequence[Any]],
    kinds: tuple[str, str],
    *,
    ylabel: str,
    scale: Literal["linear", "log"] = "linear",
    overlaid: bool = False,
    xlabel: str = "epoch",
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Two curves for each of several networks: the colour says which network, the line which of the two.

    ``groups`` maps a network's name to two series, one for each of ``kinds``: values (epochs,), or
    (runs, epochs), of which the mean is drawn. The first kind is solid and the second dashed.
    ``overlaid`` is for pairs that should coincide: the first is then wide and pale, and the second lies
    on it.

    Raises ArgumentError for no groups or an unknown scale, ShapeError for a group that is no pair.

    >>> import rushlight as rl
    >>> pairs = {"SGD": ([0.9, 0.4], [1.0, 0.5]), "momentum": ([0.8, 0.3], [0.9, 0.4])}
    >>> figure = rl.plot.paired_curves(pairs, ("train", "validation"), ylabel="loss")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['train', 'validation']
    """
    if scale not in ("linear", "log"):
        raise ArgumentError(message("plot.paired_curves", f"scale={scale!r}", "'linear' or 'log'"))
    if not groups:
        raise ArgumentError(message("plot.paired_curves", "no curves", "at least one pair"))
    figure, ax = panel("paired_curves", ax)
    looks = _looks(overlaid)
    for place, (name, pair) in enumerate(groups.items()):
        if len(pair) != 2:
            got = f"{len(pair)} series for {name!r}"
            raise ShapeError(message("plot.paired_curves", got, f"two: {kinds[0]} and {kinds[1]}"))
        colour = style.CYCLE[place % len(style.CYCLE)]
        for values, look in zip(pair, looks, strict=True):
            mean = curve_of(name, values, None).mean
            ax.plot(np.arange(1, len(mean) + 1), mean, color=colour, **look)
    _finish_axes(ax, scale, xlabel, ylabel, title)
    _legends(ax, list(groups), kinds, looks)
    return finish("paired_curves", figure, path)


def _looks(overlaid: bool) -> list[dict[str, Any]]:
    if overlaid:
        return [
            {"linewidth": WIDE, "linestyle": "-", "alpha": 0.35, "solid_capstyle": "butt"},
            {"linewidth": THIN, "linestyle": (0, (3, 2))},
        ]
    return [
        {"linewidth": style.LINE_WIDTH, "linestyle": "-"},
        {"linewidth": style.LINE_WIDTH, "linestyle": "--"},
    ]


def _finish_axes(ax: Axes, scale: str, xlabel: str, ylabel: str, title: str | None) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_yscale(scale)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True))
    style_axes(ax, title, xlabel, ylabel + (" (log scale)" if scale == "log" else ""))


def _legends(ax: Axes, names: list[str], kinds: tuple[str, str], looks: list[dict[str, Any]]) -> None:
    """The colours (one network needs none) in a first row, the two kinds of line in a second."""
    from matplotlib.lines import Line2D

    colours = [
        Line2D([], [], color=style.CYCLE[place % len(style.CYCLE)], linewidth=3, label=name)
        for place, name in enumerate(names)
    ]
    lines = [Line2D([], [], color=KEY, label=kind, **look) for kind, look in zip(kinds, looks, strict=True)]
    if len(names) == 1:
        legend_below(ax, lines)
        return
    columns = min(len(names), 4)
    legend_below(ax, colours, columns)
    # An axes has one legend of its own: the first stays as an artist, and the second goes under it.
    if first := ax.get_legend():
        ax.add_artist(first)
    legend_below(ax, lines, 2, gap=36 + 15 * -(-len(names) // columns))
