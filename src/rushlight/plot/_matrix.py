"""The confusion matrix, with counts and the share of each row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import colour_map, figure_of, finish, panel, style_axes
from rushlight.plot._host import host

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_matrix"]


def confusion_matrix(
    matrix: Any,
    classes: Sequence[str] | None = None,
    *,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Counts of true class (row) against predicted class (column), shaded by the share of the row.

    ``matrix``: (C, C) counts. Each cell shows the count, and under it the share of its row. The shading
    follows the square root of the share, so that rare mistakes can be seen. Raises ShapeError for a
    matrix that is not square, ArgumentError when ``classes`` do not fit it.

    >>> import rushlight as rl
    >>> figure = rl.plot.confusion_matrix([[8, 2], [1, 9]], ["outside", "inside"])
    >>> figure.axes[0].texts[0].get_text()
    '8\\n80.0 %'
    """
    counts = host(matrix, "confusion_matrix")
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ShapeError(message("plot.confusion_matrix", f"shape {counts.shape}", "a square matrix (C, C)"))
    names = (
        [str(index) for index in range(len(counts))] if classes is None else [str(name) for name in classes]
    )
    if len(names) != len(counts):
        raise ArgumentError(
            message(
                "plot.confusion_matrix",
                f"{len(names)} class names",
                f"{len(counts)}",
                "Pass one name for each row.",
            )
        )
    side = max(3.2, 0.62 * len(counts)) + 0.06 * max(len(name) for name in names)
    figure, ax = panel("confusion_matrix", ax, (side + 1.9, side + 0.9))
    _draw(ax, counts, names, title)
    return finish("confusion_matrix", figure, path)


def _draw(ax: Axes, counts: np.ndarray, names: list[str], title: str | None) -> None:
    from matplotlib.colors import PowerNorm

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(shares, cmap=colour_map("share", style.SHARE_STOPS), norm=PowerNorm(0.5, 0, 1))
    places = np.arange(len(names))
    # A letter takes about 0.09 inches; a cell is at least 0.62 wide, and more when there are few.
    turn = 40 if 0.09 * max(len(name) for name in names) > max(3.2 / len(names), 0.62) else 0
    ax.set_xticks(places, names, rotation=turn, ha="right" if turn else "center", rotation_mode="anchor")
    ax.set_yticks(places, names)
    total = counts.sum()
    heading = title or f"{100 * np.trace(counts) / max(total, 1):.2f} % of {total:,} right"
    style_axes(ax, heading, "predicted class", "true class", grid=False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    _lines_between(ax, len(names))
    # Beyond thirty classes the numbers would be too small to read; the colours remain.
    if len(names) <= 30:
        _numbers(ax, counts, shares)
    bar: Any = figure_of(ax).colorbar(image, ax=ax, shrink=0.85, pad=0.03, ticks=[0, 0.01, 0.1, 0.25, 0.5, 1])
    bar.ax.set_yticklabels(["0 %", "1 %", "10 %", "25 %", "50 %", "100 %"], fontsize=style.TICK_SIZE)
    bar.ax.minorticks_off()
    bar.set_label("share of the true class", fontsize=style.LABEL_SIZE, color=style.TEXT)
    bar.outline.set_visible(False)


def _lines_between(ax: Axes, count: int) -> None:
    for edge in np.arange(count - 1) + 0.5:
        ax.axhline(edge, color="white", linewidth=0.8)
        ax.axvline(edge, color="white", linewidth=0.8)


def _numbers(ax: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    size = style.TICK_SIZE if len(counts) <= 4 else 7.0
    for (row, column), share in np.ndenumerate(shares):
        count = counts[row, column]
        colour = "white" if share > 0.35 else style.TEXT if count else style.FAINT
        text = f"{count:g}\n{100 * share:.1f} %" if count else "0"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=colour, linespacing=1.15)
