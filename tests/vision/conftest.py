"""Small files in the formats of the data sets, and a mirror of them on this machine."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.data import encode_idx
from rushlight.vision import images
from tests.data.conftest import Mirror, cache, mirror  # noqa: F401


@pytest.fixture
def no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without Pillow."""
    monkeypatch.setattr(images, "pillow", lambda: None)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without files, and neither RUSHLIGHT_DATA nor a cache that has any."""
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "root"


def idx_files(train: int, test: int, classes: int = 10) -> dict[str, bytes]:
    """The four files of a set like MNIST, by their names."""
    random = np.random.default_rng(0)
    found = {}
    for part, count in (("train", train), ("t10k", test)):
        pixels = random.integers(0, 256, (count, 28, 28), np.uint8)
        found[f"{part}-images-idx3-ubyte"] = encode_idx(pixels)
        found[f"{part}-labels-idx1-ubyte"] = encode_idx(random.integers(0, classes, count, np.uint8))
    return found


def python2_batch(pixels: np.ndarray, entries: dict[str, Any]) -> bytes:
    """A pickle as Python 2 wrote the files of CIFAR: text as bytes, an array by its class and state."""

    def text(value: bytes) -> bytes:
        short = len(value) < 256
        return (b"U" + bytes([len(value)]) if short else b"T" + len(value).to_bytes(4, "little")) + value

    shape = b"".join(b"J" + n.to_bytes(4, "little") for n in pixels.shape)
    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR(K\x03" + text(b"|")
    dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR(K\x01("
    array += shape + b"t" + dtype + b"\x89" + text(pixels.tobytes()) + b"tb"
    rest = b"".join(text(key.encode()) + pickle.dumps(value, 2)[2:-1] for key, value in entries.items())
    return b"\x80\x02}(" + text(b"data") + array + rest + b"u."
