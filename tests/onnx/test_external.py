"""Weights in a file beside the model: written, read, and refused where they lie elsewhere."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DataError
from rushlight.onnx import external
from tests.onnx.peers import close, onnx, runtime

X = rl.linspace(-1, 1, 64).reshape(2, 32)


def net() -> nn.Module:
    rl.manual_seed(0)
    return nn.Sequential(nn.Linear(32, 40), nn.Tanh(), nn.Linear(40, 3), nn.Linear(3, 2))


def run_file(path: Path) -> Any:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X.numpy()})


@pytest.mark.parametrize("how", ["asked for", "more than a file holds"])
def test_weights_beside_the_model(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = tmp_path / "net.onnx", net()
    if how == "asked for":
        rl.onnx.export(model, X).save(path, external_data=True)
    else:
        monkeypatch.setattr(external, "MOST", 2000)
        program = rl.onnx.export(model, X, path, verify=True)
        close([program(X)], [model(X)])
        with pytest.raises(ArgumentError, match="external_data=False"):
            rl.onnx.export(model, X, tmp_path / "other.onnx", external_data=False)
    assert {p.name for p in tmp_path.iterdir()} == {"net.onnx", "net.onnx.data"}
    assert path.stat().st_size < 4000
    written = onnx.load(str(path), load_external_data=False).graph.initializer
    assert [t.name for t in written] == list(model.state_dict())
    places = [{e.key: e.value for e in t.external_data} for t in written if t.external_data]
    assert [(p["location"], int(p["offset"]) % 4096) for p in places] == [("net.onnx.data", 0)]
    onnx.checker.check_model(str(path), full_check=True)
    close(run_file(path), [model(X)])
    loaded = rl.onnx.load(path)
    close([loaded(X)], [model(X)])
    assert list(loaded.state_dict()) == list(model.state_dict())


def test_what_onnx_wrote(tmp_path: Path) -> None:
    """Its own layouts, with constants of nodes among them."""
    model = net()
    path = tmp_path / "net.onnx"
    whole = {"size_threshold": 0, "convert_attribute": True, "location": "all.bin"}
    for options in (whole, {"size_threshold": 0, "all_tensors_to_one_file": False}):
        proto = rl.onnx.export(model, X).model_proto
        onnx.save_model(proto, str(path), save_as_external_data=True, **options)
        close([rl.onnx.load(path)(X)], [model(X)])


def test_files_and_bytes_have_nothing_beside_them(tmp_path: Path) -> None:
    program = rl.onnx.export(net(), X)
    program.save(tmp_path / "net.onnx", external_data=True)
    data = (tmp_path / "net.onnx").read_bytes()
    for given in (data, io.BytesIO(data), onnx.load_model_from_string(data)):
        with pytest.raises(DataError, match="'0.weight' lies in another file; expected the path of the mod"):
            rl.onnx.load(given)
    with pytest.raises(ArgumentError, match="external_data=True and a file; expected a path"):
        program.save(io.BytesIO(), external_data=True)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({"location": "/etc/passwd"}, "a name in the model's folder"),
        ({"location": "../secret"}, "a name in the model's folder"),
        ({"location": "a/../../secret"}, "a name in the model's folder"),
        ({"location": "..\\secret"}, "a name in the model's folder"),
        ({"location": "C:\\secret"}, "a name in the model's folder"),
        ({"location": "C:secret"}, "a name in the model's folder"),
        ({"location": ""}, "a name in the model's folder"),
        ({"location": "a\0b"}, "a name in the model's folder"),
        ({"location": "link"}, "a link"),
        ({"location": "missing"}, "which is not there"),
        ({"location": "."}, "which is not there"),
        ({"offset": "-1"}, "bytes that are there"),
        ({"length": "-1"}, "bytes that are there"),
        ({"offset": "99999999999999"}, "bytes that are there"),
        ({"length": "99999999999999"}, "bytes that are there"),
        ({"offset": "x"}, "an offset and a length"),
        ({"length": "8"}, "too small|do not fit its shape"),
        ({"length": ""}, "an offset and a length"),
    ],
)
def test_places_that_are_refused(place: dict[str, str], text: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(10000))
    (folder / "link").symlink_to(tmp_path / "secret")
    path = folder / "net.onnx"
    rl.onnx.export(net(), X).save(path, external_data=True)
    proto = onnx.load(str(path), load_external_data=False)
    (tensor,) = [t for t in proto.graph.initializer if t.external_data]
    for entry in tensor.external_data:
        entry.value = place.get(entry.key, entry.value)
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(DataError, match=text):
        rl.onnx.load(path)
