"""Pictures of points in the unit square: the data, the predictions, and what a model thinks in between."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import colour_map, figure_of, finish, grid_of, legend_below, panel, style_axes
from rushlight.plot._host import classes_of, host, matching, points_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decision_boundary", "disk_data", "right_and_wrong", "true_vs_predicted"]

# Area one half of the unit square, so that the classes balance.
CENTRE = (0.5, 0.5)
RADIUS = 1 / math.sqrt(2 * math.pi)


def disk_data(
    points: Any,
    labels: Any,
    *,
    title: str | None = None,
    circle: bool = True,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """The points (N, 2), coloured by class, with the circle that divides the classes.

    Points are in [0, 1]², before normalising. ``labels`` are classes (N,) or (N, 1), or one-hot rows (N, 2).
    Raises ShapeError for other shapes or unequal lengths.

    >>> import rushlight as rl
    >>> figure = rl.plot.disk_data([[0.5, 0.5], [0.1, 0.9]], [1, 0])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['outside (1)', 'inside (1)', 'circle']
    """
    array, classes = points_of(points, "disk_data"), classes_of(labels, "disk_data")
    matching("disk_data", ("points", "labels"), array, classes)
    figure, ax = panel("disk_data", ax, style.SQUARE)
    _classes(ax, array, classes, title or f"{len(array)} points", circle)
    return finish("disk_data", figure, path)


def true_vs_predicted(
    points: Any,
    labels: Any,
    predicted: Any,
    *,
    circle: bool = True,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """The true classes on the left, the predicted ones on the right.

    ``points`` (N, 2) in [0, 1]²; ``labels`` and ``predicted`` as in `disk_data`. Raises ShapeError for
    other shapes or unequal lengths, DTypeError for predictions that are no whole classes.

    >>> import rushlight as rl
    >>> figure = rl.plot.true_vs_predicted([[0.5, 0.5], [0.1, 0.9]], [1, 0], [1, 1])
    >>> [ax.get_title() for ax in figure.axes]
    ['true classes', 'predicted classes']
    """
    array, true, guess = _checked("true_vs_predicted", points, labels, predicted)
    figure, (left, right) = grid_of("true_vs_predicted", 2, 2, style.SQUARE)
    _classes(left, array, true, "true classes", circle)
    _classes(right, array, guess, "predicted classes", circle)
    return finish("true_vs_predicted", figure, path)


def right_and_wrong(
    points: Any,
    labels: Any,
    predicted: Any,
    *,
    title: str | None = None,
    circle: bool = True,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Rightly classified points green, wrongly classified ones as red crosses; the error rate in the title.

    ``points`` (N, 2) in [0, 1]²; ``labels`` and ``predicted`` as in `disk_data`. Raises ShapeError for
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
    _square(ax, f"{title}: {rate}" if title else rate, circle)
    return finish("right_and_wrong", figure, path)


def decision_boundary(
    model: Callable[[Any], Any],
    normalise: Callable[[Any], Any] | tuple[Any, Any] | None = None,
    *,
    points: Any = None,
    labels: Any = None,
    output: Literal["probability", "logits"] = "probability",
    threshold: float = 0.5,
    resolution: int = 200,
    title: str | None = None,
    circle: bool = True,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """The probability of class 1 over the unit square, with the boundary where it crosses ``threshold``.

    ``model`` is a Module or any function from a Tensor (M, 2) to (M,), (M, 1) or (M, 2). ``normalise``
    says how points in [0, 1]² become inputs: a function of an array (M, 2), or the pair (mean, deviation).
    ``output="logits"`` applies sigmoid (one output) or softmax (two); otherwise one output is taken as
    the score of class 1, and of two scores a, b the probability is 1/2 + (b - a)/2. ``points`` and
    ``labels`` are drawn on top when given. A module is run in evaluation mode and left as it was.

    Raises ArgumentError for an unknown ``output`` or a resolution below 2, ShapeError for outputs of
    another shape.

    >>> import rushlight as rl
    >>> model = lambda x: rl.exp(-4 * ((x - 0.5) ** 2).sum(1))
    >>> figure = rl.plot.decision_boundary(model, resolution=20, title="a bell")
    >>> figure.axes[0].get_title()
    'a bell'
    """
    if output not in ("probability", "logits"):
        raise ArgumentError(
            message("plot.decision_boundary", f"output={output!r}", "'probability' or 'logits'")
        )
    if resolution < 2:
        raise ArgumentError(message("plot.decision_boundary", f"resolution={resolution}", "at least 2"))
    side = np.linspace(0.0, 1.0, resolution)
    square = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    scores = _scores(model, _normalised(normalise, square))
    chance = _probability(scores, len(square), output).reshape(resolution, resolution)

    figure, ax = panel("decision_boundary", ax, (style.SQUARE[0] + 0.9, style.SQUARE[1]))
    _map(ax, side, chance, threshold)
    if points is not None:
        array = points_of(points, "decision_boundary")
        classes = classes_of(labels if labels is not None else np.zeros(len(array)), "decision_boundary")
        matching("decision_boundary", ("points", "labels"), array, classes)
        _scatter(ax, array, classes, edge="white")
    _square(ax, title or "decision boundary", circle, _boundary_handle(threshold))
    return finish("decision_boundary", figure, path)


def _checked(op: str, points: Any, labels: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    array, true, guess = (
        points_of(points, op),
        classes_of(labels, op),
        classes_of(predicted, op, "predictions"),
    )
    matching(op, ("points", "labels", "predictions"), array, true, guess)
    return array, true, guess


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


def _classes(ax: Axes, points: np.ndarray, classes: np.ndarray, title: str, circle: bool) -> None:
    _scatter(ax, points, classes)
    _square(ax, title, circle)


def _scatter(ax: Axes, points: np.ndarray, classes: np.ndarray, edge: str = "none") -> None:
    names = {0: "outside", 1: "inside"}
    for index in sorted({0, 1} | {int(value) for value in classes}):
        mine = points[classes == index]
        ax.scatter(
            mine[:, 0],
            mine[:, 1],
            s=style.POINT_SIZE * 1.1,
            c=(style.CLASS_COLOURS + style.CYCLE[2:])[index % 7],
            marker=style.CLASS_MARKERS[index % 2],
            edgecolors=edge,
            linewidths=0.4 if edge != "none" else 0,
            label=f"{names.get(index, f'class {index}')} ({len(mine)})",
        )


def _square(ax: Axes, title: str, circle: bool, *more: Any) -> None:
    """The unit square with equal scales, the circle, and the legend under it."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle

    handles = [*ax.get_legend_handles_labels()[0], *more]
    if circle:
        ax.add_patch(Circle(CENTRE, RADIUS, fill=False, edgecolor=style.BLACK, linewidth=1.5, zorder=4))
        handles.append(Line2D([], [], color=style.BLACK, linewidth=1.5, label="circle"))
    ax.set_aspect("equal")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_yticks(np.linspace(0, 1, 6))
    style_axes(ax, title, "$x_1$", "$x_2$", grid=False)
    legend_below(ax, handles)


