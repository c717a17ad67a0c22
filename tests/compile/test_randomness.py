"""Random numbers are those of eager code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import compile

pytest.importorskip("llvmlite")


def test_dropout_is_eagers_dropout() -> None:
    model = nn.Sequential(nn.Linear(8, 50), nn.Dropout(0.4), nn.Linear(50, 20), nn.Dropout(0.2))
    compiled = compile(model)
    x = rl.rand(7, 8)
    rl.manual_seed(5)
    expected = [model(x).detach().numpy() for _ in range(3)]
    rl.manual_seed(5)
    with rl.no_grad():
        for e in expected:
            np.testing.assert_allclose(compiled(x).numpy(), e, rtol=1e-5, atol=1e-6)
    assert rl.rand(1).item() == (rl.manual_seed(5), [model(x) for _ in range(3)], rl.rand(1).item())[2]


def test_random_functions_are_eagers() -> None:
    def draw() -> Any:
        return (
            rl.rand(3, 5),
            rl.randn(7),
            rl.randint(0, 9, (4,)),
            rl.randperm(6),
            rl.bernoulli(rl.full((9,), 0.5)),
        )

    rl.manual_seed(2)
    expected = [draw() for _ in range(2)]
    rl.manual_seed(2)
    compiled = compile(draw)
    for e in expected:
        for a, b in zip(compiled(), e, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
