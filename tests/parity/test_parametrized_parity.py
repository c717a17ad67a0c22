"""Parametrised weights against PyTorch: states in both directions, values and gradients, training and not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.parity.test_moduleinfo_parity import state_of

torch = pytest.importorskip("torch")

Make = Callable[[Any, Any], Any]
KINDS: dict[str, Make] = {
    "weight_norm": lambda L, layer: L.nn.utils.parametrizations.weight_norm(layer),
    "weight_norm of all": lambda L, layer: L.nn.utils.parametrizations.weight_norm(layer, dim=None),
    "weight_norm of columns": lambda L, layer: L.nn.utils.parametrizations.weight_norm(layer, dim=1),
    "spectral_norm": lambda L, layer: L.nn.utils.parametrizations.spectral_norm(layer),
    "spectral_norm of a bias": lambda L, layer: L.nn.utils.parametrizations.spectral_norm(layer, "bias"),
    "orthogonal": lambda L, layer: L.nn.utils.parametrizations.orthogonal(layer),
    "cayley": lambda L, layer: L.nn.utils.parametrizations.orthogonal(layer, orthogonal_map="cayley"),
    "matrix_exp": lambda L, layer: L.nn.utils.parametrizations.orthogonal(layer, orthogonal_map="matrix_exp"),
    "householder": lambda L, layer: L.nn.utils.parametrizations.orthogonal(
        layer, orthogonal_map="householder"
    ),
    "older weight_norm": lambda L, layer: L.nn.utils.weight_norm(layer),
    "older spectral_norm": lambda L, layer: L.nn.utils.spectral_norm(layer),
}
SHAPES = [(4, 4), (3, 5), (5, 3)]


def step(L: Any, layer: Any, x: np.ndarray) -> list[np.ndarray]:
    """The result, and all gradients."""
    given = L.tensor(x, requires_grad=True)
    out = layer(given)
    out.backward(L.tensor(np.cos(np.arange(out.numel())).reshape(out.shape).astype("float64")))
    return [t.detach().numpy() for t in (out, given.grad, *(p.grad for p in layer.parameters()))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_states_values_and_gradients(kind: str, shape: tuple[int, int]) -> None:
    ours = KINDS[kind](rl, rl.nn.Linear(*shape, dtype=rl.float64))
    theirs = KINDS[kind](torch, torch.nn.Linear(*shape, dtype=torch.float64))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in state_of(ours).items()})
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, shape[0]))
    for training in (True, True, False):
        ours.train(training), theirs.train(training)
        for a, b in zip(step(rl, ours, x), step(torch, theirs, x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    for name, value in state_of(theirs).items():
        np.testing.assert_allclose(state_of(ours)[name], value, rtol=1e-10, atol=1e-12, err_msg=name)
    ours.load_state_dict({k: rl.from_numpy(v) for k, v in state_of(theirs).items()})


@pytest.mark.parametrize("kind", KINDS)
def test_copies_and_pickles(kind: str) -> None:
    layer = KINDS[kind](rl, rl.nn.Linear(3, 5)).eval()
    x = rl.rand(2, 3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(other).__name__ == type(layer).__name__
        assert other(x).tolist() == layer(x).tolist()
        with rl.no_grad():
            for p in other.parameters():
                p.add_(1.0)
        assert other(x).tolist() != layer(x).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_steps_are_the_same(kind: str) -> None:
    rl.manual_seed(0)
    first = KINDS[kind](rl, rl.nn.Linear(4, 4))
    second = copy.deepcopy(first)
    x = rl.rand(5, 4)

    def make(layer: Any) -> Any:
        optimizer = rl.optim.SGD(layer.parameters(), lr=0.1)

        def run(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (layer(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return run

    plain, compiled = make(first), rl.compile(make(second))
    for _ in range(3):
        np.testing.assert_allclose(plain(x).item(), compiled(x).item(), rtol=1e-5)
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def test_states_of_the_older_weight_norm_are_taken() -> None:
    old = rl.nn.utils.weight_norm(rl.nn.Linear(3, 5))
    new = rl.nn.utils.parametrizations.weight_norm(rl.nn.Linear(3, 5))
    new.load_state_dict(old.state_dict())
    x = rl.rand(2, 3)
    assert new(x).tolist() == old(x).tolist()
