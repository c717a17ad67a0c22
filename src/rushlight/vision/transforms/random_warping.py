"""Transforms that turn, tilt or partly erase a picture at random, with numbers from the global generator.

All pictures of a batch are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.ops.join import stack
from rushlight.ops.random import rand, randn
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms.base import Transform, chance, draw, draw_index, draw_many, shown
from rushlight.vision.transforms.modes import InterpolationMode, interpolation_mode

__all__ = ["ElasticTransform", "RandomAffine", "RandomErasing", "RandomPerspective", "RandomRotation"]


class RandomRotation(Transform):
    """The picture turned by a random angle: from -degrees to degrees, or between the two of `degrees`.

    The others are those of `functional.rotate`.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = _around("RandomRotation", "degrees", degrees)
        self.interpolation = interpolation_mode("RandomRotation", interpolation)
        self.expand, self.center, self.fill = expand, center, 0 if fill is None else fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return draw(degrees[0], degrees[1])

    def forward(self, img: Any) -> Any:
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)

    def extra_repr(self) -> str:
        found = shown(degrees=self.degrees, interpolation=self.interpolation.value, expand=self.expand)
        found += "" if self.center is None else f", center={self.center}"
        return found + f", fill={self.fill}"


class RandomAffine(Transform):
    """The picture turned, moved, scaled and sheared at random about its center, each drawn evenly.

    degrees    as `RandomRotation` takes them; 0 for none.
    translate  the greatest shares (of the width, of the height) to move by, either way.
    scale      the least and greatest factor.
    shear      degrees: one number for -s to s along x, two for their range, four for ranges along x and y.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = _around("RandomAffine", "degrees", degrees)
        if translate is not None and (len(translate) != 2 or not all(0 <= t <= 1 for t in translate)):
            got = f"translate={translate!r}"
            raise ArgumentError(message("RandomAffine", got, "two numbers from 0 to 1"))
        if scale is not None and (len(scale) != 2 or not all(s > 0 for s in scale)):
            raise ArgumentError(message("RandomAffine", f"scale={scale!r}", "two positive numbers"))
        self.shear: tuple[float, ...] | None = None
        if shear is not None:
            self.shear = _around("RandomAffine", "shear", shear, (2, 4))
        self.translate, self.scale, self.center = translate, scale, center
        self.interpolation = interpolation_mode("RandomAffine", interpolation)
        self.fill = 0 if fill is None else fill

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, translation in pixels, scale and shears; `img_size` is (width, height)."""
        angle = draw(degrees[0], degrees[1])
        moved = (0, 0)
        if translate is not None:
            most = [share * side for share, side in zip(translate, img_size, strict=True)]
            moved = (round(draw(-most[0], most[0])), round(draw(-most[1], most[1])))
        scale = 1.0 if scale_ranges is None else draw(scale_ranges[0], scale_ranges[1])
        along_x = draw(shears[0], shears[1]) if shears else 0.0
        along_y = draw(shears[2], shears[3]) if shears and len(shears) == 4 else 0.0
        return angle, moved, scale, (along_x, along_y)

    def forward(self, img: Any) -> Any:
        size = F.get_image_size(img)
        chosen = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *chosen, self.interpolation, self.fill, self.center)

    def extra_repr(self) -> str:
        options = {"translate": self.translate, "scale": self.scale, "shear": self.shear}
        given = {name: value for name, value in options.items() if value is not None}
        return shown(degrees=self.degrees, **given)


