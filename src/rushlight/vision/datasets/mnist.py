"""MNIST and its kin: pictures of 28 x 28 pixels in IDX files."""

from __future__ import annotations

import os
import string
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.data.mnist import FashionMNIST as Fashion
from rushlight.data.sources import FASHION_MNIST, MNIST_DIGITS, DataFile, Source, load
from rushlight.errors import ArgumentError, DataError, message
from rushlight.vision.datasets.archives import fetch_archive, unpack_archive
from rushlight.vision.datasets.base import MissingError, PictureArrays

__all__ = ["EMNIST", "KMNIST", "MNIST", "FashionMNIST"]

_NAMES = [
    "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven",
    "8 - eight", "9 - nine",
]  # fmt: skip
_CLOTHES = list(Fashion.classes)
_SYLLABLES = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
_PACKED = {
    "train-images": ("train-images-idx3-ubyte", (60000, 28, 28), "bdb82020997e1d708af4cf47b453dcf7"),
    "train-labels": ("train-labels-idx1-ubyte", (60000,), "e144d726b3acfaa3e44228e80efcd344"),
    "test-images": ("t10k-images-idx3-ubyte", (10000, 28, 28), "5c965bf0a639b31b8f53240b1b52f4d7"),
    "test-labels": ("t10k-labels-idx1-ubyte", (10000,), "7320c461ea6c1c855c0b718fb2a4b134"),
}
KUZUSHIJI = Source(
    name="kmnist",
    folders=("KMNIST/raw", "kmnist"),
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    files={key: DataFile(name, shape, "", packed) for key, (name, shape, packed) in _PACKED.items()},
)


