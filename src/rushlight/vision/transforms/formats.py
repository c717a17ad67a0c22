"""Pictures as tensors and back, and the dtypes and ranges of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.spec import as_dtype, default
from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.vision.images import MODES, channels_first, check_tensor, is_picture, picture

__all__ = [
    "check_channels", "convert_image_dtype", "get_dimensions", "get_image_num_channels", "get_image_size",
    "greatest", "normalize", "pil_to_tensor", "to_pil_image", "to_tensor", "unit_range",
]  # fmt: skip


def get_dimensions(img: Any) -> list[int]:
    """Channels, height and width of a tensor or a picture.

    >>> import rushlight as rl
    >>> get_dimensions(rl.zeros(8, 3, 4, 5))
    [3, 4, 5]
    """
    if isinstance(img, Tensor):
        check_tensor("get_dimensions", img)
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    if is_picture(img):
        width, height = img.size
        return [len(img.getbands()) if hasattr(img, "getbands") else len(img.mode), height, width]
    raise DTypeError(message("get_dimensions", f"a {type(img).__name__}", "a tensor or a picture"))


def get_image_size(img: Any) -> list[int]:
    """Width and height of a tensor or a picture."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """How many channels a tensor or a picture has."""
    return get_dimensions(img)[0]


def to_tensor(pic: Any) -> Tensor:
    """A picture, or an array (H, W) or (H, W, C), as a tensor (C, H, W); of 8-bit pixels, p / 255 as float32.

    Pixels of other kinds keep their numbers. Raises DTypeError, a TypeError, for what is neither, ShapeError
    for an array of other axes.

    >>> import numpy as np
    >>> to_tensor(np.array([[0, 51], [255, 102]], np.uint8))
    tensor([[[0.0000, 0.2000],
             [1.0000, 0.4000]]])
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            expected = "an array (H, W) or (H, W, C)"
            raise ShapeError(message("to_tensor", f"an array of shape {pic.shape}", expected))
    elif not is_picture(pic):
        got, expected = f"a {type(pic).__name__}", "a picture or an array of NumPy"
        remedy = "convert_image_dtype(x) scales the pixels of a tensor." if isinstance(pic, Tensor) else ""
        raise DTypeError(message("to_tensor", got, expected, remedy))
    return unit_range(channels_first(pic))


def unit_range(array: np.ndarray) -> Tensor:
    """An array as a tensor: of bytes, b / 255 in the default dtype."""
    if array.dtype != np.uint8:
        return wrap(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))
    found = np.array(array, dtype=default.dtype, order="C")
    found /= default.dtype.type(255)
    return wrap(found)


def pil_to_tensor(pic: Any) -> Tensor:
    """A picture as a tensor (C, H, W) with the numbers of its pixels as they are.

    >>> import numpy as np
    >>> from rushlight.vision.images import Picture
    >>> pil_to_tensor(Picture(np.array([[0, 255]], np.uint8)))
    tensor([[[  0, 255]]], dtype=rushlight.uint8)
    """
    if not is_picture(pic):
        raise DTypeError(message("pil_to_tensor", f"a {type(pic).__name__}", "a picture"))
    array = channels_first(pic)
    return wrap(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W), as a picture.

    Floats of a tensor are taken for 0 to 1 and become ⌊255 x⌋, unless ``mode="F"``. The mode follows from
    the channels and the dtype unless given; with three channels "YCbCr" and "HSV" are possible too, with
    four "CMYK" and "RGBX". Without Pillow, 8-bit pixels become a `Picture`.

    Raises ShapeError for other axes or more than four channels, ArgumentError for a mode that does not fit,
    DTypeError for what is neither.

    >>> import rushlight as rl
    >>> to_pil_image(rl.zeros(3, 4, 5)).size
    (5, 4)
    """
    if isinstance(pic, Tensor):
        array = _image_array(pic, mode)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise DTypeError(message("to_pil_image", f"a {type(pic).__name__}", "a tensor or an array"))
    if array.ndim not in (2, 3):
        got = f"{array.ndim} axes"
        raise ShapeError(message("to_pil_image", got, "2 or 3", "Index a batch to get one picture of it."))
    if array.ndim == 2:
        array = array[:, :, None]
    if not 1 <= array.shape[2] <= 4:
        raise ShapeError(message("to_pil_image", f"{array.shape[2]} channels", "1 to 4"))
    allowed = _modes(array)
    if mode is not None and mode not in allowed:
        got = f"mode={mode!r} with {array.shape[2]} channels of {array.dtype}"
        raise ArgumentError(message("to_pil_image", got, "one of " + ", ".join(map(repr, allowed))))
    return picture(array[:, :, 0] if array.shape[2] == 1 else array, mode or allowed[0])


def _image_array(tensor: Tensor, mode: str | None) -> np.ndarray:
    """The pixels of a tensor, channels last."""
    array = np.asarray(tensor.detach().array)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        remedy = "Index a batch to get one picture of it."
        raise ShapeError(
            message("to_pil_image", f"a tensor of {tensor.ndim} axes", "(C, H, W) or (H, W)", remedy)
        )
    if array.dtype.kind == "f" and mode != "F":
        # By way of whole numbers, so that what lies outside 0 to 1 wraps on every machine.
        array = (array * array.dtype.type(255)).astype(np.int64).astype(np.uint8)
    return array.transpose(1, 2, 0)


def _modes(array: np.ndarray) -> tuple[str, ...]:
    """Pillow's modes for such an array, the usual one first."""
    channels, dtype = array.shape[2], array.dtype.newbyteorder("=")
    if channels == 1:
        names = {"uint8": "L", "int16": "I;16", "uint16": "I;16", "int32": "I", "float32": "F"}
        if dtype.name in names:
            return (names[dtype.name],)
    elif dtype == np.uint8:
        more: dict[int, tuple[str, ...]] = {3: ("YCbCr", "HSV"), 4: ("CMYK", "RGBX")}
        return (MODES[channels], *more.get(channels, ()))
    got = f"{channels} channels of {dtype}"
    raise DTypeError(message("to_pil_image", got, "uint8, or one channel of int16, int32 or float32"))


