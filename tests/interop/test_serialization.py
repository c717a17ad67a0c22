"""rl.save and rl.load: what goes in comes out; nothing else is taken, and no code is run."""

from __future__ import annotations

import argparse
import io
import pickle
import zipfile
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DataError, DTypeError, NotSupportedError
from rushlight.interop.containers import write_zip


def again(value: Any) -> Any:
    stream = io.BytesIO()
    rl.save(value, stream)
    stream.seek(0)
    return rl.load(stream)


VALUES = {
    "none": None,
    "bools": [True, False],
    "ints": [0, 255, 256, -1, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**64), 10**900],
    "floats": [0.1, 1e308, float("inf"), -0.0],
    "complex": 1 - 2j,
    "strings": ["", "a", "é", "\ud800", "x" * 70_000],
    "bytes": [b"", b"\x00\xff", bytearray(b"ab")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "sets": [{1, "a"}, set(), frozenset({2})],
    "dicts": {"a": {1: {(1, "b"): []}}, None: {}, 2.5: 0},
    "kinds of dicts": [OrderedDict(b=1, a=2), Counter("aab"), defaultdict(list, {1: [2]}), defaultdict(None)],
    "options": argparse.Namespace(lr=0.1, layers=[2, 3]),
    "places": [rl.float32, rl.int64, rl.bool, rl.device("cpu"), rl.ones(2, 3).shape],
    "scalars": [np.float32(1.5), np.int8(-3), np.str_("ab"), np.dtype(">i4"), np.dtype("U5")],
}


@pytest.mark.parametrize("name", VALUES)
def test_plain_values(name: str) -> None:
    value = VALUES[name]
    found = again(value)
    assert found == value
    assert type(found) is type(value)
    if isinstance(value, list):
        assert [type(item) for item in found] == [type(item) for item in value]


ARRAYS = [np.arange(6.0).reshape(2, 3), np.array(["a", "bcd"]), np.array(3), np.zeros((0, 2), "f4"),
          np.arange(3, dtype=">i2"), np.array([1 + 2j]), np.asfortranarray(np.ones((2, 3)))]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays(array: Any) -> None:
    found = again(array)
    assert type(found) is np.ndarray
    assert found.dtype == array.dtype.newbyteorder("=")
    assert np.array_equal(found, array)
    found[...] = found  # it may be written to


DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float64")
TENSORS = {
    "0-d": lambda: rl.tensor(2.5),
    "empty": lambda: rl.zeros(0, 3),
    "transposed": lambda: rl.rand(2, 3).t(),
    "flipped": lambda: rl.arange(5).flip(0),
    "expanded": lambda: rl.ones(1).expand(5),
    "column": lambda: rl.rand(40, 5)[:, 2],
    "random state": rl.get_rng_state,
    "asked for": lambda: rl.ones(2, requires_grad=True),
    **{name: lambda name=name: rl.tensor([0, 1, 1]).to(getattr(rl, name)) for name in DTYPES},
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors(name: str) -> None:
    tensor = TENSORS[name]()
    found = again(tensor)
    assert (found.shape, found.dtype, found.requires_grad) == (
        tensor.shape,
        tensor.dtype,
        tensor.requires_grad,
    )
    assert type(found) is rl.Tensor
    assert found.tolist() == tensor.tolist()


def test_a_model_and_its_optimizer() -> None:
    rl.manual_seed(0)

    def make() -> Any:
        model = rl.nn.Sequential(rl.nn.Linear(2, 3), rl.nn.Tanh(), rl.nn.Linear(3, 1))
        return model, rl.optim.Adam(model.parameters(), lr=0.1)

    def step(model: Any, optimizer: Any) -> None:
        optimizer.zero_grad()
        model(rl.ones(4, 2)).sum().backward()
        optimizer.step()

    one, two = make(), make()
    step(*one)
    saved = again({"model": one[0].state_dict(), "optimizer": one[1].state_dict()})
    two[0].load_state_dict(saved["model"])
    two[1].load_state_dict(saved["optimizer"])
    for pair in (one, two):
        step(*pair)
    for a, b in zip(one[0].parameters(), two[0].parameters(), strict=True):
        assert a.tolist() == b.tolist()


def test_what_hangs_on_a_state_dict_and_parameters() -> None:
    state = OrderedDict(
        weight=rl.nn.Parameter(rl.ones(2)), fixed=rl.nn.Parameter(rl.ones(1), requires_grad=False)
    )
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    found = again(state)
    assert found._metadata == {"": {"version": 1}}
    assert [type(p) for p in found.values()] == [rl.nn.Parameter] * 2
    assert [p.requires_grad for p in found.values()] == [True, False]
    state.other = 1  # type: ignore[attr-defined]
    with pytest.raises(DTypeError, match="other"):
        again(state)


def test_tensors_that_share_memory_still_do() -> None:
    whole = rl.arange(10.0)
    found = again({"part": whole[2:5], "whole": whole, "twice": [whole, whole], "other": rl.zeros(3)})
    found["part"][0] = 77
    assert found["whole"][2].item() == 77
    assert found["twice"][0] is found["twice"][1]
    assert found["other"].tolist() == [0, 0, 0]


def test_a_part_is_saved_without_the_whole() -> None:
    stream = io.BytesIO()
    rl.save(rl.zeros(1000, 1000)[3], stream)
    assert len(stream.getvalue()) < 10_000


def test_containers_may_hold_themselves() -> None:
    value: list[Any] = [1]
    value += [value, {"me": value}]
    found = again(value)
    assert found[1] is found
    assert found[2]["me"] is found
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DTypeError, match="deeply"):
        again(deep)


