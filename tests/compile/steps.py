"""A small training step, and what is looked at after it."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight as rl
from rushlight import nn

F = nn.functional

__all__ = ["assert_same", "batch", "entries", "make", "weights"]


def entries(compiled: Any) -> int:
    """How many programs a compiled function has traced."""
    return sum(len(e) for e in compiled._entries.values())


def make(optimizer: Any = None) -> tuple[Any, Any, Any]:
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    chosen = (optimizer or (lambda p: rl.optim.SGD(p, 0.1, momentum=0.9)))(model.parameters())

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        chosen.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        chosen.step()
        return loss

    return model, chosen, step


def batch() -> tuple[rl.Tensor, rl.Tensor]:
    rl.manual_seed(1)
    return rl.rand(5, 3), rl.rand(5, 1)


def weights(model: Any) -> list[Any]:
    return [p.detach().numpy().copy() for p in model.parameters()]


def assert_same(a: list[Any], b: list[Any]) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
