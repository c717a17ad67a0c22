"""Grids of pictures: samples of a data set, and the ones that a model got wrong."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.plot import style
from rushlight.plot._figure import finish, grid_of, new_figure
from rushlight.plot._host import classes_of, host, images_of, matching

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["digits", "misclassified"]

TILE = (1.25, 1.5)


def digits(
    images: Any,
    labels: Any = None,
    *,
    n: int = 25,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """The first ``n`` pictures, each under its class.

    ``images``: (N, H, W), (N, 1, H, W) or (N, H*W), on any scale of grey, dark on white. ``labels``:
    (N,). ``classes`` names the classes. Raises ShapeError for other shapes, ArgumentError when n < 1.

    >>> import numpy as np, rushlight as rl
    >>> figure = rl.plot.digits(np.eye(4).reshape(1, 16), [7])
    >>> figure.axes[0].get_title()
    '7'
    """
    pictures = images_of(images, "digits")[: _count("digits", n)]
    captions = [""] * len(pictures)
    if labels is not None:
        kinds = classes_of(labels, "digits")
        matching("digits", ("images", "labels"), images_of(images, "digits"), kinds)
        captions = [_name(int(kind), classes) for kind in kinds[:n]]
    return finish("digits", _grid("digits", pictures, captions, title or "", TILE), path)


def misclassified(
    images: Any,
    labels: Any,
    predicted: Any,
    probabilities: Any = None,
    *,
    n: int = 25,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Up to ``n`` wrongly classified pictures, with the true and the predicted class.

    ``images`` as in `digits`; ``labels``, ``predicted``: (N,). With ``probabilities``, (N, C) or (N,) of
    the predicted class, the most confident mistakes come first and the captions show their probability.
    Raises ShapeError for other shapes or unequal lengths, ArgumentError when n < 1.

    >>> import numpy as np, rushlight as rl
    >>> figure = rl.plot.misclassified(np.zeros((2, 4, 4)), [3, 8], [3, 5], [0.9, 0.6])
    >>> figure.axes[0].get_title()
    'true 8\\nsaid 5, 60 %'
    """
    pictures, true = images_of(images, "misclassified"), classes_of(labels, "misclassified")
    guess = classes_of(predicted, "misclassified", "predictions")
    matching("misclassified", ("images", "labels", "predictions"), pictures, true, guess)
    wrong = np.flatnonzero(true != guess)
    chance = _chance(probabilities, guess)
    if chance is not None:
        wrong = wrong[np.argsort(-chance[wrong], kind="stable")]
    shown = wrong[: _count("misclassified", n)]
    captions = []
    for place in shown:
        sure = "" if chance is None else f", {100 * chance[place]:.0f} %"
        truth, said = (_name(int(kinds[place]), classes) for kinds in (true, guess))
        captions.append(f"true {truth}\nsaid {said}{sure}")
    part = f", {len(shown)} shown" if len(shown) < len(wrong) else ""
    heading = title or f"{len(wrong)} of {len(true)} wrong{part}"
    width = max((len(line) for caption in captions for line in caption.split("\n")), default=0)
    tile = (max(TILE[0], 0.085 * width), 1.75)
    return finish("misclassified", _grid("misclassified", pictures[shown], captions, heading, tile), path)


def _count(op: str, n: int) -> int:
    if n < 1:
        raise ArgumentError(message(f"plot.{op}", f"n={n}", "at least 1"))
    return n


def _name(kind: int, classes: Sequence[str] | None) -> str:
    return str(kind) if classes is None or kind >= len(classes) else str(classes[kind])


def _chance(probabilities: Any, guess: np.ndarray) -> np.ndarray | None:
    """The probability of each predicted class."""
    if probabilities is None:
        return None
    array = host(probabilities, "misclassified")
    if array.ndim not in (1, 2) or len(array) != len(guess):
        raise ShapeError(
            message(
                "plot.misclassified",
                f"probabilities of shape {array.shape} for {len(guess)} images",
                "shape (N,) or (N, classes)",
                "Pass one row of probabilities for each image.",
            )
        )
    return array if array.ndim == 1 else np.asarray(array[np.arange(len(guess)), guess])


def _grid(
    op: str, pictures: np.ndarray, captions: Sequence[str], title: str, tile: tuple[float, float]
) -> Figure:
    if not len(pictures):
        figure = new_figure(op, 4.0, 1.2)
        figure.text(
            0.5, 0.35, "no picture to show", ha="center", fontsize=style.LABEL_SIZE, color=style.FAINT
        )
    else:
        columns = min(8, int(np.ceil(np.sqrt(len(pictures)))))
        figure, places = grid_of(op, len(pictures), columns, tile)
        for ax, picture, caption in zip(places, pictures, captions, strict=True):
            ax.imshow(picture, cmap="gray_r", interpolation="nearest")
            ax.set_title(caption, fontsize=style.SMALL_SIZE, color=style.TEXT)
            ax.set_xticks([])
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_color(style.GRID)
    if title:
        figure.suptitle(title, fontsize=style.TITLE_SIZE, color=style.TEXT)
    return figure