Point = namedtuple("Point", "x y")


class Word(str):
    __slots__ = ()


REFUSED = [
    (rl.nn.Linear(1, 1), NotSupportedError, "state_dict"),
    (
        {"optimizer": rl.optim.SGD([rl.nn.Parameter(rl.ones(1))], lr=0.1)},
        NotSupportedError,
        "rushlight.optim.sgd.SGD",
    ),
    (print, DTypeError, "builtin_function"),
    ([object()], DTypeError, "builtins.object"),
    (Point(1, 2), DTypeError, "Point"),
    (Word("a"), DTypeError, "Word"),
    (np.array([None]), DTypeError, "object"),
    (defaultdict(lambda: 1), DTypeError, "defaultdict"),
]


@pytest.mark.parametrize(("value", "error", "words"), REFUSED, ids=lambda v: getattr(v, "__name__", None))
def test_what_cannot_be_saved_leaves_the_file_as_it_was(
    value: Any, error: type[Exception], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.pt"
    rl.save([1], path)
    with pytest.raises(error, match=words):
        rl.save(value, path)
    assert rl.load(path) == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_paths_and_files(tmp_path: Path) -> None:
    rl.save({"a": 1}, str(tmp_path / "a.pt"))
    rl.save({"a": 1}, tmp_path / "b.pt")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    with open(tmp_path / "c.pt", "wb") as file:
        rl.save(rl.ones(2), file)
    with open(tmp_path / "c.pt", "rb") as file:
        assert rl.load(file, map_location=lambda storage, place: storage, weights_only=False).tolist() == [
            1,
            1,
        ]
    assert rl.load(tmp_path / "c.pt", "cpu", mmap=True).tolist() == [1, 1]
    for wrong in (rl.save, lambda _, f: rl.load(f)):
        with pytest.raises(DTypeError, match="a path"):
            wrong(1, 3)  # type: ignore[operator]
    with pytest.raises(FileNotFoundError):
        rl.load(tmp_path / "none.pt")
    with pytest.raises(FileNotFoundError):
        rl.save(1, tmp_path / "none" / "a.pt")
    with pytest.raises(NotSupportedError, match="zip"):
        rl.save(1, tmp_path / "a.pt", _use_new_zipfile_serialization=False)


def test_storages_are_aligned() -> None:
    stream = io.BytesIO()
    rl.save([rl.ones(3), rl.ones(5)], stream)
    data = stream.getvalue()
    with zipfile.ZipFile(stream) as archive:
        for entry in archive.infolist():
            at = entry.header_offset
            sizes = int.from_bytes(data[at + 26 : at + 28], "little") + int.from_bytes(
                data[at + 28 : at + 30], "little"
            )
            assert (at + 30 + sizes) % 64 == 0


class Bomb:
    def __reduce__(self) -> Any:
        return print, ("code was run",)


def program(text: bytes) -> io.BytesIO:
    stream = write_zip(b"\x80\x02" + text + b".", [])
    stream.seek(0)
    return stream


HARMFUL = {
    "a call": pickle.dumps(Bomb(), 2)[2:-1],
    "another name": b"cos\nsystem\n",
    "a class": b"ctorch.nn.modules.linear\nLinear\n)\x81",
    "objects in an array": b"cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R",
    "a key that hashes for ever": b"))\x86q\x00"
    + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(60))
    + b"}h\x00Ns",
    "a size of texts": b"ctorch\nSize\n](X\x01\x00\x00\x00ae\x85R",
    "attributes": b"ccollections\nOrderedDict\n)R}X\x04\x00\x00\x00keysNsb",
}


@pytest.mark.parametrize("name", HARMFUL)
def test_no_code_is_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError):
        rl.load(program(HARMFUL[name]))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no file of"),
        (b"hello", "no file of"),
        (pickle.dumps({"a": 1}), "pickle"),
        (b"\x93NUMPY\x01\x00", "numpy.load"),
        ((9).to_bytes(8, "little") + b'{"a":{}} ', "rl.interop.load_file"),
        (b"PK\x03\x04 and no more", "damaged"),
    ],
)
def test_other_files(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        rl.load(io.BytesIO(data))


def test_archives_that_unpack_to_more_are_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    stream.seek(0)
    with pytest.raises(DataError, match="compressed"):
        rl.load(stream)
