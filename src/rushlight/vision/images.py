"""Pictures in memory: Pillow's where it is installed, else a small class that stands in for them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.optional import missing_package

__all__ = [
    "Picture", "channels_first", "from_channels_first", "is_pil", "is_picture", "need_pillow", "picture",
    "pillow", "pixels", "through",
]  # fmt: skip

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""What Pillow calls a picture of so many channels of 8 bits."""


class Picture:
    """A picture of 8-bit pixels where Pillow is not installed: what data sets give and transforms take then.

    array  uint8 of shape (height, width), or (height, width, channels) with 2, 3 or 4 channels.

    It has of Pillow's pictures `mode`, `size`, `width`, `height` and `convert` between "L" and "RGB";
    ``numpy.asarray(picture)`` gives the pixels. Raises ArgumentError for other arrays.

    >>> import numpy as np
    >>> Picture(np.zeros((2, 3), np.uint8))
    Picture(mode='L', size=(3, 2))
    """

    def __init__(self, array: Any) -> None:
        array = np.asarray(array)
        channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
        if array.dtype != np.uint8 or channels not in MODES or (array.ndim == 3 and channels == 1):
            got = f"shape {array.shape} of {array.dtype}"
            expected = "uint8 of shape (height, width), or (height, width, 2 to 4)"
            raise ArgumentError(message("Picture", got, expected))
        self.array = array
        self.mode = MODES[channels]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.array.shape[1], self.array.shape[0]

    @property
    def width(self) -> int:
        """Pixels in a row."""
        return self.array.shape[1]

    @property
    def height(self) -> int:
        """Rows."""
        return self.array.shape[0]

    def convert(self, mode: str) -> Picture:
        """The picture in grey ("L", by the weights 0.299, 0.587, 0.114) or in colour ("RGB")."""
        if mode == self.mode:
            return Picture(self.array.copy())
        if mode == "L" and self.mode in ("RGB", "RGBA"):
            red, green, blue = (self.array[..., c].astype(np.uint32) for c in range(3))
            return Picture(((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8))
        if mode == "L" and self.mode == "LA":
            return Picture(self.array[..., 0].copy())
        if mode == "RGB":
            if self.mode == "RGBA":
                return Picture(self.array[..., :3].copy())
            grey = self.array if self.mode == "L" else self.array[..., 0]
            return Picture(np.repeat(grey[..., None], 3, axis=2))
        raise missing_package("PIL", f"A picture of mode {self.mode} as {mode!r}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.array if dtype is None else self.array.astype(dtype)
        return array.copy() if copy else array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and np.array_equal(self.array, other.array)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Picture(mode={self.mode!r}, size={self.size})"


@functools.cache
def pillow() -> Any:
    """Pillow's module Image, or None where it is not installed."""
    try:
        from PIL import Image
    except ImportError:
        return None
    return Image


def need_pillow(what: str) -> Any:
    """Pillow's module Image; raises NotSupportedError, saying that `what` needs it, where it is absent."""
    image = pillow()
    if image is None:
        raise missing_package("PIL", what)
    return image


def is_pil(value: Any) -> bool:
    """Whether `value` is one of Pillow's pictures; does not load Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def is_picture(value: Any) -> bool:
    """Whether `value` is a picture, Pillow's or a `Picture`."""
    return isinstance(value, Picture) or is_pil(value)


def picture(array: np.ndarray, mode: str | None = None) -> Any:
    """The picture whose pixels are `array`, (height, width) or (height, width, channels)."""
    image = pillow()
    if image is None:
        if mode not in (None, *MODES.values()):
            need_pillow(f"A picture of mode {mode}")
        return Picture(array)
    made = image.fromarray(np.ascontiguousarray(array))
    if mode is None or mode == made.mode:
        return made
    if mode == "1":
        return made.convert("1", dither=0)
    if array.ndim == 3 or mode == "P":  # other names for the same channels: YCbCr, HSV, CMYK, RGBX
        return image.frombytes(mode, made.size, made.tobytes())
    return made.convert(mode)


def pixels(picture: Any) -> np.ndarray:
    """The pixels of a picture: (height, width) or (height, width, channels)."""
    array = np.asarray(picture)
    return array.astype(np.uint8) * np.uint8(255) if array.dtype == bool else array


def channels_first(picture: Any) -> np.ndarray:
    """The pixels of a picture as (channels, height, width)."""
    array = pixels(picture)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def from_channels_first(array: np.ndarray, mode: str | None = None) -> Any:
    """The picture of pixels (channels, height, width)."""
    return picture(array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0), mode)


def through(op: str, img: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`change(img)`, for a picture through a tensor (channels, height, width) and back to one of its kind."""
    if isinstance(img, Tensor):
        return change(check_tensor(op, img))
    if not is_picture(img):
        expected = "a tensor (..., H, W) or a picture"
        remedy = "Arrays become tensors with ToTensor(), or pictures with ToPILImage()."
        raise DTypeError(message(op, f"a {type(img).__name__}", expected, remedy))
    changed = change(wrap(np.ascontiguousarray(channels_first(img)))).array
    if isinstance(img, Picture):
        return Picture(changed[0] if len(changed) == 1 else changed.transpose(1, 2, 0))
    made = from_channels_first(changed, img.mode if len(changed) == len(img.getbands()) else None)
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


def check_tensor(op: str, img: Tensor) -> Tensor:
    """`img`, if it has the two axes of a picture; raises ShapeError otherwise."""
    if img.ndim < 2:
        raise ShapeError(message(op, f"a tensor of shape {img.shape}", "a picture of shape (..., H, W)"))
    return img
