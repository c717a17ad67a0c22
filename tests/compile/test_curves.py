"""Compiled training is eager training: the same loss curves from the same seed, over a hundred steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.data import MNIST, DataLoader, Disk

F = nn.functional
pytest.importorskip("llvmlite")

STEPS = 100


def _curve(
    data: Any, model: Callable[[], Any], loss: Any, lr: float, wrap: Callable[[Any], Any]
) -> list[float]:
    rl.manual_seed(0)
    net = model()
    optimizer = rl.optim.SGD(net.parameters(), lr, momentum=0.9)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimizer.step()
        return value

    run = wrap(step)
    losses: list[float] = []
    while len(losses) < STEPS:
        for x, y in DataLoader(data, batch_size=100, shuffle=True, seed=1, drop_last=True):
            losses.append(run(x, y).item())
    return losses[:STEPS]


def _same_curves(*case: Any) -> None:
    expected = _curve(*case, lambda step: step)
    found = _curve(*case, rl.compile)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert expected[-1] < expected[0]


def test_the_disk_net() -> None:
    disk = Disk(1000, seed=0)
    _same_curves(disk, lambda: nn.MLP(2, [25, 25, 25], 1, activation="tanh"), F.mse_loss, 0.1)


def test_the_mnist_net(mnist_root: Path) -> None:
    data = MNIST(mnist_root)
    _same_curves(data, lambda: nn.MLP(784, [100, 100], 10, activation="relu"), F.cross_entropy, 0.05)
