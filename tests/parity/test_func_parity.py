"""Transforms of functions beside those of ``torch.func``, on a small network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

PARTS = {"F": "func"}
"""Arguments of functions that stand for a part of the framework."""
RNG = np.random.default_rng(3)
W, X, Y, V = (RNG.standard_normal(s) for s in ((3, 4), (5, 3), (5, 4), (3,)))


def net(L: Any, w: Any, x: Any) -> Any:
    return L.tanh(x @ w)


def loss(L: Any, w: Any, x: Any, y: Any) -> Any:
    return ((net(L, w, x) - y) ** 2).mean()


CASES = {
    "grad": lambda L, F, w, x, y, v: F.grad(lambda w: loss(L, w, x, y))(w),
    "grad_and_value": lambda L, F, w, x, y, v: F.grad_and_value(
        lambda w: (loss(L, w, x, y), x), has_aux=True
    )(w),
    "per sample": lambda L, F, w, x, y, v: F.vmap(F.grad(lambda w, x, y: loss(L, w, x, y)), (None, 0, 0))(
        w, x, y
    ),
    "jacrev": lambda L, F, w, x, y, v: F.jacrev(lambda w, x: net(L, w, x), (0, 1))(w, v),
    "jacfwd": lambda L, F, w, x, y, v: F.jacfwd(lambda w, x: net(L, w, x), (0, 1))(w, v),
    "hessian": lambda L, F, w, x, y, v: F.hessian(lambda w, x: net(L, w, x).sum(), (0, 1))(w, v),
    "jvp": lambda L, F, w, x, y, v: F.jvp(lambda x: net(L, w, x), (v,), (v * v,)),
    "vjp": lambda L, F, w, x, y, v: (lambda out, pull: (out, pull(out)))(*F.vjp(lambda x: net(L, w, x), v)),
    "linearize": lambda L, F, w, x, y, v: (lambda out, push: (out, push(v)))(
        *F.linearize(lambda x: net(L, w, x), v)
    ),
    "batched hessian": lambda L, F, w, x, y, v: F.vmap(F.hessian(lambda x: net(L, w, x).sum()))(x),
    "trace of hessian": lambda L, F, w, x, y, v: F.vmap(
        lambda x: (
            F.hessian(lambda x: net(L, w, x).prod())(x).diagonal().sum()
            if L is torch
            else F.laplacian(lambda x: net(L, w, x).prod())(x)
        )
    )(x),
}


def flat(value: Any) -> list[Any]:
    return [t for v in value for t in flat(v)] if isinstance(value, (tuple, list)) else [value]


@pytest.mark.filterwarnings("ignore")  # of PyTorch itself, which writes parts of it as scripts
@pytest.mark.parametrize("name", CASES)
def test_transforms(name: str) -> None:
    ours = CASES[name](rl, rl.func, *[rl.tensor(a) for a in (W, X, Y, V)])
    theirs = CASES[name](torch, torch.func, *[torch.tensor(a) for a in (W, X, Y, V)])
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda F, f, x: F.grad(lambda t: (f(t)[0].sum(), f(t)[1]), has_aux=True)(x)[1],
        lambda F, f, x: F.vjp(f, x, has_aux=True)[2],
        lambda F, f, x: F.jvp(f, (x,), (x,), has_aux=True)[2],
        lambda F, f, x: F.jacrev(f, has_aux=True)(x)[1],
        lambda F, f, x: F.jacfwd(f, has_aux=True)(x)[1],
    ],
)
def test_what_is_given_back_beside_has_no_history(call: Any) -> None:
    found = [call(L.func, lambda t: (t * t, t * 3.0), L.tensor([1.0, 2.0])) for L in (rl, torch)]
    assert found[0].tolist() == found[1].tolist()
    assert not found[0].requires_grad
    assert not found[1].requires_grad
