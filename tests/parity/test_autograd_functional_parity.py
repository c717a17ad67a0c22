"""``autograd.functional`` beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import GradError

torch = pytest.importorskip("torch")
PARTS = {"F": "autograd.functional"}
"""Arguments of functions that stand for a part of the framework."""
X, Y = np.array([0.3, -1.2, 0.8]), np.array([[1.0, 2.0, 0.5]])


def both(x: Any, y: Any) -> Any:
    return (x * y).sum() * x, (y**3).sum()


def number(x: Any, y: Any) -> Any:
    return (x**3).sum() * (y**2).sum()


CASES = {
    "vjp": lambda L, F, x, y: F.vjp(lambda x: x * x.sum(), x, x),
    "vjp of several": lambda L, F, x, y: F.vjp(both, (x, y), (x, y.sum())),
    "jvp": lambda L, F, x, y: F.jvp(both, (x, y), (x, y)),
    "jacobian": lambda L, F, x, y: F.jacobian(lambda x: x * x.sum(), x),
    "jacobian of several": lambda L, F, x, y: F.jacobian(both, (x, y)),
    "forward": lambda L, F, x, y: F.jacobian(
        lambda x: x * x.sum(), x, strategy="forward-mode", vectorize=True
    ),
    "hessian": lambda L, F, x, y: F.hessian(lambda x: (x**3).sum() * x.prod(), x),
    "hessian of several": lambda L, F, x, y: F.hessian(number, (x, y)),
    "hvp": lambda L, F, x, y: F.hvp(number, (x, y), (x, y)),
    "vhp": lambda L, F, x, y: F.vhp(lambda x: (x**3).sum() * x.prod(), x, x),
}


def flat(value: Any) -> list[Any]:
    return [t for v in value for t in flat(v)] if isinstance(value, tuple) else [value]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_values_and_forms(name: str) -> None:
    ours = CASES[name](rl, rl.autograd.functional, rl.tensor(X), rl.tensor(Y))
    theirs = CASES[name](torch, torch.autograd.functional, torch.tensor(X), torch.tensor(Y))
    assert isinstance(ours, tuple) is isinstance(theirs, tuple)
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        assert a.requires_grad is b.requires_grad
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10)


def test_graphs_and_strictness() -> None:
    F = rl.autograd.functional
    x = rl.tensor(X, requires_grad=True)
    assert not F.jacobian(lambda x: x**2, x).requires_grad
    slope = F.jacobian(lambda x: x**3, x, create_graph=True)
    assert rl.autograd.grad(slope.sum(), x)[0].tolist() == pytest.approx((6 * X).tolist())
    with pytest.raises(GradError, match="does not depend on input 1"):
        F.jacobian(lambda x, y: x * 2, (rl.tensor(X), rl.tensor(Y)), strict=True)
    with pytest.raises(GradError, match="single number"):
        F.hessian(lambda x: x, rl.tensor(X))
    with pytest.raises(GradError, match="Pass v"):
        F.vjp(lambda x: x, rl.tensor(X))


@pytest.mark.parametrize("name", ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"])
def test_the_function_runs_once(name: str) -> None:
    """So that what it draws is the same in the output and in its derivatives."""
    calls: list[int] = []

    def cubes(x: Any) -> Any:
        calls.append(1)
        return (x**3).sum().reshape(1)

    x = rl.tensor([1.0, 2.0])
    given = {"vjp": (rl.ones(1),), "jvp": (x,), "hvp": (x,), "vhp": (x,)}.get(name, ())
    found = getattr(rl.autograd.functional, name)(cubes, x, *given)
    assert len(calls) == 1
    if name in ("hvp", "vhp"):
        assert found[0].tolist() == [9.0]
        assert found[1].tolist() == [6.0, 24.0]
