"""Cutting, bordering, resizing and mirroring pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.nn.functional.padding import pad as border
from rushlight.nn.functional.upsampling import interpolate
from rushlight.ops.select import where
from rushlight.vision.images import is_pil, through
from rushlight.vision.transforms.formats import get_dimensions
from rushlight.vision.transforms.modes import InterpolationMode, interpolation_mode, pillow_mode

__all__ = [
    "as_floats", "center_crop", "crop", "five_crop", "hflip", "pad", "pair", "resize", "resized_crop",
    "ten_crop", "vflip",
]  # fmt: skip


def hflip(img: Any) -> Any:
    """The picture mirrored: left becomes right.

    >>> import rushlight as rl
    >>> hflip(rl.tensor([[1, 2, 3]]))
    tensor([[3, 2, 1]])
    """
    if is_pil(img):
        return img.transpose(0)  # FLIP_LEFT_RIGHT
    return through("hflip", img, lambda x: x.flip(-1))


def vflip(img: Any) -> Any:
    """The picture upside down, mirrored.

    >>> import rushlight as rl
    >>> vflip(rl.tensor([[1], [2]]))
    tensor([[2],
            [1]])
    """
    if is_pil(img):
        return img.transpose(1)  # FLIP_TOP_BOTTOM
    return through("vflip", img, lambda x: x.flip(-2))


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The rectangle of `height` x `width` pixels from row `top` and column `left`; 0 where it lies outside.

    >>> import rushlight as rl
    >>> crop(rl.tensor([[1, 2], [3, 4]]), 0, 1, 2, 2)
    tensor([[2, 0],
            [4, 0]])
    """
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))

    def cut(x: Tensor) -> Tensor:
        rows, columns = x.shape[-2:]
        bottom, right = top + height, left + width
        inside = x[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        edges = [max(min(-left, width), 0), max(right - max(columns, left), 0)]
        edges += [max(min(-top, height), 0), max(bottom - max(rows, top), 0)]
        return border(inside, edges) if any(edges) else inside

    return through("crop", img, cut)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the picture, `output_size` = (height, width) or the side of a square; bordered with 0
    where the picture is smaller.

    >>> import rushlight as rl
    >>> center_crop(rl.arange(5).reshape(1, 5), (1, 3))
    tensor([[1, 2, 3]])
    """
    height, width = pair("center_crop", output_size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        wide, high = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, [wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2])
        _, rows, columns = get_dimensions(img)
    return crop(img, round((rows - height) / 2.0), round((columns - width) / 2.0), height, width)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, ...]:
    """The four corners, top left first, and the middle of the picture, each of `size`.

    Raises ArgumentError where the picture is smaller.
    """
    height, width = pair("five_crop", size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        got = f"a size of {(height, width)} of a picture of {(rows, columns)}"
        raise ArgumentError(message("five_crop", got, "a size that fits into it"))
    corners = [(top, left) for top in (0, rows - height) for left in (0, columns - width)]
    return (*(crop(img, *corner, height, width) for corner in corners), center_crop(img, (height, width)))


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of the picture and of its mirror image, upside down with `vertical_flip`."""
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def pad(img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The picture with a border; negative numbers crop.

    padding       one number for all sides, (left and right, top and bottom), or (left, top, right, bottom).
    fill          the border's pixels with "constant": a number, or one for each channel.
    padding_mode  "constant"; "edge": the nearest pixel; "reflect": mirrored at the outermost pixel;
                  "symmetric": mirrored at the edge, so that the outermost pixel comes twice.

    Raises ArgumentError for other modes or counts, ShapeError for a border that cannot be mirrored.

    >>> import rushlight as rl
    >>> pad(rl.tensor([[1, 2, 3]]), (2, 0), padding_mode="symmetric")
    tensor([[2, 1, 1, 2, 3, 3, 2]])
    """
    left, top, right, bottom = _sides(padding)
    if padding_mode == "constant":
        return through("pad", img, lambda x: _filled(x, (left, right, top, bottom), fill))
    if padding_mode not in _REPEATS:
        expected = "one of 'constant', " + ", ".join(map(repr, _REPEATS))
        raise ArgumentError(message("pad", f"padding_mode={padding_mode!r}", expected))

    def repeat(x: Tensor) -> Tensor:
        for axis, before, after in ((x.ndim - 2, top, bottom), (x.ndim - 1, left, right)):
            if before or after:
                size = x.shape[axis]
                x = x.index_select(axis, wrap(_REPEATS[padding_mode](size, before, after)))
        return x

    return through("pad", img, repeat)


def _sides(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    numbers = list(padding) if isinstance(padding, (tuple, list)) else [padding]
    if len(numbers) not in (1, 2, 4):
        raise ArgumentError(message("pad", f"a padding of {len(numbers)} numbers", "1, 2 or 4"))
    left, top, right, bottom = (int(n) for n in numbers * (4 // len(numbers)))
    return left, top, right, bottom


def _filled(x: Tensor, edges: tuple[int, ...], fill: Any) -> Tensor:
    if not isinstance(fill, (tuple, list)):
        return border(x, edges, value=0 if fill is None else fill)
    if len(fill) not in (1, x.shape[-3]):
        got = f"{len(fill)} numbers to fill {x.shape[-3]} channels with"
        raise ArgumentError(message("pad", got, "one for each channel"))
    colour = wrap(np.asarray(fill, x.dtype).reshape(-1, 1, 1))
    inside = border(x, edges)
    known = border(wrap(np.ones(x.shape[-2:], bool)), edges)
    return where(known, inside, colour)


def _edge(size: int, before: int, after: int) -> np.ndarray:
    return np.arange(-before, size + after).clip(0, size - 1)


def _reflect(size: int, before: int, after: int) -> np.ndarray:
    _check_mirror(size - 1, before, after)
    return size - 1 - np.abs(size - 1 - np.abs(np.arange(-before, size + after)))


def _symmetric(size: int, before: int, after: int) -> np.ndarray:
    _check_mirror(size, before, after)
    at = np.arange(-before, size + after)
    at = np.where(at < 0, -1 - at, at)
    return np.where(at >= size, 2 * size - 1 - at, at)


def _check_mirror(most: int, before: int, after: int) -> None:
    if max(before, after) > most:
        got = f"a border of {max(before, after)} pixels to mirror"
        raise ShapeError(message("pad", got, f"at most {most} for this picture"))


_REPEATS = {"edge": _edge, "reflect": _reflect, "symmetric": _symmetric}
"""By mode: which pixel of `size` each of the bordered axis is."""


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The picture with another number of pixels.

    size           (height, width), or one number: that of the shorter side, the other in proportion.
    interpolation  of tensors "nearest", "nearest-exact", "bilinear" or "bicubic".
    max_size       with one number: the longer side is this at most.
    antialias      where the picture becomes smaller, all pixels count; pictures always do so.

    Raises ArgumentError for other options.

    >>> import rushlight as rl
    >>> resize(rl.tensor([[[0.0, 0.0, 1.0, 1.0]]]), [1, 2])
    tensor([[[0.1429, 0.8571]]])
    """
    mode = interpolation_mode("resize", interpolation)
    _, rows, columns = get_dimensions(img)
    height, width = resized(size, rows, columns, max_size)
    if (height, width) == (rows, columns):
        return img
    if is_pil(img):
        return img.resize((width, height), pillow_mode(mode))
    return through("resize", img, lambda x: _resize(x, (height, width), mode, bool(antialias)))


def resized(size: Any, rows: int, columns: int, max_size: int | None) -> tuple[int, int]:
    """Height and width that `size` asks for."""
    if isinstance(size, (tuple, list)):
        if len(size) == 2:
            if max_size is not None:
                raise ArgumentError(message("resize", "max_size with two sizes", "one size"))
            return int(size[0]), int(size[1])
        if len(size) != 1:
            raise ArgumentError(message("resize", f"{len(size)} sizes", "1 or 2"))
        size = size[0]
    short, long = min(rows, columns), max(rows, columns)
    new_short, new_long = int(size), int(size * long / short)
    if max_size is not None:
        if max_size <= size:
            raise ArgumentError(message("resize", f"max_size={max_size}", f"more than the size, {size}"))
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_long, new_short) if columns <= rows else (new_short, new_long)


def _resize(x: Tensor, size: tuple[int, int], mode: InterpolationMode, antialias: bool) -> Tensor:
    smooth = mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    if not smooth and not mode.value.startswith("nearest"):
        got, remedy = f"interpolation={mode.value!r} of a tensor", "Resize the picture before ToTensor()."
        raise NotSupportedError(message("resize", got, "nearest, bilinear or bicubic", remedy))
    return as_floats(
        x,
        lambda y: interpolate(
            y, size, mode=mode.value, align_corners=False if smooth else None, antialias=antialias and smooth
        ),
    )


def as_floats(x: Tensor, change: Any) -> Tensor:
    """`change` of `x` as floats (N, C, H, W); then rounded, and cut to the range of its whole numbers."""
    lead = x.shape[:-3] if x.ndim > 3 else ()
    images = x.reshape(-1, *x.shape[-3:]) if x.ndim >= 3 else x.reshape(1, 1, *x.shape)
    images = images if x.dtype.kind == "f" else images.float()
    found: Tensor = change(images)
    if x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        found = found.round().clamp(limits.min, limits.max)
    found = found.to(x.dtype)
    return found.reshape(*lead, *found.shape[-min(x.ndim, 3) :])


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def pair(op: str, size: Any) -> tuple[int, int]:
    """Height and width, of one number or two."""
    numbers = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    if len(numbers) not in (1, 2) or not all(int(n) == n and n > 0 for n in numbers):
        raise ArgumentError(message(op, f"size={size!r}", "a positive number, or (height, width)"))
    return int(numbers[0]), int(numbers[-1])
