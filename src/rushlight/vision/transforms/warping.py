"""Turning, shearing and tilting pictures: each pixel of the result is read at a place of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.nn.functional.grid import grid_sample
from rushlight.ops.select import where
from rushlight.vision.images import is_pil, through
from rushlight.vision.transforms.formats import get_dimensions
from rushlight.vision.transforms.modes import InterpolationMode, interpolation_mode, pillow_mode
from rushlight.vision.transforms.placing import as_floats

__all__ = ["affine", "elastic_transform", "perspective", "rotate"]


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """The picture turned by `angle` degrees against the clock.

    interpolation  "nearest" or "bilinear"; of Pillow's pictures "bicubic" too.
    expand         make the picture large enough for all of it; this takes the middle for its center.
    center         the (x, y) that stays, from the upper left corner; the middle if left out.
    fill           pixels for what lies outside: a number, or one for each channel; 0 if left out.

    >>> import rushlight as rl
    >>> rotate(rl.tensor([[[1, 2], [3, 4]]]), 90)
    tensor([[[2, 4],
             [1, 3]]])
    """
    mode = interpolation_mode("rotate", interpolation)
    if is_pil(img):
        return img.rotate(angle, pillow_mode(mode), expand, center, fillcolor=_colour(fill, img))
    if expand and center is None and angle % 90 == 0:
        return through("rotate", img, lambda x: _quarters(x, int(angle // 90 % 4)))
    _, rows, columns = get_dimensions(img)
    middle = _from_middle(center, rows, columns)
    inverse = _inverse(middle, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    size = _enclosing(inverse, rows, columns) if expand else (rows, columns)
    return through("rotate", img, lambda x: _warp("rotate", x, inverse, size, mode, fill))


def _quarters(x: Tensor, turns: int) -> Tensor:
    """`turns` right angles against the clock, which move pixels only."""
    x = x.transpose(-2, -1) if turns % 2 else x
    axes = ((), (-2,), (-2, -1), (-1,))[turns]
    return x.flip(axes) if axes else x


def affine(
    img: Any,
    angle: float,
    translate: Sequence[int],
    scale: float,
    shear: float | Sequence[float],
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """The picture sheared, scaled, turned by `angle` degrees with the clock about its center, and moved.

    translate  (right, down) in pixels.
    shear      degrees along x, or (along x, along y).

    The others are those of `rotate`. Raises ArgumentError for a scale that is not positive.

    >>> import rushlight as rl
    >>> affine(rl.tensor([[[1, 2, 3]]]), 0, (1, 0), 1, 0)
    tensor([[[0, 1, 2]]])
    """
    mode = interpolation_mode("affine", interpolation)
    if scale <= 0:
        raise ArgumentError(message("affine", f"scale={scale}", "a positive number"))
    shears = tuple(shear) if isinstance(shear, (tuple, list)) else (shear, 0.0)
    shears = (*shears, 0.0) if len(shears) == 1 else shears
    if len(shears) != 2 or len(tuple(translate)) != 2:
        got = f"translate={translate!r}, shear={shear!r}"
        raise ArgumentError(message("affine", got, "two numbers in translate, one or two in shear"))
    _, rows, columns = get_dimensions(img)
    if is_pil(img):
        middle = (columns * 0.5, rows * 0.5) if center is None else (center[0], center[1])
        rule = _inverse(middle, angle, translate, scale, shears)
        data = rule.ravel().tolist()
        return img.transform((columns, rows), 0, data, pillow_mode(mode), fillcolor=_colour(fill, img))
    rule = _inverse(_from_middle(center, rows, columns), angle, translate, scale, shears)
    return through("affine", img, lambda x: _warp("affine", x, rule, (rows, columns), mode, fill))


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[float]],
    endpoints: Sequence[Sequence[float]],
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """The picture as seen from another side: the four points (x, y) `startpoints` come to lie at `endpoints`.

    Both go from the upper left corner with the clock.
    """
    mode = interpolation_mode("perspective", interpolation)
    _, rows, columns = get_dimensions(img)
    rule = _projection(startpoints, endpoints)
    if is_pil(img):
        data = rule.ravel()[:8].tolist()
        return img.transform((columns, rows), 2, data, pillow_mode(mode), fillcolor=_colour(fill, img))
    # The rule is for places from the corner; grids count from the middle.
    half = np.array([[1.0, 0.0, columns * 0.5], [0.0, 1.0, rows * 0.5], [0.0, 0.0, 1.0]])
    rule = np.linalg.inv(half) @ rule @ half
    return through("perspective", img, lambda x: _warp("perspective", x, rule, (rows, columns), mode, fill))


def elastic_transform(
    img: Any, displacement: Tensor, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = None
) -> Any:
    """The picture whose pixel at (x, y) is that of `img` at (x, y) + displacement, in halves of the sides.

    displacement  (1, H, W, 2): along x and along y.

    The others are those of `rotate`. Raises ShapeError for a displacement of another shape.

    >>> import rushlight as rl
    >>> elastic_transform(rl.tensor([[[1, 2, 3]]]), rl.ones(1, 1, 3, 2) * rl.tensor([2 / 3, 0.0]))
    tensor([[[2, 3, 0]]])
    """
    mode = interpolation_mode("elastic_transform", interpolation)
    _, rows, columns = get_dimensions(img)
    if displacement.shape != (1, rows, columns, 2):
        got = f"a displacement of shape {displacement.shape}"
        raise ShapeError(message("elastic_transform", got, f"{(1, rows, columns, 2)}"))
    across, down = ((2 * np.arange(n) + 1.0 - n) / n for n in (columns, rows))
    grid = np.stack(np.meshgrid(across, down), -1)[None] + displacement.array
    return through("elastic_transform", img, lambda x: _read("elastic_transform", x, grid, mode, fill))


def _inverse(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> np.ndarray:
    """(2, 3): the place in the picture of a place (x, y, 1) of the result.

    The result is T C R S C⁻¹ of the picture: C moves the center to the origin, S scales by `scale` and shears
    along x and then y, R turns, T translates.
    """
    turn, along_x, along_y = (math.radians(a) for a in (angle, *shear))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    shear_y = np.array([[1.0, 0.0], [-math.tan(along_y), 1.0]])
    shear_x = np.array([[1.0, -math.tan(along_x)], [0.0, 1.0]])
    back = np.linalg.inv(rotation @ shear_y @ shear_x * scale)
    middle, moved = np.array(center, float), np.array(translate, float)
    return np.column_stack([back, middle - back @ (middle + moved)])


def _projection(start: Any, end: Any) -> np.ndarray:
    """(3, 3): the place in the picture of a place (x, y, 1) of the result, up to the third coordinate.

    With u = (a x + b y + c) / (g x + h y + 1) and v alike for each pair of points, eight linear equations.
    """
    if np.shape(start) != (4, 2) or np.shape(end) != (4, 2):
        got = f"points of shapes {np.shape(start)} and {np.shape(end)}"
        raise ArgumentError(message("perspective", got, "four points (x, y) each"))
    lines, values = [], []
    for (x, y), (u, v) in zip(end, start, strict=True):
        lines += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    found = np.linalg.lstsq(np.array(lines, float), np.array(values, float), rcond=None)[0]
    return np.append(found, 1.0).reshape(3, 3)


def _enclosing(inverse: np.ndarray, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of the smallest picture that holds all of the turned one."""
    x, y = columns * 0.5, rows * 0.5
    corners = np.array([[-x, -y, 1.0], [-x, y, 1.0], [x, y, 1.0], [x, -y, 1.0]]) @ inverse.T + [x, y]
    # What exceeds a whole number by rounding alone asks for no further pixel.
    low, high = (np.trunc(edge / 1e-4) * 1e-4 for edge in (corners.min(0), corners.max(0)))
    width, height = np.ceil(high) - np.floor(low)
    return int(height), int(width)


