"""Transforms: where pixels go, as NumPy says, and what becomes of their colours, as Pillow says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

import rushlight as rl
from rushlight.vision import transforms as T
from rushlight.vision.images import Picture
from rushlight.vision.transforms import functional as F
from tests.vision.pixels import COLOUR, GREY, chw, tensor

# Places: NumPy says what comes out

PLACED: list[tuple[str, Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = [
    ("hflip", F.hflip, lambda a: a[..., ::-1]),
    ("vflip", F.vflip, lambda a: a[..., ::-1, :]),
    ("crop", lambda x: F.crop(x, 2, 3, 4, 5), lambda a: a[..., 2:6, 3:8]),
    (
        "crop beyond",
        lambda x: F.crop(x, -2, 8, 6, 7),
        lambda a: np.pad(a[..., 0:4, 8:12], ((0, 0), (2, 0), (0, 3))),
    ),
    ("center_crop", lambda x: F.center_crop(x, 4), lambda a: a[..., 2:6, 4:8]),
    (
        "center_crop beyond",
        lambda x: F.center_crop(x, (12, 6)),
        lambda a: np.pad(a, ((0, 0), (1, 2), (0, 0)))[..., 3:9],
    ),
    ("pad", lambda x: F.pad(x, 2, 7), lambda a: np.pad(a, ((0, 0), (2, 2), (2, 2)), constant_values=7)),
    ("pad two", lambda x: F.pad(x, (1, 2)), lambda a: np.pad(a, ((0, 0), (2, 2), (1, 1)))),
    ("pad four", lambda x: F.pad(x, [1, 2, 3, 4]), lambda a: np.pad(a, ((0, 0), (2, 4), (1, 3)))),
    (
        "pad edge",
        lambda x: F.pad(x, [1, 2, 3, 4], padding_mode="edge"),
        lambda a: np.pad(a, ((0, 0), (2, 4), (1, 3)), "edge"),
    ),
    (
        "pad reflect",
        lambda x: F.pad(x, [1, 2, 3, 4], padding_mode="reflect"),
        lambda a: np.pad(a, ((0, 0), (2, 4), (1, 3)), "reflect"),
    ),
    (
        "pad symmetric",
        lambda x: F.pad(x, [12, 9, 3, 4], padding_mode="symmetric"),
        lambda a: np.pad(a, ((0, 0), (9, 4), (12, 3)), "symmetric"),
    ),
    ("five_crop", lambda x: F.five_crop(x, 3)[3], lambda a: a[..., 6:, 9:]),
    ("ten_crop", lambda x: F.ten_crop(x, 3)[5], lambda a: a[..., ::-1][..., :3, :3]),
    ("ten_crop down", lambda x: F.ten_crop(x, 3, True)[9], lambda a: a[..., 3:6, 4:7][..., ::-1, :]),
    ("rotate", lambda x: F.rotate(x, 180), lambda a: a[..., ::-1, ::-1]),
    ("rotate wide", lambda x: F.rotate(x, 90, expand=True), lambda a: np.rot90(a, 1, (1, 2))),
    ("rotate back", lambda x: F.rotate(x, -90, expand=True), lambda a: np.rot90(a, 3, (1, 2))),
    (
        "move",
        lambda x: F.affine(x, 0, [2, 1], 1.0, [0.0]),
        lambda a: np.pad(a[..., :-1, :-2], ((0, 0), (1, 0), (2, 0))),
    ),
    ("invert", F.invert, lambda a: 255 - a),
    ("posterize", lambda x: F.posterize(x, 3), lambda a: a & 0b11100000),
    ("solarize", lambda x: F.solarize(x, 100), lambda a: np.where(a >= 100, 255 - a, a)),
]


@pytest.mark.parametrize(("name", "change", "expected"), PLACED, ids=[name for name, *_ in PLACED])
@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_where_pixels_go(name: str, change: Any, expected: Any, array: np.ndarray) -> None:
    wanted = expected(chw(array))
    assert np.array_equal(change(tensor(array)).numpy(), wanted)
    for picture in (Image.fromarray(array), Picture(array)):
        found = change(picture)
        assert type(found) is type(picture) or isinstance(found, Image.Image)
        assert found.mode == picture.mode
        assert np.array_equal(chw(np.asarray(found)), wanted)
    batch = rl.stack([tensor(array), 255 - tensor(array)])
    assert np.array_equal(change(batch)[0].numpy(), wanted)
    if name not in ("invert", "posterize", "solarize"):
        floats = tensor(array).float()
        assert np.allclose(change(floats).numpy(), wanted, atol=1e-3)


def test_pad_by_channel() -> None:
    found = F.pad(tensor(COLOUR), 1, [1, 2, 3])
    assert found[:, 0, 0].tolist() == [1, 2, 3]
    assert np.array_equal(found[:, 1:-1, 1:-1].numpy(), chw(COLOUR))


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [(6, None, (6, 8)), ([6], None, (6, 8)), ((4, 5), None, (4, 5)), (18, 20, (15, 20)), (9, None, (9, 12))],
)
def test_sizes_of_resize(size: Any, max_size: Any, expected: tuple[int, int]) -> None:
    assert F.resize(tensor(COLOUR), size, max_size=max_size).shape == (3, *expected)
    assert F.resize(Image.fromarray(COLOUR), size, max_size=max_size).size == expected[::-1]
    turned = tensor(COLOUR).transpose(1, 2)
    if isinstance(size, int):
        assert F.resize(turned, size, max_size=max_size).shape == (3, *expected[::-1])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(4, 5), (20, 17), (5, 30)])
def test_resize_is_pillows(mode: str, size: tuple[int, int]) -> None:
    """Bytes are off by a little here and there, as Pillow rounds and clips between rows and columns."""
    chosen = T.InterpolationMode(mode)
    kinds = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    floats = GREY.astype(np.float32)
    expected = np.asarray(Image.fromarray(floats).resize(size[::-1], kinds[mode]))
    assert np.allclose(F.resize(rl.tensor(floats[None]), size, chosen)[0].numpy(), expected, atol=0.05)
    found = F.resize(tensor(COLOUR), size, chosen)
    picture = Image.fromarray(COLOUR).resize(size[::-1], kinds[mode])
    assert found.dtype == rl.uint8
    assert np.abs(found.numpy().astype(int) - chw(np.asarray(picture)).astype(int)).max() <= 4 - 3 * (
        mode == "bilinear"
    )


def test_nearest_resize_repeats_pixels() -> None:
    found = F.resize(tensor(GREY), (18, 24), T.InterpolationMode.NEAREST)
    assert np.array_equal(found.numpy()[0], GREY.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("angle", [30, -75.5, 200])
def test_turned_tensors_are_turned_pictures(angle: float) -> None:
    tall = np.kron(GREY, np.ones((4, 4), np.uint8))
    for expand in (False, True):
        found = F.rotate(tensor(tall), angle, expand=expand)
        picture = F.rotate(Image.fromarray(tall), angle, expand=expand)
        assert abs(found.shape[1] - picture.size[1]) <= 1
        if not expand:
            same = found.numpy()[0] == np.asarray(picture)
            assert same.mean() > 0.97  # pixels that lie on an edge go to either side


def test_sheared_tensors_are_sheared_pictures() -> None:
    tall = np.kron(GREY, np.ones((4, 4), np.uint8))
    options = (25.0, (3, -2), 1.2, (10.0, -5.0))
    found, picture = F.affine(tensor(tall), *options), F.affine(Image.fromarray(tall), *options)
    assert (found.numpy()[0] == np.asarray(picture)).mean() > 0.97
    filled = F.affine(tensor(tall), *options, fill=9)
    outside = F.affine(rl.ones(1, *tall.shape), *options).numpy() == 0
    assert (filled.numpy()[outside] == 9).all()
    smooth = F.affine(tensor(tall), *options, interpolation=T.InterpolationMode.BILINEAR, fill=[9.0])
    assert smooth.shape == found.shape


def test_perspective() -> None:
    start = [[0, 0], [47, 0], [47, 35], [0, 35]]
    end = [[4, 3], [40, 1], [45, 30], [2, 33]]
    tall = np.kron(GREY, np.ones((4, 4), np.uint8))
    assert np.array_equal(F.perspective(tensor(tall), start, start).numpy()[0], tall)
    for mode, share in ((T.InterpolationMode.NEAREST, 0.97), (T.InterpolationMode.BILINEAR, 0.9)):
        found = F.perspective(tensor(tall), start, end, mode).numpy()[0].astype(int)
        picture = np.asarray(F.perspective(Image.fromarray(tall), start, end, mode)).astype(int)
        assert (np.abs(found - picture) <= 2).mean() > share


# Light and colour: Pillow says what comes out, to one level

COLOURS: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = [
    ("brightness", lambda x: F.adjust_brightness(x, 1.4), lambda p: ImageEnhance.Brightness(p).enhance(1.4)),
    ("contrast", lambda x: F.adjust_contrast(x, 0.3), lambda p: ImageEnhance.Contrast(p).enhance(0.3)),
    ("saturation", lambda x: F.adjust_saturation(x, 1.7), lambda p: ImageEnhance.Color(p).enhance(1.7)),
    ("sharpness", lambda x: F.adjust_sharpness(x, 0.5), lambda p: ImageEnhance.Sharpness(p).enhance(0.5)),
    ("grey", lambda x: F.rgb_to_grayscale(x, 3), lambda p: p.convert("L").convert("RGB")),
    ("autocontrast", F.autocontrast, ImageOps.autocontrast),
    ("equalize", F.equalize, ImageOps.equalize),
    ("posterize", lambda x: F.posterize(x, 2), lambda p: ImageOps.posterize(p, 2)),
    ("gamma", lambda x: F.adjust_gamma(x, 2.2), lambda p: F.adjust_gamma(p, 2.2)),
]


@pytest.mark.parametrize(("change", "pillows"), [c[1:] for c in COLOURS], ids=[name for name, *_ in COLOURS])
def test_colours_are_pillows(change: Any, pillows: Any) -> None:
    wanted = chw(np.asarray(pillows(Image.fromarray(COLOUR)))).astype(int)
    assert np.array_equal(chw(np.asarray(change(Image.fromarray(COLOUR)))), wanted)
    for found in (change(tensor(COLOUR)).numpy(), chw(np.asarray(change(Picture(COLOUR))))):
        assert found.dtype == np.uint8
        assert np.abs(found.astype(int) - wanted).max() <= 1


def test_hue_by_hand() -> None:
    red, half = rl.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1), 0.5
    assert np.allclose(F.adjust_hue(red, 1 / 3).flatten().numpy(), [0, 1, 0], atol=1e-5)
    assert np.allclose(F.adjust_hue(red, -1 / 3).flatten().numpy(), [0, 0, 1], atol=1e-5)
    assert np.allclose(F.adjust_hue(red, half).flatten().numpy(), [0, 1, 1], atol=1e-5)
    x = rl.rand(2, 3, 4, 5)
    assert np.allclose(F.adjust_hue(x, 0).numpy(), x.numpy(), atol=1e-5)
    there_and_back = F.adjust_hue(F.adjust_hue(x, 0.2), -0.2)
    assert np.allclose(there_and_back.numpy(), x.numpy(), atol=1e-4)
    grey = F.adjust_hue(tensor(GREY), 0.3)
    assert np.array_equal(grey.numpy()[0], GREY)
    picture = np.asarray(F.adjust_hue(Image.fromarray(COLOUR), 0.25)).astype(int)
    assert np.abs(chw(picture) - F.adjust_hue(tensor(COLOUR), 0.25).numpy()).max() < 16  # 8 bits of hue


def test_gaussian_blur() -> None:
    x = rl.zeros(1, 7, 7)
    x[0, 3, 3] = 1.0
    row = np.exp(-0.5 * np.array([-1.0, 0.0, 1.0]) ** 2 / 0.8**2)
    row /= row.sum()
    found = F.gaussian_blur(x, 3, 0.8)[0].numpy()
    assert np.allclose(found[2:5, 2:5], np.outer(row, row), atol=1e-6)
    assert np.isclose(found.sum(), 1.0)
    assert np.allclose(F.gaussian_blur(rl.ones(2, 3, 8, 8), (5, 3)).numpy(), 1.0, atol=1e-6)
    assert F.gaussian_blur(tensor(COLOUR), 3).dtype == rl.uint8
    assert F.gaussian_blur(Image.fromarray(COLOUR), 3).mode == "RGB"
    for size, sigma in ((2, 1.0), (3, 0.0), (-3, 1.0), ((3, 3, 3), 1.0)):
        with pytest.raises(ValueError, match="positive"):
            F.gaussian_blur(x, size, sigma)
