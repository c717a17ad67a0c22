"""Checkpointing changes no gradient, whatever the function reads, and keeps little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError
from rushlight.utils.checkpoint import checkpoint, checkpoint_sequential

NET = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 2))


def plain(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def step(run: Callable[..., Any], x: rl.Tensor) -> list[Any]:
    rl.manual_seed(1)
    out = run(NET, x)
    found = rl.autograd.grad((out**2).sum(), [*NET.parameters(), x])
    return [out, *found, rl.rand(1)]


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_and_random_numbers(compiled: bool) -> None:
    x = rl.randn(5, 3, requires_grad=True)
    expected = step(plain, x)
    run = lambda x: step(checkpoint, x)  # noqa: E731
    if compiled:
        pytest.importorskip("llvmlite")
        run = rl.compile(run)
    for _ in range(2):
        for a, b in zip(run(x), expected, strict=True):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_backward_adds_to_the_parameters() -> None:
    x = rl.randn(5, 3)
    NET.eval()
    found = []
    for run in (plain, checkpoint):
        NET.zero_grad()
        run(NET, x).sum().backward()
        found.append([p.grad.tolist() for p in NET.parameters() if p.grad is not None])
    NET.train()
    assert found[0] == found[1]


def test_nests_closures_and_second_derivatives() -> None:
    w = rl.tensor(2.0, requires_grad=True)

    def function(given: dict[str, Any], k: float = 1.0) -> dict[str, Any]:
        return {"a": given["x"] * w * k, "b": (given["x"] ** 3).sum(), "c": 5}

    found = []
    for run in (plain, checkpoint):
        x = rl.tensor([1.0, 2.0], requires_grad=True)
        out = run(function, {"x": x})
        assert out["c"] == 5
        (slope,) = rl.autograd.grad(out["b"] + out["a"].sum(), x, create_graph=True)
        found.append([g.tolist() for g in rl.autograd.grad((slope**2).sum(), [x, w])])
    assert found[0] == found[1]


def test_what_needs_no_gradient_runs_as_it_is() -> None:
    assert not checkpoint(lambda x: x * 2, rl.ones(2)).requires_grad
    with rl.no_grad():
        assert not checkpoint(NET, rl.ones(2, 3)).requires_grad


def test_it_runs_again_once_and_keeps_nothing_between() -> None:
    kept: list[Any] = []

    def function(x: rl.Tensor) -> rl.Tensor:
        inner = x.exp()
        kept.append(inner)
        return inner.sin()

    x = rl.ones(3, requires_grad=True)
    out = checkpoint(function, x)
    assert len(kept) == 1
    out.sum().backward()
    assert len(kept) == 2


def test_in_parts() -> None:
    x = rl.randn(5, 3, requires_grad=True)
    NET.eval()
    expected = rl.autograd.grad(NET(x).sum(), [*NET.parameters(), x])
    for segments in (1, 2, 4):
        found = rl.autograd.grad(checkpoint_sequential(NET, segments, x).sum(), [*NET.parameters(), x])
        assert all((a == b).all() for a, b in zip(found, expected, strict=True))
    NET.train()
    with pytest.raises(ArgumentError, match="5 segments of 4"):
        checkpoint_sequential(NET, 5, x)
