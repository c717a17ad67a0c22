"""Linear algebra: what the samples cannot say. Errors, what is not determined, and singular matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DTypeError, LinAlgError, ShapeError

SINGULAR = rl.ones(2, 2)
BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: rl.linalg.inv(SINGULAR), LinAlgError, "singular.*pinv"),
    (lambda: rl.linalg.solve(SINGULAR, rl.ones(2)), LinAlgError, "singular"),
    (lambda: rl.linalg.cholesky(-rl.eye(2)), LinAlgError, "positive definite"),
    (lambda: rl.linalg.inv(rl.ones(2, 3)), ShapeError, r"\(2, 3\).*square"),
    (lambda: rl.linalg.det(rl.ones(2)), ShapeError, "a matrix"),
    (lambda: rl.linalg.svd(rl.ones(2, 2).long()), DTypeError, "int64.*float"),
    (lambda: rl.linalg.solve(rl.eye(3), rl.ones(2, 1)), ShapeError, "3"),
    (lambda: rl.linalg.solve(rl.eye(2), rl.ones(2).double()), DTypeError, "float64"),
    (lambda: rl.linalg.qr(rl.eye(2), "fast"), ValueError, "reduced"),
    (lambda: rl.linalg.matrix_norm(rl.eye(2), 3), ValueError, "fro"),
    (lambda: rl.linalg.lstsq(rl.ones(3, 2), rl.ones(2, 1)), ShapeError, "rows"),
    (lambda: rl.linalg.eig(rl.eye(2)), AttributeError, "complex"),
]


@pytest.mark.parametrize(("call", "kind", "words"), BAD)
def test_errors(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_a_singular_matrix_stops_a_compiled_function_too() -> None:
    solve = rl.compile(lambda a, b: rl.linalg.solve(a, b))
    assert solve(rl.eye(2) * 2, rl.ones(2)).tolist() == [0.5, 0.5]
    with pytest.raises(LinAlgError, match="singular"):
        solve(SINGULAR, rl.ones(2))
    assert solve(rl.eye(2) * 4, rl.ones(2)).tolist() == [0.25, 0.25]


def test_equal_eigenvalues_have_finite_gradients() -> None:
    x = rl.eye(3, requires_grad=True)
    rl.linalg.eigh(x).eigenvalues.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.eye(3))
    y = rl.zeros(3, 2, requires_grad=True)
    sum(part.sum() for part in rl.linalg.svd(y, full_matrices=False)).backward()
    assert y.grad is not None
    assert rl.isfinite(y.grad).all()


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3), (0, 0), (2, 0, 3)])
def test_factors_multiply_to_the_matrix(shape: tuple[int, ...]) -> None:
    x = rl.randn(*shape, dtype=rl.float64)
    P, L, U = rl.linalg.lu(x)
    Q, R = rl.linalg.qr(x)
    for full in (True, False):
        u, s, vh = rl.linalg.svd(x, full_matrices=full)
        k = s.shape[-1]
        np.testing.assert_allclose(
            ((u[..., :k] * s.unsqueeze(-2)) @ vh[..., :k, :]).numpy(), x.numpy(), atol=1e-12
        )
    np.testing.assert_allclose((P @ L @ U).numpy(), x.numpy(), atol=1e-12)
    np.testing.assert_allclose((Q @ R).numpy(), x.numpy(), atol=1e-12)


def test_training_through_a_gaussian_process() -> None:
    """The marginal likelihood of a Gaussian process and its gradient, eager and compiled."""

    def step(scale: rl.Tensor, x: rl.Tensor, y: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        kernel = rl.exp(-((x.unsqueeze(0) - x.unsqueeze(1)) ** 2) / scale**2) + 0.1 * rl.eye(len(x))
        L = rl.linalg.cholesky(kernel)
        z = rl.linalg.solve_triangular(L, y.unsqueeze(1), upper=False)
        value = 0.5 * (z * z).sum() + 0.5 * rl.linalg.slogdet(kernel).logabsdet
        return value, rl.autograd.grad(value, scale)[0]

    x = rl.linspace(0, 1, 6)
    scale = rl.tensor(0.7, requires_grad=True)
    plain, compiled = (f(scale, x, rl.sin(x * 6)) for f in (step, rl.compile(step)))
    np.testing.assert_allclose([t.item() for t in plain], [t.item() for t in compiled], rtol=1e-4)