class RandomPerspective(Transform):
    """With probability `p` the picture as seen from another side: its corners move inwards at random, by
    `distortion_scale` of half the sides at most."""

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.distortion_scale, self.p, self.fill = distortion_scale, p, fill
        self.interpolation = interpolation_mode("RandomPerspective", interpolation)

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners, from the upper left with the clock, and where they move to."""
        across, down = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        end = []
        for x, y in start:
            dx, dy = draw_index(0, across + 1), draw_index(0, down + 1)
            end.append([x - dx if x else dx, y - dy if y else dy])
        return start, end

    def forward(self, img: Any) -> Any:
        if not chance(self.p):
            return img
        _, rows, columns = F.get_dimensions(img)
        start, end = self.get_params(columns, rows, self.distortion_scale)
        return F.perspective(img, start, end, self.interpolation, self.fill)

    def extra_repr(self) -> str:
        return shown(p=self.p)


class ElasticTransform(Transform):
    """The picture as if on rubber: each pixel is moved by smooth noise.

    alpha  how far, along x and y: one number or two.
    sigma  how smooth, in pixels: one number or two.

    The others are those of `functional.elastic_transform`. Raises ArgumentError for a negative number.
    Source: P. Simard, D. Steinkraus and J. Platt, Best practices for convolutional neural networks (2003).

    >>> import rushlight as rl
    >>> ElasticTransform(alpha=40.0, sigma=2.0)(rl.rand(3, 28, 28)).shape
    Size([3, 28, 28])
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha, self.sigma = self._two("alpha", alpha), self._two("sigma", sigma)
        self.interpolation = interpolation_mode("ElasticTransform", interpolation)
        self.fill = fill

    @staticmethod
    def _two(name: str, value: Any) -> list[float]:
        numbers = [float(n) for n in (value if isinstance(value, (tuple, list)) else (value, value))]
        numbers = numbers * 2 if len(numbers) == 1 else numbers
        if len(numbers) != 2 or min(numbers) < 0:
            got = f"{name}={value!r}"
            raise ArgumentError(message("ElasticTransform", got, "a number from 0 on, or two"))
        return numbers

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """A random displacement (1, H, W, 2) for a picture of `size` (H, W)."""
        moves = []
        for far, spread, side in zip(alpha, sigma, size, strict=True):
            noise = rand(1, 1, *size) * 2 - 1
            if spread > 0:
                width = int(8 * spread + 1) | 1
                noise = F.gaussian_blur(noise, [width, width], list(sigma))
            moves.append(noise * far / side)
        return stack([move[:, 0] for move in moves], -1)

    def forward(self, tensor: Any) -> Any:
        _, rows, columns = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [rows, columns])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def extra_repr(self) -> str:
        return shown(
            alpha=self.alpha, sigma=self.sigma, interpolation=self.interpolation.value, fill=self.fill
        )


class RandomErasing(Transform):
    """With probability `p` a random rectangle of a tensor (..., C, H, W) erased.

    scale  the least and greatest share of the picture's area.
    ratio  the least and greatest height / width of the rectangle.
    value  the pixels then: a number, one for each channel, or "random" for normal noise.

    Source: Z. Zhong et al., Random erasing data augmentation (2017), arXiv:1708.04896.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(value, str) and value != "random":
            raise ArgumentError(message("RandomErasing", f"value={value!r}", "numbers, or 'random'"))
        if not 0 <= p <= 1 or not 0 <= scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
            got = f"p={p}, scale={scale}, ratio={ratio}"
            raise ArgumentError(message("RandomErasing", got, "shares from 0 to 1, and ranges in order"))
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Any]:
        """Row, column, height, width and pixels of a random rectangle; after ten draws that do not fit, all
        of the picture as it is."""
        channels, rows, columns = F.get_dimensions(img)
        low, high = math.log(ratio[0]), math.log(ratio[1])
        for _ in range(10):
            share, form, down, right = draw_many(4).tolist()
            area = rows * columns * (scale[0] + (scale[1] - scale[0]) * share)
            shape = math.exp(low + (high - low) * form)
            height, width = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if height < rows and width < columns:
                pixels = randn(channels, height, width) if value is None else _column(value)
                at = int(down * (rows - height + 1)), int(right * (columns - width + 1))
                return (*at, height, width, pixels)
        return 0, 0, rows, columns, img

    def forward(self, img: Any) -> Any:
        if not chance(self.p):
            return img
        value = self.value
        given = None
        if value != "random":
            given = list(value) if isinstance(value, (tuple, list)) else [value]
            if len(given) not in (1, F.get_image_num_channels(img)):
                got = f"{len(given)} numbers in value for {F.get_image_num_channels(img)} channels"
                raise ArgumentError(message("RandomErasing", got, "one, or one for each channel"))
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, given), self.inplace)

    def extra_repr(self) -> str:
        return shown(p=self.p, scale=self.scale, ratio=self.ratio, value=self.value, inplace=self.inplace)


def _column(value: Sequence[float]) -> Tensor:
    return Tensor([float(v) for v in value]).reshape(-1, 1, 1)


def _around(op: str, name: str, value: Any, counts: tuple[int, ...] = (2,)) -> tuple[float, ...]:
    """The range that one number, from - to +, or several say."""
    if isinstance(value, (tuple, list)):
        if len(value) not in counts:
            got = f"{len(value)} numbers in {name}"
            raise ArgumentError(message(op, got, "one number, or " + " or ".join(map(str, counts))))
        return tuple(float(n) for n in value)
    if value < 0:
        raise ArgumentError(message(op, f"{name}={value}", "0 or more, or a range (low, high)"))
    return 0.0 - float(value), float(value)
