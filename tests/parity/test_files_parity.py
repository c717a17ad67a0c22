"""Files of rl.save and torch.save: each reads the other's."""

from __future__ import annotations

import argparse
import io
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DataError

torch = pytest.importorskip("torch")

PLAIN = {
    "numbers": [0, 255, 256, -1, 2**31, -(2**63), 10**30, 0.5, float("inf"), True, None, 1j],
    "texts": ["", "é", "x" * 300, b"", b"\xff", bytearray(b"ab")],
    "nested": {"a": [(1, 2, 3, 4), {1, 2}], (1, "b"): {2: Counter("aab")}},
}
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


def content(L: Any) -> dict[str, Any]:
    """The same values of either library."""
    weight = L.arange(12.0).reshape(3, 4)
    state = OrderedDict(weight=weight, row=weight[1], turned=weight.t())
    state._metadata = OrderedDict({"": {"version": 2}})  # type: ignore[attr-defined]
    return {
        **PLAIN,
        "state": state,
        "parameters": [L.nn.Parameter(L.ones(2)), L.nn.Parameter(L.ones(2), requires_grad=False)],
        "shapes": [L.tensor(1.5), L.zeros(0, 3), L.ones(1).expand(4), L.ones(2, requires_grad=True)],
        "dtypes": [L.tensor([0, 1, 1]).to(getattr(L, name)) for name in DTYPES],
        "places": [L.device("cpu"), L.ones(2, 3).shape],
    }


def same(a: Any, b: Any) -> None:
    """`a` and `b` hold the same, the tensors of whichever library."""
    if hasattr(a, "requires_grad"):
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype).rpartition(".")[2] == str(b.dtype).rpartition(".")[2]
        assert a.requires_grad == b.requires_grad
        assert (type(a).__name__, a.tolist()) == (type(b).__name__, b.tolist())
        assert tuple(a.stride()) == tuple(b.stride())
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        assert type(a) is type(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif type(a).__name__ == "device":
        assert str(a) == str(b)
    else:
        assert a == b


def test_pytorch_reads_ours() -> None:
    stream = io.BytesIO()
    rl.save(content(rl), stream)
    stream.seek(0)
    found = torch.load(stream, weights_only=True)
    same(content(torch), found)
    assert found["state"]._metadata == {"": {"version": 2}}
    found["state"]["weight"][1, 0] = 70
    assert found["state"]["row"][0] == found["state"]["turned"][0, 1] == 70


def test_pytorch_maps_ours_into_memory(tmp_path: Any) -> None:
    rl.save({"a": rl.arange(100.0), "b": rl.arange(3)}, tmp_path / "a.pt")
    found = torch.load(tmp_path / "a.pt", mmap=True)
    assert found["a"][99] == 99
    assert found["b"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("archive", [True, False])
def test_we_read_pytorchs(archive: bool) -> None:
    stream = io.BytesIO()
    for _ in range(2):  # old files may follow one another
        torch.save(content(torch), stream, _use_new_zipfile_serialization=archive)
        if archive:
            break
    stream.seek(0)
    found = rl.load(stream)
    if not archive:
        found = rl.load(stream)
    same(content(rl), found)
    assert found["state"]._metadata == {"": {"version": 2}}
    found["state"]["weight"][1, 0] = 70
    assert found["state"]["row"][0].item() == found["state"]["turned"][0, 1].item() == 70


@pytest.mark.parametrize("archive", [True, False])
def test_what_pytorch_alone_has(archive: bool) -> None:
    value = {
        "numpy": [np.arange(3), np.float64(0.5), np.array(["a", "bc"])],
        "options": argparse.Namespace(lr=0.1),
    }
    if archive:
        value["uint16"] = torch.arange(3).to(torch.uint16)
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=archive)
    stream.seek(0)
    found = rl.load(stream)
    assert [a.tolist() for a in found["numpy"]] == [[0, 1, 2], 0.5, ["a", "bc"]]
    assert found["options"] == value["options"]
    assert not archive or found["uint16"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol(protocol: int) -> None:
    stream = io.BytesIO()
    torch.save(content(torch), stream, pickle_protocol=protocol)
    stream.seek(0)
    same(content(rl), rl.load(stream))


@pytest.mark.parametrize("archive", [True, False])
def test_whole_modules_are_refused(archive: bool) -> None:
    stream = io.BytesIO()
    torch.save(torch.nn.Linear(1, 1), stream, _use_new_zipfile_serialization=archive)
    stream.seek(0)
    with pytest.raises(DataError, match=r"torch\.nn\.modules\.linear\.Linear.*state_dict"):
        rl.load(stream)


def test_weights_of_a_network() -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    ours = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.Tanh(), rl.nn.Linear(4, 1))
    stream = io.BytesIO()
    torch.save(theirs.state_dict(), stream)
    stream.seek(0)
    ours.load_state_dict(rl.load(stream))
    out = theirs(torch.ones(2, 3)).flatten().tolist()
    assert ours(rl.ones(2, 3)).flatten().tolist() == pytest.approx(out, abs=1e-6)
    stream = io.BytesIO()
    rl.save(ours.state_dict(), stream)
    stream.seek(0)
    theirs.load_state_dict(torch.load(stream))
