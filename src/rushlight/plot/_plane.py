"""Points of the plane and their classes: where they lie, what they are called, and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.plot import style
from rushlight.plot._figure import legend_below, style_axes
from rushlight.plot._host import classes_of, host, matching, points_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plane", "class_colour", "draw_points", "first", "frame", "labelled", "plane_of"]

# Area one half of the unit square, so that the classes balance.
CENTRE = (0.5, 0.5)
RADIUS = 1 / math.sqrt(2 * math.pi)
UNIT = ((-0.02, 1.02), (-0.02, 1.02))
MARGIN = 0.06
COLOURS = (*style.CLASS_COLOURS, *style.CYCLE[2:])


@dataclass(frozen=True)
class Plane:
    """ranges  of the two coordinates; names  of the classes, as far as known; axes  names of the coordinates.
    disk    whether the classes are those of `rl.data.Disk`, and the circle is to be seen.
    """

    ranges: tuple[tuple[float, float], tuple[float, float]]
    names: Sequence[str]
    axes: tuple[str, str]
    disk: bool

    def name(self, index: int) -> str:
        """What class `index` is called."""
        return str(self.names[index]) if index < len(self.names) else f"class {index}"


def class_colour(index: int) -> str:
    """The colour of a class: after those of the cycle paler ones, then darker ones."""
    turn, place = divmod(index, len(COLOURS))
    if not turn:
        return COLOURS[place]
    other = 255 if turn % 2 else 0
    parts = (int(COLOURS[place][i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(0.55 * part + 0.45 * other):02X}" for part in parts)


def first(points: Any) -> Any:
    """The points, alone or of a pair (points, labels)."""
    return points[0] if _is_pair(points) else points


def _is_pair(points: Any) -> bool:
    return isinstance(points, tuple | list) and len(points) == 2 and np.ndim(points[0]) >= 2


def labelled(
    op: str, points: Any, labels: Any, wide: bool = False
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Points (N, 2) and their classes (N,), from arrays, or both from a pair of arrays or a data set.

    wide  points may have any number of inputs.
    """
    if _is_pair(points):
        points, labels = points[0], points[1] if labels is None else labels
    points, labels = _of_data_set(points, labels)
    array = None if points is None else host(points, op) if wide else points_of(points, op)
    classes = None if labels is None else classes_of(_unsigned(host(labels, op)), op)
    if array is not None and classes is not None:
        matching(op, ("points", "labels"), array, classes)
    return array, classes


def _of_data_set(points: Any, labels: Any) -> tuple[Any, Any]:
    from rushlight.data import Dataset

    if not isinstance(points, Dataset):
        return points, labels
    raw = getattr(points, "points", None)
    if raw is not None:  # the disk: as the points are, before normalising
        return raw, getattr(points, "labels", None) if labels is None else labels
    batch = points.slice(0, len(points))
    inputs, *rest = batch if isinstance(batch, (tuple, list)) else (batch,)
    return inputs, rest[-1] if labels is None and rest else labels


def _unsigned(labels: np.ndarray) -> np.ndarray:
    """Classes -1 and 1 as 0 and 1."""
    column = labels.reshape(-1)
    return (labels > 0).astype(np.int64) if column.size and set(np.unique(column)) <= {-1, 1} else labels


def plane_of(
    points: Any,
    array: np.ndarray | None,
    classes: np.ndarray | None,
    *,
    circle: bool | None = None,
    names: Sequence[str] | None = None,
    ranges: Any = None,
    normalise: Any = None,
    axes: tuple[str, str] | None = None,
) -> Plane:
    """The plane that the data ask for. `points` as they were given, for the names that they may carry."""
    disk = _is_disk(points, array, classes, normalise) if circle is None else circle
    if ranges is not None:
        (a, b), (c, d) = ranges
        found = ((float(a), float(b)), (float(c), float(d)))
    elif array is None or disk or not len(array):
        found = UNIT
    else:
        low, high = array.min(axis=0).astype(float), array.max(axis=0).astype(float)
        pad = np.where(high > low, (high - low) * MARGIN, 0.5)
        (a, c), (b, d) = (low - pad).tolist(), (high + pad).tolist()
        found = ((a, b), (c, d))
    known = names if names is not None else getattr(points, "classes", None)
    known = ("outside", "inside") if known is None and disk else known or ()
    columns = [str(c) for c in getattr(points, "columns", ())]
    if axes is None:
        axes = (columns[0], columns[1]) if len(columns) == 2 else ("$x_1$", "$x_2$")
    return Plane(found, tuple(known), axes, disk)


def _is_disk(points: Any, array: np.ndarray | None, classes: np.ndarray | None, normalise: Any) -> bool:
    """Whether the data are the disk's: by their kind, or because every label is what the disk says."""
    from rushlight.data import Disk

    if isinstance(points, Disk) or isinstance(getattr(normalise, "__self__", None), Disk):
        return True
    if array is None or classes is None or not len(array) or array.min() < 0 or array.max() > 1:
        return False
    offset = array.astype(np.float64) - CENTRE
    distance = np.square(offset).sum(axis=1) - RADIUS**2
    clear = np.abs(distance) > 1e-6  # float32 may have rounded a point across the circle
    return bool(((distance <= 0).astype(np.int64) == classes)[clear].all())


def draw_points(ax: Axes, points: np.ndarray, classes: np.ndarray, plane: Plane, edge: str = "none") -> None:
    """The points, coloured and marked by class, with their numbers for the legend."""
    for index in sorted({int(value) for value in classes} | set(range(len(plane.names) or 2))):
        mine = points[classes == index]
        ax.scatter(
            mine[:, 0],
            mine[:, 1],
            s=style.POINT_SIZE * 1.1,
            c=class_colour(index),
            marker=style.CLASS_MARKERS[index % len(style.CLASS_MARKERS)],
            edgecolors=edge,
            linewidths=0.4 if edge != "none" else 0,
            label=f"{plane.name(index)} ({len(mine)})",
        )


def frame(ax: Axes, title: str, plane: Plane, *more: Any) -> None:
    """Ranges, title, the circle of the disk, and the legend under it."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle

    handles = [*ax.get_legend_handles_labels()[0], *more]
    if plane.disk:
        ax.add_patch(Circle(CENTRE, RADIUS, fill=False, edgecolor=style.BLACK, linewidth=1.5, zorder=4))
        handles.append(Line2D([], [], color=style.BLACK, linewidth=1.5, label="circle"))
    (left, right), (low, high) = plane.ranges
    widths = sorted((right - left, high - low))
    ax.set_aspect("equal" if widths[1] <= 2.5 * widths[0] else "auto")
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)
    if plane.ranges == UNIT:
        ax.set_xticks(np.linspace(0, 1, 6))
        ax.set_yticks(np.linspace(0, 1, 6))
    style_axes(ax, title, *plane.axes, grid=False)
    legend_below(ax, handles)
