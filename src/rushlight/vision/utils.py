"""Grids of pictures, and pictures as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message, namespace
from rushlight.interop.files import write_atomically
from rushlight.vision.images import need_pillow
from rushlight.vision.png import encode_png

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Pictures (N, C, H, W), or a list of (C, H, W), side by side in one picture (C, H', W').

    nrow         pictures in a row.
    padding      pixels between them and around them, of `pad_value`.
    normalize    shift and scale to 0 .. 1 by the least and greatest pixel, or by `value_range`, to which
                 pixels are cut first; each picture by its own with `scale_each`.

    Pictures of one channel get three. A single picture comes back without a border. The tensor given stays as
    it is. Raises DTypeError for what is no tensor, ShapeError for other axes.

    >>> import rushlight as rl
    >>> make_grid(rl.ones(6, 1, 3, 3), nrow=3, padding=1).shape
    Size([3, 9, 13])
    """
    array = _batch(tensor)
    if normalize:
        array = _normalized(array, value_range, scale_each)
    if len(array) == 1:
        return wrap(array[0].copy())
    columns = min(nrow, len(array))
    rows = -(-len(array) // columns)
    height, width = array.shape[2] + padding, array.shape[3] + padding
    size = (array.shape[1], height * rows + padding, width * columns + padding)
    grid = np.full(size, pad_value, array.dtype)
    for at, image in enumerate(array):
        top, left = at // columns * height + padding, at % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return wrap(grid)


def _batch(tensor: Any) -> np.ndarray:
    """The pixels (N, C, H, W), of one channel made three."""
    if isinstance(tensor, (list, tuple)) and all(isinstance(t, Tensor) for t in tensor) and tensor:
        shapes = {t.shape for t in tensor}
        if len(shapes) > 1:
            raise ShapeError(message("make_grid", f"shapes {sorted(shapes)}", "pictures of one shape"))
        array = np.stack([t.detach().array for t in tensor])
    elif isinstance(tensor, Tensor):
        array = np.asarray(tensor.detach().array)
    else:
        raise DTypeError(message("make_grid", f"a {type(tensor).__name__}", "a tensor or a list of tensors"))
    if array.ndim not in (2, 3, 4):
        raise ShapeError(message("make_grid", f"{array.ndim} axes", "(N, C, H, W), (C, H, W) or (H, W)"))
    array = array.reshape((1,) * (4 - array.ndim) + array.shape)
    return np.repeat(array, 3, axis=1) if array.shape[1] == 1 else array


def _normalized(array: np.ndarray, value_range: Any, scale_each: bool) -> np.ndarray:
    if value_range is not None and not (isinstance(value_range, tuple) and len(value_range) == 2):
        raise DTypeError(message("make_grid", f"value_range={value_range!r}", "a tuple (least, greatest)"))
    if array.dtype.kind != "f":
        array = array.astype(np.float32)
    parts = array[:, None] if scale_each else array[None]
    scaled = []
    for part in parts:
        low, high = value_range if value_range is not None else (float(part.min()), float(part.max()))
        if low > high:
            raise ArgumentError(message("make_grid", f"value_range={value_range}", "least, then greatest"))
        scaled.append((part.clip(low, high) - low) / max(high - low, 1e-5))
    return np.concatenate(scaled).astype(array.dtype)


def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike[str] | IO[bytes],
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write pictures, as one grid that `make_grid` makes with `kwargs`, to the file `fp`, a path or open.

    Pixels 0 to 1 become bytes ⌊255 x + ½⌋. PNG, by the name or `format`, needs no library; other formats
    need Pillow, and NotSupportedError says so. Whole or not at all: a kill leaves no half file.

    >>> import io, rushlight as rl
    >>> file = io.BytesIO()
    >>> save_image(rl.rand(4, 3, 8, 8), file, format="png")
    >>> file.getvalue()[:4]
    b'\\x89PNG'
    """
    array = make_grid(tensor, **kwargs).array
    scaled = array * 255.0 + 0.5 if array.dtype.kind == "f" else array.astype(np.float64) * 255.0 + 0.5
    pixels = np.ascontiguousarray(scaled.clip(0, 255).transpose(1, 2, 0).astype(np.uint8))
    suffix = Path(fp).suffix[1:] if isinstance(fp, (str, os.PathLike)) else ""
    kind = suffix if format is None else format
    if kind.lower() == "png":
        data = encode_png(pixels)
    else:
        data = _other_format(pixels, kind)
    if isinstance(fp, (str, os.PathLike)):
        write_atomically(fp, data)
    else:
        fp.write(data)


def _other_format(pixels: np.ndarray, kind: str) -> bytes:
    import io

    image = need_pillow(f"Writing a picture as {kind.upper() or 'a file without a format'}")
    known = {extension[1:]: name for extension, name in image.registered_extensions().items()}
    name = known.get(kind.lower(), kind.upper())
    if name not in image.SAVE:
        got = f"the format {kind!r}"
        raise ArgumentError(message("save_image", got, "one that is known", "Name the file x.png, say."))
    stream = io.BytesIO()
    image.fromarray(pixels).save(stream, format=name)
    return stream.getvalue()


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
