"""Which columns matter: a bar for each, the longest first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, panel, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["importance"]

MOST = 20
LONGEST = 32


def importance(
    values: Mapping[str, Any],
    *,
    xlabel: str = "importance",
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A bar for each name, the largest on top; of more than 20, the 20 largest.

    ``values``: name -> a number, or the pair (mean, deviation), which is drawn as a line across the end of
    the bar. Raises ArgumentError when there is nothing to draw.

    >>> import rushlight as rl
    >>> figure = rl.plot.importance({"size": (0.5, 0.1), "colour": (0.9, 0.2)})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['colour', 'size']
    """
    if not isinstance(values, Mapping):
        got, expected = f"a {type(values).__name__}", "a dict of names and numbers"
        raise DTypeError(message("plot.importance", got, expected))
    pairs = {str(name): _pair(value) for name, value in values.items()}
    if not pairs:
        raise ArgumentError(message("plot.importance", "no values", "at least one"))
    chosen = sorted(pairs.items(), key=lambda item: -item[1][0])[:MOST]
    figure, ax = panel("importance", ax, (6.4, 1.3 + 0.3 * len(chosen)))
    places = range(len(chosen))
    lengths, spreads = zip(*(pair for _, pair in chosen), strict=True)
    ax.barh(places, lengths, height=0.68, color=style.BLUE)
    if any(spreads):
        ax.errorbar(
            lengths, places, xerr=spreads, fmt="none", ecolor=style.BLACK, capsize=2.5, elinewidth=1.1
        )
    ax.set_yticks(places, [_short(name) for name, _ in chosen])
    ax.invert_yaxis()
    ax.axvline(0.0, color=style.FAINT, linewidth=0.8)
    heading = title or (f"the {MOST} of {len(pairs)} that matter most" if len(pairs) > MOST else None)
    style_axes(ax, heading, xlabel)
    ax.grid(False, axis="y")
    return finish("importance", figure, path)


def _pair(value: Any) -> tuple[float, float]:
    mean, spread = value if isinstance(value, tuple | list) else (value, 0.0)
    return float(mean), float(spread)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
