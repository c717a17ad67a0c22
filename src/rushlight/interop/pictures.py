"""Pictures of digits and clothes, brought to the form of MNIST's: 28 x 28 pixels, light on dark."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import Any

import numpy as np

from rushlight.core.atomic import struck
from rushlight.errors import DataError
from rushlight.optional import load

__all__ = ["read_clothing", "read_digit"]

SIZE = 28
MOST_PIXELS = {"PNG": 20_000_000, "JPEG": 50_000_000}
"""By format: a large JPEG is read at a part of its size. No other decoder is tried, whatever a file is."""
BLANK = 32
"""Pictures whose greys differ by less show nothing."""
INK = 0.2
"""What has this share of the contrast, or more, belongs to the drawing; less is paper."""


def read_digit(path: str | os.PathLike[str]) -> tuple[Any, list[str]]:
    """The picture at `path` as a uint8 array (28, 28), light on dark, and notes on what was changed for that.

    The digit is cut out, fitted into a box of 20 x 20 pixels, and laid with its centre of mass at the centre,
    as MNIST's were. A picture that is so already stays as it is.

    Raises DataError for a file that is missing, damaged, empty, or no PNG or JPEG.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.
    """
    return _read(path, 20, by_mass=True)


def read_clothing(path: str | os.PathLike[str]) -> tuple[Any, list[str]]:
    """As `read_digit`, but prepared as Fashion-MNIST's pictures were: cut out, and its longer side 28 pixels.

    Source: H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST (2017), arXiv:1708.07747.
    """
    return _read(path, SIZE, by_mass=False)


def _read(path: str | os.PathLike[str], box: int, by_mass: bool) -> tuple[Any, list[str]]:
    pixels, notes = np.array(_open(path)), []
    border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]))
    darkest, lightest = int(pixels.min()), int(pixels.max())
    if lightest - darkest < BLANK:
        raise DataError(f"{os.fspath(path)} is blank: all its pixels are nearly alike")
    if border - darkest > lightest - border:
        notes.append("dark on light, inverted: the net learned from light on dark")
        pixels, border = 255 - pixels, 255 - border
    if not _prepared(pixels, border, box, by_mass):
        notes.append(f"{pixels.shape[1]} x {pixels.shape[0]} pixels, cut out and fitted into {SIZE} x {SIZE}")
        pixels = _fit(pixels, border, box, by_mass)
    return pixels, notes


def _open(path: str | os.PathLike[str]) -> Any:
    load("PIL", "Reading pictures")
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = os.fspath(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pillow's of many pixels: they are counted here
            file = Image.open(path, formats=tuple(MOST_PIXELS))
        with file:
            if file.width * file.height > MOST_PIXELS.get(file.format or "", MOST_PIXELS["JPEG"]):
                raise DataError(
                    f"{name} has {file.width} x {file.height} pixels; expected a picture of one thing"
                )
            file.draft("L", (1000, 1000))
            file.load()
            picture = file
            with contextlib.suppress(Exception):  # a note on the orientation that cannot be read
                picture = ImageOps.exif_transpose(file)
            return _grey(picture)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"there is no file {name}") from error
    except (IsADirectoryError, PermissionError) as error:
        raise DataError(f"cannot read {name}: {error.strerror}") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{name} is no PNG or JPEG picture, or is damaged") from error
    except Exception as error:  # pillow's plugins raise errors of many types
        if struck(error):
            raise
        raise DataError(f"{name} is no picture, or is damaged: {error}") from error


def _grey(picture: Any) -> Any:
    """In 256 shades of grey; what is transparent is taken for white paper."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits a pixel: `convert` would cut them off, not scale them
        return Image.fromarray((np.asarray(picture) // 257).clip(0, 255).astype(np.uint8))
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode not in ("RGBA", "LA", "PA"):
        return picture.convert("L")
    picture = picture.convert("LA")
    return Image.composite(
        picture.getchannel("L"), Image.new("L", picture.size, 255), picture.getchannel("A")
    )


def _ink(pixels: Any, border: float) -> tuple[slice, slice]:
    """The rectangle around what is drawn, as rows and columns."""
    drawn = pixels > border + INK * (int(pixels.max()) - border)
    rows, columns = (np.flatnonzero(drawn.any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _centre(pixels: Any) -> tuple[float, float]:
    """The centre of mass: row and column."""
    mass = np.asarray(pixels, np.float64)
    total = mass.sum()
    row, column = ((mass.sum(1 - axis) @ np.arange(mass.shape[axis])) / total for axis in (0, 1))
    return float(row), float(column)


def _prepared(pixels: Any, border: float, box: int, by_mass: bool) -> bool:
    """Whether the picture is one of the data set's own, or as good as one."""
    if pixels.shape != (SIZE, SIZE):
        return False
    if not by_mass:
        return True
    rows, columns = _ink(pixels, border)
    longest = max(rows.stop - rows.start, columns.stop - columns.start)
    return abs(longest - box) <= 3 and all(abs(at - SIZE / 2) < 1.5 for at in _centre(pixels))


def _fit(pixels: Any, border: float, box: int, by_mass: bool) -> Any:
    """The drawing, its longer side `box` pixels, in the middle of black."""
    from PIL import Image

    rows, columns = _ink(pixels, border)
    cut = pixels[rows, columns]
    height, width = (max(1, round(side * box / max(cut.shape))) for side in cut.shape)
    resized = Image.fromarray(cut).resize((width, height), Image.Resampling.LANCZOS)
    small = np.asarray(resized, np.float64) - border
    small = (small * (255 / max(small.max(), 1))).clip(0, 255).round().astype(np.uint8)
    row, column = _centre(small) if by_mass else (height / 2, width / 2)
    top = min(max(round(SIZE / 2 - row), 0), SIZE - height)
    left = min(max(round(SIZE / 2 - column), 0), SIZE - width)
    found = np.zeros((SIZE, SIZE), np.uint8)
    found[top : top + height, left : left + width] = small
    return found
