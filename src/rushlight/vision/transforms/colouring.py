"""Light and colour of pictures: of tensors by formulas, of Pillow's pictures by Pillow's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.spec import default
from rushlight.core.tensor import Tensor, wrap
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.join import cat, stack
from rushlight.ops.select import where
from rushlight.vision.images import is_pil, need_pillow, picture, through
from rushlight.vision.transforms.formats import check_channels, convert_image_dtype, greatest
from rushlight.vision.transforms.placing import as_floats, pad

__all__ = [
    "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "adjust_sharpness", "autocontrast", "equalize", "erase", "gaussian_blur", "invert", "posterize",
    "rgb_to_grayscale", "solarize", "to_grayscale",
]  # fmt: skip

GREY = (0.2989, 0.587, 0.114)
"""How much red, green and blue count for light."""


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The light of the picture, 0.2989 R + 0.587 G + 0.114 B, in one channel or in three equal ones.

    Raises DTypeError for a tensor with other than 1 or 3 channels, ArgumentError for other counts.

    >>> import rushlight as rl
    >>> rgb_to_grayscale(rl.ones(3, 1, 1))
    tensor([[[0.9999]]])
    """
    if num_output_channels not in (1, 3):
        got = f"num_output_channels={num_output_channels}"
        raise ArgumentError(message("rgb_to_grayscale", got, "1 or 3"))
    if is_pil(img):
        grey = img.convert("L")
        return grey if num_output_channels == 1 else picture(np.repeat(np.asarray(grey)[..., None], 3, 2))

    def change(x: Tensor) -> Tensor:
        grey = _grey(x)
        return grey if num_output_channels == 1 else cat([grey] * 3, -3)

    return through("rgb_to_grayscale", img, change)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale`, for pictures."""
    return rgb_to_grayscale(img, num_output_channels)


def _grey(x: Tensor) -> Tensor:
    if check_channels("rgb_to_grayscale", x, (1, 3)) == 1:
        return x
    red, green, blue = (x[..., c : c + 1, :, :] for c in range(3))
    return (red * GREY[0] + green * GREY[1] + blue * GREY[2]).to(x.dtype)


def _blend(x: Tensor, other: Any, ratio: float) -> Tensor:
    """ratio x + (1 - ratio) other, within the range of x's dtype."""
    return (x * float(ratio) + other * (1.0 - float(ratio))).clamp(0, greatest(x.dtype)).to(x.dtype)


def _enhance(img: Any, kind: str, factor: float) -> Any:
    from PIL import ImageEnhance

    return getattr(ImageEnhance, kind)(img).enhance(factor)


def _check_factor(op: str, factor: float) -> None:
    if factor < 0:
        raise ArgumentError(message(op, f"a factor of {factor}", "0 or more"))


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Every pixel times the factor: 0 is black, 1 the picture as it is.

    >>> import rushlight as rl
    >>> adjust_brightness(rl.tensor([[[0.2, 0.8]]]), 2)
    tensor([[[0.4000, 1.0000]]])
    """
    _check_factor("adjust_brightness", brightness_factor)
    if is_pil(img):
        return _enhance(img, "Brightness", brightness_factor)
    return through("adjust_brightness", img, lambda x: _blend(x, 0, brightness_factor))


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """A blend of the picture, by the factor, and the mean of its light: 0 is grey, 1 the picture as it is."""
    _check_factor("adjust_contrast", contrast_factor)
    if is_pil(img):
        return _enhance(img, "Contrast", contrast_factor)

    def change(x: Tensor) -> Tensor:
        grey = _grey(x)
        grey = grey if grey.dtype.kind == "f" else grey.to(default.dtype)
        return _blend(x, grey.mean((-3, -2, -1), keepdim=True), contrast_factor)

    return through("adjust_contrast", img, change)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """A blend of the picture, by the factor, and of its light alone: 0 is grey, 1 the picture as it is."""
    _check_factor("adjust_saturation", saturation_factor)
    if is_pil(img):
        return _enhance(img, "Color", saturation_factor)

    def change(x: Tensor) -> Tensor:
        if check_channels("adjust_saturation", x, (1, 3)) == 1:
            return x
        return _blend(x, _grey(x), saturation_factor)

    return through("adjust_saturation", img, change)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """A blend of the picture, by the factor, and of it smoothed: 0 is smooth, 1 the picture as it is.

    A pixel is smoothed by the eight around it, which count 1/13 each as it counts 5/13; those at the edges
    stay.
    """
    _check_factor("adjust_sharpness", sharpness_factor)
    if is_pil(img):
        return _enhance(img, "Sharpness", sharpness_factor)

    def change(x: Tensor) -> Tensor:
        if min(x.shape[-2:]) <= 2:
            return x
        return _blend(x, as_floats(x, _smoothed), sharpness_factor)

    return through("adjust_sharpness", img, change)


def _smoothed(x: Tensor) -> Tensor:
    rows, columns = x.shape[-2:]
    middle = x[..., 1:-1, 1:-1] * 4.0
    for down in range(3):
        for right in range(3):
            middle = middle + x[..., down : rows - 2 + down, right : columns - 2 + right]
    inner = cat([x[..., 1:-1, :1], middle / 13.0, x[..., 1:-1, -1:]], -1)
    return cat([x[..., :1, :], inner, x[..., -1:, :]], -2)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Colours turned on their circle by the factor, from -0.5 to 0.5: both are the opposite colours.

    Pictures in grey stay as they are. Raises ArgumentError for other factors.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(message("adjust_hue", f"hue_factor={hue_factor}", "a number from -0.5 to 0.5"))
    if is_pil(img):
        if img.mode in ("L", "1", "I", "F"):
            return img
        hue, saturation, value = img.convert("HSV").split()
        turned = np.asarray(hue) + np.uint8(int(hue_factor * 255) % 256)
        parts = (need_pillow("adjust_hue").fromarray(turned), saturation, value)
        return need_pillow("adjust_hue").merge("HSV", parts).convert(img.mode)

    def change(x: Tensor) -> Tensor:
        if check_channels("adjust_hue", x, (1, 3)) == 1:
            return x
        colours = x if x.dtype.kind == "f" else convert_image_dtype(x)
        return convert_image_dtype(_turned(colours, hue_factor), x.dtype)

    return through("adjust_hue", img, change)


def _turned(x: Tensor, by: float) -> Tensor:
    """Colours to hue, saturation and value, the hue `by` further, and back.

    Source: A. R. Smith, Color gamut transform pairs (1978).
    """
    red, green, blue = (x[..., c, :, :] for c in range(3))
    value, least = x.amax(-3), x.amin(-3)
    chroma = value - least
    spread = where(chroma == 0, 1.0, chroma)
    saturation = chroma / where(chroma == 0, 1.0, value)
    hue = where(
        value == red,
        (green - blue) / spread,
        where(value == green, (blue - red) / spread + 2.0, (red - green) / spread + 4.0),
    )
    hue = (hue / 6.0 + 1.0 + by) % 1.0
    parts = []
    for offset in (5.0, 3.0, 1.0):  # red, green, blue: value - chroma * how far the hue is from their sixth
        place = (hue * 6.0 + offset) % 6.0
        share = where(place < 4.0 - place, place, 4.0 - place).clamp(0.0, 1.0)
        parts.append(value * (1.0 - saturation * share))
    return stack(parts, -3).clamp(0.0, 1.0)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain · x^gamma for pixels x from 0 to 1: above 1 darkens shadows, below 1 lightens them.

    >>> import rushlight as rl
    >>> adjust_gamma(rl.tensor([[[0.5, 1.0]]]), 2)
    tensor([[[0.2500, 1.0000]]])
    """
    if gamma < 0:
        raise ArgumentError(message("adjust_gamma", f"gamma={gamma}", "0 or more"))
    if is_pil(img):
        levels = [int((255 + 1 - 1e-3) * gain * (level / 255.0) ** gamma) for level in range(256)]
        mode, rgb = img.mode, img if img.mode == "L" else img.convert("RGB")
        return rgb.point([min(level, 255) for level in levels] * len(rgb.getbands())).convert(mode)

    def change(x: Tensor) -> Tensor:
        light = x if x.dtype.kind == "f" else convert_image_dtype(x)
        return convert_image_dtype((light**gamma * gain).clamp(0.0, 1.0), x.dtype)

    return through("adjust_gamma", img, change)


def invert(img: Any) -> Any:
    """Light becomes dark: max - x.

    >>> import rushlight as rl
    >>> invert(rl.tensor([[0, 200]], dtype=rl.uint8))
    tensor([[255,  55]], dtype=rushlight.uint8)
    """
    return through("invert", img, lambda x: greatest(x.dtype) - x)


def posterize(img: Any, bits: int) -> Any:
    """8-bit pixels with all but their `bits` highest bits cleared; raises DTypeError for other pixels."""
    if not 0 <= bits <= 8:
        raise ArgumentError(message("posterize", f"bits={bits}", "0 to 8"))

    def change(x: Tensor) -> Tensor:
        if x.dtype != np.uint8:
            raise DTypeError(message("posterize", f"{x.dtype}", "uint8", "Use it before ToTensor()."))
        return (x & (256 - (1 << (8 - bits)))).to(x.dtype)

    return through("posterize", img, change)


def solarize(img: Any, threshold: float) -> Any:
    """Pixels of at least the threshold, inverted.

    >>> import rushlight as rl
    >>> solarize(rl.tensor([[100, 200]], dtype=rl.uint8), 128)
    tensor([[100,  55]], dtype=rushlight.uint8)
    """

    def change(x: Tensor) -> Tensor:
        if threshold > greatest(x.dtype):
            got = f"threshold={threshold}"
            raise DTypeError(message("solarize", got, f"at most {greatest(x.dtype)} for {x.dtype}"))
        return where(x >= threshold, greatest(x.dtype) - x, x)

    return through("solarize", img, change)


def autocontrast(img: Any) -> Any:
    """Each channel stretched so that its darkest pixel is black and its lightest full; an even one stays."""
    if is_pil(img):
        from PIL import ImageOps

        return ImageOps.autocontrast(img)

    def change(x: Tensor) -> Tensor:
        floats = x if x.dtype.kind == "f" else x.to(default.dtype)
        low, high = floats.amin((-2, -1), keepdim=True), floats.amax((-2, -1), keepdim=True)
        even = (low == high).to(floats.dtype)
        found = (floats - low * (1 - even)) * (1 + (greatest(x.dtype) / (high - low + even) - 1) * (1 - even))
        return found.clamp(0, greatest(x.dtype)).to(x.dtype)

    return through("autocontrast", img, change)


def equalize(img: Any) -> Any:
    """8-bit pixels so spread that all levels come about equally often, channel by channel.

    Raises DTypeError for other pixels.
    """
    if is_pil(img):
        from PIL import ImageOps

        return ImageOps.equalize(img)

    def change(x: Tensor) -> Tensor:
        if x.dtype != np.uint8:
            raise DTypeError(message("equalize", f"{x.dtype}", "uint8", "Use it before ToTensor()."))
        planes = x.array.reshape(-1, *x.shape[-2:])
        return wrap(np.stack([_equalized(plane) for plane in planes]).reshape(x.shape))

    return through("equalize", img, change)


def _equalized(plane: np.ndarray) -> np.ndarray:
    counts = np.bincount(plane.ravel(), minlength=256)
    step = (counts.sum() - counts[np.flatnonzero(counts)[-1]]) // 255
    if step == 0:
        return plane
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    levels: np.ndarray = ((below + step // 2) // step).clip(0, 255).astype(np.uint8)
    return levels[plane]


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """The rectangle of `h` x `w` pixels from row `i` and column `j` replaced by the tensor `v`.

    >>> import rushlight as rl
    >>> erase(rl.ones(1, 1, 4), 0, 1, 1, 2, rl.zeros(1))
    tensor([[[1., 0., 0., 1.]]])
    """

    def change(x: Tensor) -> Tensor:
        out = x if inplace else x.clone()
        out[..., i : i + h, j : j + w] = v if isinstance(v, Tensor) else float(v)
        return out

    return through("erase", img, change)


def gaussian_blur(img: Any, kernel_size: int | Sequence[int], sigma: Any = None) -> Any:
    """The picture smoothed by the kernel exp(-d² / 2σ²), normalised, of `kernel_size` pixels (x, y).

    The picture is mirrored at its edges. `sigma`, one for both or (x, y), is 0.15 size + 0.35 if left out.
    Raises ArgumentError for sizes that are not odd and positive, or deviations that are not positive.
    """
    sizes: list[Any] = list(kernel_size) if isinstance(kernel_size, (tuple, list)) else [kernel_size]
    sizes = sizes * 2 if len(sizes) == 1 else sizes
    if len(sizes) != 2 or any(size != int(size) or size % 2 != 1 or size < 1 for size in sizes):
        raise ArgumentError(message("gaussian_blur", f"kernel_size={kernel_size!r}", "odd positive numbers"))
    spreads = [0.15 * n + 0.35 for n in sizes] if sigma is None else sigma
    spreads = list(spreads) if isinstance(spreads, (tuple, list)) else [spreads]
    spreads = spreads * 2 if len(spreads) == 1 else spreads
    if len(spreads) != 2 or not all(s > 0 for s in spreads):
        raise ArgumentError(message("gaussian_blur", f"sigma={sigma!r}", "one or two positive numbers"))

    def blur(x: Tensor) -> Tensor:
        x = pad(x, [sizes[0] // 2, sizes[1] // 2], padding_mode="reflect")
        for axis, size, spread in zip((-1, -2), sizes, spreads, strict=True):
            x = _weighted(x, axis, _kernel(int(size), float(spread)))
        return x

    return through("gaussian_blur", img, lambda x: as_floats(x, blur))


def _kernel(size: int, spread: float) -> np.ndarray:
    from_middle = np.arange(size) - (size - 1) * 0.5
    weights = np.exp(-0.5 * (from_middle / spread) ** 2)
    return weights / weights.sum()


def _weighted(x: Tensor, axis: int, weights: np.ndarray) -> Tensor:
    """The sums of neighbours along an axis, each times its weight."""
    count = x.shape[axis] - len(weights) + 1
    parts = (x.narrow(axis, k, count) * float(w) for k, w in enumerate(weights))
    total = next(parts)
    for part in parts:
        total = total + part
    return total
