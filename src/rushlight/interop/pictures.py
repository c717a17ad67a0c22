"""Pictures of digits, brought to the form of MNIST's: 28 x 28 pixels, light on dark."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from rushlight.errors import DataError, NotSupportedError

__all__ = ["read_digit"]

SIZE = 28
MOST_PIXELS = 50_000_000


def read_digit(path: str | os.PathLike[str]) -> tuple[Any, list[str]]:
    """The picture at `path` as a uint8 array (28, 28), light on dark, and notes on what was changed for that.

    Any format that pillow reads will do. Raises DataError for a file that is missing, damaged or no picture.
    """
    picture, notes = _open(path), []
    if picture.size != (SIZE, SIZE):
        notes.append(f"{picture.width} x {picture.height} pixels, resized to {SIZE} x {SIZE}")
        picture = _fit(picture)
    pixels = np.array(picture)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if np.median(border) > 127:
        notes.append("dark on light, inverted: the net learned from light on dark")
        pixels = 255 - pixels
    return pixels, notes


def _open(path: str | os.PathLike[str]) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise NotSupportedError('Reading pictures needs pillow: pip install "rushlight[app]"') from error
    name = os.fspath(path)
    try:
        with Image.open(path) as file:
            if file.width * file.height > MOST_PIXELS:
                raise DataError(
                    f"{name} has {file.width} x {file.height} pixels; expected a picture of one digit"
                )
            file.load()
            return _grey(file)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"there is no file {name}") from error
    except (IsADirectoryError, PermissionError) as error:
        raise DataError(f"cannot read {name}: {error.strerror}") from error
    except Exception as error:  # pillow's plugins raise errors of many types, and warn of huge pictures
        raise DataError(f"{name} is no picture, or is damaged: {error}") from error


def _grey(picture: Any) -> Any:
    """In 256 shades of grey; what is transparent is taken for white paper."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits a pixel: `convert` would cut them off, not scale them
        return Image.fromarray((np.asarray(picture).astype(np.int64) // 257).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(paper, picture)
    return picture.convert("L")


def _fit(picture: Any) -> Any:
    """Padded to a square in the colour of its corner, then resized."""
    from PIL import Image

    side = max(picture.size)
    square = Image.new("L", (side, side), picture.getpixel((0, 0)))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
