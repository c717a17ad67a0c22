"""A plane through inputs of any number: two of them, the others held, or their two principal components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rushlight.errors import ArgumentError, ShapeError, message

__all__ = ["Features", "Section", "section_of"]

Features = Sequence[int | str] | Literal["pca"] | None
ROWS = 1000
"""From so many rows, evenly taken, the components are found: more change little, and cost by the square."""


@dataclass(frozen=True)
class Section:
    """points  the samples as points of the plane, (N, 2); axes  what its coordinates are called.
    inputs  gives, for points of the plane (M, 2), the inputs (M, ...) that lie there."""

    points: np.ndarray
    axes: tuple[str, str]
    inputs: Callable[[np.ndarray], np.ndarray]


def section_of(op: str, array: np.ndarray, features: Features, at: Any, columns: Sequence[str]) -> Section:
    """The plane of two `features` (places or names), the others held at `at` (by default their means), or of
    the two principal components. `array` holds the samples, (N, ...); `columns` may name the inputs.

    Raises ShapeError for samples of fewer than two numbers, ArgumentError for features that are not there.
    """
    shape, flat = array.shape[1:], array.reshape(len(array), -1).astype(np.float64)
    if len(flat) < 1 or flat.shape[1] < 2:
        raise ShapeError(
            message(op, f"points of shape {array.shape}", "samples of at least two numbers each")
        )
    centre = flat.mean(axis=0)
    if features == "pca" or features is None:
        if at is not None:
            raise ArgumentError(message(op, "`at` without `features`", "both, or neither"))
        axes, spread, shares = _components(flat, centre)
        names = [f"component {i + 1} ({100 * share:.0f} % of the variance)" for i, share in enumerate(shares)]
        flat_of = _Affine(centre, axes * spread)
        points = (flat - centre) / spread @ axes.T
    else:
        i, j = _places(op, features, columns, flat.shape[1])
        held = centre if at is None else np.asarray(at, dtype=np.float64).reshape(-1)
        if held.shape != centre.shape:
            raise ShapeError(message(op, f"{held.size} values in `at`", f"{centre.size}, one for each input"))
        names = [str(columns[k]) if k < len(columns) else f"input {k}" for k in (i, j)]
        ways = np.zeros((2, len(held)))
        ways[0, i] = ways[1, j] = 1
        flat_of = _Affine(np.where(ways.any(axis=0), 0.0, held), ways)
        points = flat[:, [i, j]]
    return Section(points, (names[0], names[1]), lambda grid: flat_of(grid).reshape(len(grid), *shape))


@dataclass(frozen=True)
class _Affine:
    """origin + grid @ ways."""

    origin: np.ndarray
    ways: np.ndarray

    def __call__(self, grid: np.ndarray) -> np.ndarray:
        return self.origin + grid @ self.ways


def _components(flat: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two principal directions of the standardised inputs, (2, D), the deviations that standardise them,
    and the directions' shares of the variance. So the unit of an input does not matter."""
    spread = flat.std(axis=0)
    spread[spread == 0] = 1.0
    step = -(-len(flat) // ROWS)
    rows = ((flat - centre) / spread)[::step]
    rows = rows - rows.mean(axis=0)
    # The smaller of the two products has the same spectrum.
    by_rows = len(rows) < rows.shape[1]
    variances, vectors = np.linalg.eigh(rows @ rows.T if by_rows else rows.T @ rows)
    two = vectors[:, [-1, -2]] if len(variances) > 1 else np.zeros((len(variances), 2))
    axes = (two.T @ rows) if by_rows else two.T
    sizes = np.linalg.norm(axes, axis=1, keepdims=True)
    axes = axes / np.where(sizes > 0, sizes, 1.0)
    # A direction is known up to its sign: the largest entry is made positive.
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.where(axes[[0, 1], largest] < 0, -1.0, 1.0)[:, None]
    total = max(float(variances.sum()), np.finfo(np.float64).tiny)
    shares = np.maximum(variances[::-1][:2], 0) / total
    return axes, spread, np.resize(shares, 2)


def _places(op: str, features: Any, columns: Sequence[str], count: int) -> tuple[int, int]:
    expected = "two different inputs, by place or by a frame's column, or 'pca'"
    if isinstance(features, str) or not isinstance(features, Sequence) or len(features) != 2:
        raise ArgumentError(message(op, f"features={features!r}", expected))
    names = [str(column) for column in columns]
    found = []
    for feature in features:
        if isinstance(feature, str) and feature not in names:
            known = ", ".join(names) or "no names, for the points are no frame"
            raise ArgumentError(message(op, f"the feature {feature!r}", f"one of {known}"))
        place = names.index(feature) if isinstance(feature, str) else int(feature)
        if not -count <= place < count:
            raise ArgumentError(message(op, f"the feature {feature}", f"a place below {count}"))
        found.append(place % count)
    if found[0] == found[1]:
        raise ArgumentError(message(op, f"features={features!r}", expected))
    return found[0], found[1]
