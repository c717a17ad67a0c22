"""Weights in a folder: one file or several, what stands twice, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DataError
from rushlight.hub import load_model, save_model
from rushlight.interop import load_file, load_metadata, save_file

INDEX = "model.safetensors.index.json"


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(4, 3)
        self.decoder = nn.Linear(4, 3)
        self.decoder.weight = self.encoder.weight
        self.register_buffer("steps", rl.tensor(7))

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.decoder(self.encoder(x).T)


def same(a: nn.Module, b: nn.Module) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(bool((first[k] == second[k]).all()) for k in first)


@pytest.mark.parametrize(
    ("size", "files"),
    [
        ("5GB", ["model.safetensors"]),
        (48, [*(f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)), INDEX]),
        (60, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", INDEX]),
        ("1 B", [*(f"model-0000{i}-of-00004.safetensors" for i in (1, 2, 3, 4)), INDEX]),
    ],
)
def test_round_trip_in_files_of_a_size(tmp_path: Path, size: int | str, files: list[str]) -> None:
    model, other = Tied(), Tied()
    save_model(model, tmp_path, max_shard_size=1)  # what an earlier call left goes
    save_model(model, tmp_path, max_shard_size=size)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(files)
    assert str(load_model(other, tmp_path)) == "<All keys matched successfully>"
    assert same(model, other)
    assert other.decoder.weight is other.encoder.weight
    if INDEX in files:
        index = json.loads((tmp_path / INDEX).read_text())
        assert index["metadata"] == {"total_size": 4 * (12 + 3 + 3) + 8}
        assert set(index["weight_map"]) == {"decoder.bias", "decoder.weight", "encoder.bias", "steps"}
        assert same(model, _loaded(tmp_path / INDEX))


def _loaded(path: Path) -> nn.Module:
    model = Tied()
    load_model(model, path)
    return model


def test_what_stands_twice_is_written_once(tmp_path: Path) -> None:
    save_model(Tied(), tmp_path)
    held = load_file(tmp_path / "model.safetensors")
    assert set(held) == {"decoder.bias", "decoder.weight", "encoder.bias", "steps"}
    assert load_metadata(tmp_path / "model.safetensors") == {
        "encoder.weight": "decoder.weight",
        "format": "pt",
    }


def test_names_are_compared(tmp_path: Path) -> None:
    save_model(nn.Linear(4, 3), tmp_path)
    with pytest.raises(RuntimeError, match=r"bias"):
        load_model(nn.Linear(4, 3, bias=False), tmp_path)
    found = load_model(nn.Linear(4, 3, bias=False), tmp_path, strict=False)
    assert found.unexpected_keys == ["bias"]
    save_file({"weight": rl.ones(3, 4)}, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match=r"bias"):
        load_model(nn.Linear(4, 3), tmp_path / "model.safetensors")


def test_older_files(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    rl.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    other = nn.Linear(4, 3)
    load_model(other, tmp_path)
    assert same(model, other)
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "pytorch_model-00001-of-00001.bin")
    where = {"weight_map": dict.fromkeys(("weight", "bias"), "pytorch_model-00001-of-00001.bin")}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(where))
    other = nn.Linear(4, 3)
    load_model(other, tmp_path)
    assert same(model, other)


def test_bfloat16_needs_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.array([1.5, -2.0, np.inf, 3.140625], np.float32)
    words = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    header = {
        "bias": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]},
        "weight": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [2, 8]},
        "scale": {"dtype": "BF16", "shape": [], "data_offsets": [8, 10]},
    }
    text = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + words + words[:2])
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    held = load_file(tmp_path / "model.safetensors", widen=True)
    assert [held[name].dtype for name in header] == [rl.float32] * 3
    assert held["weight"].tolist() == [values[1:].tolist()]
    assert held["scale"].item() == 1.5
    model = nn.Linear(3, 1, dtype=rl.float64)
    load_model(model, tmp_path, strict=False)
    assert model.bias.tolist() == [1.5]
    assert model.weight.dtype == rl.float64


def test_bfloat16_models_stay(tmp_path: Path) -> None:
    pytest.importorskip("ml_dtypes")
    model, other = nn.Linear(3, 2).bfloat16(), nn.Linear(3, 2).bfloat16()
    save_model(model, tmp_path)
    load_model(other, tmp_path)
    assert other.weight.dtype == rl.bfloat16
    assert same(model, other)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ("{", "damaged, or no index"),
        ("[]", "no table 'weight_map'"),
        ('{"weight_map": {"weight": 3}}', "no table 'weight_map'"),
        ('{"weight_map": {"weight": "../model.safetensors"}}', "expected files of its own folder"),
        ('{"weight_map": {"weight": "C:model.safetensors"}}', "expected files of its own folder"),
        ('{"weight_map": {"weight": "/etc/passwd"}}', "expected files of its own folder"),
        ('{"weight_map": {"weight": ""}}', "names ''; expected files of its own folder"),
        ('{"weight_map": {"weight": "model-1.safetensors"}}', "is missing, which"),
        (f'{{"weight_map": {{"weight": "{"long" * 100}.safetensors"}}}}', "is missing, which"),
        ('{"weight_map": {"other": "part.safetensors"}}', "says that 'other' is in part.safetensors"),
    ],
)
def test_an_index_is_not_believed(tmp_path: Path, index: str, text: str) -> None:
    save_file({"weight": rl.ones(3, 4)}, tmp_path / "part.safetensors")
    (tmp_path / INDEX).write_text(index)
    with pytest.raises(DataError, match=text):
        load_model(nn.Linear(4, 3), tmp_path)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no weights; expected one of model\.safetensors"):
        load_model(nn.Linear(4, 3), tmp_path)
    with pytest.raises(DataError, match="cannot read"):
        load_model(nn.Linear(4, 3), tmp_path / "none.safetensors")
    for size in ("5 apples", 0, "", "-3", None):
        with pytest.raises(ArgumentError, match="max_shard_size"):
            save_model(nn.Linear(4, 3), tmp_path, max_shard_size=size)  # type: ignore[arg-type]
    rl.save([rl.ones(3)], tmp_path / "odd.bin")
    with pytest.raises(DataError, match="holds a list; expected tensors by name"):
        load_model(nn.Linear(4, 3), tmp_path / "odd.bin")
    save_model(nn.ReLU(), tmp_path)  # no tensor at all
    load_model(nn.ReLU(), tmp_path)
