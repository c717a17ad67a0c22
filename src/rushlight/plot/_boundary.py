"""What a model thinks of every point of the plane: the score of a class, or the class, and the boundary."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import colour_map, figure_of, finish, panel
from rushlight.plot._host import coded, host
from rushlight.plot._plane import UNIT, Plane, class_colour, draw_points, first, frame, labelled, plane_of
from rushlight.plot._section import Features, Section, section_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decision_boundary"]

OP = "plot.decision_boundary"
OUTPUTS = ("probability", "logits", "signed")
NUMBERS = 1 << 20
"""So many numbers go into a model at once."""
NAMED = 6
"""So many classes are named twice, as points and as regions."""
PALE = 0.35
"""How much of a class's colour its region has, on white."""


def decision_boundary(
    model: Any,
    normalise: Callable[[Any], Any] | tuple[Any, Any] | None = None,
    *,
    points: Any = None,
    labels: Any = None,
    output: Literal["probability", "logits", "signed"] = "probability",
    threshold: float | None = None,
    resolution: int = 200,
    title: str | None = None,
    names: Sequence[str] | None = None,
    ranges: Any = None,
    circle: bool | None = None,
    features: Features = None,
    at: Any = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """What a model says over a plane of its inputs, and the boundary between its classes.

    model       a Module or any function from a Tensor (M, ...) to (M,), (M, 1) or (M, C), a Trainer of one, a
                model of `rl.tabular`, or an estimator with `predict_proba` or `predict`. With one output, or
                two, the score of class 1 is drawn; with more, the region of each class.
    normalise   how points become inputs: a function of an array (M, ...), or the pair (mean, deviation).
    points      drawn on top: an array, a frame, the pair (points, labels), or a data set, which brings its
                labels and the names of its classes. They decide the ranges: else it is the unit square.
    labels      the class of each point: its index, or its name, whose index is its place in ``names`` or,
                without these, in alphabetical order, as scikit-learn and `rl.tabular` number classes.
    features    which two of more inputs span the plane, by place or by a frame's column; the others are held
                at the values ``at``, by default their means. "pca", the default for more than two inputs: the
                plane of the two principal components of the standardised points, through their mean. Points
                lie off such a plane, so that a model may say of one other than what its place shows.
    output      "probability": one output is the probability of class 1, and of two scores a, b it is
                1/2 + (b - a)/2. "logits": sigmoid (one output) or softmax (two) makes it. "signed": one
                output from -1 to 1, such as tanh gives, which is no probability and is not called one.
    threshold   where the boundary is: 0.5, or 0 for "signed".
    names       of the classes; ranges ((x from, to), (y from, to)): in the place of the data's.
    circle      whether the circle of `rl.data.Disk` is drawn; by default, if the data are the disk's.

    A module is run in evaluation mode and left as it was. Raises ArgumentError for what is no model, an
    unknown ``output`` or feature, or a resolution below 2, ShapeError for outputs of another shape.

    >>> import rushlight as rl
    >>> model = lambda x: rl.exp(-4 * ((x - 0.5) ** 2).sum(1))
    >>> figure = rl.plot.decision_boundary(model, resolution=20, title="a bell")
    >>> figure.axes[0].get_title(), figure.axes[1].get_ylabel()
    ('a bell', 'probability of class 1')
    """
    if output not in OUTPUTS:
        raise ArgumentError(message(OP, f"output={output!r}", "'probability', 'logits' or 'signed'"))
    if resolution < 2:
        raise ArgumentError(message(OP, f"resolution={resolution}", "at least 2"))
    labels, names = coded(labels, names, "decision_boundary")
    array, classes = labelled("decision_boundary", points, labels, wide=True)
    section = _section(array, first(points), features, at)
    if section is not None:
        array = section.points
    if normalise is None and hasattr(points, "points") and hasattr(points, "normalise"):
        normalise = points.normalise
    options: dict[str, Any] = {"circle": circle, "names": names, "ranges": ranges, "normalise": normalise}
    if section is not None:
        options |= {"circle": bool(circle), "axes": section.axes}
    plane = plane_of(first(points), array, classes, **options)
    spans = ((0.0, 1.0), (0.0, 1.0)) if plane.ranges == UNIT else plane.ranges
    sides = [np.linspace(low, high, resolution) for low, high in spans]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    columns = [] if points is None else list(getattr(first(points), "columns", ()))
    scores = _scores(model, grid, section, normalise, columns)
    figure, ax = panel("decision_boundary", ax, (style.SQUARE[0] + 0.9, style.SQUARE[1]))
    if scores.ndim == 2 and scores.shape[1] > 2:
        best = scores.argmax(axis=1).reshape(resolution, resolution)
        more = _regions(ax, sides, best, scores.shape[1], plane)
        if scores.shape[1] > NAMED and array is not None:
            more = []  # the points have the same colours and names
    else:
        line = threshold if threshold is not None else 0.0 if output == "signed" else 0.5
        score = _score_of_one(scores, len(grid), output).reshape(resolution, resolution)
        more = _map(ax, sides, score, line, output == "signed", plane)
    if array is not None:
        draw_points(ax, array, np.zeros(len(array), np.int64) if classes is None else classes, plane, "white")
    frame(ax, title or "decision boundary", plane, *more)
    return finish("decision_boundary", figure, path)


def _normalised(normalise: Callable[[Any], Any] | tuple[Any, Any] | None, grid: np.ndarray) -> np.ndarray:
    if normalise is None:
        return grid
    if callable(normalise):
        return host(normalise(grid), "decision_boundary")
    mean, deviation = (host(part, "decision_boundary") for part in normalise)
    return np.asarray((grid - mean) / deviation)


def _section(array: np.ndarray | None, points: Any, features: Features, at: Any) -> Section | None:
    """The plane through inputs that are not the two coordinates themselves."""
    if array is None:
        if features is None and at is None:
            return None
        raise ArgumentError(message(OP, "features without points", "both", "Pass the data as points."))
    if features is None and at is None and array.ndim == 2 and array.shape[1] == 2:
        return None
    return section_of(OP, array, features, at, list(getattr(points, "columns", ())))


def _scores(
    model: Any, grid: np.ndarray, section: Section | None, normalise: Any, columns: Sequence[Any]
) -> np.ndarray:
    """What the model says of every point of the grid; not of all at once, for inputs may be wide."""
    from rushlight.plot._model import evaluated

    wide = 2 if section is None else section.inputs(grid[:1]).size
    rows = max(NUMBERS // wide, 1)
    parts = []
    for start in range(0, len(grid), rows):
        part = grid[start : start + rows]
        inputs = _normalised(normalise, part if section is None else section.inputs(part))
        found = host(evaluated("decision_boundary", model, inputs, columns), "decision_boundary").astype(
            np.float64
        )
        if found.shape[:1] != (len(inputs),) or found.ndim > 2:
            got = f"an output of shape {found.shape} for {len(inputs)} points"
            expected = f"({len(inputs)},) or ({len(inputs)}, classes)"
            raise ShapeError(message(OP, got, expected, "Draw a model that gives a row for each point."))
        parts.append(found)
    return np.concatenate(parts)


def _score_of_one(scores: np.ndarray, count: int, output: str) -> np.ndarray:
    """The probability of class 1, or the one signed output."""
    two = scores.shape == (count, 2)
    if two and output == "signed":
        raise ShapeError(message(OP, "two outputs that are signed", "one", 'Use output="probability".'))
    margin = scores[:, 1] - scores[:, 0] if two else scores.reshape(count)
    if output == "logits":
        # The sigmoid, in the form that cannot overflow.
        return np.asarray(0.5 * (1 + np.tanh(margin / 2)))
    return 0.5 + margin / 2 if two else margin


def _map(
    ax: Axes, sides: list[np.ndarray], score: np.ndarray, threshold: float, signed: bool, plane: Plane
) -> list[Any]:
    """The score of class 1 as colours, with a bar that says what it is; gives what the legend names."""
    from matplotlib.lines import Line2D

    low = -1.0 if signed else 0.0
    height = float(np.ptp(sides[1]) / np.ptp(sides[0]))  # of the panel, whose scales are equal
    image = ax.imshow(
        np.clip(score, low, 1),
        origin="lower",
        extent=(sides[0][0], sides[0][-1], sides[1][0], sides[1][-1]),
        vmin=low,
        vmax=1,
        interpolation="bilinear",
        cmap=colour_map("probability", style.PROBABILITY_STOPS),
    )
    if score.min() < threshold < score.max():
        ax.contour(*sides, score, levels=[threshold], colors=[style.WRONG], linewidths=2.0, linestyles="--")
    bar: Any = figure_of(ax).colorbar(image, ax=ax, shrink=0.85 * min(height, 1.0), pad=0.03)
    text = f"output: -1 {plane.name(0)}, 1 {plane.name(1)}" if signed else f"probability of {plane.name(1)}"
    bar.set_label(text, fontsize=style.LABEL_SIZE, color=style.TEXT)
    bar.ax.tick_params(labelsize=style.TICK_SIZE)
    bar.outline.set_visible(False)
    label = f"boundary at {threshold:g}"
    return [Line2D([], [], color=style.WRONG, linewidth=2.0, linestyle="--", label=label)]


def _regions(ax: Axes, sides: list[np.ndarray], best: np.ndarray, count: int, plane: Plane) -> list[Any]:
    """The region of each class in its colour, and the lines between them; gives what the legend names."""
    from matplotlib.colors import ListedColormap, to_rgb
    from matplotlib.patches import Patch

    pale = [1 - PALE * (1 - np.array(to_rgb(class_colour(i)))) for i in range(count)]
    ax.imshow(
        best,
        origin="lower",
        extent=(sides[0][0], sides[0][-1], sides[1][0], sides[1][-1]),
        vmin=-0.5,
        vmax=count - 0.5,
        interpolation="nearest",
        cmap=ListedColormap(pale),
    )
    for index in np.unique(best):
        mine = (best == index).astype(float)
        if mine.min() < mine.max():
            ax.contour(*sides, mine, levels=[0.5], colors=[style.BLACK], linewidths=1.0)
    return [Patch(color=pale[i], label=f"predicted {plane.name(i)}") for i in range(count)]
