"""Damaged and hostile files: a clear error or a sensible answer, never a traceback, and little memory."""

from __future__ import annotations

import tracemalloc
import zlib
from collections import Counter
from pathlib import Path

import pytest

from rushlight.errors import DataError
from rushlight.interop.pictures import read_digit
from tests.damage import summed
from tests.hostile import Zoo, faults

COUNT = 300


def test_no_damaged_file_gets_through(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    assert faults(tmp_path, COUNT, 7, tally) == []
    outcomes = Counter(
        {end: sum(n for key, n in tally.items() if key.endswith(end)) for end in ("taken", "refused")}
    )
    assert outcomes["refused"] > COUNT / 3
    assert outcomes["taken"] > COUNT / 20  # it does not refuse everything


def test_a_fault_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(path: Path) -> int:
        return int(path.read_bytes().decode())

    monkeypatch.setattr("tests.hostile._readers", lambda name, folder: {"careless": careless})
    assert len(faults(tmp_path, 5, 0)) == 5

    def greedy(path: Path) -> None:
        bytearray(2**30)

    monkeypatch.setattr("tests.hostile._readers", lambda name, folder: {"greedy": greedy})
    assert "MemoryError" in faults(tmp_path, 1, 0)[0]


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path)
    first, second = ([(name, data) for name, data, *_ in zoo.cases(50, 3)] for _ in range(2))
    assert first == second
    assert len({data for _, data in first}) > 40


def png(width: int, height: int) -> bytes:
    """A picture of one bit a pixel whose header alone says how large it is."""
    header = b"\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\1\0\0\0\0" + b"sums"
    body = zlib.compress(bytes(10_000))
    data = b"\x89PNG\r\n\x1a\n" + header + len(body).to_bytes(4, "big") + b"IDAT" + body + b"sums"
    return summed(data + b"\0\0\0\0IEND" + b"sums")


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 1), (1, 60_000), (2**31 - 1, 2**31 - 1), (60_000, 60_000)]
)
def test_small_pictures_that_claim_to_be_large(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "d.png").write_bytes(png(width, height))
    tracemalloc.start()
    try:
        with pytest.raises(DataError):  # blank, cut short, or too large
            read_digit(tmp_path / "d.png")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
