"""Folders of files, a class each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

from rushlight.core.atomic import struck
from rushlight.errors import ArgumentError, DataError, message
from rushlight.vision.datasets.base import VisionDataset
from rushlight.vision.images import need_pillow

__all__ = ["IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

StrPath = str | os.PathLike[str]


class NoClassError(DataError, FileNotFoundError):
    """Folders without classes, or classes without files: a FileNotFoundError, as in torchvision."""


class DatasetFolder(VisionDataset):
    """The files ``root/class/.../name.ext`` with their classes, the folders' names in order, as targets.

    loader         makes a sample of a path.
    extensions     which files belong to it, by the ends of their names; or `is_valid_file(path)` says so.
    allow_empty    classes may be without files.

    Attributes: `classes`, `class_to_idx`, `samples` (pairs of path and target), `targets`.

    Raises a FileNotFoundError where no class, or none of a class's files, is found; ArgumentError for both
    or neither of `extensions` and `is_valid_file`.
    """

    def __init__(
        self,
        root: StrPath,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        classes, class_to_idx = self.find_classes(root)
        samples = self.make_dataset(root, class_to_idx, extensions, is_valid_file, allow_empty)
        self.loader, self.extensions = loader, extensions
        self.classes, self.class_to_idx = classes, class_to_idx
        self.samples = samples
        self.targets = [target for _, target in samples]

    def find_classes(self, directory: StrPath) -> tuple[list[str], dict[str, int]]:
        """The names of the folders in `directory`, in order, and their numbers."""
        name = os.fspath(directory)
        try:
            classes = sorted(entry.name for entry in os.scandir(os.path.expanduser(name)) if entry.is_dir())
        except OSError as error:
            raise NoClassError(f"cannot read the folder {name}: {error.strerror}") from error
        if not classes:
            raise NoClassError(f"there is no folder of a class in {name}")
        return classes, {name: number for number, name in enumerate(classes)}

    @staticmethod
    def make_dataset(
        directory: StrPath,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The files that belong to the classes, with the classes' numbers."""
        if (extensions is None) == (is_valid_file is None):
            got = "both or neither of extensions and is_valid_file"
            raise ArgumentError(message("DatasetFolder", got, "one of them"))
        if extensions is not None:
            ends = (extensions,) if isinstance(extensions, str) else tuple(extensions)
            lower = tuple(end.lower() for end in ends)

            def is_valid_file(path: str) -> bool:
                return path.lower().endswith(lower)

        found, empty = [], set(class_to_idx)
        for name in sorted(class_to_idx):
            top = os.path.join(os.path.expanduser(os.fspath(directory)), name)
            for folder, _, files in sorted(os.walk(top, followlinks=True)):
                paths = [os.path.join(folder, file) for file in sorted(files)]
                here = [(path, class_to_idx[name]) for path in paths if is_valid_file(path)]  # type: ignore[misc]
                found += here
                if here:
                    empty.discard(name)
        if empty and not allow_empty:
            allowed = "" if extensions is None else f" with one of the ends {', '.join(ends)}"
            raise NoClassError(f"no file{allowed} for the classes {', '.join(sorted(empty))}")
        return found

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._changed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


def default_loader(path: StrPath) -> Any:
    """The picture in the file at `path`, in colour. Needs Pillow; raises DataError for a damaged file."""
    image = need_pillow("Reading pictures")
    try:
        with open(path, "rb") as file:
            return _decoded(image, file)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {os.fspath(path)}") from error
    except Exception as error:  # Pillow's plugins raise errors of many types
        if struck(error):
            raise
        raise DataError(f"{os.fspath(path)} is no picture, or is damaged: {error}") from error


def _decoded(image: Any, file: BinaryIO) -> Any:
    with warnings.catch_warnings():
        # A picture of so many pixels that Pillow takes it for an attack is refused, not warned of.
        warnings.simplefilter("error", image.DecompressionBombWarning)
        return image.open(file).convert("RGB")


class ImageFolder(DatasetFolder):
    """The pictures ``root/class/.../name.png`` with their classes, the folders' names in order, as targets.

    The arguments and attributes are those of `DatasetFolder`; `imgs` is another name of `samples`.
    """

    def __init__(
        self,
        root: StrPath,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        ends = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, ends, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
