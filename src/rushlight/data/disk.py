"""The disk: points of the unit square, and whether each lies inside the disk in its middle."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.data import checks
from rushlight.data.dataset import TensorDataset
from rushlight.data.streams import Purpose, uniform
from rushlight.errors import ShapeError, message

__all__ = ["Disk"]

Split = Literal["train", "test"]
Targets = Literal["scalar", "signed", "one_hot", "class"]


class Disk(TensorDataset):
    """Points uniform in [0, 1]^2; class 1 inside the disk of centre (1/2, 1/2), radius 1/sqrt(2 pi), else 0.

    The disk covers half of the square, so the classes balance. Inputs are normalised by the mean and the
    standard deviation, per coordinate, of the *training* points, in both splits: (x - mean) / std.

    n           how many points.
    seed        decides the points; train and test points of one seed come from different streams.
    split       "train" or "test".
    targets     "scalar": (n, 1), 0 or 1; "signed": (n, 1), -1 or 1, for a tanh output; "one_hot": (n, 2);
                "class": (n,) int64, for cross-entropy.
    normalize   False leaves the inputs as the points are.
    dtype       of points, inputs and floating targets; the points are the same numbers in every dtype.
    train_size  how many training points the statistics come from; n if left out.

    Attributes: `points` (n, 2) raw, `inputs` (n, 2), `targets`, `labels` (n,) int64, `mean` and `std` (2,),
    `classes`, `CENTER`, `RADIUS`. Sample i is ``(inputs[i], targets[i])``.

    Source: reports R1, R2, R3, R5 (R3 prints the radius 1/sqrt(2), which would cover the whole square).

    >>> import rushlight as rl
    >>> train = rl.data.Disk(1000, seed=0)
    >>> train.inputs.shape, train.targets.shape, train.labels.sum().item()
    (Size([1000, 2]), Size([1000, 1]), 530)
    """

    CENTER = (0.5, 0.5)
    RADIUS = 1.0 / math.sqrt(2.0 * math.pi)
    TARGETS = ("scalar", "signed", "one_hot", "class")
    classes = ("outside", "inside")

    def __init__(
        self,
        n: int = 1000,
        seed: int = 0,
        split: Split = "train",
        targets: Targets = "scalar",
        normalize: bool = True,
        dtype: Any = None,
        train_size: int | None = None,
    ) -> None:
        self.n = checks.integer("Disk", "n", n, 1)
        self.seed = checks.seed("Disk", seed)
        self.split = checks.choice("Disk", "split", split, ("train", "test"))
        self.kind = checks.choice("Disk", "targets", targets, self.TARGETS)
        self.train_size = (
            self.n if train_size is None else checks.integer("Disk", "train_size", train_size, 1)
        )
        self.normalize = bool(normalize)
        self._dtype = checks.floating("Disk", dtype)

        purpose = Purpose.DISK_TRAIN if split == "train" else Purpose.DISK_TEST
        points = uniform(self.seed, purpose, (self.n, 2))
        labels = _inside(points)
        mean, std = self._statistics()
        self.mean, self.std = wrap(mean.astype(self._dtype)), wrap(std.astype(self._dtype))
        self.points, self.labels = wrap(points.astype(self._dtype)), wrap(labels)
        super().__init__(self.normalise(points), wrap(_encode(labels, self.kind, self._dtype)))
        self.inputs, self.targets = self.tensors

    def normalise(self, points: Any) -> Tensor:
        """New points (..., 2), as Tensor, array or nested lists, brought to the scale of `inputs`.

        Raises ShapeError when the last axis is not 2.
        """
        raw = np.asarray(points.detach().numpy() if isinstance(points, Tensor) else points, np.float64)
        if raw.ndim < 1 or raw.shape[-1] != 2:
            expected = "points of two coordinates, shape (..., 2)"
            raise ShapeError(
                message("Disk.normalise", f"shape {raw.shape}", expected, "Give x and y of each point.")
            )
        mean, std = self._statistics()
        return wrap(((raw - mean) / std).astype(self._dtype))

    @staticmethod
    def label(points: Any) -> Tensor:
        """The true class of raw points (..., 2): 1 inside the disk, else 0, as int64 (...).

        >>> import rushlight as rl
        >>> rl.data.Disk.label([[0.5, 0.5], [0.0, 0.0]])
        tensor([1, 0])
        """
        raw = points.detach().numpy() if isinstance(points, Tensor) else points
        return wrap(_inside(np.asarray(raw, np.float64)))

    def describe(self) -> dict[str, Any]:
        """What makes this data set again, and its statistics, as plain values for a JSON file."""
        mean, std = self._statistics()
        return {
            "name": "disk",
            "n": self.n,
            "seed": self.seed,
            "split": self.split,
            "targets": self.kind,
            "normalize": self.normalize,
            "train_size": self.train_size,
            "mean": mean.tolist(),
            "std": std.tolist(),
            "classes": list(self.classes),
        }

    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        if not self.normalize:
            return np.zeros(2), np.ones(2)
        train = uniform(self.seed, Purpose.DISK_TRAIN, (self.train_size, 2))
        std = train.std(axis=0)
        # A single training point has no deviation.
        return train.mean(axis=0), np.where(std > 0, std, 1.0)


def _inside(points: np.ndarray) -> np.ndarray:
    offset = points - np.asarray(Disk.CENTER)
    return (np.square(offset).sum(axis=-1) <= Disk.RADIUS**2).astype(np.int64)


def _encode(labels: np.ndarray, kind: str, dtype: Any) -> np.ndarray:
    if kind == "class":
        return labels
    if kind == "one_hot":
        return np.eye(2, dtype=dtype)[labels]
    values = labels if kind == "scalar" else 2 * labels - 1
    return values[:, None].astype(dtype)
