from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rushlight.data import encode_idx, parse_idx, read_idx
from rushlight.data.idx import unpack
from rushlight.errors import DataError, DTypeError

DTYPES = st.sampled_from(["uint8", "int8", "int16", "int32", "float32", "float64"])
ARRAYS = DTYPES.flatmap(
    lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
)
GOOD = encode_idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@given(ARRAYS, st.booleans())
def test_round_trip(array: np.ndarray, gzipped: bool) -> None:
    data = encode_idx(array)
    back = parse_idx(unpack(gzip.compress(data) if gzipped else data))
    assert back.dtype is array.dtype
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_read(data: bytes) -> None:
    for candidate in (data, b"\x1f\x8b" + data, gzip.compress(data)):
        with contextlib.suppress(DataError):
            parse_idx(unpack(candidate))


def test_every_cut_of_a_file_is_refused() -> None:
    packed = gzip.compress(GOOD)
    for n in range(len(GOOD)):
        with pytest.raises(DataError, match=r"pictures\.idx"):
            parse_idx(GOOD[:n], "pictures.idx")
    for n in range(len(packed)):
        with pytest.raises(DataError, match=r"pictures\.gz"):
            parse_idx(unpack(packed[:n], "pictures.gz"), "pictures.gz")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes"),
        (GOOD[:-1], "truncated"),
        (GOOD + b"!", "followed by something else"),
        (b"\x89PNG" + GOOD, "magic number 0x89504e47"),
        (b"\0\0\x07\x01" + GOOD[4:], "type code"),
        (b"\0\0\x08\x09" + GOOD[4:20], "header cut short"),
    ],
)
def test_plain_damage_is_named(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parse_idx(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(GOOD)[:-9], "truncated gzip file"),
        (gzip.compress(GOOD)[:-3], "truncated gzip file"),
        (gzip.compress(GOOD) + b"garbage", "7 bytes after its end"),
        (gzip.compress(GOOD + b"more"), "more data than its header says"),
        (gzip.compress(GOOD[:-2]), "truncated"),
        (gzip.compress(GOOD)[:-8] + bytes(8), "damaged gzip data"),
        (gzip.compress(b""), "truncated or empty"),
        (b"\x1f\x8b\xff\xff", "damaged gzip data"),
    ],
)
def test_gzip_damage_is_named(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parse_idx(unpack(data))


def test_gzip_padding_is_accepted() -> None:
    assert unpack(gzip.compress(GOOD) + bytes(16)) == GOOD


def test_a_gzip_bomb_is_not_unpacked() -> None:
    header = b"\0\0\x08\x01" + struct.pack(">I", 10)
    bomb = gzip.compress(header + bytes(10**7))
    with pytest.raises(DataError, match="more data than its header says"):
        unpack(bomb)


def test_a_header_that_promises_too_much_costs_no_memory() -> None:
    huge = b"\0\0\x0e\x03" + struct.pack(">III", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    for data in (huge, gzip.compress(huge)):
        with pytest.raises(DataError, match="truncated"):
            parse_idx(unpack(data))


def test_more_dimensions_than_an_array_can_have() -> None:
    for count in (65, 255):
        with pytest.raises(DataError, match=f"{count} dimensions; expected at most 64"):
            parse_idx(bytes([0, 0, 8, count]) + struct.pack(">I", 1) * count + b"7")
    assert parse_idx(bytes([0, 0, 8, 64]) + struct.pack(">I", 1) * 64 + b"7").ndim == 64
    empty = struct.pack(">III", 2**32 - 1, 2**32 - 1, 0)
    with pytest.raises(DataError, match="sizes that fit an array"):
        parse_idx(b"\0\0\x08\x03" + empty)


def test_read_and_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.idx"
    path.write_bytes(GOOD)
    assert read_idx(path).shape == (2, 3, 4)
    path.write_bytes(gzip.compress(GOOD))
    assert read_idx(str(path)).sum() == sum(range(24))
    assert read_idx(path).flags.writeable
    with pytest.raises(DataError, match=r"absent\.idx: got No such file"):
        read_idx(tmp_path / "absent.idx")
    with pytest.raises(DataError, match="readable file"):
        read_idx(tmp_path)


def test_encoding_refuses_what_the_format_lacks() -> None:
    with pytest.raises(DTypeError, match="int64"):
        encode_idx(np.arange(3))
    assert encode_idx(np.arange(3, dtype=">i4")) == encode_idx(np.arange(3, dtype="<i4"))
