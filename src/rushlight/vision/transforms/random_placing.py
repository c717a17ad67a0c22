"""Transforms that crop or mirror a picture at random.

They draw from the global generator, so `rl.manual_seed` repeats them. All pictures of a batch are treated
alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import Transform, chance, draw_many, shown
from rushlight.vision.transforms.modes import InterpolationMode, interpolation_mode
from rushlight.vision.transforms.placing import pair

__all__ = ["RandomCrop", "RandomHorizontalFlip", "RandomResizedCrop", "RandomVerticalFlip"]


class RandomHorizontalFlip(Transform):
    """With probability `p` the picture mirrored, left to right."""

    moves = True

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if chance(self.p) else img

    def each(self, batch: Tensor) -> Tensor:
        """`forward` of each picture of a batch."""
        return _some(batch, draw_many(len(batch)) < self.p, np.s_[..., ::-1])

    def extra_repr(self) -> str:
        return shown(p=self.p)


class RandomVerticalFlip(Transform):
    """With probability `p` the picture upside down, mirrored."""

    moves = True

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if chance(self.p) else img

    def each(self, batch: Tensor) -> Tensor:
        """`forward` of each picture of a batch."""
        return _some(batch, draw_many(len(batch)) < self.p, np.s_[..., ::-1, :])

    def extra_repr(self) -> str:
        return shown(p=self.p)


class RandomCrop(Transform):
    """A rectangle of `size` anywhere in the picture.

    padding        a border before that, as `functional.pad` takes it.
    pad_if_needed  border a picture that is smaller than `size`, on both sides.
    fill, padding_mode  of the border.

    Raises ArgumentError for a picture that is smaller.

    >>> import rushlight as rl
    >>> RandomCrop(32, padding=4)(rl.zeros(3, 32, 32)).shape
    Size([3, 32, 32])
    """

    moves = True

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = pair("RandomCrop", size)
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random crop."""
        _, rows, columns = F.get_dimensions(img)
        height, width = output_size
        if rows < height or columns < width:
            got = f"a size of {(height, width)} for a picture of {(rows, columns)}"
            raise ArgumentError(message("RandomCrop", got, "one that fits", "pad_if_needed=True borders it."))
        down, right = draw_many(2).tolist()
        return int(down * (rows - height + 1)), int(right * (columns - width + 1)), height, width

    def forward(self, img: Any) -> Any:
        img = self._padded(img)
        return F.crop(img, *self.get_params(img, self.size))

    def each(self, batch: Tensor) -> Tensor:
        """`forward` of each picture of a batch."""
        array = self._padded(batch).array
        (rows, columns), (height, width) = array.shape[2:], self.size
        if rows < height or columns < width:
            self.get_params(wrap(array), self.size)  # raises
        tops = (draw_many(len(array)) * (rows - height + 1)).astype(np.int64)
        lefts = (draw_many(len(array)) * (columns - width + 1)).astype(np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(array, self.size, (2, 3))
        return wrap(windows[np.arange(len(array)), :, tops, lefts])

    def _padded(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, rows, columns = F.get_dimensions(img)
        wide, high = max(self.size[1] - columns, 0), max(self.size[0] - rows, 0)
        if self.pad_if_needed and (wide or high):
            img = F.pad(img, [wide, high], self.fill, self.padding_mode)
        return img

    def extra_repr(self) -> str:
        return shown(size=self.size, padding=self.padding)


class RandomResizedCrop(Transform):
    """A part of the picture, of random area and shape, resized to `size`.

    scale  the least and greatest share of the picture's area.
    ratio  the least and greatest width / height, drawn evenly on a logarithmic scale.

    Where ten draws do not fit into the picture, the largest part in the middle that the ratios allow.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = pair("RandomResizedCrop", size)
        for name, value in (("scale", scale), ("ratio", ratio)):
            if not isinstance(value, (tuple, list)) or len(value) != 2:
                raise DTypeError(message("RandomResizedCrop", f"{name}={value!r}", "two numbers"))
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = interpolation_mode("RandomResizedCrop", interpolation)

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part."""
        _, rows, columns = F.get_dimensions(img)
        low, high = math.log(ratio[0]), math.log(ratio[1])
        for _ in range(10):
            share, form, down, right = draw_many(4).tolist()
            area = rows * columns * (scale[0] + (scale[1] - scale[0]) * share)
            shape = math.exp(low + (high - low) * form)
            width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < width <= columns and 0 < height <= rows:
                return int(down * (rows - height + 1)), int(right * (columns - width + 1)), height, width
        height, width = rows, columns
        if columns / rows < min(ratio):
            height = round(width / min(ratio))
        elif columns / rows > max(ratio):
            width = round(height * max(ratio))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def forward(self, img: Any) -> Any:
        part = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *part, self.size, self.interpolation, self.antialias)

    def extra_repr(self) -> str:
        scale, ratio = (tuple(round(n, 4) for n in pair) for pair in (self.scale, self.ratio))
        return shown(
            size=self.size,
            scale=scale,
            ratio=ratio,
            interpolation=self.interpolation.value,
            antialias=self.antialias,
        )


def _some(batch: Tensor, chosen: np.ndarray, flipped: Any) -> Tensor:
    """The batch with the chosen pictures flipped."""
    array = batch.array.copy()
    array[chosen] = array[chosen][flipped]
    return wrap(array)
