"""Sparse tensors where PyTorch has nothing to compare: in modules, compiled code, functions of one's own."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn

PLACES = rl.tensor([[0, 1, 1, 2, 2], [2, 0, 2, 1, 1]])
VALUES = rl.tensor([3.0, 4.0, 5.0, 1.0, 2.0])


def sparse() -> Any:
    return rl.sparse_coo_tensor(PLACES, VALUES, (3, 3))


class Spread(nn.Module):
    """Holds its graph as a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("graph", sparse())
        self.inner = nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.graph @ self.inner(x)


def test_as_a_buffer() -> None:
    model, x = Spread(), rl.rand(3, 4)
    assert "graph" in model.state_dict()
    with rl.no_grad():
        assert rl.allclose(rl.compile(model)(x), model(x))
    other = Spread()
    other.load_state_dict({k: v for k, v in model.state_dict().items() if k != "graph"}, strict=False)
    assert rl.allclose(other(x), model(x))
    assert model.double().graph.dtype == rl.float64
    assert copy.deepcopy(model).graph._nnz() == 5


def test_as_argument_and_result_of_a_compiled_function() -> None:
    double = rl.compile(lambda a: (2 * a).t())
    for a in (sparse(), sparse() * 3):
        out = double(a)
        assert out.is_sparse
        assert out.to_dense().tolist() == (2 * a).t().to_dense().tolist()


def test_a_compiled_function_sees_another_graph() -> None:
    holder = {"graph": sparse()}
    product = rl.compile(lambda x: holder["graph"] @ x)
    x = rl.rand(3, 2)
    assert rl.allclose(product(x), sparse() @ x)
    holder["graph"] = sparse().t()
    assert rl.allclose(product(x), sparse().t() @ x)
    holder["graph"].data = sparse() * 5
    assert rl.allclose(product(x), (sparse() * 5) @ x)


def test_saved_by_a_function_of_ones_own() -> None:
    class Product(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, values: Any, x: Any) -> Any:
            a = rl.sparse_coo_tensor(PLACES, values, (3, 3))
            ctx.save_for_backward(a, x)
            return a @ x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            a, x = ctx.saved_tensors
            of_values = g.matmul(x.t())[a._indices()[0], a._indices()[1]] if ctx.needs_input_grad[0] else None
            return of_values, a.t() @ g

    v, x = VALUES.double().requires_grad_(), rl.rand(3, 2, dtype=rl.float64).requires_grad_()
    assert rl.autograd.gradcheck(Product.apply, (v, x))
    with pytest.raises(rl.errors.GradError, match="values"):
        Product.apply(sparse().requires_grad_(), x)


def test_copies() -> None:
    for found in (copy.deepcopy(sparse()), pickle.loads(pickle.dumps(sparse())), copy.copy(sparse())):
        assert found.to_dense().tolist() == sparse().to_dense().tolist()
    with pytest.raises(rl.errors.GradError):
        copy.deepcopy(rl.sparse_coo_tensor(PLACES, VALUES.clone().requires_grad_() * 2, (3, 3)))


def test_vmap_over_the_dense_factor() -> None:
    x = rl.rand(2, 3, 4)
    assert rl.allclose(rl.func.vmap(lambda t: sparse() @ t)(x), rl.stack([sparse() @ t for t in x]))


ERRORS = {
    "array": (lambda: sparse().numpy(), "to_dense"),
    "in place": (lambda: sparse().mul_(2), "to_dense"),
    "csr": (lambda: sparse().to_sparse_csr(), "to_sparse()"),
    "layout": (lambda: rl.eye(2).to_sparse(layout="rushlight.sparse_csr"), "COO"),
    "csr tensor": (lambda: rl.sparse_csr_tensor, "rl.sparse_coo_tensor"),
    "slice": (lambda: sparse()[:1], "to_dense"),
    "place outside": (lambda: rl.sparse_coo_tensor([[0, 9]], [1, 2], (2,)), "index 9"),
    "column outside": (lambda: sparse().index_select(1, rl.tensor([7])), "7"),
    "backward": (lambda: sparse().requires_grad_().backward(), "sparse.sum"),
    "sum of a dense one": (lambda: rl.sparse.sum(rl.ones(2)), "rl.sum"),
    "dtype of an old form": (lambda: rl.sparse.LongTensor(PLACES, VALUES, (3, 3)), "int64"),
    "mixed cat": (lambda: rl.cat([sparse(), rl.ones(3, 3)]), "to_dense"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_to_do(name: str) -> None:
    function, words = ERRORS[name]
    with pytest.raises((rl.errors.RushlightError, AttributeError)) as caught:
        function()
    assert words in str(caught.value)
