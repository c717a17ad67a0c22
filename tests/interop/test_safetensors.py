"""The safetensors format: dtypes, shapes, metadata, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DataError, DTypeError, NotSupportedError
from rushlight.interop import load_file, load_metadata, save_file
from rushlight.interop.safetensors import parse


def test_round_trip_of_dtypes_and_shapes(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    tensors = {
        "scalar": rl.tensor(2.5),
        "empty": rl.zeros(0, 3),
        "double": rl.arange(4, dtype=rl.float64).reshape(2, 2).transpose(0, 1),
        "long": rl.tensor([[-1], [2**40]]),
        "flag": rl.tensor([True, False]),
        "byte": rl.tensor([0, 255], dtype=rl.uint8),
        "grad": rl.ones(2, requires_grad=True),
        "array": np.arange(3, dtype=np.uint64),
    }
    save_file(tensors, path)
    back = load_file(path)
    assert set(back) == set(tensors)
    for name, value in tensors.items():
        expected = value if name == "array" else value.detach().numpy()
        assert back[name].dtype == expected.dtype
        assert back[name].shape == expected.shape
        assert np.array_equal(back[name].numpy(), expected)
    back["long"].add_(1)  # what was loaded can be written to


def test_other_readers_see_the_same(tmp_path: Path) -> None:
    from safetensors import safe_open

    path = tmp_path / "t.safetensors"
    save_file({"w": rl.tensor([[1.0, 2.0]])}, path, {"text": "as it is", "number": 3, "list": [1, None]})
    with safe_open(path, "np") as file:
        assert file.metadata() == {"text": "as it is", "number": "3", "list": "[1, null]"}
        assert file.get_tensor("w").tolist() == [[1.0, 2.0]]
    assert load_metadata(path)["number"] == "3"


def test_equal_contents_are_equal_files(tmp_path: Path) -> None:
    metadata = {f"key {i}": "ünïcode" for i in range(8)}
    tensors = {f"t{i}": rl.ones(i) for i in range(8)}
    files = []
    for i in range(5):
        save_file(tensors, tmp_path / f"{i}", metadata)
        files.append((tmp_path / f"{i}").read_bytes())
    assert len(set(files)) == 1
    assert load_metadata(tmp_path / "0") == metadata


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    with pytest.raises(DTypeError, match="'z' of dtype complex128"):
        save_file({"z": np.ones(2, np.complex128)}, path)
    assert not path.exists()
    with pytest.raises(DataError, match="cannot read"):
        load_file(path)
    path.write_bytes(b"not a tensor file")
    with pytest.raises(DataError, match="damaged, or not a safetensors file"):
        load_file(path)
    with pytest.raises(DataError, match="cannot write"):
        save_file({}, path / "below")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(NotSupportedError, match=r'pip install "rushlight\[app\]"'):
        save_file({"a": rl.ones(1)}, tmp_path / "t.safetensors")


def file(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def test_bfloat16(tmp_path: Path) -> None:
    pytest.importorskip("ml_dtypes")
    values = np.array([[1.0, -2.5, 3.140625], [np.inf, np.nan, 1e-40]], np.float32)
    half = (values.view(np.uint32) >> 16).astype("<u2")
    entry = {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}
    scalar = {"dtype": "BF16", "shape": [], "data_offsets": [12, 14]}
    (tmp_path / "b").write_bytes(file({"w": entry, "s": scalar}, half.tobytes() + b"\xc0\x3f"))
    found = load_file(tmp_path / "b")
    assert found["w"].dtype == rl.bfloat16
    assert found["w"].array.view(np.uint16).tolist() == half.tolist()
    assert found["s"].item() == 1.5
    save_file(found, tmp_path / "again")
    assert load_file(tmp_path / "again")["w"].array.tobytes() == half.tobytes()


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "F4", "C64"])
def test_a_dtype_that_is_not_read_is_named(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "f").write_bytes(
        file({"w": {"dtype": dtype, "shape": [8], "data_offsets": [0, 8]}}, b"x" * 8)
    )
    with pytest.raises(DTypeError, match=f"'w' of dtype {dtype}; expected one of F64, F32, F16, BF16"):
        load_file(tmp_path / "f")


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (b"PK\x03\x04", r"a zip archive, as torch\.save .*rl\.load reads"),
        (b"\x80\x02}q\x00", "a Python pickle"),
        (b"\x93NUMPY", r"numpy\.load"),
        (b"version https://git-lfs", "git lfs pull"),
        (b"<!DOCTYPE html>", "Fetch it again"),
    ],
)
def test_files_of_other_formats_are_recognised(tmp_path: Path, start: bytes, text: str) -> None:
    (tmp_path / "w.pt").write_bytes(start + bytes(100))
    with pytest.raises(DataError, match=rf"w\.pt is .*{text}|w\.pt is {text}"):
        load_file(tmp_path / "w.pt")


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        file({}, length=2**63),
        file(b"[" * 100_000),
        file(b'{"a":' * 100_000),
        file({"__metadata__": None}),
        file({"__metadata__": {"a": 1}}),
        file([1]),
        file(b'{"a": 1, "a": 2}'),
        file(b"\xff{}"),
        file({"w": GOOD}, b"1234567"),
        file({"w": GOOD}, b"123456789"),
        file({"w": {**GOOD, "shape": [2.0]}}, b"12345678"),
        file({"w": {**GOOD, "shape": [True, 2]}}, b"12345678"),
        file({"w": {**GOOD, "shape": [-2]}}, b"12345678"),
        file({"w": {**GOOD, "shape": [2**62, 2**62]}}, b"12345678"),
        file({"w": {**GOOD, "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}}),
        file({"w": {**GOOD, "shape": [1] * 100, "data_offsets": [0, 4]}}, b"1234"),
        file({"w": {**GOOD, "data_offsets": [0]}}, b"12345678"),
        file({"w": {**GOOD, "dtype": None}}, b"12345678"),
        file({"w": {**GOOD, "dtype": []}}, b"12345678"),
        file({"w": {"dtype": "F32"}}, b"12345678"),
        file({"w": None}, b"12345678"),
        file({"v": GOOD, "w": GOOD}, b"12345678"),
        file({"w": {**GOOD, "data_offsets": [8, 16]}}, b"1234567812345678"),
    ],
)
def test_hostile_headers(data: bytes) -> None:
    with pytest.raises(DataError, match="damaged, or not a safetensors file"):
        parse(data, "f")


def test_names_that_the_format_cannot_hold(tmp_path: Path) -> None:
    for tensors, metadata in (({1: rl.ones(1)}, None), ({"__metadata__": rl.ones(1)}, None), ({}, {1: "a"})):
        with pytest.raises(DTypeError, match="save_file"):
            save_file(tensors, tmp_path / "f", metadata)  # type: ignore[arg-type]
