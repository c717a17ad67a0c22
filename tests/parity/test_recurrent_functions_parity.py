"""The recurrent functions of the root beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

FORMS = [
    {"num_layers": 1, "bidirectional": False, "bias": True, "batch_first": False},
    {"num_layers": 2, "bidirectional": True, "bias": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": False, "bias": False, "batch_first": False},
]
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def numbers(*shape: int, seed: int) -> list[Any]:
    return np.random.default_rng(seed).normal(size=shape).tolist()


def call(L: Any, name: str, form: dict[str, Any], packed: bool, projected: bool) -> list[Any]:
    directions = 1 + form["bidirectional"]
    width, hidden, out, parts = 3, 4, 2 if projected else 4, form["num_layers"] * directions

    def leaf(*shape: int, seed: int) -> Any:
        return L.tensor(numbers(*shape, seed=seed), dtype=L.float64, requires_grad=True)

    params = []
    for part in range(parts):
        gates = GATES[name] * hidden
        params.append(leaf(gates, width if part < directions else directions * out, seed=part))
        params.append(leaf(gates, out, seed=50 + part))
        params += [leaf(gates, seed=100 + part), leaf(gates, seed=150 + part)] if form["bias"] else []
        params += [leaf(out, hidden, seed=200 + part)] if projected else []
    states = [leaf(parts, 2, n, seed=7) for n in ((out, hidden) if name == "lstm" else (out,))]
    hx = states if name == "lstm" else states[0]
    rest = (params, form["bias"], form["num_layers"], 0.0, False, form["bidirectional"])
    if packed:
        x = leaf(7, width, seed=9)
        results = getattr(L, name)(x, L.tensor([2, 2, 2, 1]), hx, *rest)
    else:
        x = leaf(2, 5, width, seed=9) if form["batch_first"] else leaf(5, 2, width, seed=9)
        results = getattr(L, name)(x, hx, *rest, form["batch_first"])
    sum((r * r).sum() for r in results).backward()
    return [*[r.detach().numpy() for r in results], *[p.grad.numpy() for p in (x, *states, *params)]]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("name", GATES)
def test_values_and_gradients(name: str, form: dict[str, Any], packed: bool) -> None:
    for ours, theirs in zip(
        call(rl, name, form, packed, False), call(torch, name, form, packed, False), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_a_projection() -> None:
    for ours, theirs in zip(
        call(rl, "lstm", FORMS[0], False, True), call(torch, "lstm", FORMS[0], False, True), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def test_bad_input() -> None:
    x, h = rl.ones(5, 2, 3), rl.zeros(1, 2, 4)
    with pytest.raises(rl.errors.ArgumentError, match="4 for each direction"):
        rl.gru(x, h, [rl.ones(12, 3)], True, 1, 0.0, False, False, False)
    with pytest.raises(TypeError, match="has_biases"):
        rl.gru(x, h, [])
    with pytest.raises(rl.errors.ShapeError, match="3 axes"):
        rl.rnn_tanh(x[0], h, [rl.ones(4, 3), rl.ones(4, 4)], False, 1, 0.0, False, False, False)
