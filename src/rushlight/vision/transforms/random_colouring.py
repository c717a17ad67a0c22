"""Transforms that change light and colour at random, with numbers from the global generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, message
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import Transform, chance, draw, draw_order, shown

__all__ = [
    "ColorJitter", "GaussianBlur", "RandomAdjustSharpness", "RandomAutocontrast", "RandomEqualize",
    "RandomGrayscale", "RandomInvert", "RandomPosterize", "RandomSolarize",
]  # fmt: skip

Range = tuple[float, float]


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    The first three are drawn from max(0, 1 - b) to 1 + b, or between two numbers; the hue from -h to h, or
    between two numbers from -0.5 to 0.5. What is 0 stays as it is.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        self.brightness = _range("brightness", brightness)
        self.contrast = _range("contrast", contrast)
        self.saturation = _range("saturation", saturation)
        self.hue = _range("hue", hue, 0.0, (-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: Range | None, contrast: Range | None, saturation: Range | None, hue: Range | None
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """The order of the four, and their factors; None for what stays."""
        order = wrap(np.array(draw_order(4)))
        b, c, s, h = (None if r is None else draw(*r) for r in (brightness, contrast, saturation, hue))
        return order, b, c, s, h

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for at in order.tolist():
            if (factor := factors[at]) is not None:
                img = changes[at](img, factor)
        return img

    def extra_repr(self) -> str:
        return shown(
            brightness=self.brightness, contrast=self.contrast, saturation=self.saturation, hue=self.hue
        )


def _range(
    name: str, value: Any, middle: float = 1.0, bounds: Range = (0.0, float("inf"))
) -> tuple[float, float] | None:
    if isinstance(value, (tuple, list)):
        low, high = (float(v) for v in value) if len(value) == 2 else (1.0, 0.0)
    else:
        low, high = middle - float(value), middle + float(value)
        if middle == 1.0:
            low = max(low, 0.0)
        if value < 0:
            high = bounds[0] - 1
    if not bounds[0] <= low <= high <= bounds[1]:
        expected = f"a number from 0, or a range within {bounds[0]} to {bounds[1]}"
        raise ArgumentError(message("ColorJitter", f"{name}={value!r}", expected))
    return None if low == high == middle else (low, high)


class RandomGrayscale(Transform):
    """With probability `p` the picture in grey, in as many channels as before."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        channels = F.get_image_num_channels(img)
        return F.rgb_to_grayscale(img, channels) if chance(self.p) else img

    def extra_repr(self) -> str:
        return shown(p=self.p)


class GaussianBlur(Transform):
    """`functional.gaussian_blur` with a deviation drawn between the two of `sigma`, or equal to it."""

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        numbers = tuple(sigma) if isinstance(sigma, (tuple, list)) else (sigma, sigma)
        if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1]:
            expected = "a positive number, or a range of them"
            raise ArgumentError(message("GaussianBlur", f"sigma={sigma!r}", expected))
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
        if len(sizes) != 2 or any(size <= 0 or size % 2 == 0 for size in sizes):
            raise ArgumentError(message("GaussianBlur", f"kernel_size={kernel_size!r}", "odd, positive"))
        self.kernel_size, self.sigma = sizes, (float(numbers[0]), float(numbers[1]))

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random deviation."""
        return draw(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def extra_repr(self) -> str:
        return shown(kernel_size=self.kernel_size, sigma=self.sigma)


class _Sometimes(Transform):
    """With probability `p`, `change(img)`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def change(self, img: Any) -> Any:
        """The picture changed."""
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.change(img) if chance(self.p) else img

    def extra_repr(self) -> str:
        return shown(p=self.p)


class RandomInvert(_Sometimes):
    """With probability `p` `functional.invert`."""

    def change(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(_Sometimes):
    """With probability `p` `functional.autocontrast`."""

    def change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_Sometimes):
    """With probability `p` `functional.equalize`."""

    def change(self, img: Any) -> Any:
        return F.equalize(img)


class RandomPosterize(_Sometimes):
    """With probability `p` `functional.posterize` to `bits` bits."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)

    def extra_repr(self) -> str:
        return shown(bits=self.bits, p=self.p)


class RandomSolarize(_Sometimes):
    """With probability `p` `functional.solarize` from `threshold` on."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)

    def extra_repr(self) -> str:
        return shown(threshold=self.threshold, p=self.p)


class RandomAdjustSharpness(_Sometimes):
    """With probability `p` `functional.adjust_sharpness` by `sharpness_factor`."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)

    def extra_repr(self) -> str:
        return shown(sharpness_factor=self.sharpness_factor, p=self.p)
