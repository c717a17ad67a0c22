"""The network drawn from the model itself: a column of units for each layer."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ArgumentError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, new_figure
from rushlight.plot._model import evaluation, precision

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["architecture"]

TALL = 4.0  # inches of the tallest column
PITCH = 0.3  # inches from unit to unit, at most
BLOCK = 2.2  # inches, the height of a layer whose output is not a row of units


@dataclass
class Column:
    """One layer that mixes its inputs, and what follows it unit by unit (activations, dropout)."""

    name: str
    shape: tuple[int, ...]
    after: list[str] = field(default_factory=list)

    @property
    def flat(self) -> bool:
        return len(self.shape) == 1

    @property
    def size(self) -> str:
        return " × ".join(str(length) for length in self.shape) or "1"

    @property
    def colour(self) -> str:
        known = [style.ACTIVATION_COLOURS[name] for name in self.after if name in style.ACTIVATION_COLOURS]
        return known[0] if known else "white"


def architecture(
    model: Any,
    input_shape: Sequence[int] | int | Any,
    *,
    max_units: int = 25,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """The layers of ``model`` as columns of units, with their widths and activations.

    ``input_shape`` is the shape of one sample, without the batch: (2,) or 2 for the disk, (1, 28, 28)
    for digits; or a Tensor that holds a batch, for models that take whole numbers. One batch runs
    through the model, in evaluation mode and without gradients, and every layer that is a module is
    seen. Columns wider than ``max_units`` are shortened; outputs that are not a row of units are
    blocks that name their shape. Units are coloured by the activation that follows.

    Raises ArgumentError for something that is not a Module, or for fewer than 3 ``max_units``.

    >>> import rushlight as rl
    >>> net = rl.nn.Sequential(rl.nn.Linear(2, 25), rl.nn.Tanh(), rl.nn.Linear(25, 1))
    >>> rl.plot.architecture(net, 2).axes[0].get_title()
    '2-25-1, 101 parameters'
    """
    import rushlight as rl

    if isinstance(model, rl.train.Trainer):
        model = model.model
    if not isinstance(model, rl.nn.Module):
        raise ArgumentError(message("plot.architecture", f"a {type(model).__name__}", "a Module"))
    if max_units < 3:
        raise ArgumentError(message("plot.architecture", f"max_units={max_units}", "at least 3"))
    columns = _columns(model, _batch(model, input_shape))
    shown = [_shown(column, max_units) for column in columns]
    pitch = min(PITCH, TALL / max(len(rows) for rows in shown))
    longest = max(len(word) for column in columns for word in (column.name, column.size, *column.after))
    apart = max(1.25, 0.09 * longest + 0.3)

    extra = max(len(column.after) for column in columns)
    tall = max(pitch * max(len(rows) for rows in shown), 0.0 if all(c.flat for c in columns) else BLOCK)
    width, foot, head = apart * len(columns) + 0.3, 0.45 + 0.17 * extra, 0.8
    figure = new_figure("architecture", width, tall + foot + head)
    figure.set_layout_engine("none")
    ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_xlim(-(apart + 0.3) / 2, width - (apart + 0.3) / 2)
    ax.set_ylim(-tall / 2 - foot, tall / 2 + head)
    ax.set_axis_off()
    places = [_places(column, rows, pitch) for column, rows in zip(columns, shown, strict=True)]
    for place, column in enumerate(columns):
        if place:
            _links(
                ax,
                columns[place - 1 : place + 1],
                places[place - 1 : place + 1],
                (place - 1) * apart,
                apart,
                pitch,
            )
        _units(ax, column, shown[place], places[place], place * apart, pitch)
        _words(ax, column, place * apart, tall)
    count = sum(math.prod(parameter.shape) for parameter in model.parameters())
    widths = "-".join(column.size.replace(" ", "") for column in columns)
    heading = title or f"{widths}, {count:,} parameters"
    ax.set_title(
        heading, fontsize=style.TITLE_SIZE, color=style.TEXT, y=1 - 0.32 / (tall + foot + head), pad=0
    )
    return finish("architecture", figure, path)


def _batch(model: Any, input_shape: Any) -> Any:
    import rushlight as rl

    if isinstance(input_shape, rl.Tensor):
        return input_shape
    shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
    return rl.from_numpy(np.zeros((1, *shape), dtype=precision(model)))


def _columns(model: Any, batch: Any) -> list[Column]:
    """Run one batch and note each innermost module as it is called."""
    columns = [Column("input", tuple(batch.shape[1:]))]

    def note(module: Any, inputs: Any, output: Any) -> None:
        shape = tuple(getattr(output, "shape", (1,))[1:])
        mixes = any(len(parameter.shape) > 1 for parameter in module.parameters())
        name = type(module).__name__
        if mixes or shape != columns[-1].shape:
            columns.append(Column(name, shape))
        elif name != "Identity":
            columns[-1].after.append(name)

    inner = [module for module in model.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(note) for module in inner]
    try:
        with evaluation(model):
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return columns


def _shown(column: Column, max_units: int) -> list[bool]:
    """One entry for each slot of the column: True for a unit, False for a dot of the gap."""
    if not column.flat:
        return []
    (width,) = column.shape
    if width <= max_units:
        return [True] * width
    ends = max(1, (max_units - 3) // 2)
    return [True] * ends + [False] * 3 + [True] * ends


def _places(column: Column, rows: list[bool], pitch: float) -> np.ndarray:
    """Heights of the units that are drawn; of a block, its two ends."""
    if not column.flat:
        return np.array([BLOCK / 2, -BLOCK / 2])
    heights = pitch * ((len(rows) - 1) / 2 - np.arange(len(rows)))
    return heights[np.array(rows, dtype=bool)]


def _links(
    ax: Axes, columns: Sequence[Column], places: Sequence[np.ndarray], left: float, apart: float, pitch: float
) -> None:
    from matplotlib.collections import LineCollection

    edge = [0.3 * pitch if column.flat else 0.2 for column in columns]
    starts, ends = left + edge[0], left + apart - edge[1]
    if columns[0].flat and columns[1].flat:
        lines = [[(starts, low), (ends, high)] for low in places[0] for high in places[1]]
    else:
        lines = [[(starts, places[0][side]), (ends, places[1][side])] for side in (0, -1)]
    strength = min(0.9, max(0.22, 12 / math.sqrt(len(lines)) / 10))
    ax.add_collection(LineCollection(lines, colors=style.FAINT, linewidths=0.5, alpha=strength, zorder=1))


def _units(ax: Axes, column: Column, rows: list[bool], places: np.ndarray, x: float, pitch: float) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, FancyBboxPatch

    if not column.flat:
        ax.add_patch(
            FancyBboxPatch(
                (x - 0.2, -BLOCK / 2),
                0.4,
                BLOCK,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=column.colour,
                edgecolor=style.TEXT,
                linewidth=0.9,
                zorder=2,
            )
        )
        return
    circles = [Circle((x, height), 0.36 * pitch) for height in places]
    ax.add_collection(
        PatchCollection(circles, facecolor=column.colour, edgecolor=style.TEXT, linewidths=0.7, zorder=2)
    )
    gap = pitch * ((len(rows) - 1) / 2 - np.flatnonzero(~np.array(rows, dtype=bool)))
    ax.plot([x] * len(gap), gap, ".", color=style.TEXT, markersize=3)


def _words(ax: Axes, column: Column, x: float, tall: float) -> None:
    look: dict[str, Any] = {"ha": "center", "fontsize": style.TICK_SIZE, "color": style.TEXT}
    ax.text(x, tall / 2 + 0.12, column.name, va="bottom", **look)
    ax.text(x, -tall / 2 - 0.12, column.size, va="top", fontweight="bold", **look)
    if column.after:
        ax.text(x, -tall / 2 - 0.3, "\n".join(column.after), va="top", linespacing=1.25, **look)
