"""Figures without global state, and how they reach a file.

Only matplotlib's object interface is used, on the Agg canvas, so pictures can be drawn without a
display and from several threads at once.
"""

from __future__ import annotations

import io
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight.errors import ArgumentError, message
from rushlight.interop.files import write_atomically
from rushlight.optional import load
from rushlight.plot import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

__all__ = [
    "colour_map",
    "figure_of",
    "finish",
    "grid_of",
    "legend_below",
    "new_figure",
    "panel",
    "plain_log_ticks",
    "style_axes",
    "write",
]

FORMATS = ("png", "svg", "pdf")


def require_matplotlib(op: str) -> None:
    """Raise an error that says what to install when matplotlib is missing."""
    load("matplotlib.figure", f"plot.{op}")


def new_figure(op: str, width: float, height: float) -> Figure:
    """An empty figure of the given size in inches, on an Agg canvas."""
    require_matplotlib(op)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=style.DPI, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1, wspace=0.03, hspace=0.03)
    FigureCanvasAgg(figure)
    # Notebooks show by themselves the figures of pyplot only, whose backend may never be loaded.
    figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]
    return figure


def _png(figure: Figure) -> tuple[bytes, dict[str, int]]:
    """The picture with twice the dots that a page gives it, for screens that have them, and its size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=2 * style.NOTEBOOK_DPI)
    width, height = (round(inches * style.NOTEBOOK_DPI) for inches in figure.get_size_inches())
    return buffer.getvalue(), {"width": width, "height": height}


def figure_of(ax: Axes) -> Figure:
    """The figure that holds ``ax``, subfigures included."""
    # For a subfigure, `figure` is the one that holds it; for a figure, itself.
    figure = getattr(ax.figure, "figure", None)
    if figure is None:
        raise ArgumentError(
            message("plot", "an axes that was removed from its figure", "an axes in a figure")
        )
    found: Figure = figure
    return found


def panel(op: str, ax: Axes | None, size: tuple[float, float] = style.PANEL) -> tuple[Figure, Axes]:
    """The caller's axes, or the only axes of a new figure."""
    if ax is not None:
        return figure_of(ax), ax
    figure = new_figure(op, *size)
    return figure, figure.add_subplot()


def grid_of(op: str, count: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """``count`` panels of ``size`` inches each, ``columns`` to a row."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = new_figure(op, columns * size[0], rows * size[1])
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def style_axes(
    ax: Axes, title: str | None = None, xlabel: str = "", ylabel: str = "", grid: bool = True
) -> None:
    """Give an axes the common look."""
    ax.set_xlabel(xlabel, fontsize=style.LABEL_SIZE, color=style.TEXT)
    ax.set_ylabel(ylabel, fontsize=style.LABEL_SIZE, color=style.TEXT)
    if title:
        ax.set_title(title, fontsize=style.TITLE_SIZE, color=style.TEXT)
    ax.tick_params(which="both", labelsize=style.TICK_SIZE, colors=style.TEXT)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(style.FAINT)
    if grid:
        ax.grid(True, which="major", color=style.GRID, linewidth=0.8)


def plain_log_ticks(ax: Axes) -> None:
    """Label the ticks of a logarithmic y axis 0.2, not 2 × 10⁻¹, where they are labelled at all."""
    from matplotlib.ticker import LogFormatterSciNotation

    class Plain(LogFormatterSciNotation):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    # Labels between the powers of ten too, while there are few of these.
    for put in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
        put(Plain(minor_thresholds=(2.5, 0.5)))


def legend_below(
    ax: Axes, handles: Sequence[Any] | None = None, columns: int | None = None, gap: float = 36
) -> None:
    """A legend ``gap`` points under the axes, where it covers neither data nor labels."""
    from matplotlib.transforms import ScaledTranslation

    if handles is None:
        handles = ax.get_legend_handles_labels()[0]
    if not handles:
        return
    longest = max(len(str(handle.get_label())) for handle in handles)
    if columns is None:
        # About 60 characters of this size, with line samples, fit under a panel.
        columns = max(1, min(len(handles), 60 // (longest + 7)))
    shift = ScaledTranslation(0, -gap / 72, figure_of(ax).dpi_scale_trans)
    ax.legend(
        handles=list(handles),
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=ax.transAxes + shift,
        ncols=columns,
        frameon=False,
        fontsize=style.TICK_SIZE,
        borderaxespad=0.0,
        handlelength=2.4,
        columnspacing=1.4,
    )


def colour_map(name: str, stops: Sequence[str]) -> LinearSegmentedColormap:
    """A colour map that passes through the given colours at even distances."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(name, list(stops))


def finish(op: str, figure: Figure, path: str | os.PathLike[str] | None) -> Figure:
    """Write the figure where ``path`` asks for it, and return it."""
    if path is not None:
        target = Path(path)
        suffix = check_suffix(op, target)
        buffer = io.BytesIO()
        # Without the date, the same picture gives the same file.
        figure.savefig(
            buffer, format=suffix, metadata={"Software" if suffix == "png" else _DATE[suffix]: None}
        )
        write(op, target, buffer.getvalue())
    return figure


_DATE = {"svg": "Date", "pdf": "CreationDate"}


def check_suffix(op: str, path: Path) -> str:
    """The picture format that a file name asks for."""
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        raise ArgumentError(
            message(
                f"plot.{op}",
                f"the file name {path.name!r}",
                "a name that ends in .png, .svg or .pdf",
                "Choose one of these endings.",
            )
        )
    return suffix


def write(op: str, path: Path, content: bytes) -> None:
    """Put ``content`` into a file in one move, so that no half-written picture is ever seen."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as problem:
        raise ArgumentError(
            message(
                f"plot.{op}",
                f"the path {str(path)!r}, which cannot be written ({problem.strerror})",
                "a file in a folder that you may write",
                "Choose another folder.",
            )
        ) from problem
