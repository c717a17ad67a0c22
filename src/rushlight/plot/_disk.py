"""Pictures of points of the plane: the data, and the predictions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ArgumentError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, grid_of, panel
from rushlight.plot._host import classes_of, matching
from rushlight.plot._plane import draw_points, frame, labelled, plane_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["disk_data", "right_and_wrong", "true_vs_predicted"]


def disk_data(
    points: Any,
    labels: Any = None,
    *,
    title: str | None = None,
    circle: bool | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """The points (N, 2), coloured by class, with the circle that divides the classes of the disk.

    ``labels`` are classes (N,) or (N, 1), or one-hot rows (N, C); a data set as ``points`` brings its own.
    The circle is drawn where the data are the disk's, in [0, 1]² before normalising, or as ``circle`` says.
    Raises ShapeError for other shapes or unequal lengths.

    >>> import rushlight as rl
    >>> figure = rl.plot.disk_data([[0.5, 0.5], [0.1, 0.9]], [1, 0])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['outside (1)', 'inside (1)', 'circle']
    """
    array, classes = _both("disk_data", points, labels)
    plane = plane_of(points, array, classes, circle=circle)
    figure, ax = panel("disk_data", ax, style.SQUARE)
    draw_points(ax, array, classes, plane)
    frame(ax, title or f"{len(array)} points", plane)
    return finish("disk_data", figure, path)


def true_vs_predicted(
    points: Any,
    labels: Any,
    predicted: Any,
    *,
    circle: bool | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """The true classes on the left, the predicted ones on the right.

    ``points`` (N, 2), ``labels``, ``predicted`` and ``circle`` as in `disk_data`. Raises ShapeError for
    other shapes or unequal lengths, DTypeError for predictions that are no whole classes.

    >>> import rushlight as rl
    >>> figure = rl.plot.true_vs_predicted([[0.5, 0.5], [0.1, 0.9]], [1, 0], [1, 1])
    >>> [ax.get_title() for ax in figure.axes]
    ['true classes', 'predicted classes']
    """
    array, true, guess = _checked("true_vs_predicted", points, labels, predicted)
    figure, (left, right) = grid_of("true_vs_predicted", 2, 2, style.SQUARE)
    plane = plane_of(points, array, true, circle=circle)
    for place, classes, title in ((left, true, "true classes"), (right, guess, "predicted classes")):
        draw_points(place, array, classes, plane)
        frame(place, title, plane)
    return finish("true_vs_predicted", figure, path)


def right_and_wrong(
    points: Any,
    labels: Any,
    predicted: Any,
    *,
    title: str | None = None,
    circle: bool | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Rightly classified points green, wrongly classified ones as red crosses; the error rate in the title.

    ``points`` (N, 2), ``labels``, ``predicted`` and ``circle`` as in `disk_data`. Raises ShapeError for
    other shapes or unequal lengths, DTypeError for predictions that are no whole classes.

    >>> import rushlight as rl
    >>> figure = rl.plot.right_and_wrong([[0.5, 0.5], [0.1, 0.9]], [1, 0], [1, 1], title="tanh")
    >>> figure.axes[0].get_title()
    'tanh: error 50.0 % (1 of 2)'
    """
    array, true, guess = _checked("right_and_wrong", points, labels, predicted)
    wrong = true != guess
    figure, ax = panel("right_and_wrong", ax, style.SQUARE)
    right_points, wrong_points = array[~wrong], array[wrong]
    ax.scatter(
        right_points[:, 0],
        right_points[:, 1],
        s=style.POINT_SIZE,
        c=style.RIGHT,
        marker="o",
        linewidths=0,
        label=f"right ({len(right_points)})",
    )
    ax.scatter(
        wrong_points[:, 0],
        wrong_points[:, 1],
        s=3 * style.POINT_SIZE,
        c=style.WRONG,
        marker="x",
        linewidths=1.6,
        label=f"wrong ({len(wrong_points)})",
        zorder=3,
    )
    rate = f"error {_percent(int(wrong.sum()), len(wrong))} ({wrong.sum()} of {len(wrong)})"
    frame(ax, f"{title}: {rate}" if title else rate, plane_of(points, array, true, circle=circle))
    return finish("right_and_wrong", figure, path)


def _both(op: str, points: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    array, classes = labelled(op, points, labels)
    if array is None or classes is None:
        remedy = "Pass the class of each point, or a data set that has them."
        raise ArgumentError(message(f"plot.{op}", "points without labels", "both", remedy))
    return array, classes


def _checked(op: str, points: Any, labels: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    array, true = _both(op, points, labels)
    guess = classes_of(predicted, op, "predictions")
    matching(op, ("points", "labels", "predictions"), array, true, guess)
    return array, true, guess


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"
