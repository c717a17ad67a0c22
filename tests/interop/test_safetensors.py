"""The safetensors format: dtypes, shapes, metadata, what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DataError, DTypeError, NotSupportedError
from rushlight.interop import load_file, load_metadata, save_file


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
