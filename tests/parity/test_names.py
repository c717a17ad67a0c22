"""The names that Rushlight says PyTorch has are PyTorch's, and they are all."""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
import types

import pytest

import rushlight as rl
from rushlight.pytorch_names import NAMES
from rushlight.pytorch_nearest import NEAREST, nearest_thing

torch = pytest.importorskip("torch")

from tests.parity.names import PLACES, found, public  # noqa: E402 (it needs PyTorch)

HERE = [place for place in PLACES if place == "Tensor" or importlib.util.find_spec(place)]


@pytest.mark.parametrize("place", PLACES)
def test_the_names_are_pytorchs(place: str) -> None:
    theirs = found(PLACES[place])

    def without_modules(names: list[str]) -> list[str]:  # whether those are loaded depends on other tests
        return [name for name in names if not isinstance(getattr(theirs, name, None), types.ModuleType)]

    assert without_modules(NAMES[place].split()) == without_modules(public(theirs))


@pytest.mark.parametrize("place", HERE)
def test_what_is_missing_has_words(place: str) -> None:
    """Whatever PyTorch has is here, or what is nearest is told."""
    theirs = found(PLACES[place])
    ours = rl.Tensor if place == "Tensor" else importlib.import_module(place)
    missing = [n for n in NAMES[place].split() if not hasattr(ours, n)]
    packages = {n for n in missing if isinstance(getattr(theirs, n, None), types.ModuleType)}
    assert not [n for n in missing if n not in packages and not nearest_thing(place, n)]
    unused = [
        pattern
        for patterns in NEAREST.get(place, {})
        for pattern in patterns.split()
        if not any(fnmatch.fnmatchcase(n, pattern) for n in missing)
    ]
    assert not unused, f"{place}: what the table names is here, or is not PyTorch's: {unused}"
