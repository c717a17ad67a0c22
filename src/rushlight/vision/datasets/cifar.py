"""CIFAR-10 and CIFAR-100: colour pictures of 32 x 32 pixels in pickles of Python."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rushlight.errors import DataError, message
from rushlight.interop.containers import Bounded
from rushlight.interop.pickles import Machine, RefusedError
from rushlight.interop.serialization import DAMAGED
from rushlight.vision.datasets.archives import fetch_archive, md5, unpack_archive
from rushlight.vision.datasets.base import MissingError, PictureArrays, places

__all__ = ["CIFAR10", "CIFAR100", "read_pickle"]

Listed = list[list[str]]


class CIFAR10(PictureArrays):
    """50,000 colour pictures of 32 x 32 pixels to train on, 10,000 to test with, in ten classes.

    root        the folder; the files lie in its ``cifar-10-batches-py``. Else they are looked for under
                RUSHLIGHT_DATA and in the user's cache.
    train       the pictures to train on, else those to test with.
    transform   changes each picture (Pillow's where it is installed), `target_transform` its target.
    download    fetch the archive if the files are absent, checked, into `root`, and unpack it.

    Attributes: `data` an array (n, 32, 32, 3) of uint8, `targets` a list of int, `classes`, `class_to_idx`.
    The files are pickles, whose code is not run: only arrays, text and numbers are read. Raises a
    RuntimeError (DataError too) for files that are absent or damaged.

    Source: A. Krizhevsky, Learning multiple layers of features from tiny images (2009).

    >>> from rushlight.vision import datasets
    >>> datasets.CIFAR10.base_folder
    'cifar-10-batches-py'
    """

    base_folder: ClassVar[str] = "cifar-10-batches-py"
    url: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename: ClassVar[str] = "cifar-10-python.tar.gz"
    tgz_md5: ClassVar[str] = "c58f30108f718f92721af3b95e74349a"
    train_list: ClassVar[Listed] = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list: ClassVar[Listed] = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }
    _labels: ClassVar[str] = "labels"

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
        folder = self._find(Path(root).expanduser(), download)
        self.classes = self._read_classes(folder)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        listed = self.train_list if train else self.test_list
        parts = [self._read_batch(folder / name, sum_) for name, sum_ in listed]
        self.data = np.concatenate([pixels for pixels, _ in parts]).reshape(-1, 3, 32, 32)
        self.data = np.ascontiguousarray(self.data.transpose(0, 2, 3, 1))
        self.targets = [label for _, labels in parts for label in labels]

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    def _find(self, root: Path, download: bool) -> Path:
        """The folder that holds all files, which are fetched if they may be."""
        names = [name for name, _ in (*self.train_list, *self.test_list)] + [self.meta["filename"]]
        candidates = places([self.base_folder], root)
        for folder in candidates:
            if all((folder / name).is_file() for name in names):
                return folder
        if not download:
            looked = "\n".join(f"  {folder}" for folder in candidates)
            raise MissingError(
                f"{type(self).__name__}: the files {', '.join(names)} are in none of\n{looked}\n"
                f"download=True fetches them from {self.url}."
            )
        try:
            fetch_archive([self.url], root / self.filename, self.tgz_md5, 1 << 28)
            wanted = {f"{self.base_folder}/{name}": root / self.base_folder / name for name in names}
            unpack_archive(root / self.filename, wanted)
        except DataError as error:
            raise MissingError(str(error)) from error
        return root / self.base_folder

    def _read_classes(self, folder: Path) -> list[str]:
        path = folder / self.meta["filename"]
        names = _checked(path, self.meta["md5"]).get(self.meta["key"])
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise _damaged(path, f"no list of names under {self.meta['key']!r}")
        return names

    def _read_batch(self, path: Path, sum_: str) -> tuple[np.ndarray, list[int]]:
        """Pixels (n, 3072) and labels."""
        entry = _checked(path, sum_)
        pixels, labels = entry.get("data"), entry.get(self._labels)
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (3072,):
            raise _damaged(path, "no array (n, 3072) of uint8 under 'data'")
        most = len(self.classes)
        numbers: list[Any] = labels if isinstance(labels, list) and len(labels) == len(pixels) else [None]
        if not all(type(n) is int and 0 <= n < most for n in numbers):
            raise _damaged(path, f"no list of {len(pixels)} numbers below {most} under {self._labels!r}")
        return pixels, numbers


class CIFAR100(CIFAR10):
    """As `CIFAR10`, in a hundred classes.

    >>> from rushlight.vision import datasets
    >>> datasets.CIFAR100.base_folder
    'cifar-100-python'
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list: ClassVar[Listed] = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list: ClassVar[Listed] = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
    _labels = "fine_labels"


def _checked(path: Path, sum_: str) -> dict[str, Any]:
    """The dict in the file of this MD5 sum."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingError(message(str(path), str(error.strerror), "a readable file")) from error
    if md5(data) != sum_:
        raise _damaged(path, f"MD5 {md5(data)}, not {sum_}")
    return read_pickle(data, str(path))


def read_pickle(data: bytes, name: str) -> dict[str, Any]:
    """The dict, with text as keys, that a pickle holds, of which no code is run.

    Raises a RuntimeError, DataError too, for what is damaged or holds anything but plain values and arrays.
    """
    try:
        entry = Machine(_no_storage).run(Bounded(io.BytesIO(data)))
    except (RefusedError, *DAMAGED) as error:
        raise _damaged(name, str(error) or type(error).__name__) from error
    if not isinstance(entry, dict):
        raise _damaged(name, f"a {type(entry).__name__}, not a dict")
    # Python 3 reads the keys of Python 2 as bytes or as text.
    return {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in entry.items()}


def _no_storage(_: Any) -> Any:
    raise ValueError("a storage of tensors")


def _damaged(path: Any, what: str) -> MissingError:
    return MissingError(
        f"{path} is damaged, or another file ({what}). Delete it, or replace it by a whole copy."
    )
