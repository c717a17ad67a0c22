"""Transforms: formats; what is drawn at random; pictures, tensors and batches alike; what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rushlight as rl
from rushlight import nn
from rushlight.vision import transforms as T
from rushlight.vision.images import Picture
from rushlight.vision.transforms import functional as F
from rushlight.vision.transforms import v2
from tests.vision.pixels import COLOUR, GREY, chw, tensor

# Formats


@pytest.mark.parametrize("array", [GREY, COLOUR])
def test_to_tensor_of_arrays_and_pictures(array: np.ndarray) -> None:
    expected = chw(array).astype(np.float32) / 255
    for pic in (array, Image.fromarray(array), Picture(array)):
        found = F.to_tensor(pic)
        assert found.dtype == rl.float32
        assert np.array_equal(found.numpy(), expected)
    kept = F.pil_to_tensor(Image.fromarray(array))
    assert np.array_equal(kept.numpy(), chw(array))


@pytest.mark.parametrize(("mode", "dtype"), [("I", "int32"), ("F", "float32"), ("I;16", "uint16")])
def test_to_tensor_of_other_modes(mode: str, dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    found = F.to_tensor(Image.fromarray(array))
    assert Image.fromarray(array).mode == mode
    assert found.dtype.name == dtype
    assert np.array_equal(found.numpy()[0], array)


def test_to_tensor_of_one_bit() -> None:
    picture = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert F.to_tensor(picture).tolist() == [[[0.0, 1.0]]]


def test_to_tensor_follows_the_default_dtype() -> None:
    rl.set_default_dtype(rl.float64)
    try:
        assert F.to_tensor(GREY).dtype == rl.float64
    finally:
        rl.set_default_dtype(rl.float32)


def test_to_pil_image() -> None:
    for array in (GREY, COLOUR, np.dstack([COLOUR, GREY]), COLOUR[..., :2]):
        back = F.to_pil_image(tensor(array))
        assert np.array_equal(np.asarray(back), array)
        assert np.array_equal(np.asarray(T.ToPILImage()(array)), array)
    assert F.to_pil_image(rl.tensor([[0.0, 0.5, 1.0]])).tobytes() == bytes([0, 127, 255])
    assert F.to_pil_image(rl.tensor([[0.25]]), "F").mode == "F"
    assert F.to_pil_image(tensor(COLOUR), "HSV").mode == "HSV"
    assert F.to_pil_image(tensor(COLOUR), "HSV").tobytes() == COLOUR.tobytes()
    assert F.to_pil_image(rl.tensor([[70000]], dtype=rl.int32)).mode == "I"
    assert F.to_pil_image(np.array([[7]], np.int16)).mode == "I;16"
    for bad, words in ((rl.ones(2, 3, 4, 5), "axes"), (rl.ones(5, 2, 2), "5 channels")):
        with pytest.raises(ValueError, match=words):
            F.to_pil_image(bad)
    with pytest.raises(ValueError, match="'RGB'"):
        F.to_pil_image(tensor(COLOUR), "L")
    with pytest.raises(TypeError, match="list"):
        F.to_pil_image([1])
    with pytest.raises(TypeError, match="uint8"):
        F.to_pil_image(np.zeros((2, 2, 3)))


CONVERSIONS = [
    ("uint8", [0, 51, 255], "float32", [0.0, 0.2, 1.0]),
    ("float32", [0.0, 0.2, 1.0], "uint8", [0, 51, 255]),
    ("float32", [0.0, 0.5, 1.0], "int16", [0, 16383, 32767]),
    ("uint8", [0, 1, 255], "int32", [0, 1 << 23, 255 << 23]),
    ("int32", [0, 1 << 23, 255 << 23], "uint8", [0, 1, 255]),
    ("float32", [0.1, 0.7], "float64", [np.float32(0.1), np.float32(0.7)]),
    ("int16", [0, 32767], "float64", [0.0, 1.0]),
]


@pytest.mark.parametrize(("source", "given", "target", "expected"), CONVERSIONS)
def test_convert_image_dtype(source: str, given: list[Any], target: str, expected: list[Any]) -> None:
    found = F.convert_image_dtype(rl.tensor(np.array(given, source)), getattr(rl, target))
    assert found.dtype.name == target
    assert np.allclose(found.numpy(), expected, rtol=1e-6)
    layer = T.ConvertImageDtype(getattr(rl, target))
    assert layer(rl.tensor(np.array(given, source))).tolist() == found.tolist()


def test_conversions_that_lose() -> None:
    for source, target in ((rl.float32, rl.int32), (rl.float32, rl.int64), (rl.float64, rl.int64)):
        with pytest.raises(TypeError, match="finer"):
            F.convert_image_dtype(rl.ones(2, dtype=source), target)


def test_normalize() -> None:
    x = rl.rand(2, 3, 4, 5)
    mean, std = (0.1, 0.2, 0.3), [0.5, 0.6, 0.7]
    expected = (x.numpy() - np.array(mean)[:, None, None]) / np.array(std)[:, None, None]
    assert np.allclose(T.Normalize(mean, std)(x).numpy(), expected, atol=1e-6)
    assert np.allclose(F.normalize(x[1], rl.tensor(mean), std).numpy(), expected[1], atol=1e-6)
    assert F.normalize(x, mean, std, inplace=True) is x
    assert np.allclose(x.numpy(), expected, atol=1e-6)
    with pytest.raises(TypeError, match="ToTensor"):
        F.normalize(tensor(COLOUR), mean, std)
    with pytest.raises(ValueError, match="other than 0"):
        F.normalize(x, mean, [1, 0, 1])
    with pytest.raises(ValueError, match="one for each"):
        F.normalize(x, [0.5, 0.5], [1.0, 1.0])
    with pytest.raises(ValueError, match="C, H, W"):
        F.normalize(rl.ones(4, 4), [0.5], [1.0])


# What is drawn

RANDOM: list[Any] = [
    T.RandomHorizontalFlip(), T.RandomVerticalFlip(0.3), T.RandomCrop(6), T.RandomCrop(8, padding=3),
    T.RandomCrop((24, 20), pad_if_needed=True, padding_mode="edge"), T.RandomResizedCrop(8),
    T.RandomRotation(40, fill=3), T.RandomAffine(10, (0.2, 0.1), (0.5, 2), (-5, 5, -3, 3)),
    T.RandomAffine(0, shear=9),
    T.RandomPerspective(p=0.9), T.ColorJitter(0.5, 0.5, 0.5, 0.2), T.ColorJitter((0.2, 0.3), hue=(-0.1, 0.3)),
    T.GaussianBlur(3), T.RandomErasing(0.9), T.RandomGrayscale(0.5), T.RandomInvert(), T.RandomAutocontrast(),
    T.RandomEqualize(), T.RandomPosterize(3), T.RandomSolarize(99.0), T.RandomAdjustSharpness(2.0),
    T.RandomApply([T.ColorJitter(0.4)], 0.6), T.RandomChoice([T.Pad(1), T.CenterCrop(4)], [3, 1]),
    T.RandomOrder([T.RandomHorizontalFlip(), T.RandomCrop(7)]),
]  # fmt: skip


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: repr(t)[:50])
def test_random_ones_repeat_after_seeding(transform: Any) -> None:
    array = np.kron(COLOUR, np.ones((2, 2, 1), np.uint8))
    inputs = [tensor(array), rl.stack([tensor(array)] * 2), Picture(array), Image.fromarray(array)]
    for image in inputs:
        runs = []
        for seed in (0, 0, 1):
            rl.manual_seed(seed)
            runs.append([np.asarray(_array(transform(image))) for _ in range(12)])
        assert all(np.array_equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
        assert any(a.shape != b.shape or (a != b).any() for a, b in zip(runs[0], runs[2], strict=True))
    again = pickle.loads(pickle.dumps(transform))
    assert repr(again) == repr(transform)


def _array(image: Any) -> Any:
    return image.numpy() if isinstance(image, rl.Tensor) else image


def test_a_batch_is_treated_alike() -> None:
    batch = rl.stack([tensor(COLOUR)] * 3)
    for transform in RANDOM:
        found = transform(batch).numpy()
        assert (found == found[:1]).all()


def test_how_often() -> None:
    x = rl.arange(4.0).reshape(1, 1, 4)
    flipped = sum(bool(T.RandomHorizontalFlip(0.3)(x)[0, 0, 0] == 3) for _ in range(500))
    assert 100 < flipped < 200
    corners = {tuple(T.RandomCrop(2)(rl.arange(9).reshape(1, 3, 3))[0, 0].tolist()) for _ in range(100)}
    assert corners == {(0, 1), (1, 2), (3, 4), (4, 5)}
    picks = [T.RandomChoice([lambda v: 0, lambda v: 1, lambda v: 2], [1, 0, 3])(None) for _ in range(200)]
    assert 1 not in picks
    assert 20 < picks.count(0) < 80
    angles = [T.RandomRotation.get_params([-10, 30]) for _ in range(200)]
    assert -10 <= min(angles) < -5 < 25 < max(angles) <= 30
    orders = {tuple(T.ColorJitter.get_params(None, None, None, None)[0].tolist()) for _ in range(200)}
    assert len(orders) == 24


def test_random_resized_crops_lie_within() -> None:
    for scale, ratio in (((0.08, 1.0), (3 / 4, 4 / 3)), ((1.0, 1.0), (5.0, 6.0)), ((1.0, 1.0), (0.1, 0.2))):
        for _ in range(50):
            top, left, height, width = T.RandomResizedCrop.get_params(tensor(COLOUR), scale, ratio)
            assert 0 <= top <= top + height <= 9
            assert 0 <= left <= left + width <= 12
            if scale[0] < 1:
                assert height * width / 108 >= 0.04
    assert T.RandomResizedCrop.get_params(rl.ones(1, 12, 12), (2.0, 2.0), (0.5, 0.5)) == (0, 3, 12, 6)


def test_erased_pixels() -> None:
    x = rl.ones(3, 20, 20)
    found = T.RandomErasing(1.0, (0.1, 0.1), (1.0, 1.0), value=[2.0, 3.0, 4.0])(x).numpy()
    erased = found[0] == 2
    assert erased.sum() == 36
    assert (found[:, erased] == [[2], [3], [4]]).all()
    assert (x.numpy() == 1).all()
    assert T.RandomErasing(1.0, inplace=True)(x) is x
    assert (x.numpy() == 0).any()
    noise = T.RandomErasing(1.0, value="random")(rl.zeros(1, 30, 30)).numpy()
    assert len(np.unique(noise)) > 10
    with pytest.raises(ValueError, match="one for each"):
        T.RandomErasing(1.0, value=[1, 2])(x)


# What they are


REPRS = {
    "ToTensor()": T.ToTensor(),
    "Normalize(mean=(0.5,), std=[0.5])": T.Normalize((0.5,), [0.5]),
    "Resize(size=4, interpolation=bilinear, max_size=None, antialias=True)": T.Resize(4),
    "CenterCrop(size=(4, 4))": T.CenterCrop(4),
    "RandomCrop(size=(4, 5), padding=2)": T.RandomCrop((4, 5), 2),
    "RandomHorizontalFlip(p=0.5)": T.RandomHorizontalFlip(),
    "RandomRotation(degrees=(-9.0, 9.0), interpolation=nearest, expand=False, fill=0)": T.RandomRotation(9),
    "Pad(padding=2, fill=0, padding_mode=constant)": T.Pad(2),
    "ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=None)": T.ColorJitter(0.5),
    "Compose(\n    ToTensor()\n    Lambda()\n)": T.Compose([T.ToTensor(), T.Lambda(str)]),
    "RandomApply(\n    p=0.5\n    ToTensor()\n)": T.RandomApply([T.ToTensor()]),
    "Grayscale(num_output_channels=1)": T.Grayscale(),
}


@pytest.mark.parametrize("text", REPRS)
def test_reprs(text: str) -> None:
    assert repr(REPRS[text]) == text


def test_transforms_are_modules() -> None:
    both = nn.Sequential(T.CenterCrop(4), T.Normalize([0.5], [0.5]))
    assert both(rl.ones(1, 1, 6, 6)).tolist() == rl.ones(1, 1, 4, 4).tolist()
    assert list(both.parameters()) == []
    assert T.RandomApply(nn.ModuleList([T.Pad(1)]), 1.0)(rl.ones(1, 2, 2)).shape == (1, 4, 4)


def test_gradients_pass() -> None:
    x = rl.rand(1, 3, 6, 6, requires_grad=True)
    steps = T.Compose(
        [T.Pad(1, padding_mode="edge"), T.Resize(5), T.Normalize([0.5] * 3, [0.5] * 3), T.Grayscale()]
    )
    F.rotate(steps(x), 30, T.InterpolationMode.BILINEAR).sum().backward()
    assert x.grad is not None
    assert bool((x.grad != 0).any())


@pytest.mark.parametrize("dtype", [rl.float32, rl.uint8])
def test_compiled(dtype: Any) -> None:
    """Those that draw nothing are part of compiled programs."""
    bright = T.Lambda(lambda x: F.adjust_hue(F.adjust_contrast(x, 1.3), 0.1))
    colours = T.Compose([T.Pad(1, padding_mode="reflect"), bright])
    places = T.Compose([T.Resize(9), lambda x: F.rotate(F.hflip(x), 20, fill=0.5), T.CenterCrop(7)])
    last = T.Compose([T.ConvertImageDtype(rl.float32), T.Normalize([0.5] * 3, [0.5] * 3)])
    steps = T.Compose([colours, places, lambda x: F.gaussian_blur(x, 3), last])
    compiled = rl.compile(steps)
    for _ in range(2):
        x = F.convert_image_dtype(rl.rand(2, 3, 12, 12), dtype)
        assert np.allclose(compiled(x).numpy(), steps(x).numpy(), atol=2e-5 if dtype == rl.float32 else 0.02)


def test_what_draws_is_not_compiled() -> None:
    with pytest.raises(rl.errors.RushlightError, match="compiled"):
        rl.compile(T.RandomHorizontalFlip())(rl.rand(1, 3, 4, 4))


def test_linear_transformation() -> None:
    x, matrix, mean = rl.rand(2, 1, 2, 2), rl.rand(4, 4), rl.rand(4)
    found = T.LinearTransformation(matrix, mean)(x)
    assert np.allclose(found.numpy().reshape(2, 4), (x.numpy().reshape(2, 4) - mean.numpy()) @ matrix.numpy())
    with pytest.raises(ValueError, match=r"\(D, D\)"):
        T.LinearTransformation(matrix, rl.rand(3))
    with pytest.raises(ValueError, match="= 4"):
        T.LinearTransformation(matrix, mean)(rl.rand(1, 3, 3))


def test_the_second_version() -> None:
    steps = v2.Compose([v2.ToImage(), v2.ToDtype(rl.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)])
    expected = T.Compose([T.ToTensor(), T.Normalize([0.5] * 3, [0.5] * 3)])
    for picture in (Image.fromarray(COLOUR), COLOUR, Picture(COLOUR)):
        assert np.allclose(steps(picture).numpy(), expected(picture).numpy(), atol=1e-6)
    assert v2.ToDtype(rl.float32)(tensor(GREY)).numpy().max() > 1
    assert v2.ToDtype({rl.Tensor: rl.float64})(rl.ones(2)).dtype == rl.float64
    assert v2.RandomCrop is T.RandomCrop
    assert v2.functional.hflip is F.hflip
    assert v2.functional.to_dtype(v2.functional.to_image(GREY), scale=True).dtype == rl.float32
    assert v2.Identity()(COLOUR) is COLOUR


BAD: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (TypeError, "a picture", lambda: F.hflip(COLOUR)),
    (TypeError, "convert_image_dtype", lambda: F.to_tensor(rl.ones(3, 2, 2))),
    (ValueError, r"\(H, W\)", lambda: F.to_tensor(np.zeros(3))),
    (TypeError, "a picture", lambda: F.pil_to_tensor(COLOUR)),
    (ValueError, "H, W", lambda: F.crop(rl.ones(3), 0, 0, 1, 1)),
    (ValueError, "pad_if_needed", lambda: T.RandomCrop(40)(tensor(COLOUR))),
    (ValueError, "fits", lambda: F.five_crop(tensor(COLOUR), 40)),
    (ValueError, "1, 2 or 4", lambda: F.pad(tensor(COLOUR), (1, 2, 3))),
    (ValueError, "padding_mode='wrap'", lambda: F.pad(tensor(COLOUR), 1, padding_mode="wrap")),
    (ValueError, "mirror", lambda: F.pad(tensor(COLOUR), 9, padding_mode="reflect")),
    (ValueError, "each channel", lambda: F.pad(tensor(COLOUR), 1, (1, 2))),
    (ValueError, "more than the size", lambda: F.resize(tensor(COLOUR), 6, max_size=5)),
    (ValueError, "one size", lambda: F.resize(tensor(COLOUR), (6, 6), max_size=9)),
    (NotImplementedError, "lanczos", lambda: F.resize(tensor(COLOUR), 6, T.InterpolationMode.LANCZOS)),
    (NotImplementedError, "bicubic", lambda: F.rotate(tensor(COLOUR), 6, T.InterpolationMode.BICUBIC)),
    (ValueError, "InterpolationMode.BILINEAR", lambda: T.Resize(4, interpolation="linear")),
    (ValueError, "scale", lambda: F.affine(tensor(COLOUR), 0, (0, 0), 0, 0)),
    (ValueError, "fill", lambda: F.rotate(tensor(COLOUR), 9, fill=[1, 2])),
    (ValueError, "fill", lambda: F.rotate(Image.fromarray(COLOUR), 9, fill=[1, 2])),
    (ValueError, "four points", lambda: F.perspective(tensor(COLOUR), [[0, 0]], [[1, 1]])),
    (ValueError, "degrees", lambda: T.RandomRotation(-5)),
    (ValueError, "translate", lambda: T.RandomAffine(5, translate=(2, 0))),
    (ValueError, "scale", lambda: T.RandomAffine(5, scale=(0, 1))),
    (ValueError, "shear", lambda: T.RandomAffine(5, shear=(1, 2, 3))),
    (ValueError, "brightness", lambda: T.ColorJitter(-1)),
    (ValueError, "hue", lambda: T.ColorJitter(hue=0.7)),
    (ValueError, "hue_factor", lambda: F.adjust_hue(tensor(COLOUR), 0.6)),
    (ValueError, "factor", lambda: F.adjust_contrast(tensor(COLOUR), -1)),
    (TypeError, "4 channels", lambda: F.rgb_to_grayscale(rl.ones(4, 2, 2))),
    (ValueError, "1 or 3", lambda: F.rgb_to_grayscale(tensor(COLOUR), 2)),
    (TypeError, "uint8", lambda: F.equalize(rl.ones(1, 2, 2))),
    (ValueError, "sigma", lambda: T.GaussianBlur(3, (2.0, 1.0))),
    (ValueError, "kernel_size", lambda: T.GaussianBlur(4)),
    (ValueError, "'random'", lambda: T.RandomErasing(value="noise")),
    (ValueError, "in order", lambda: T.RandomErasing(scale=(0.5, 0.1))),
    (TypeError, "function", lambda: T.Lambda(3)),  # type: ignore[arg-type]
    (TypeError, "list", lambda: T.RandomOrder(3)),  # type: ignore[arg-type]
    (ValueError, "weight", lambda: T.RandomChoice([str, int], [1.0])),
    (ValueError, "size=0", lambda: T.CenterCrop(0)),
]


@pytest.mark.parametrize(("error", "words", "call"), BAD)
def test_what_is_refused(error: type[Exception], words: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=words):
        call()


def test_pictures_without_pillow() -> None:
    picture = Picture(COLOUR)
    assert (picture.mode, picture.size, picture.width, picture.height) == ("RGB", (12, 9), 12, 9)
    grey = np.asarray(Image.fromarray(COLOUR).convert("L"))
    assert np.array_equal(np.asarray(picture.convert("L")), grey)
    assert np.array_equal(np.asarray(Picture(GREY).convert("RGB"))[..., 2], GREY)
    assert picture.convert("RGB") == picture
    assert F.get_dimensions(picture) == [3, 9, 12]
    assert F.get_image_size(Image.fromarray(COLOUR)) == [12, 9]
    with pytest.raises(NotImplementedError, match="pillow"):
        picture.convert("HSV")
    for bad in (np.zeros((2, 2)), np.zeros((2, 2, 1), np.uint8), np.zeros(3, np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            Picture(bad)


def test_palettes_stay() -> None:
    picture = Image.fromarray(COLOUR).convert("P")
    padded = F.pad(picture, 1)
    assert padded.mode == "P"
    assert np.array_equal(np.asarray(padded.convert("RGB"))[1:-1, 1:-1], np.asarray(picture.convert("RGB")))
