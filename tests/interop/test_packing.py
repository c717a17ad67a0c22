"""Nested state as JSON and arrays, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.errors import CheckpointError
from rushlight.interop.packing import pack, unpack

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
nested = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.sampled_from(["__tuple__", "__items__", "__tensor__"]), inner)
        | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=10,
)


@given(nested)
def test_plain_values_survive_json(value: Any) -> None:
    arrays: dict[str, Any] = {}
    assert unpack(json.loads(json.dumps(pack(value, arrays, "x"))), arrays) == value


def test_tensors_and_arrays() -> None:
    arrays: dict[str, Any] = {}
    value = {"state": {0: {"step": rl.tensor(3.0)}}, "kept": [np.arange(2), np.float32(0.1)]}
    tree = json.loads(json.dumps(pack(value, arrays, "opt")))
    assert sorted(arrays) == ["opt.kept.0", "opt.kept.1", "opt.state.0.step"]
    back = unpack(tree, arrays)
    assert isinstance(back["state"][0]["step"], rl.Tensor)
    assert back["state"][0]["step"].item() == 3.0
    assert back["kept"][0].tolist() == [0, 1]
    assert back["kept"][1].dtype == np.float32


def test_what_cannot_be_kept() -> None:
    with pytest.raises(CheckpointError, match=r"x\.f is a function"):
        pack({"f": lambda: 0}, {}, "x")


def test_keys_that_would_share_a_name() -> None:
    value = {"a.b": np.ones(2), "a": {"b": np.zeros(2)}, 1: np.array([3]), "1": np.array([4])}
    arrays: dict[str, Any] = {}
    back = unpack(json.loads(json.dumps(pack(value, arrays, "s"))), arrays)
    assert len(arrays) == 4
    assert back["a.b"].tolist() == [1, 1]
    assert back["a"]["b"].tolist() == [0, 0]
    assert (back[1], back["1"]) == (3, 4)


def test_keys_that_are_tuples_or_nothing() -> None:
    value = {(1, ("a", None)): 2, None: 3, True: 4, 0.5: 5}
    assert unpack(json.loads(json.dumps(pack(value, {}, "s"))), {}) == value


def test_files_written_before_keys_were_packed_still_load() -> None:
    tree = {"__items__": [[0, {"__array__": "s.0"}], ["a.b", 1]]}
    assert unpack(tree, {"s.0": np.arange(2)})["a.b"] == 1
