"""Grids of pictures, and pictures as files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rushlight as rl
from rushlight.errors import NotSupportedError
from rushlight.vision.png import encode_png
from rushlight.vision.utils import make_grid, save_image


def test_a_grid_by_hand() -> None:
    pictures = rl.arange(1.0, 6.0).reshape(5, 1, 1, 1)
    grid = make_grid(pictures, nrow=3, padding=1, pad_value=9.0)
    expected = [[9, 9, 9, 9, 9, 9, 9], [9, 1, 9, 2, 9, 3, 9], [9] * 7, [9, 4, 9, 5, 9, 9, 9], [9] * 7]
    assert grid.tolist() == [expected] * 3


@pytest.mark.parametrize(
    ("shape", "options", "size"),
    [
        ((5, 3, 4, 6), {}, (3, 8, 42)),
        ((9, 1, 4, 6), {}, (3, 14, 66)),
        ((4, 3, 4, 6), {"nrow": 2, "padding": 0}, (3, 8, 12)),
        ((1, 3, 4, 6), {}, (3, 4, 6)),
        ((3, 4, 6), {}, (3, 4, 6)),
        ((4, 6), {}, (3, 4, 6)),
        ((1, 4, 6), {}, (3, 4, 6)),
        ((2, 4, 4, 6), {}, (4, 8, 18)),
    ],
)
def test_sizes_of_grids(shape: tuple[int, ...], options: dict[str, int], size: tuple[int, ...]) -> None:
    assert make_grid(rl.rand(*shape), **options).shape == size  # type: ignore[arg-type]


def test_normalized_grids() -> None:
    pictures = rl.tensor([-1.0, 0.0, 1.0, 3.0]).reshape(2, 1, 1, 2)
    kept = pictures.clone()

    def row(**options: object) -> list[float]:
        found = make_grid(pictures, padding=0, normalize=True, **options)  # type: ignore[arg-type]
        return [round(x, 4) for x in found[0, 0].tolist()]

    assert row() == [0.0, 0.25, 0.5, 1.0]
    assert row(scale_each=True) == [0.0, 1.0, 0.0, 1.0]
    assert row(value_range=(-1, 1)) == [0.0, 0.5, 1.0, 1.0]
    assert pictures.tolist() == kept.tolist()
    assert row(value_range=(0, 2), scale_each=True) == [0.0, 0.0, 0.5, 1.0]
    same = make_grid([pictures[0], pictures[1]], padding=0)
    assert same.tolist() == make_grid(pictures, padding=0).tolist()


def test_what_makes_no_grid() -> None:
    for bad in ([1, 2], "x", np.ones((2, 3, 4, 4)), []):
        with pytest.raises(TypeError):
            make_grid(bad)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="value_range"):
        make_grid(rl.ones(2, 3, 2, 2), normalize=True, value_range=[0, 1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        make_grid([rl.ones(3, 2, 2), rl.ones(3, 2, 3)])
    with pytest.raises(ValueError, match="5 axes"):
        make_grid(rl.ones(1, 2, 3, 2, 2))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (40, 3)])
def test_png_is_read_by_pillow(channels: int, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    picture = Image.open(io.BytesIO(encode_png(pixels)))
    assert np.array_equal(np.asarray(picture).reshape(pixels.shape), pixels)


def test_png_refuses_other_arrays() -> None:
    for shape in ((0, 3), (2, 2, 5), (2, 2, 2, 3)):
        with pytest.raises(TypeError):
            encode_png(np.zeros(shape, np.uint8))
    with pytest.raises(TypeError):
        encode_png(np.zeros((2, 2)))


def test_save_image(tmp_path: Path) -> None:
    picture = rl.rand(3, 5, 7) * 1.4 - 0.2
    expected = (picture.numpy() * 255 + 0.5).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    save_image(picture, tmp_path / "a.png")
    save_image(picture, str(tmp_path / "a.bmp"))
    for name in ("a.png", "a.bmp"):
        assert np.array_equal(np.asarray(Image.open(tmp_path / name)), expected)
    save_image(picture, tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as file:
        assert file.format == "JPEG"
    stream = io.BytesIO()
    save_image(picture, stream, "PNG")
    assert stream.getvalue() == (tmp_path / "a.png").read_bytes()
    save_image(rl.rand(6, 1, 4, 4), tmp_path / "grid.png", nrow=3, padding=1)
    with Image.open(tmp_path / "grid.png") as file:
        assert file.size == (16, 11)
    assert len(os.listdir(tmp_path)) == 4


def test_formats_that_are_not_known(tmp_path: Path, no_pillow: None) -> None:
    save_image(rl.rand(3, 4, 4), tmp_path / "a.png")
    with pytest.raises(NotSupportedError, match="pillow"):
        save_image(rl.rand(3, 4, 4), tmp_path / "a.jpg")
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_format_that_is_none(tmp_path: Path) -> None:
    for name in ("a.xyz", "a"):
        with pytest.raises(ValueError, match="format"):
            save_image(rl.rand(3, 4, 4), tmp_path / name)
