"""The GPT of the examples, and the same program text run by PyTorch: one loss curve over a hundred steps."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.example_files import EXAMPLES, example

torch = pytest.importorskip("torch")

SIZES = {"letters": 20, "context": 16, "width": 32, "heads": 4, "depth": 2}
STEPS = 100


def in_pytorch() -> Any:
    """The example's module with PyTorch in the place of Rushlight: the port tool's way, back."""
    source = (EXAMPLES / "char_gpt.py").read_text(encoding="utf-8")
    source = source.replace("import rushlight as rl", "import torch as rl")
    module = ModuleType("char_gpt_in_pytorch")
    module.__file__ = str(EXAMPLES / "char_gpt.py")
    exec(compile(re.sub(r"\brushlight\b", "torch", source), "char_gpt.py", "exec"), vars(module))
    return module


def curve(L: Any, model: Any, pieces: np.ndarray) -> list[float]:
    """AdamW with clipping, as the example trains, on pieces that are given."""
    optimizer = L.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = L.nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        L.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    run = L.compile(step) if L is rl else step
    return [run(L.tensor(p[:, :-1]), L.tensor(p[:, 1:])).item() for p in pieces]


def test_the_curves_lie_on_each_other() -> None:
    ours = example("char_gpt").GPT(**SIZES)
    theirs = in_pytorch().GPT(**SIZES)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    rng = np.random.default_rng(0)
    text = np.cumsum(rng.integers(0, 3, 500)) % SIZES["letters"]  # so that there is something to learn
    starts = rng.integers(0, len(text) - SIZES["context"], (STEPS, 8, 1))
    pieces = text[starts + np.arange(SIZES["context"] + 1)]
    found, expected = curve(rl, ours, pieces), curve(torch, theirs, pieces)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert found[-1] < 0.7 * found[0]
