"""Policies of augmentation, and rubber: each change by Pillow's own, what is drawn, what stays as it is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

import rushlight as rl
from rushlight.vision import transforms as T
from rushlight.vision.images import Picture
from rushlight.vision.transforms import auto
from rushlight.vision.transforms import functional as F

COLOUR = np.random.default_rng(5).integers(0, 256, (24, 30, 3), np.uint8)
PIL = Image.fromarray(COLOUR)
TENSOR = rl.tensor(np.ascontiguousarray(COLOUR.transpose(2, 0, 1)))
PLAIN = {"interpolation": T.InterpolationMode.NEAREST, "fill": None}


def moved(*rule: float) -> Any:
    return lambda img: img.transform(img.size, Image.Transform.AFFINE, rule)


PILLOWS = {
    "Identity": (1.0, lambda img: img),
    "ShearX": (0.3, moved(1, 0.3, 0, 0, 1, 0)),
    "ShearY": (-0.2, moved(1, 0, 0, -0.2, 1, 0)),
    "TranslateX": (4.7, moved(1, 0, -4, 0, 1, 0)),
    "TranslateY": (-3.2, moved(1, 0, 0, 0, 1, 3)),
    "Rotate": (25.0, lambda img: img.rotate(25.0)),
    "Brightness": (0.5, lambda img: ImageEnhance.Brightness(img).enhance(1.5)),
    "Color": (-0.6, lambda img: ImageEnhance.Color(img).enhance(0.4)),
    "Contrast": (0.3, lambda img: ImageEnhance.Contrast(img).enhance(1.3)),
    "Sharpness": (-0.9, lambda img: ImageEnhance.Sharpness(img).enhance(0.1)),
    "Posterize": (5.0, lambda img: ImageOps.posterize(img, 5)),
    "Solarize": (100.0, lambda img: ImageOps.solarize(img, 100)),
    "AutoContrast": (0.0, ImageOps.autocontrast),
    "Equalize": (0.0, ImageOps.equalize),
    "Invert": (0.0, ImageOps.invert),
}


@pytest.mark.parametrize("name", auto.CHANGES)
def test_changes_are_pillows(name: str) -> None:
    strength, pillows = PILLOWS[name]
    wanted = np.asarray(pillows(PIL)).astype(int)
    for img in (PIL, TENSOR, Picture(COLOUR)):
        found = np.asarray(auto.CHANGES[name](img, strength, PLAIN)).astype(int)
        found = found.transpose(1, 2, 0) if img is TENSOR else found
        same = np.abs(found - wanted) <= (0 if img is PIL else 2)
        # Where a tensor's pixels are read, a tie goes to another neighbour.
        assert same.mean() >= (1.0 if img is PIL else 0.9), img


MADE = {
    "imagenet": lambda: T.AutoAugment(),
    "cifar10": lambda: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=[1, 2, 3]),
    "svhn": lambda: T.AutoAugment(T.AutoAugmentPolicy.SVHN, T.InterpolationMode.BILINEAR),
    "rand": lambda: T.RandAugment(3, 20, fill=128),
    "trivial": lambda: T.TrivialAugmentWide(),
    "mix": lambda: T.AugMix(10, chain_depth=2, all_ops=False),
    "mix of all": lambda: T.AugMix(alpha=0.5),
    "rubber": lambda: T.ElasticTransform(20.0, [2.0, 1.0], fill=3),
}


@pytest.mark.parametrize("name", MADE)
def test_policies(name: str) -> None:
    change = MADE[name]()
    for img in (PIL, Picture(COLOUR), TENSOR, TENSOR[:1], rl.stack([TENSOR, TENSOR]), PIL.convert("L")):
        if name == "cifar10" and F.get_image_num_channels(img) == 1:
            continue
        rl.manual_seed(7)
        outs = [change(img) for _ in range(20)]
        rl.manual_seed(7)
        for out in outs:
            again = change(img)
            assert type(out) is type(img)
            assert np.array_equal(np.asarray(out), np.asarray(again))
            assert np.asarray(out).shape == np.asarray(img).shape
            assert np.asarray(out).dtype == np.uint8
        assert any(not np.array_equal(np.asarray(out), np.asarray(img)) for out in outs)


def test_learned_policies() -> None:
    for policy in T.AutoAugmentPolicy:
        steps = T.AutoAugment(policy).policies
        assert len(steps) == 25
        for pair in steps:
            assert len(pair) == 2
            assert all(n in auto.CHANGES and 0 <= p <= 1 and (at is None or at < 10) for n, p, at in pair)
    assert T.AutoAugment().policies[:2] == [
        (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, None)),
    ]


def test_strengths() -> None:
    space = auto._space(10, 0.3, (5.0, 7.0), 30.0, 0.9, (8, 4))
    assert space["Posterize"][0].tolist() == [8, 8, 7, 7, 6, 6, 5, 5, 4, 4]  # type: ignore[union-attr]
    assert space["Solarize"][0][[0, -1]].tolist() == [255, 0]  # type: ignore[index]
    assert {n for n, (_, signed) in space.items() if not signed} == {
        "Posterize", "Solarize", "AutoContrast", "Equalize",
    }  # fmt: skip
    assert [space[n][0][-1] for n in ("TranslateX", "TranslateY", "Rotate")] == [5, 7, 30]  # type: ignore[index]


def test_a_mix_of_nothing_is_the_picture() -> None:
    """Of one grey level no change but those of light makes another; shares add up to 1."""
    even = rl.full((3, 16, 16), 60, dtype=rl.uint8)
    change = T.AugMix(1, all_ops=False, fill=60)
    for _ in range(10):
        found = change(even).numpy().astype(int)
        assert np.abs(found - 60).max() <= 60
    shares = change._shares(5, 4)
    np.testing.assert_allclose(shares.sum(1).numpy(), 1.0, rtol=1e-5)


def test_rubber() -> None:
    grid = rl.zeros(1, 24, 30, 2)
    for mode in ("nearest", "bilinear"):
        found = F.elastic_transform(TENSOR, grid, T.InterpolationMode(mode))
        assert np.array_equal(found.numpy(), TENSOR.numpy())
    grid[..., 1] = 2 * 3 / 24  # three rows down
    found = F.elastic_transform(TENSOR, grid, fill=9)
    assert np.array_equal(found.numpy()[:, :-3], TENSOR.numpy()[:, 3:])
    assert (found.numpy()[:, -3:] == 9).all()
    assert F.elastic_transform(PIL, grid).mode == "RGB"
    moves = T.ElasticTransform.get_params([10.0, 10.0], [0.0, 0.0], [24, 30])
    assert moves.shape == (1, 24, 30, 2)
    assert float(moves[..., 0].abs().max()) <= 10 / 24


def test_texts_and_refusals() -> None:
    assert repr(T.AutoAugment()) == "AutoAugment(policy=AutoAugmentPolicy.IMAGENET, fill=None)"
    assert repr(T.RandAugment()).startswith("RandAugment(num_ops=2, magnitude=9, num_magnitude_bins=31, ")
    assert repr(T.TrivialAugmentWide()).startswith("TrivialAugmentWide(num_magnitude_bins=31, ")
    assert repr(T.AugMix()).startswith("AugMix(severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, ")
    assert repr(T.ElasticTransform()).startswith("ElasticTransform(alpha=[50.0, 50.0], sigma=[5.0, 5.0], ")
    for call, words in (
        (lambda: T.AutoAugment("cifar10"), "AutoAugmentPolicy"),  # type: ignore[arg-type]
        (lambda: T.RandAugment(2, 31), "magnitude=31"),
        (lambda: T.AugMix(11), "severity=11"),
        (lambda: T.ElasticTransform(-1.0), "alpha=-1.0"),
        (lambda: F.elastic_transform(TENSOR, rl.zeros(1, 2, 2, 2)), "displacement"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert math.isclose(T.AugMix(alpha=2.0).alpha, 2.0)
