"""Sparse tensors beside PyTorch's: values, gradients, texts, and a graph convolution network in training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

PLACES = [[0, 1, 1, 2, 2, 0], [2, 0, 2, 1, 1, 2]]
"""Two of them twice."""
VALUES = np.array([3.0, -4.0, 5.0, 1.0, 2.5, 0.5])
OTHER = [[0, 1, 2, 2], [2, 1, 0, 1]]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def sparse(L: Any, values: Any) -> Any:
    return L.sparse_coo_tensor(L.tensor(PLACES), values, (3, 4))


def other(L: Any) -> Any:
    return L.sparse_coo_tensor(L.tensor(OTHER), L.tensor([1.5, 2.0, -1.0, 3.0], dtype=L.float64), (3, 4))


def wide(L: Any, values: Any) -> Any:
    """With a dense axis."""
    return L.sparse_coo_tensor(L.tensor(PLACES), L.stack([values, values * 2], 1), (3, 4, 2))


CASES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "to_dense": lambda L, v, x: sparse(L, v).to_dense(),
    "wide to_dense": lambda L, v, x: wide(L, v).to_dense(),
    "coalesce": lambda L, v, x: sparse(L, v).coalesce(),
    "wide coalesce": lambda L, v, x: wide(L, v).coalesce(),
    "matmul": lambda L, v, x: sparse(L, v) @ x,
    "mm": lambda L, v, x: L.mm(sparse(L, v), x),
    "spmm": lambda L, v, x: L.spmm(sparse(L, v), x),
    "sparse.mm": lambda L, v, x: L.sparse.mm(sparse(L, v), x),
    "mv": lambda L, v, x: L.mv(sparse(L, v), x[:, 0]),
    "vector": lambda L, v, x: sparse(L, v).matmul(x[:, 0]),
    "row vector": lambda L, v, x: x[:3, 0] @ sparse(L, v),
    "dense first": lambda L, v, x: x.t()[:, :3] @ sparse(L, v),
    "transposed": lambda L, v, x: sparse(L, v).t() @ x[:3],
    "T": lambda L, v, x: sparse(L, v).T,
    "both sparse": lambda L, v, x: sparse(L, v) @ other(L).t(),
    "sparse.mm, both sparse": lambda L, v, x: L.sparse.mm(other(L), sparse(L, v).t()),
    "addmm": lambda L, v, x: L.addmm(x[:3] * 2, sparse(L, v), x, beta=0.5, alpha=2),
    "sparse.addmm": lambda L, v, x: L.sparse.addmm(x[:3], sparse(L, v), x, alpha=3),
    "linear": lambda L, v, x: L.nn.functional.linear(sparse(L, v), x.t(), x[0]),
    "times a number": lambda L, v, x: 2.5 * sparse(L, v),
    "times a 0-d tensor": lambda L, v, x: sparse(L, v) * x[0, 0],
    "times dense": lambda L, v, x: sparse(L, v).coalesce() * x[:, :3].t(),
    "divided": lambda L, v, x: sparse(L, v) / 4,
    "negative": lambda L, v, x: -sparse(L, v),
    "both times": lambda L, v, x: sparse(L, v) * other(L),
    "plus": lambda L, v, x: sparse(L, v) + other(L),
    "minus": lambda L, v, x: sparse(L, v).sub(other(L), alpha=2),
    "dense plus": lambda L, v, x: x.t() + sparse(L, v),
    "dense minus": lambda L, v, x: x.t() - sparse(L, v),
    "sum": lambda L, v, x: L.sparse.sum(sparse(L, v)),
    "sum(0)": lambda L, v, x: L.sparse.sum(sparse(L, v), 0),
    "sum(-1)": lambda L, v, x: L.sparse.sum(sparse(L, v), -1),
    "sum of all axes": lambda L, v, x: L.sparse.sum(wide(L, v), [0, 1]),
    "sum of a dense axis": lambda L, v, x: L.sparse.sum(wide(L, v), 2),
    "sum of both kinds": lambda L, v, x: L.sparse.sum(wide(L, v), [1, 2]),
    "method sum": lambda L, v, x: sparse(L, v).sum(1),
    "softmax": lambda L, v, x: L.sparse.softmax(sparse(L, v), 1),
    "softmax(0)": lambda L, v, x: L.sparse.softmax(sparse(L, v), 0),
    "softmax of a dense axis": lambda L, v, x: L.sparse.softmax(wide(L, v), 2),
    "log_softmax": lambda L, v, x: L.sparse.log_softmax(sparse(L, v), 1),
    "wide log_softmax": lambda L, v, x: L.sparse.log_softmax(wide(L, v), 1),
    "abs": lambda L, v, x: sparse(L, v).abs(),
    "relu": lambda L, v, x: L.relu(sparse(L, v)),
    "square": lambda L, v, x: sparse(L, v) ** 2,
    "tanh": lambda L, v, x: sparse(L, v).tanh(),
    "transpose": lambda L, v, x: wide(L, v).transpose(0, 1),
    "select": lambda L, v, x: sparse(L, v)[1],
    "one element": lambda L, v, x: sparse(L, v)[0, 2],
    "index_select": lambda L, v, x: sparse(L, v).index_select(1, L.tensor([2, 0, 2])),
    "index_select of a dense axis": lambda L, v, x: wide(L, v).index_select(2, L.tensor([1])),
    "cat": lambda L, v, x: L.cat([sparse(L, v), other(L)], 1),
    "stack": lambda L, v, x: L.stack([sparse(L, v), other(L)]),
    "unsqueeze": lambda L, v, x: sparse(L, v).unsqueeze(0),
    "to_sparse": lambda L, v, x: (x * (x > 0)).to_sparse(),
    "to_sparse(1)": lambda L, v, x: x.to_sparse(1),
    "sparse_mask": lambda L, v, x: x.t().sparse_mask(other(L).coalesce()),
    "float": lambda L, v, x: sparse(L, v).float(),
    "old form": lambda L, v, x: L.sparse.FloatTensor(L.tensor(PLACES), v.float(), L.Size([3, 4])) * 2,
}
NO_GRADIENT_IN_PYTORCH = {
    "float", "index_select", "index_select of a dense axis", "cat", "stack", "select", "one element",
    "old form", "unsqueeze", "both times", "sum of both kinds", "method sum", "tanh",
}  # fmt: skip


def dense(t: Any) -> Any:
    return t.to_dense() if t.is_sparse else t


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    case, table = CASES[name], np.random.default_rng(0).normal(size=(4, 3))
    found = []
    for L in (rl, torch):
        v = L.tensor(VALUES.tolist(), dtype=L.float64, requires_grad=True)
        x = L.tensor(table.tolist(), dtype=L.float64, requires_grad=True)
        out = case(L, v, x)
        result = dense(out)
        entry = [result.detach().numpy(), out.is_sparse, tuple(out.shape)]
        if name not in NO_GRADIENT_IN_PYTORCH:
            (result * result).sum().backward()
            entry += [None if t.grad is None else dense(t.grad).numpy() for t in (v, x)]
        found.append(entry)
    for ours, theirs in zip(*found, strict=True):
        if isinstance(theirs, np.ndarray) and isinstance(ours, np.ndarray):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
        else:
            assert ours is None or ours == theirs


@pytest.mark.parametrize("name", CASES)
def test_derivatives_against_differences(name: str) -> None:
    def function(v: Any, x: Any) -> Any:
        return dense(CASES[name](rl, v, x)).double()

    v = rl.tensor(VALUES.tolist(), dtype=rl.float64, requires_grad=True)
    x = rl.rand(4, 3, dtype=rl.float64).add(0.5).requires_grad_()
    if name in ("float", "old form"):
        return
    assert rl.autograd.gradcheck(function, (v, x))
    assert rl.autograd.gradgradcheck(function, (v, x))


def texts(L: Any) -> list[Any]:
    v, w = L.tensor([3.0, 4.0]), L.tensor([3.0, 4.0], requires_grad=True)
    at = L.tensor([[0, 1], [2, 0]])
    return [
        L.sparse_coo_tensor(at, v, (2, 3)),
        L.sparse_coo_tensor(at, v, (2, 3), requires_grad=True),
        L.sparse_coo_tensor(at, v, (2, 3), dtype=L.float64),
        L.sparse_coo_tensor(at, L.tensor([[1.0, 2.5], [3.0, 4.0]]), (2, 3, 2)),
        L.sparse_coo_tensor(at, L.tensor([1, 2]), (2, 3)),
        L.sparse_coo_tensor(at, L.tensor([True, False]), (2, 3)),
        L.sparse_coo_tensor(size=(2, 3)),
        L.sparse_coo_tensor((2, 3)),
        L.sparse_coo_tensor(at, v.half(), (2, 3), requires_grad=True),
        L.sparse_coo_tensor(at, w, (2, 3)) * 2,
        L.arange(300.0).reshape(20, 15).to_sparse(),
        L.sparse_coo_tensor([[0, 1]], [[1, 2], [3, 4]]),
        L.sparse.FloatTensor(2, 3),
        L.sparse.FloatTensor(at, v),
    ]


def test_texts_are_pytorchs() -> None:
    for ours, theirs in zip(texts(rl), texts(torch), strict=True):
        text = " ".join(repr(ours).replace("rushlight.", "torch.").split())  # the longer name breaks lines
        assert text == " ".join(repr(theirs).split())


def facts(L: Any) -> list[Any]:
    x = sparse(L, L.tensor(VALUES.tolist()))
    y, z = x.coalesce(), wide(L, L.tensor(VALUES.tolist()))
    w = x.detach().clone().requires_grad_()
    L.sparse.mm(w, L.ones(4, 1)).sum().backward()
    return [
        x.is_sparse, x.is_coalesced(), y.is_coalesced(), x._nnz(), y._nnz(), y.indices().tolist(),
        y.values().tolist(), x._indices().tolist(), x._values().tolist(), tuple(x.shape), tuple(x.size()),
        x.size(1), x.dim(), x.ndim, x.numel(), len(x), x.sparse_dim(), z.sparse_dim(), z.dense_dim(),
        x.element_size(), x.is_floating_point(), x.is_contiguous(), x.requires_grad,
        w.requires_grad, w.is_leaf,
        w.grad.to_dense().tolist(), (w * 2).is_leaf, (w * 2).requires_grad,
        x.float() is x, x.to("cpu") is x, x.cpu() is x, y.t().is_coalesced(), (y * 2).is_coalesced(),
        y.double().is_coalesced(), (y + y).is_coalesced(), isinstance(x, L.sparse.FloatTensor),
        isinstance(x.double(), L.sparse.FloatTensor), isinstance(x, L.FloatTensor), isinstance(x, L.Tensor),
        [r.to_dense().tolist() for r in x], L.is_tensor(x), x.coalesce().to_sparse().is_coalesced(),
        L.eye(2).to_sparse_coo().is_coalesced(), L.ones(2).to_dense().tolist(),
        L.sparse_coo_tensor([[0]], [1.0], (1,)).is_coalesced(), x.int().to_dense().tolist(), x.grad,
    ]  # fmt: skip


def test_facts() -> None:
    assert facts(rl) == facts(torch)


REFUSED: dict[str, Callable[[Any], Any]] = {
    "values before coalesce": lambda L: sparse(L, L.tensor(VALUES.tolist())).values(),
    "indices before coalesce": lambda L: sparse(L, L.tensor(VALUES.tolist())).indices(),
    "inner sizes": lambda L: other(L) @ L.ones(3, 2).double(),
    "dtypes": lambda L: other(L) @ L.ones(4, 2),
    "sparse plus dense": lambda L: other(L) + L.ones(3, 4),
    "sparse plus a number": lambda L: other(L) + 1,
    "number over sparse": lambda L: 2 / other(L),
    "shapes": lambda L: other(L) + other(L).t(),
    "numbers of values": lambda L: L.sparse_coo_tensor([[0, 1]], [1, 2, 3], (2,)),
    "axes": lambda L: L.sparse_coo_tensor([[0, 1]], [1, 2], (2, 3)),
    "outside": lambda L: L.sparse_coo_tensor([[0, 5]], [1, 2], (2,), check_invariants=True),
    "below 0": lambda L: L.sparse_coo_tensor([[0, -1]], [1, 2], (2,), check_invariants=True),
    "not coalesced": lambda L: L.sparse_coo_tensor(
        [[0, 0]], [1, 2], (2,), check_invariants=True, is_coalesced=True
    ),
    "exp": lambda L: other(L).exp(),
    "view": lambda L: other(L).view(-1),
    "bool": lambda L: bool(other(L)),
    "max": lambda L: other(L).max(),
    "softmax": lambda L: other(L).softmax(1),
    "transpose": lambda L: wide(L, L.ones(6)).transpose(0, 2),
    "expand": lambda L: other(L).expand(2, 3, 4),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses(name: str) -> None:
    with pytest.raises((RuntimeError, TypeError)):
        REFUSED[name](torch)
    with pytest.raises(rl.errors.RushlightError):
        REFUSED[name](rl)


def graph(L: Any) -> tuple[Any, Any, Any]:
    """The adjacency of a ring with chords, normalised; features; classes."""
    n = 12
    edges = [(i, (i + d) % n) for i in range(n) for d in (0, 1, n - 1, 5)]
    places = L.tensor([list(row) for row in zip(*edges, strict=True)])
    adjacency = L.sparse_coo_tensor(places, L.full((len(edges),), 0.25), (n, n)).coalesce()
    features = L.tensor(np.random.default_rng(1).normal(size=(n, 6)).tolist(), dtype=L.float32)
    return adjacency, features, L.tensor([i % 3 for i in range(n)])


def network(L: Any) -> Any:
    class GraphConvolution(L.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, seed: int, inputs: int, outputs: int) -> None:
            super().__init__()
            start = np.random.default_rng(seed).normal(size=(inputs, outputs)) * 0.5
            self.weight = L.nn.Parameter(L.tensor(start.tolist(), dtype=L.float32))
            self.bias = L.nn.Parameter(L.zeros(outputs))

        def forward(self, x: Any, adjacency: Any) -> Any:
            return L.spmm(adjacency, L.mm(x, self.weight)) + self.bias

    class GCN(L.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = GraphConvolution(2, 6, 8), GraphConvolution(3, 8, 3)

        def forward(self, x: Any, adjacency: Any) -> Any:
            hidden = L.nn.functional.relu(self.first(x, adjacency))
            return L.nn.functional.log_softmax(self.second(hidden, adjacency), dim=1)

    return GCN()


def losses(L: Any, compiled: bool = False) -> tuple[list[float], Any]:
    adjacency, features, classes = graph(L)
    model = network(L)
    optimizer = L.optim.Adam(model.parameters(), lr=0.1, weight_decay=5e-4)

    def step(adjacency: Any, features: Any, classes: Any) -> Any:
        optimizer.zero_grad()
        loss = L.nn.functional.nll_loss(model(features, adjacency), classes)
        loss.backward()
        optimizer.step()
        return loss

    run = L.compile(step) if compiled else step
    return [run(adjacency, features, classes).item() for _ in range(20)], model


@pytest.mark.parametrize("compiled", [False, True])
def test_a_graph_convolution_network_trains_as_in_pytorch(compiled: bool) -> None:
    ours, model = losses(rl, compiled)
    theirs, peer = losses(torch)
    assert theirs[-1] < 0.9 * theirs[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    for a, b in zip(model.state_dict().values(), peer.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["matmul", "transposed", "dense first", "times a number", "to_dense", "cat"])
def test_compiled_as_eager(name: str) -> None:
    v, x = rl.tensor(VALUES.tolist()), rl.rand(4, 3)

    def function(v: Any, x: Any) -> Any:
        return dense(CASES[name](rl, v, x))

    np.testing.assert_allclose(rl.compile(function)(v, x).numpy(), function(v, x).numpy(), rtol=1e-5)
