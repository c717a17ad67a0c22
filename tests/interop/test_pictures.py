"""Pictures of digits in many forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.errors import DataError
from rushlight.interop.pictures import read_digit

Image = pytest.importorskip("PIL.Image")


def digit() -> Any:
    """Light on dark: a bar."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[5:23, 12:16] = 255
    return pixels


def test_as_mnist_has_them(tmp_path: Path) -> None:
    Image.fromarray(digit()).save(tmp_path / "d.png")
    pixels, notes = read_digit(tmp_path / "d.png")
    assert np.array_equal(pixels, digit())
    assert notes == []


def test_dark_on_light_is_inverted(tmp_path: Path) -> None:
    Image.fromarray(255 - digit()).save(tmp_path / "d.png")
    pixels, notes = read_digit(tmp_path / "d.png")
    assert np.array_equal(pixels, digit())
    assert "inverted" in notes[0]


def test_resized_with_a_note(tmp_path: Path) -> None:
    Image.fromarray(digit()).resize((140, 280)).save(tmp_path / "d.png")
    pixels, notes = read_digit(tmp_path / "d.png")
    assert pixels.shape == (28, 28)
    assert notes == ["140 x 280 pixels, resized to 28 x 28"]
    assert pixels[14, 14] > 200
    assert pixels[14, 1] < 20


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1", "I;16"])
def test_modes(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(digit().astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(digit()).convert(mode)
    picture.save(tmp_path / "d.png")
    assert np.array_equal(read_digit(tmp_path / "d.png")[0], digit())


def test_transparent_paper_is_white(tmp_path: Path) -> None:
    pixels = np.zeros((28, 28, 4), np.uint8)
    pixels[..., 3] = digit()  # black ink on nothing
    Image.fromarray(pixels).save(tmp_path / "d.png")
    assert np.array_equal(read_digit(tmp_path / "d.png")[0], digit())


def test_what_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        read_digit(tmp_path / "absent.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match="no picture, or is damaged"):
        read_digit(tmp_path / "text.png")
    with pytest.raises(DataError, match="cannot read"):
        read_digit(tmp_path)
    Image.fromarray(digit()).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    with pytest.raises(DataError, match="damaged"):
        read_digit(tmp_path / "cut.png")
    Image.new("1", (8000, 8000)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match="8000 x 8000"):
        read_digit(tmp_path / "huge.png")
