"""What the programs use of torchvision, by its documentation and over PyTorch, for it is not installed."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")


class Compose:
    def __init__(self, transforms: list[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, picture: Any) -> Any:
        for transform in self.transforms:
            picture = transform(picture)
        return picture


class ToTensor:
    def __call__(self, picture: Any) -> Any:
        values = np.asarray(picture)
        values = values[:, :, None] if values.ndim == 2 else values
        tensor = torch.from_numpy(values.transpose(2, 0, 1).copy())
        return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor


class Normalize:
    def __init__(self, mean: Any, std: Any) -> None:
        self.mean, self.std = (torch.tensor(v).view(-1, 1, 1) for v in (mean, std))

    def __call__(self, picture: Any) -> Any:
        return (picture - self.mean) / self.std


class Lambda:
    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        self.lambd = lambd

    def __call__(self, picture: Any) -> Any:
        return self.lambd(picture)


def make_grid(
    tensor: Any, nrow: int = 8, padding: int = 2, normalize: bool = False, pad_value: float = 0.0
) -> Any:
    """Pictures side by side, `nrow` to a row, with a border."""
    if normalize:
        tensor = (tensor - tensor.min()) / max(float(tensor.max() - tensor.min()), 1e-5)
    count, _, height, width = tensor.shape
    across = min(nrow, count)
    down = math.ceil(count / across)
    high, wide = height + padding, width + padding
    grid = torch.full((3, down * high + padding, across * wide + padding), pad_value)
    for i, picture in enumerate(tensor):
        top, left = i // across * high + padding, i % across * wide + padding
        grid[:, top : top + height, left : left + width] = picture
    return grid


def save_image(tensor: Any, fp: Any, **options: Any) -> None:
    """That a file is written is all that the programs ask."""
    Path(fp).write_bytes(make_grid(tensor, **options).numpy().tobytes())


def _module(name: str, **names: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(names)
    return module


_transforms = _module(
    "torchvision.transforms", Compose=Compose, ToTensor=ToTensor, Normalize=Normalize, Lambda=Lambda
)
_utils = _module("torchvision.utils", make_grid=make_grid, save_image=save_image)
TORCHVISION = {
    "torchvision": _module("torchvision", transforms=_transforms, utils=_utils),
    "torchvision.transforms": _transforms,
    "torchvision.utils": _utils,
}
"""The modules by their names."""
