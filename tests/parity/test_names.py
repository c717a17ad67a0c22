"""The names that Rushlight says PyTorch has are PyTorch's, and they are all."""

from __future__ import annotations

import types

import pytest

from rushlight.pytorch_names import NAMES

torch = pytest.importorskip("torch")

from tests.parity.names import PLACES, found, public  # noqa: E402 (it needs PyTorch)


@pytest.mark.parametrize("place", PLACES)
def test_the_names_are_pytorchs(place: str) -> None:
    theirs = found(PLACES[place])

    def without_modules(names: list[str]) -> list[str]:  # whether those are loaded depends on other tests
        return [name for name in names if not isinstance(getattr(theirs, name, None), types.ModuleType)]

    assert without_modules(NAMES[place].split()) == without_modules(public(theirs))
