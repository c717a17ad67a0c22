"""Data sets of pictures: what they have in common, and those whose pixels lie in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.data.dataset import Dataset, default_collate
from rushlight.errors import ArgumentError, DataError, message
from rushlight.vision.datasets.at_once import at_once, finish, run_at_once, split_at_to_tensor
from rushlight.vision.images import picture
from rushlight.vision.transforms.formats import unit_range

__all__ = ["MissingError", "PictureArrays", "StandardTransform", "VisionDataset"]


class MissingError(DataError, RuntimeError):
    """A data set that is not there, or damaged: a RuntimeError, as in torchvision."""


class StandardTransform:
    """A transform of the picture and one of the target, as one of both."""

    def __init__(
        self,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        body = [type(self).__name__]
        for head, transform in (("Transform", self.transform), ("Target transform", self.target_transform)):
            if transform is not None:
                first, *rest = repr(transform).splitlines()
                body += [f"{head}: {first}", *(" " * (len(head) + 2) + line for line in rest)]
        return "\n".join(body)


class VisionDataset(Dataset[tuple[Any, Any]]):
    """Base of data sets of pictures: a subclass says `__len__` and `__getitem__(index)`.

    root        the folder of its files.
    transforms  changes a picture and its target together; or `transform` and `target_transform` each alone.

    Raises ArgumentError when both are given.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        transforms: Callable[..., Any] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if transforms is not None and (transform is not None or target_transform is not None):
            got = "transforms with transform or target_transform"
            raise ArgumentError(message(type(self).__name__, got, "one or the other"))
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        self.transform, self.target_transform = transform, target_transform
        self.transforms = transforms
        if transform is not None or target_transform is not None:
            self.transforms = StandardTransform(transform, target_transform)

    def extra_repr(self) -> str:
        """Lines that a subclass adds to the repr."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body += repr(self.transforms).splitlines()
        return "\n    ".join([f"Dataset {type(self).__name__}", *body])

    def _changed(self, sample: Any, target: Any) -> tuple[Any, Any]:
        """The sample and its target after their transforms."""
        if self.transform is not None:
            sample = self.transform(sample)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return sample, target


class PictureArrays(VisionDataset):
    """Data sets whose 8-bit pixels lie in memory, in `data`: (N, H, W) or (N, H, W, C), with `targets`.

    Both are read at each use: a program may replace them. A transform that begins with `ToTensor` reads the
    pixels without a picture in between. A batch is made at once as far as the transforms let (`Transform`).
    """

    data: Any
    targets: Any

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        pixels = _array(self.data)[index]
        before, after = split_at_to_tensor(self.transform)
        if before or after is None:
            return self._changed(picture(pixels), int(self.targets[index]))
        sample = unit_range(_channels_first(pixels[None]))[0]
        for transform in after:
            sample = transform(sample)
        target = int(self.targets[index])
        return sample, target if self.target_transform is None else self.target_transform(target)

    def gather(self, indices: Any) -> Any:
        """The samples at `indices` (integers, one axis) as a batch, made at once where the transforms let."""
        before, after = split_at_to_tensor(self.transform)
        own = type(self).__getitem__ is PictureArrays.__getitem__
        if after is None or not own or not all(at_once(step) and step.moves for step in before):
            return super().gather(indices)
        at = np.asarray(indices.array if isinstance(indices, Tensor) else indices, np.int64)
        pixels = _channels_first(_array(self.data)[at])
        for step in before:
            pixels = run_at_once(step, wrap(pixels)).array
        return [finish(after, unit_range(pixels)), self._targets(at)]

    def _targets(self, at: np.ndarray) -> Any:
        if self.target_transform is None and isinstance(self.targets, (Tensor, np.ndarray)):
            return wrap(_array(self.targets)[at].astype(np.int64))
        chosen = [int(self.targets[i]) for i in at.tolist()]
        if self.target_transform is not None:
            chosen = [self.target_transform(target) for target in chosen]
        return default_collate(chosen)


def _array(values: Any) -> np.ndarray:
    return values.array if isinstance(values, Tensor) else np.asarray(values)


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    """Pixels (N, H, W) or (N, H, W, C) as (N, C, H, W)."""
    return pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)


def places(names: Sequence[str], root: str | os.PathLike[str]) -> list[Path]:
    """Folders that a data set may lie in: under `root`, under RUSHLIGHT_DATA, and in the user's cache."""
    from rushlight.data.sources import Source, folders

    source = Source("", tuple(names), (), {})
    return [*folders(source, root), *folders(source)]