def _normalised(normalise: Callable[[Any], Any] | tuple[Any, Any] | None, square: np.ndarray) -> np.ndarray:
    if normalise is None:
        return square
    if callable(normalise):
        return host(normalise(square), "decision_boundary")
    mean, deviation = (host(part, "decision_boundary") for part in normalise)
    return np.asarray((square - mean) / deviation)


def _scores(model: Callable[[Any], Any], inputs: np.ndarray) -> np.ndarray:
    from rushlight.plot._model import evaluated

    return host(evaluated(model, inputs), "decision_boundary").astype(np.float64)


def _probability(scores: np.ndarray, count: int, output: str) -> np.ndarray:
    if scores.shape not in ((count,), (count, 1), (count, 2)):
        raise ShapeError(
            message(
                "plot.decision_boundary",
                f"an output of shape {scores.shape} for {count} points",
                f"({count},), ({count}, 1) or ({count}, 2)",
                "Draw a model with one output or two.",
            )
        )
    two = scores.shape == (count, 2)
    margin = scores[:, 1] - scores[:, 0] if two else scores.reshape(count)
    if output == "logits":
        # The sigmoid, in the form that cannot overflow.
        return np.asarray(0.5 * (1 + np.tanh(margin / 2)))
    return 0.5 + margin / 2 if two else margin


def _map(ax: Axes, side: np.ndarray, chance: np.ndarray, threshold: float) -> None:
    image = ax.imshow(
        np.clip(chance, 0, 1),
        origin="lower",
        extent=(0, 1, 0, 1),
        vmin=0,
        vmax=1,
        interpolation="bilinear",
        cmap=colour_map("probability", style.PROBABILITY_STOPS),
    )
    if chance.min() < threshold < chance.max():
        ax.contour(
            side, side, chance, levels=[threshold], colors=[style.WRONG], linewidths=2.0, linestyles="--"
        )
    bar: Any = figure_of(ax).colorbar(image, ax=ax, shrink=0.85, pad=0.03)
    bar.set_label("probability of inside", fontsize=style.LABEL_SIZE, color=style.TEXT)
    bar.ax.tick_params(labelsize=style.TICK_SIZE)
    bar.outline.set_visible(False)


def _boundary_handle(threshold: float) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], color=style.WRONG, linewidth=2.0, linestyle="--", label=f"boundary at {threshold:g}"
    )
