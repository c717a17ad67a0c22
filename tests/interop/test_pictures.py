"""Pictures of digits in many forms."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.errors import DataError
from rushlight.interop.pictures import read_clothing, read_digit

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
    assert notes == ["140 x 280 pixels, cut out and fitted into 28 x 28"]
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
    with pytest.raises(DataError, match="no PNG or JPEG picture, or is damaged"):
        read_digit(tmp_path / "text.png")
    Image.fromarray(digit()).save(tmp_path / "d.bmp")
    (tmp_path / "d.bmp").rename(tmp_path / "bmp.png")  # a decoder that is not asked for is not tried
    with pytest.raises(DataError, match="no PNG or JPEG picture"):
        read_digit(tmp_path / "bmp.png")
    with pytest.raises(DataError, match="cannot read"):
        read_digit(tmp_path)
    Image.fromarray(digit()).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    with pytest.raises(DataError, match="damaged"):
        read_digit(tmp_path / "cut.png")
    Image.new("1", (8000, 8000)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match="8000 x 8000"):
        read_digit(tmp_path / "huge.png")
    Image.new("1", (5000, 4100)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match="5000 x 4100"):
        read_digit(tmp_path / "huge.png")


def drawn(size: tuple[int, int], at: tuple[int, int], height: int = 100, text: str = "4") -> Any:
    """Black ink on white paper."""
    from matplotlib import get_data_path
    from PIL import ImageDraw, ImageFont

    picture = Image.new("L", size, 255)
    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", height)
    ImageDraw.Draw(picture).text(at, text, fill=0, font=font)
    return picture


def test_prepared_as_mnist_was(tmp_path: Path) -> None:
    """A box of 20 pixels, its centre of mass at the centre, wherever and however large it was drawn."""
    found = []
    for place, (size, at, height) in enumerate(
        [((200, 200), (70, 40), 100), ((900, 400), (10, 10), 300), ((60, 40), (30, 2), 30)]
    ):
        drawn(size, at, height).save(tmp_path / f"{place}.png")
        pixels, notes = read_digit(tmp_path / f"{place}.png")
        rows = np.flatnonzero((pixels > 60).any(1))
        assert 19 <= rows[-1] - rows[0] + 1 <= 20
        mass = pixels / pixels.sum()
        assert abs(mass.sum(1) @ np.arange(28) - 14) <= 0.6
        assert abs(mass.sum(0) @ np.arange(28) - 14) <= 0.6
        assert pixels.max() == 255
        assert [note.split(",")[0] for note in notes] == ["dark on light", f"{size[0]} x {size[1]} pixels"]
        found.append(pixels.astype(float))
    assert np.abs(found[0] - found[1]).mean() < 8
    Image.fromarray(found[0].astype(np.uint8)).save(tmp_path / "again.png")
    assert np.array_equal(read_digit(tmp_path / "again.png")[0], found[0])


def test_grey_paper(tmp_path: Path) -> None:
    """Ink is what differs more from the border, whatever its grey."""
    white, _ = read(tmp_path, drawn((100, 100), (20, 0), 80))
    grey, _ = read(
        tmp_path, Image.fromarray((np.asarray(drawn((100, 100), (20, 0), 80)) * 0.35).astype(np.uint8))
    )
    assert np.abs(white.astype(int) - grey).max() <= 6


def read(folder: Path, picture: Any) -> tuple[Any, list[str]]:
    picture.save(folder / "d.png")
    return read_digit(folder / "d.png")


@pytest.mark.parametrize("grey", [0, 120, 255])
def test_a_blank_picture_shows_no_digit(tmp_path: Path, grey: int) -> None:
    pixels = np.full((50, 40), grey, np.uint8)
    pixels[20, 10] ^= 16  # a speck of dust
    with pytest.raises(DataError, match="is blank"):
        read(tmp_path, Image.fromarray(pixels))


TURNS = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_90 TRANSVERSE ROTATE_270"


@pytest.mark.parametrize(("orientation", "turn"), list(enumerate(TURNS.split(), 2)))
def test_the_camera_was_held_otherwise(tmp_path: Path, orientation: int, turn: str) -> None:
    """What the camera stores for each orientation of the EXIF standard; the digit comes out upright."""
    exif = Image.Exif()
    exif[274] = orientation
    picture = drawn((80, 120), (20, 10)).convert("RGB")
    picture.transpose(Image.Transpose[turn]).save(tmp_path / "d.jpg", exif=exif, quality=95)
    upright, _ = read(tmp_path, picture)
    assert np.abs(read_digit(tmp_path / "d.jpg")[0].astype(int) - upright).mean() < 3


def test_a_long_thin_picture_costs_little(tmp_path: Path) -> None:
    pixels = np.zeros((1, 60_000), np.uint8)
    pixels[0, 30_000:] = 255
    tracemalloc.start()
    try:
        found, _ = read(tmp_path, Image.fromarray(pixels))
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert found.shape == (28, 28)


def test_clothes_fill_the_picture(tmp_path: Path) -> None:
    pixels = np.full((300, 200), 255, np.uint8)
    pixels[100:200, 20:120] = 40
    Image.fromarray(pixels).save(tmp_path / "d.png")
    found, _ = read_clothing(tmp_path / "d.png")
    assert (found > 200).all()
    Image.fromarray(digit()).save(tmp_path / "d.png")
    assert np.array_equal(read_clothing(tmp_path / "d.png")[0], digit())