def convert_image_dtype(image: Tensor, dtype: Any = None) -> Tensor:
    """The same picture with pixels of another dtype, float32 by default: whole numbers span the range of
    theirs, floats 0 to 1.

    From whole numbers to floats x / max; to whole numbers ⌊x (max + 1 - 0.001)⌋, so that 0 to 1 falls into
    equal parts; between whole numbers by a power of two. Raises DTypeError where the floats are too coarse
    for the whole numbers.

    >>> import rushlight as rl
    >>> convert_image_dtype(rl.tensor([[0, 255]], dtype=rl.uint8))
    tensor([[0., 1.]])
    >>> convert_image_dtype(rl.tensor([[0.0, 0.5, 1.0]]), rl.uint8)
    tensor([[  0, 127, 255]], dtype=rushlight.uint8)
    """
    if not isinstance(image, Tensor):
        raise DTypeError(message("convert_image_dtype", f"a {type(image).__name__}", "a tensor"))
    target = as_dtype(default.dtype if dtype is None else dtype)
    source = image.dtype
    if source == target:
        return image
    if target.kind == "f":
        return image.to(target) if source.kind == "f" else image.to(target) / greatest(source)
    if source.kind == "f":
        if (source.itemsize, target.itemsize) in ((4, 4), (4, 8), (8, 8)):
            got = f"{source} to {target}"
            remedy = "Choose a smaller integer dtype."
            raise DTypeError(message("convert_image_dtype", got, "floats that are finer", remedy))
        return (image * (greatest(target) + 1.0 - 1e-3)).to(target)
    ours, theirs = greatest(source) + 1, greatest(target) + 1
    if ours > theirs:
        return (image // (ours // theirs)).to(target)
    return image.to(target) * (theirs // ours)


def greatest(dtype: Any) -> int:
    """The number that stands for full light."""
    if dtype.kind == "f":
        return 1
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(x - mean) / std, channel by channel, for floats (..., C, H, W).

    Raises DTypeError for what is no tensor of floats, ShapeError for fewer than three axes, ArgumentError for
    a deviation of 0.

    >>> import rushlight as rl
    >>> normalize(rl.ones(1, 1, 2), [0.5], [0.25])
    tensor([[[2., 2.]]])
    """
    if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
        got = f"a tensor of {tensor.dtype}" if isinstance(tensor, Tensor) else f"a {type(tensor).__name__}"
        remedy = "Put ToTensor() or ConvertImageDtype(rl.float32) before it."
        raise DTypeError(message("normalize", got, "a tensor of floats", remedy))
    if tensor.ndim < 3:
        raise ShapeError(message("normalize", f"shape {tensor.shape}", "(..., C, H, W)"))
    shift, scale = (_per_channel(name, v, tensor) for name, v in (("mean", mean), ("std", std)))
    if not scale.array.all():
        raise ArgumentError(message("normalize", f"std={std}", "deviations other than 0"))
    if inplace:
        return tensor.sub_(shift).div_(scale)
    return (tensor - shift) / scale


def _per_channel(name: str, values: Any, tensor: Tensor) -> Tensor:
    array = np.asarray(values.array if isinstance(values, Tensor) else values, tensor.dtype)
    channels = tensor.shape[-3]
    if array.ndim > 1 or (array.ndim == 1 and array.size not in (1, channels) and channels != 1):
        got = f"{array.size} numbers in {name} for {channels} channels"
        raise ShapeError(message("normalize", got, "one for each channel"))
    return wrap(array.reshape(-1, 1, 1))


def check_channels(op: str, img: Any, allowed: Sequence[int]) -> int:
    """how many channels `img` has; raises DTypeError, a TypeError, unless that is allowed."""
    channels = get_image_num_channels(img)
    if channels not in allowed:
        raise DTypeError(message(op, f"{channels} channels", " or ".join(map(str, allowed))))
    return channels
