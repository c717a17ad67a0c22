"""DLPack between Rushlight and PyTorch: both share and copy alike, and take each other's capsules."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

PAIRS = [(rl, torch), (torch, rl), (rl, rl)]


@pytest.mark.parametrize("copy", [None, False, True])
@pytest.mark.parametrize(("giver", "taker"), PAIRS, ids=["to PyTorch", "from PyTorch", "own"])
def test_copies(giver: Any, taker: Any, copy: bool | None) -> None:
    x = giver.tensor([[1.0, 2.0], [3.0, 4.0]])
    y = taker.from_dlpack(x.T, copy=copy)
    assert y.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    y[0, 1] = 9.0
    assert x.tolist() == ([[1.0, 2.0], [3.0, 4.0]] if copy else [[1.0, 2.0], [9.0, 4.0]])


@pytest.mark.parametrize("options", [{}, {"max_version": (1, 0)}, {"max_version": (0, 8)}, {"copy": True}])
@pytest.mark.parametrize(("giver", "taker"), PAIRS, ids=["to PyTorch", "from PyTorch", "own"])
def test_capsules(giver: Any, taker: Any, options: dict[str, Any]) -> None:
    capsule = giver.tensor([1, 2, 3]).__dlpack__(**options)
    assert str(torch.tensor([1]).__dlpack__(**options)).split('"')[1] == str(capsule).split('"')[1]
    assert taker.from_dlpack(capsule).tolist() == [1, 2, 3]


def test_the_path_of_utils() -> None:
    from torch.utils import dlpack as theirs

    from rushlight.utils import dlpack as ours

    assert theirs.from_dlpack(ours.to_dlpack(rl.arange(3))).tolist() == [0, 1, 2]
    assert ours.from_dlpack(theirs.to_dlpack(torch.arange(3))).tolist() == [0, 1, 2]


@pytest.mark.parametrize("L", [rl, torch], ids=["Rushlight", "PyTorch"])
def test_what_requires_grad_stays(L: Any) -> None:
    with pytest.raises(BufferError, match="detach"):
        L.ones(2, requires_grad=True).__dlpack__()
