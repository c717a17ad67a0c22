"""MNIST and Fashion-MNIST: 70,000 pictures of 28 x 28 pixels in ten classes."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Literal

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.data import checks
from rushlight.data.dataset import TensorDataset
from rushlight.data.fetch import Progress
from rushlight.data.sources import FASHION_MNIST, MNIST_DIGITS, Source, load
from rushlight.data.streams import Purpose, permutation
from rushlight.errors import DataError, ShapeError, message

__all__ = ["MNIST", "FashionMNIST"]

Split = Literal["train", "validation", "test"]


class MNIST(TensorDataset):
    """The handwritten digits of MNIST, in three parts.

    root             the folder that holds the files, gzipped or not, in itself or in a folder ``mnist``; if
                     left out, that of the environment variable RUSHLIGHT_DATA, then the cache of the user
                     (``$XDG_CACHE_HOME/rushlight`` or ``~/.cache/rushlight``).
    split            "train": the training file without its validation part; "validation"; "test".
    validation_size  how many pictures of the training file are the validation part: its last ones, or with
                     `seed` random ones. With 0, "train" is all 60,000.
    normalize        (pixel / 255 - mean) / std with the constants `MEAN` and `STD` of the training file, else
                     pixel / 255.
    flatten          inputs of shape (n, 784), else (n, 1, 28, 28).
    download         fetch absent files from a public mirror, checked, into that folder.
    dtype            of the inputs, float32 if left out.
    progress         called with (file name, bytes, bytes in all) while fetching; a bar on stderr if left out.

    Attributes: `inputs`; `targets` (n,) int64; `images` (n, 28, 28) uint8; `classes`; `mean`, `std` as used.
    Sample i is ``(inputs[i], targets[i])``. Raises DataError when a file is absent and cannot be fetched (the
    message says which files to put where), truncated, damaged, or not the file it should be.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.

    >>> import rushlight as rl
    >>> rl.data.MNIST.prepare(rl.zeros(2, 28, 28)).shape
    Size([2, 784])
    """

    source: ClassVar[Source] = MNIST_DIGITS
    MEAN: ClassVar[float] = 0.1307
    STD: ClassVar[float] = 0.3081
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        split: Split = "train",
        *,
        validation_size: int = 10000,
        normalize: bool = True,
        flatten: bool = True,
        download: bool = True,
        dtype: Any = None,
        seed: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.split = checks.choice(self._name(), "split", split, ("train", "validation", "test"))
        self.seed = None if seed is None else checks.seed(self._name(), seed)
        self.validation_size = self._check_validation_size(validation_size)
        self.normalize, self.flatten = bool(normalize), bool(flatten)
        self.mean, self.std = (self.MEAN, self.STD) if normalize else (0.0, 1.0)

        part = "test" if split == "test" else "train"
        images, labels = load(self.source, (f"{part}-images", f"{part}-labels"), root, download, progress)
        if labels.max(initial=0) >= len(self.classes):
            got, expected = f"a label {labels.max()}", f"labels below {len(self.classes)}"
            raise DataError(message(self._name(), got, expected, "Replace the labels file by a whole copy."))
        chosen = self._chosen(len(images))
        images, labels = images[chosen], labels[chosen]
        self.images = wrap(images)
        inputs = self.prepare(images, normalize=normalize, flatten=flatten, dtype=dtype)
        super().__init__(inputs, wrap(labels.astype(np.int64)))
        self.inputs, self.targets = self.tensors

    @classmethod
    def prepare(cls, images: Any, normalize: bool = True, flatten: bool = True, dtype: Any = None) -> Tensor:
        """Pictures (n, 28, 28) or (28, 28), pixels 0 to 255, white on black, as inputs; needs no file.

        Raises ShapeError for pictures of another size.
        """
        raw = np.asarray(images.detach().numpy() if isinstance(images, Tensor) else images)
        if raw.shape[-2:] != (28, 28) or raw.ndim not in (2, 3):
            expected = "pictures of 28 x 28 pixels, shape (n, 28, 28)"
            raise ShapeError(
                message(f"{cls._name()}.prepare", f"shape {raw.shape}", expected, "Resize them.")
            )
        mean, std = (cls.MEAN, cls.STD) if normalize else (0.0, 1.0)
        inputs = raw.reshape((-1, 784) if flatten else (-1, 1, 28, 28)).astype(
            checks.floating(cls._name(), dtype)
        )
        inputs *= 1.0 / (255.0 * std)
        inputs -= mean / std
        return wrap(inputs)

    def describe(self) -> dict[str, Any]:
        """What makes this data set again, and its constants, as plain values for a JSON file."""
        return {
            "name": self.source.name,
            "n": len(self),
            "split": self.split,
            "validation_size": self.validation_size,
            "seed": self.seed,
            "normalize": self.normalize,
            "flatten": self.flatten,
            "mean": self.mean,
            "std": self.std,
            "classes": list(self.classes),
        }

    def _chosen(self, total: int) -> Any:
        """Which pictures of the file belong to the split: an index or slice."""
        if self.split == "test":
            return slice(None)
        border = total - self.validation_size
        part = slice(border) if self.split == "train" else slice(border, None)
        if self.seed is None:
            return part
        return np.sort(permutation(self.seed, Purpose.SPLIT, total)[part])

    def _check_validation_size(self, size: Any) -> int:
        total = self.source.files["train-labels"].shape[0]
        low, high = (1 if self.split == "validation" else 0), total - (1 if self.split == "train" else 0)
        expected = f"an integer from {low} to {high} for the split {self.split!r}"
        return checks.integer(self._name(), "validation_size", size, low, high, expected)

    @classmethod
    def _name(cls) -> str:
        return cls.__name__


class FashionMNIST(MNIST):
    """Zalando's pictures of clothes: the same sizes, parts and arguments as `MNIST`, harder to tell apart.

    The files lie in a folder ``fashion-mnist``, because they have the names of MNIST's.

    Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST (2017), arXiv:1708.07747.

    >>> import rushlight as rl
    >>> rl.data.FashionMNIST.classes[9]
    'Ankle boot'
    """

    source = FASHION_MNIST
    MEAN = 0.2860
    STD = 0.3530
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
