"""What people pass to a picture, as NumPy arrays: tensors, arrays, frames and lists alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.data.outside import to_array
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message

__all__ = ["classes_of", "columns_of_numbers", "coded", "host", "images_of", "matching", "points_of"]


def host(value: Any, op: str) -> np.ndarray:
    """The numbers of a tensor, array, frame or (nested) list, as an array on the host."""
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "numpy"):
        value = value.numpy()
    return to_array(f"plot.{op}", value)


def columns_of_numbers(value: Any, op: str, what: str) -> np.ndarray:
    """Numbers as float64 (N, K), from (N,), (N, 1) or (N, K) with at least one row."""
    array = host(value, op).astype(np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.size:
        got = f"{what} of shape {array.shape}"
        raise ShapeError(message(f"plot.{op}", got, "(N,) or (N, outputs), at least one number"))
    return array


def points_of(points: Any, op: str) -> np.ndarray:
    """Points as (N, 2)."""
    array = host(points, op)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ShapeError(
            message(
                f"plot.{op}",
                f"points of shape {array.shape}",
                "shape (N, 2)",
                "Pass one row (x1, x2) for each point.",
            )
        )
    return array


def coded(labels: Any, names: Sequence[str] | None, op: str) -> tuple[Any, Sequence[str] | None]:
    """Words as class indices, their places in `names` or else in the alphabet; and the names. Numbers stay.

    >>> coded(["well", "ill", "well"], None, "decision_boundary")
    (array([1, 0, 1]), ['ill', 'well'])
    """
    if labels is None or hasattr(labels, "detach"):
        return labels, names
    words = np.asarray(labels)
    if words.dtype.kind not in "OUT" or not all(isinstance(word, str) for word in words.flat):
        return labels, names
    known = sorted(set(map(str, words.flat))) if names is None else list(names)
    places = {name: place for place, name in enumerate(known)}
    strange = sorted(set(map(str, words.flat)) - places.keys())
    if strange:
        raise ArgumentError(message(f"plot.{op}", f"the label {strange[0]!r}", f"one of the names {known}"))
    return np.array([places[word] for word in words.flat], np.int64), known


def classes_of(labels: Any, op: str, what: str = "labels") -> np.ndarray:
    """Class indices as (N,), from class indices (N,) or (N, 1), or from one-hot rows or scores (N, C).

    >>> import numpy as np
    >>> classes_of(np.array([[0.0, 1.0], [1.0, 0.0]]), "disk_data")
    array([1, 0])
    """
    array = host(labels, op)
    if array.ndim == 2 and array.shape[1] > 1:
        return np.asarray(array.argmax(axis=1))
    if array.ndim == 2:
        array = array[:, 0]
    if array.ndim != 1:
        raise ShapeError(
            message(
                f"plot.{op}",
                f"{what} of shape {array.shape}",
                "shape (N,), (N, 1) or (N, classes)",
                "Pass one class for each point.",
            )
        )
    whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        raise DTypeError(
            message(
                f"plot.{op}",
                f"{what} with fractions",
                "whole class numbers",
                "Turn scores into classes first, for instance with (scores > 0.5).",
            )
        )
    return whole


def images_of(images: Any, op: str) -> np.ndarray:
    """Grey pictures as (N, H, W), from (N, H, W), (N, 1, H, W) or square ones flattened to (N, H*W)."""
    array = host(images, op)
    if array.ndim == 4 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim == 2:
        side = round(float(np.sqrt(array.shape[1])))
        if side * side == array.shape[1]:
            return array.reshape(len(array), side, side)
    if array.ndim != 3:
        raise ShapeError(
            message(
                f"plot.{op}",
                f"images of shape {array.shape}",
                "shape (N, H, W), (N, 1, H, W) or (N, H*W)",
                "Pass grey pictures, one in each row.",
            )
        )
    return array


def matching(op: str, names: Sequence[str], *arrays: np.ndarray) -> None:
    """Raise unless all arrays have the same length."""
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        got = ", ".join(f"{length} {name}" for name, length in zip(names, lengths, strict=True))
        raise ShapeError(message(f"plot.{op}", got, "as many of each", "Pass values for the same samples."))
