"""In-place activations, and means over nothing, beside PyTorch's."""

from __future__ import annotations

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

LAYERS = {
    "relu": lambda L: L.nn.ReLU(inplace=True),
    "leaky_relu": lambda L: L.nn.LeakyReLU(0.1, inplace=True),
}
VALUES = [[-2.0, 0.0, 3.0], [0.5, -0.25, 1.0]]


@pytest.mark.parametrize("name", LAYERS)
def test_in_place_layers(name: str) -> None:
    found = []
    for L in (rl, torch):
        x = L.tensor(VALUES, requires_grad=True)
        hidden = x * 2.0
        out = LAYERS[name](L)(hidden)
        (out * out).sum().backward()
        found.append((hidden.detach().tolist(), out.detach().tolist(), x.grad.tolist()))
    for ours, theirs in zip(*found, strict=True):
        assert [pytest.approx(row) for row in theirs] == ours


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5]])
@pytest.mark.parametrize("classes", [[-100, -100], [-100, 2], [0, -100]])
def test_losses_over_little_or_nothing(loss: str, weight: list[float] | None, classes: list[int]) -> None:
    found = []
    for L in (rl, torch):
        x = L.tensor(VALUES, requires_grad=True)
        weights = None if weight is None else L.tensor(weight)
        value = getattr(L.nn.functional, loss)(x, L.tensor(classes), weight=weights)
        value.backward()
        found.append((value.item(), x.grad.flatten().tolist()))
    (ours, gradient), (theirs, wanted) = found
    assert ours == pytest.approx(theirs, nan_ok=True)
    assert gradient == pytest.approx(wanted, nan_ok=True, abs=1e-7)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "argmax", "std", "any", "max"])
def test_numpys_names_of_options(name: str) -> None:
    ours, theirs = (getattr(L.tensor(VALUES), name)(axis=1, keepdims=True) for L in (rl, torch))
    pair = (ours.values, theirs.values) if name == "max" else (ours, theirs)
    assert pair[0].flatten().tolist() == pytest.approx(pair[1].flatten().tolist())