class MNIST(PictureArrays):
    """The handwritten digits of MNIST.

    root              the folder; the files lie in its ``MNIST/raw``, gzipped or not. Where they do not, those
                      of `rl.data.MNIST` are found: under RUSHLIGHT_DATA, and in the user's cache.
    train             the 60,000 pictures to train on, else the 10,000 to test with.
    transform         changes each picture (Pillow's where it is installed), `target_transform` its target.
    download          fetch absent files from a public mirror, checked, into ``root/MNIST/raw``.

    Attributes: `data` (n, 28, 28) uint8, `targets` (n,) int64, `classes`, `class_to_idx`. Sample i is a pair
    of picture and int. Raises a RuntimeError (DataError too) for files that are absent or damaged.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.

    >>> from rushlight.vision import datasets, transforms
    >>> datasets.MNIST.classes[3]
    '3 - three'
    """

    source: ClassVar[Source] = replace(MNIST_DIGITS, folders=("MNIST/raw", "mnist"))
    classes: list[str] = _NAMES

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = bool(train)
        self.data, self.targets = self._load(download)

    def _load(self, download: bool) -> tuple[Tensor, Tensor]:
        part = "train" if self.train else "test"
        root: Any = self.root
        try:
            images, labels = load(
                self._source(), (f"{part}-images", f"{part}-labels"), root, download, shared=True
            )
        except DataError as error:
            hint = "" if download else "\ndownload=True fetches them."
            raise MissingError(f"{error}{hint}") from error
        if labels.max(initial=0) >= len(self.classes):
            got, expected = f"a label {labels.max()}", f"labels below {len(self.classes)}"
            remedy = "Replace the labels file by a whole copy."
            raise MissingError(message(type(self).__name__, got, expected, remedy))
        return wrap(images), wrap(labels.astype(np.int64))

    def _source(self) -> Source:
        return self.source

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The numbers of the classes, by their names."""
        return {name: number for number, name in enumerate(self.classes)}

    @property
    def raw_folder(self) -> str:
        """Where the files lie, or are put."""
        return os.path.join(os.fspath(self.root), type(self).__name__, "raw")  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    @property
    def train_data(self) -> Tensor:
        """An old name of `data`."""
        return self._old("train_data", "data")

    @property
    def test_data(self) -> Tensor:
        """An old name of `data`."""
        return self._old("test_data", "data")

    @property
    def train_labels(self) -> Tensor:
        """An old name of `targets`."""
        return self._old("train_labels", "targets")

    @property
    def test_labels(self) -> Tensor:
        """An old name of `targets`."""
        return self._old("test_labels", "targets")

    def _old(self, old: str, new: str) -> Tensor:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=3)
        found: Tensor = getattr(self, new)
        return found


class FashionMNIST(MNIST):
    """Zalando's pictures of clothes; arguments and attributes are those of `MNIST`.

    Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST (2017), arXiv:1708.07747.
    """

    source = replace(FASHION_MNIST, folders=("FashionMNIST/raw", "fashion-mnist"))
    classes = _CLOTHES


class KMNIST(MNIST):
    """Characters of old Japanese script; arguments and attributes are those of `MNIST`.

    Source: T. Clanuwat et al., Deep learning for classical Japanese literature (2018), arXiv:1812.01718.
    """

    source = KUZUSHIJI
    classes = _SYLLABLES


_DIGITS, _MERGED = string.digits, "cijklmopsuvwxyz"
_ALL = sorted(string.digits + string.ascii_letters)
_FEWER = [letter for letter in _ALL if letter not in _MERGED]
_SPLITS: dict[str, tuple[int, int, list[str]]] = {
    "byclass": (697932, 116323, _ALL),
    "bymerge": (697932, 116323, _FEWER),
    "balanced": (112800, 18800, _FEWER),
    "letters": (124800, 20800, ["N/A", *string.ascii_lowercase]),
    "digits": (240000, 40000, list(_DIGITS)),
    "mnist": (60000, 10000, list(_DIGITS)),
}
"""By split: how many pictures to train on and to test with, and the classes."""


class EMNIST(MNIST):
    """Handwritten digits and letters, in six splits; the pictures lie on their sides, as in the files.

    split  "byclass", "bymerge", "balanced", "letters" (targets from 1), "digits" or "mnist".

    The others are those of `MNIST`. Download takes 0.5 GB: all splits come in one archive.

    Source: G. Cohen et al., EMNIST: an extension of MNIST to handwritten letters (2017), arXiv:1702.05373.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = tuple(_SPLITS)
    classes_split_dict: ClassVar[dict[str, list[str]]] = {k: names for k, (_, _, names) in _SPLITS.items()}

    def __init__(self, root: str | os.PathLike[str], split: str, **kwargs: Any) -> None:
        if split not in _SPLITS:
            got, expected = f"split={split!r}", "one of " + ", ".join(map(repr, _SPLITS))
            raise ArgumentError(message("EMNIST", got, expected))
        self.split = split
        self.classes = self.classes_split_dict[split]
        super().__init__(root, **kwargs)

    def _source(self) -> Source:
        files = {}
        train, test, _ = _SPLITS[self.split]
        for part, count in (("train", train), ("test", test)):
            name = f"emnist-{self.split}-{part}"
            files[f"{part}-images"] = DataFile(f"{name}-images-idx3-ubyte", (count, 28, 28), "")
            files[f"{part}-labels"] = DataFile(f"{name}-labels-idx1-ubyte", (count,), "")
        return Source("emnist", ("EMNIST/raw", "emnist"), (), files)

    def _load(self, download: bool) -> tuple[Tensor, Tensor]:
        try:
            return super()._load(False)
        except MissingError:
            if not download:
                raise
        raw = Path(self.raw_folder)
        try:
            fetch_archive([self.url], raw / "gzip.zip", self.md5, 1 << 30)
            names = [f"{file.name}.gz" for file in self._source().files.values()]
            unpack_archive(raw / "gzip.zip", {f"gzip/{name}": raw / name for name in names})
        except DataError as error:
            raise MissingError(str(error)) from error
        return super()._load(False)
