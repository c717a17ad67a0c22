"""Recurrent layers compiled: the code does not grow with the number of steps."""

from __future__ import annotations

import re

import pytest

import rushlight as rl
from rushlight import nn

pytest.importorskip("llvmlite")


def functions(kind: str, steps: int) -> int:
    """How many functions a training step needs."""
    rl.manual_seed(0)
    net = getattr(nn, kind)(3, 4)
    optimizer = rl.optim.SGD(net.parameters(), 0.1)

    def step(x: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = (net(x)[0] ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    compiled = rl.compile(step)
    compiled(rl.ones(steps, 2, 3))
    return len(set(re.findall(r"function (\S+)", compiled.stages()["kernels"])))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_steps_share_their_functions(kind: str) -> None:
    assert functions(kind, 12) <= functions(kind, 6) + 1