def _from_middle(center: Sequence[float] | None, rows: int, columns: int) -> tuple[float, float]:
    return (0.0, 0.0) if center is None else (center[0] - columns * 0.5, center[1] - rows * 0.5)


def _warp(
    op: str, x: Tensor, rule: np.ndarray, size: tuple[int, int], mode: InterpolationMode, fill: Any
) -> Tensor:
    """The result of `size` whose pixel at (x, y), from the middle, is that of `x` at rule · (x, y, 1)."""
    rows, columns = x.shape[-2:]
    across, down = (np.arange(n) + 0.5 - n * 0.5 for n in (size[1], size[0]))
    places = np.stack([*np.meshgrid(across, down), np.ones(size)], -1) @ rule.T
    places = places[..., :2] / places[..., 2:] if len(rule) == 3 else places
    return _read(op, x, (places / [columns * 0.5, rows * 0.5])[None], mode, fill)


def _read(op: str, x: Tensor, grid: np.ndarray, mode: InterpolationMode, fill: Any) -> Tensor:
    """`x` at the places of a grid (1, H, W, 2), from -1 to 1, and `fill` beyond."""
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        got = f"interpolation={mode.value!r} of a tensor"
        raise NotSupportedError(message(op, got, "nearest or bilinear"))

    def read(images: Tensor) -> Tensor:
        at = wrap(np.broadcast_to(grid, (len(images), *grid.shape[1:])).astype(images.dtype))
        found = grid_sample(images, at, mode.value, "zeros", False)
        if fill is None:
            return found
        colour = _fill_numbers(op, fill, images)
        known = grid_sample(images[:, :1] * 0 + 1, at, mode.value, "zeros", False)
        if mode is InterpolationMode.NEAREST:
            return where(known < 0.5, colour, found)
        return found * known + (1.0 - known) * colour

    return as_floats(x, read)


def _fill_numbers(op: str, fill: Any, images: Tensor) -> Tensor:
    numbers = list(fill) if isinstance(fill, (tuple, list)) else [fill]
    if len(numbers) not in (1, images.shape[1]):
        got = f"fill of {len(numbers)} numbers for {images.shape[1]} channels"
        raise ArgumentError(message(op, got, "one, or one for each channel"))
    return wrap(np.array(numbers, images.dtype).reshape(1, -1, 1, 1))


def _colour(fill: Any, img: Any) -> Any:
    """`fill` as Pillow takes it: one number for one band, else one for each."""
    if fill is None:
        return 0 if len(img.getbands()) == 1 else (0,) * len(img.getbands())
    bands = len(img.getbands())
    numbers = tuple(fill) if isinstance(fill, (tuple, list)) else (fill,) * bands
    numbers = numbers * bands if len(numbers) == 1 else numbers
    if len(numbers) != bands:
        got = f"fill of {len(numbers)} numbers for a picture of {bands} bands"
        raise ArgumentError(message("fill", got, "one, or one for each"))
    if img.mode not in ("F",):
        numbers = tuple(int(n) for n in numbers)
    return numbers[0] if bands == 1 else numbers
