"""The names that Rushlight says PyTorch has: PyTorch has them, and Rushlight has not."""

from __future__ import annotations

import importlib

import pytest

import rushlight as rl
from rushlight.absent import ABSENT

torch = pytest.importorskip("torch")

TWINS = {"rushlight": "torch", "rushlight.data": "torch.utils.data"}


@pytest.mark.parametrize("place", ABSENT)
def test_pytorch_has_them_and_we_have_not(place: str) -> None:
    if place == "Tensor":
        ours, theirs = rl.Tensor, torch.Tensor
    else:
        ours = importlib.import_module(place)
        theirs = importlib.import_module(TWINS.get(place, place.replace("rushlight", "torch")))
    names = ABSENT[place].split()
    assert [n for n in names if not hasattr(theirs, n)] == []
    assert [n for n in names if n in dir(ours)] == []
