"""Sparse gradients of tables beside PyTorch's: their places and values, and what optimisers do with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

WEIGHT = np.cos(np.arange(24.0)).reshape(8, 3)
BATCHES = [np.array([[0, 1, 3], [3, (2 * i) % 8, 5]]) for i in range(10)]


def table(L: Any, kind: str = "Embedding", dtype: str = "float64", **options: Any) -> Any:
    made = getattr(L.nn, kind)(8, 3, padding_idx=1, sparse=True, dtype=getattr(L, dtype), **options)
    with L.no_grad():
        made.weight.copy_(L.from_numpy(WEIGHT))
    return made


def close(a: Any, b: Any) -> None:
    assert a.is_sparse == b.is_sparse
    if a.is_sparse:
        a, b = a.coalesce(), b.coalesce()
        np.testing.assert_array_equal(a.indices().numpy(), b.indices().numpy())
        a, b = a.values(), b.values()
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-14)


def gradients(L: Any) -> list[Any]:
    """Of a table alone; added up; beside a dense use of it, in both orders; of bags."""
    layer, found = table(L), []
    w, x = layer.weight, L.from_numpy(BATCHES[0])
    seen: list[Any] = []
    handle = w.register_hook(lambda g: seen.append(g.is_sparse))
    for loss in (lambda: (layer(x) ** 2).sum(), lambda: layer(x).exp().sum(), lambda: (w * w).sum()):
        loss().backward()
        found.append(w.grad.clone())
    handle.remove()
    layer.zero_grad()
    (layer(x).sum() + (w * w).sum()).backward()
    found.append(w.grad)
    layer.zero_grad(set_to_none=False)
    found += L.autograd.grad((layer(x) ** 2).sum(), w)
    for mode in ("sum", "mean"):
        bag = table(L, "EmbeddingBag", mode=mode)
        (bag(x) ** 3).sum().backward()
        found.append(bag.weight.grad)
    assert seen == [True, True, False]
    return found


def test_gradients() -> None:
    for a, b in zip(gradients(rl), gradients(torch), strict=True):
        close(a, b)


def test_second_derivatives() -> None:
    found = []
    for L in (rl, torch):
        layer, x = table(L), L.from_numpy(BATCHES[0])
        (g,) = L.autograd.grad((layer(x) ** 3).sum(), layer.weight, create_graph=True)
        found.append(L.autograd.grad((g.to_dense() ** 2).sum(), layer.weight)[0])
    np.testing.assert_allclose(*[g.to_dense().numpy() for g in found], rtol=1e-10)


RULES = [
    ("SparseAdam", {"lr": 0.1}),
    ("SparseAdam", {"lr": 0.05, "betas": (0.5, 0.6), "eps": 1e-3, "maximize": True}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
]


def trained(L: Any, name: str, options: Any, dtype: str, compiled: bool, kind: str) -> tuple[Any, Any, Any]:
    layer = table(L, kind, dtype)
    optimizer = getattr(L.optim, name)(layer.parameters(), **options)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (layer(x) ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = rl.compile(step) if compiled else step
    losses = [run(L.from_numpy(x)).item() for x in BATCHES]
    return losses, layer, optimizer


@pytest.mark.filterwarnings("ignore")  # PyTorch's Adagrad, on how it makes sparse tensors
@pytest.mark.parametrize(("name", "options"), RULES)
@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 1e-5)])
def test_ten_steps(name: str, options: Any, kind: str, dtype: str, rtol: float) -> None:
    expected, theirs, _ = trained(torch, name, options, dtype, False, kind)
    for compiled in (False, True):
        losses, ours, _ = trained(rl, name, options, dtype, compiled, kind)
        np.testing.assert_allclose(losses, expected, rtol=rtol)
        weight = theirs.weight.detach().numpy()
        np.testing.assert_allclose(ours.weight.detach().numpy(), weight, rtol=rtol, atol=rtol)


def test_states_go_both_ways() -> None:
    results = []
    for first, second in ((rl, torch), (torch, rl)):
        _, layer, optimizer = trained(first, "SparseAdam", {"lr": 0.1}, "float64", False, "Embedding")
        saved = optimizer.state_dict()
        state = {
            k: second.as_tensor(v.numpy() if hasattr(v, "numpy") else v) for k, v in saved["state"][0].items()
        }
        state["step"] = int(state["step"])
        other = table(second)
        with second.no_grad():
            other.weight.copy_(second.from_numpy(layer.weight.detach().numpy()))
        more = second.optim.SparseAdam(other.parameters(), lr=0.5)
        more.load_state_dict({"state": {0: state}, "param_groups": saved["param_groups"]})
        (other(second.from_numpy(BATCHES[1])) ** 2).sum().backward()
        more.step()
        results.append(other.weight.detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-10)


def test_what_is_refused() -> None:
    for L in (rl, torch):
        layer = table(L)
        layer(L.from_numpy(BATCHES[0])).sum().backward()
        for name in ("Adam", "AdamW", "RMSprop", "Adamax"):
            with pytest.raises((RuntimeError, NotImplementedError), match="sparse"):
                getattr(L.optim, name)(layer.parameters()).step()
        layer.weight.grad = L.zeros_like(layer.weight)
        with pytest.raises((RuntimeError, NotImplementedError), match="dense"):
            L.optim.SparseAdam(layer.parameters()).step()
        with pytest.raises(ValueError, match="lr|learning rate"):
            L.optim.SparseAdam(layer.parameters(), lr=-1.0)
        with pytest.raises((ValueError, NotImplementedError), match="max"):
            table(L, "EmbeddingBag", mode="max")(L.from_numpy(BATCHES[0]))


def test_a_compiled_step_needs_its_own_backward() -> None:
    layer = table(rl)
    optimizer = rl.optim.SparseAdam(layer.parameters())
    layer(rl.from_numpy(BATCHES[0])).sum().backward()
    with pytest.raises(NotImplementedError, match="inside the function"):
        rl.compile(optimizer.step)()
    layer.zero_grad()
    rl.compile(lambda x: layer(x).sum().backward())(rl.from_numpy(BATCHES[0]))
    assert layer.weight.grad.sum(1).tolist() == [3.0 * n for n in (2, 0, 0, 2, 0, 1, 0, 0)]
