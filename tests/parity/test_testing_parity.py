"""rl.testing.assert_close beside PyTorch's: the same pass, and the errors say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

NAN, INF = float("nan"), float("inf")
CASES: dict[str, Callable[[Any], tuple[Any, Any, dict[str, Any]]]] = {
    "equal": lambda L: (L.ones(2), L.ones(2), {}),
    "near": lambda L: (L.ones(2), L.ones(2) + 1e-6, {}),
    "far": lambda L: (L.tensor([[1.0, 2.0], [3.0, 4.0]]), L.tensor([[1.0, 2.0], [3.0, 4.5]]), {}),
    "float64": lambda L: (L.ones(2, dtype=L.float64), L.ones(2, dtype=L.float64) + 1e-6, {}),
    "wider": lambda L: (L.ones(2), L.ones(2) + 0.1, {"rtol": 0.0, "atol": 0.2}),
    "shapes": lambda L: (L.ones(2), L.ones(3), {}),
    "dtypes": lambda L: (L.ones(2), L.ones(2).double(), {}),
    "dtypes let be": lambda L: (L.ones(2), L.ones(2).double(), {"check_dtype": False}),
    "integers": lambda L: (L.tensor([1, 2]), L.tensor([1, 3]), {}),
    "booleans": lambda L: (L.tensor([True]), L.tensor([True]), {}),
    "nan": lambda L: (L.tensor([NAN]), L.tensor([NAN]), {}),
    "nan let be": lambda L: (L.tensor([NAN]), L.tensor([NAN]), {"equal_nan": True}),
    "infinities": lambda L: (L.tensor([INF, 1.0]), L.tensor([INF, 1.0]), {}),
    "finite and infinite": lambda L: (L.tensor([1.0]), L.tensor([INF]), {}),
    "numbers": lambda L: (1.0, 1.5, {}),
    "whole numbers": lambda L: (3, 3, {}),
    "lists": lambda L: ([L.ones(2), 1.0], [L.ones(2), 1.25], {}),
    "lengths": lambda L: ([1.0], [1.0, 2.0], {}),
    "mappings": lambda L: ({"a": L.ones(1)}, {"a": L.ones(1)}, {}),
    "keys": lambda L: ({"a": 1}, {"b": 1}, {}),
    "strides": lambda L: (L.ones(2, 3), L.ones(3, 2).t(), {"check_stride": True}),
    "one tolerance": lambda L: (1.0, 1.0, {"rtol": 1e-3}),
    "own words": lambda L: (1.0, 2.0, {"msg": "not this"}),
    "words made": lambda L: (1, 2, {"msg": lambda text: text.split("!")[0]}),
    "nothing": lambda L: (None, None, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_close(name: str) -> None:
    found = []
    for L in (rl, torch):
        actual, expected, options = CASES[name](L)
        try:
            L.testing.assert_close(actual, expected, **options)
            found.append("")
        except AssertionError as error:
            found.append(re.sub(r"torch\.|rushlight\.", "", str(error)))
        except ValueError:
            found.append("ValueError")
    ours, theirs = found
    digits = re.compile(r"\d+\.\d+(e-?\d+)?")
    assert digits.sub("#", ours) == digits.sub("#", theirs)
    assert [float(m[0]) for m in digits.finditer(ours)] == pytest.approx(
        [float(m[0]) for m in digits.finditer(theirs)], rel=1e-3
    )
