"""Calls that cannot be: what NumPy and Python would say is put in words of our own, in PyTorch's class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight.errors import RushlightError

torch = pytest.importorskip("torch")

CALLS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "huge": (lambda L: L.zeros(2**62), ("4611686018427387904", "memory")),
    "larger than memory": (lambda L: L.ones(2**20, 2**20, 2**10), ("memory",)),
    "a huge count": (lambda L: L.arange(2**62), ("memory",)),
    "a huge draw": (lambda L: L.randn(2**40, 2**20), ("memory",)),
    "a negative size": (lambda L: L.zeros(-1), ("(-1,)", "0 or more")),
    "a negative size of draws": (lambda L: L.randn(2, -5), ("randn", "(2, -5)", "0 or more")),
    "a negative new size": (lambda L: L.ones(3).new_full((-1,), 1), ("0 or more",)),
    "negative repeats": (lambda L: L.ones(2).repeat(-1), ("repeat", "0 or more")),
    "negative expansion": (lambda L: L.ones(2).expand(-3, 2), ("expand", "0 or more")),
    "cat of numbers": (lambda L: L.cat([L.tensor(1.0), L.tensor(2.0)]), ("cat", "one axis", "stack")),
    "in place, growing": (lambda L: L.ones(2).add_(L.ones(3, 2)), ("add_", "(3, 2)", "(2,)")),
    "in place, to floats": (
        lambda L: L.ones(3, dtype=L.int64).div_(L.ones(3, dtype=L.int64)),
        ("div", "float64", "int64"),
    ),
    "a negative power": (lambda L: L.tensor([1, 2]) ** -1, ("pow", "int64", "-1", "float")),
    "a negative power, bytes": (lambda L: L.ones(2, dtype=L.uint8) ** -2, ("pow", "uint8", "-2")),
    "minus bools": (lambda L: -L.tensor([True]), ("neg", "bool", "~x")),
    "bools minus bools": (lambda L: L.tensor([True]) - L.tensor([True]), ("sub", "bool", "^")),
    "no largest": (lambda L: L.zeros(0).max(), ("at least one element",)),
    "no largest along": (lambda L: L.zeros(0, 3).max(0), ("(0, 3)", "at least one element")),
    "no argmax": (lambda L: L.zeros(0).argmax(), ("at least one element",)),
    "an axis that is not there": (lambda L: L.ones(2, 3).sum(5), ("sum", "dim=5", "-2 to 1")),
    "a number for a tensor": (lambda L: L.sum(3, 0), ("sum", "int", "Tensor")),
    "a list for a tensor": (lambda L: L.topk([1.0, 2.0], 1), ("topk", "list", "Tensor")),
    "none for a tensor": (lambda L: L.std(None), ("std", "NoneType", "Tensor")),
}


def raised(L: Any, call: Callable[[Any], Any]) -> Exception | None:
    try:
        call(L)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("name", CALLS)
def test_bad_calls(name: str) -> None:
    call, words = CALLS[name]
    ours, theirs = raised(rl, call), raised(torch, call)
    assert theirs is not None
    assert isinstance(ours, RushlightError), repr(ours)
    assert isinstance(ours, type(theirs)), (type(ours), type(theirs))
    text = str(ours)
    assert all(word in text for word in words), text
    assert not any(raw in text for raw in ("array library", "ufunc", "numpy")), text


def test_draws_of_a_0_d_tensor() -> None:
    assert rl.poisson(rl.tensor(0.0)).tolist() == 0.0
    assert rl.binomial(rl.tensor(3.0), rl.tensor(1.0)).tolist() == 3.0
