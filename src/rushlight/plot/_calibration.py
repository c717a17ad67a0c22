"""Whether probabilities are what they say: of what is called 80 % sure, about 80 % should come true."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, legend_below, panel, style_axes
from rushlight.plot._host import classes_of, host, matching

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["calibration"]

OP = "plot.calibration"


@dataclass(frozen=True)
class Reliability:
    """Of each bin that holds samples: the mean probability, the share that came true, and how many there are.
    error  the mean gap between the two, weighed by the samples (the expected calibration error)."""

    said: np.ndarray
    true: np.ndarray
    count: np.ndarray
    error: float


def calibration(
    y_true: Any,
    probabilities: Any,
    *,
    bins: int = 10,
    strategy: Literal["uniform", "quantile"] = "uniform",
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """The reliability diagram: how often came true what was given a probability, and how often it was given.

    ``y_true`` are classes (N,) or (N, 1), or one-hot rows; two classes may be -1 and 1. ``probabilities`` are
    those of class 1, (N,) or (N, 1), or of every class, (N, C). Of two classes that of class 1 is judged;
    of more, that of the class which is predicted, against how often the prediction is right. A mapping from
    names to probabilities draws several models.

    Samples are put into ``bins`` of equal width, or of equally many samples (``strategy="quantile"``). Bars
    are 95 % intervals of the share (Wilson, 1927). ECE, the expected calibration error, is the mean gap
    between both, weighed by the samples (Naeini, Cooper and Hauskrecht, 2015). The histogram below is left
    out where ``ax`` is given.

    Raises ArgumentError for numbers that are no probabilities (logits, say), ShapeError for other shapes.

    >>> import rushlight as rl
    >>> figure = rl.plot.calibration([0, 0, 1, 1, 1], [0.1, 0.1, 0.6, 0.9, 0.9], title="a forest")
    >>> figure.axes[0].get_title()
    'a forest: ECE 0.160'
    """
    if bins < 1 or strategy not in ("uniform", "quantile"):
        got = f"bins={bins}, strategy={strategy!r}"
        raise ArgumentError(message(OP, got, "at least one bin, 'uniform' or 'quantile'"))
    several = isinstance(probabilities, Mapping)
    models = dict(probabilities) if several else {"": probabilities}
    if not models:
        raise ArgumentError(message(OP, "no models", "at least one"))
    wide = False
    found, given = {}, {}
    for name, rows in models.items():
        came, said, multi = _judged(y_true, rows)
        wide = wide or multi
        given[str(name)], found[str(name)] = said, _reliability(came, said, bins, strategy)
    own = ax is None
    figure, ax = panel("calibration", ax, (style.SQUARE[0], style.SQUARE[1] + 0.6))
    ax.plot([0, 1], [0, 1], "--", color=style.FAINT, linewidth=1.2, label="perfectly calibrated")
    for place, (name, curve) in enumerate(found.items()):
        _draw(ax, place, name, curve, bars=len(found) == 1)
    heading = title if several else f"{title}: {_error(found[''])}" if title else _error(found[""])
    names = (
        ("confidence: probability of the predicted class", "accuracy")
        if wide
        else ("probability of class 1", "fraction of class 1")
    )
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_aspect("equal")
    style_axes(ax, heading, "" if own else names[0], names[1])
    if own:
        _histogram(ax, given, names[0])
    legend_below(ax, gap=108 if own else 36)
    return finish("calibration", figure, path)


def _judged(y_true: Any, probabilities: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Whether each sample came true, what was said of it, and whether there are more than two classes."""
    said = host(probabilities, "calibration").astype(np.float64)
    if said.ndim == 2 and said.shape[1] == 1:
        said = said[:, 0]
    if said.ndim not in (1, 2) or not said.size:
        got = f"probabilities of shape {said.shape}"
        raise ShapeError(message(OP, got, "(N,), (N, 1) or (N, classes), at least one"))
    classes = classes_of(y_true, "calibration")
    matching("calibration", ("classes", "probabilities"), classes, said)
    if not ((said >= 0) & (said <= 1)).all():
        odd = said[~((said >= 0) & (said <= 1))][0]
        remedy = "Turn logits into probabilities first: sigmoid() of one output, softmax(1) of several."
        raise ArgumentError(message(OP, f"the probability {odd:g}", "numbers from 0 to 1", remedy))
    if said.ndim == 2 and said.shape[1] > 2:
        return classes == said.argmax(axis=1), said.max(axis=1), True
    if not set(np.unique(classes)) <= {0, 1} and not set(np.unique(classes)) <= {-1, 1}:
        got = f"classes {np.unique(classes)[:5].tolist()} for probabilities of {min(said.ndim, 2)} class"
        remedy = "For more classes pass the probabilities of all, (N, classes)."
        raise ArgumentError(message(OP, got, "classes 0 and 1", remedy))
    return classes > 0, said[:, 1] if said.ndim == 2 else said, False


def _reliability(came: np.ndarray, said: np.ndarray, bins: int, strategy: str) -> Reliability:
    if strategy == "quantile":
        edges = np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1])
        place = np.searchsorted(np.unique(edges), said, side="right")
    else:
        place = np.minimum((said * bins).astype(np.int64), bins - 1)
    count = np.bincount(place)
    there = count > 0
    shares, means = (
        np.bincount(place, weights=values)[there] / count[there] for values in (came.astype(float), said)
    )
    count = count[there]
    error = float((count * np.abs(shares - means)).sum() / count.sum())
    return Reliability(means, shares, count, error)


def _wilson(share: np.ndarray, count: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """The interval that a share of `count` samples leaves open; unlike share ± deviation it is in [0, 1]."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.maximum(middle - reach, 0), np.minimum(middle + reach, 1)


def _draw(ax: Axes, place: int, name: str, curve: Reliability, bars: bool) -> None:
    colour = style.CYCLE[place % len(style.CYCLE)]
    marker = style.CLASS_MARKERS[place % len(style.CLASS_MARKERS)]
    if bars:
        low, high = _wilson(curve.true, curve.count)
        # Rounding may put a share of 0 or 1 a hair outside its interval.
        away = np.maximum([curve.true - low, high - curve.true], 0)
        ax.errorbar(curve.said, curve.true, yerr=away, fmt="none", color=colour, capsize=3, linewidth=1.0)
    label = f"{name}, {_error(curve)}" if name else "observed, with 95 % interval"
    line = style.LINE_STYLES[place % len(style.LINE_STYLES)]
    ax.plot(
        curve.said, curve.true, line, marker=marker, color=colour, linewidth=1.8, markersize=5, label=label
    )


def _histogram(ax: Axes, given: Mapping[str, np.ndarray], xlabel: str) -> None:
    """How often each probability was given, below the diagram and on its x axis."""
    below = ax.inset_axes((0.0, -0.24, 1.0, 0.17))
    for place, said in enumerate(given.values()):
        colour = style.CYCLE[place % len(style.CYCLE)]
        line = style.LINE_STYLES[place % len(style.LINE_STYLES)]
        look: dict[str, Any] = (
            {"histtype": "step", "linewidth": 1.4, "linestyle": line, "color": colour}
            if len(given) > 1
            else {"color": colour, "alpha": 0.8, "rwidth": 0.9}
        )
        below.hist(said, bins=20, range=(0, 1), **look)
    below.set_xlim(*ax.get_xlim())
    style_axes(below, xlabel=xlabel, ylabel="samples", grid=False)
    below.locator_params(axis="y", nbins=3)
    ax.tick_params(labelbottom=False)


def _error(curve: Reliability) -> str:
    return f"ECE {curve.error:.3f}"
