"""Long sums whose right value is known: along axes of all kinds, inside other operations, in float16."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight as rl

__all__ = ["EPS", "HALVES", "LAYOUTS", "TENTH", "USES", "bound", "far", "half"]

F = rl.nn.functional
TENTH = float(np.float32(0.1))
EPS = float(np.finfo(np.float32).eps)
PRODUCTS = 300 * EPS
"""Products add up as many as a thousand terms one after the other, all alike here; never more."""


def far(got: rl.Tensor, exact: float) -> float:
    """The largest relative error."""
    return float(np.max(np.abs(got.detach().numpy().astype(np.float64) - exact)) / abs(exact))


def bound(use: str, count: int) -> float:
    """The largest relative error that a sum of so many numbers may have."""
    return PRODUCTS if use in ("ones", "dot", "weight", "einsum") else 2 * math.log2(count) * EPS


LAYOUTS: dict[str, Callable[[int], tuple[rl.Tensor, Any]]] = {
    "the only axis": lambda n: (rl.full((n,), 0.1), 0),
    "the first": lambda n: (rl.full((n, 3), 0.1), 0),
    "the last": lambda n: (rl.full((3, n), 0.1), 1),
    "the middle": lambda n: (rl.full((2, n, 3), 0.1), 1),
    "the first of three": lambda n: (rl.full((n, 2, 2), 0.1), 0),
    "transposed": lambda n: (rl.full((3, n), 0.1).T, 0),
    "transposed, the last": lambda n: (rl.full((n, 3), 0.1).T, 1),
    "turned": lambda n: (rl.full((n, 2, 3), 0.1).permute(2, 0, 1), 1),
    "strided": lambda n: (rl.full((n, 4), 0.1)[:, ::2], 0),
    "strided, all": lambda n: (rl.full((n // 2, 4), 0.1)[:, :2], (0, 1)),
    "every other row": lambda n: (rl.full((2 * n, 2), 0.1)[::2], 0),
    "flipped": lambda n: (rl.full((n, 2), 0.1).flip(0), 0),
    "expanded": lambda n: (rl.full((1, 3), 0.1).expand(n, 3), 0),
    "expanded beside": lambda n: (rl.full((n, 1), 0.1).expand(n, 3), 0),
    "apart": lambda n: (rl.full((n // 2, 3, 2), 0.1), (0, 2)),
    "two in front": lambda n: (rl.full((n // 8, 8, 3), 0.1), (0, 1)),
    "all": lambda n: (rl.full((n // 4, 4), 0.1), (0, 1)),
}


def _bias(count: int) -> rl.Tensor:
    b = rl.zeros(2, requires_grad=True)
    F.linear(rl.full((count, 1), 1.0), rl.ones(2, 1), b).mul(rl.full((count, 2), 0.1)).sum().backward()
    assert b.grad is not None
    return b.grad


def _spread(count: int) -> rl.Tensor:
    b = rl.zeros(2, requires_grad=True)
    ((rl.ones(count, 2) + b) * rl.full((count, 2), 0.1)).sum().backward()
    assert b.grad is not None
    return b.grad


SQUARE = TENTH * TENTH
USES: dict[str, Callable[[int], tuple[rl.Tensor, float]]] = {
    "the gradient of a bias": lambda n: (_bias(n), TENTH * n),
    "the gradient of what was broadcast": lambda n: (_spread(n), TENTH * n),
    "cumsum along the first": lambda n: (rl.full((n, 2), 0.1).cumsum(0)[-1], TENTH * n),
    "cumsum along the last": lambda n: (rl.full((2, n), 0.1).cumsum(1)[:, -1], TENTH * n),
    "norm": lambda n: (rl.full((n, 2), 0.1).norm(dim=0), TENTH * math.sqrt(n)),
    "var": lambda n: (rl.cat([rl.zeros(n, 2), rl.full((n, 2), 0.1)]).var(0, unbiased=False), SQUARE / 4),
    "logsumexp": lambda n: (rl.zeros(n, 2).logsumexp(0), math.log(n)),
    "softmax": lambda n: (rl.zeros(n, 2).softmax(0), 1 / n),
    "mse_loss": lambda n: (F.mse_loss(rl.full((n, 2), 0.1), rl.zeros(n, 2)), SQUARE),
    "cross_entropy": lambda n: (F.cross_entropy(rl.zeros(n, 2), rl.zeros(n).long()), math.log(2)),
    "ones": lambda n: (rl.ones(1, n) @ rl.full((n, 2), 0.1), TENTH * n),
    "dot": lambda n: (rl.full((n,), 0.1) @ rl.full((n,), 0.1), SQUARE * n),
    "weight": lambda n: (rl.full((n, 3), 0.1).T @ rl.full((n, 2), 0.1), SQUARE * n),
    "einsum, a sum": lambda n: (rl.einsum("ij->j", rl.full((n, 2), 0.1)), TENTH * n),
    "einsum": lambda n: (rl.einsum("ij,ij->j", rl.full((n, 2), 0.1), rl.ones(n, 2)), TENTH * n),
}


def half(*shape: int, value: float) -> rl.Tensor:
    return rl.full(shape, value, dtype=rl.float16)


HALVES: dict[str, tuple[Callable[[], rl.Tensor], float]] = {
    "mean": (lambda: half(4, value=6e4).mean(), 6e4),
    "mean over the first axis": (lambda: half(9, 2, value=6e4).mean(0), 6e4),
    "a mean of many": (lambda: half(100_000, 2, value=0.1).mean(0), 0.1),
    "a sum that comes back": (
        lambda: rl.tensor([60000, 60000, -60000, -50016], dtype=rl.float16).sum(),
        9984,
    ),
    "running sums": (lambda: rl.tensor([60000, 60000, -60000, -50016], dtype=rl.float16).cumsum(0)[-1], 9984),
    "prod": (lambda: rl.tensor([300, 300, 0.01, 1], dtype=rl.float16).prod(), 900),
    "norm": (lambda: half(4, value=300).norm(), 600),
    "norm of order 3": (lambda: half(8, value=300).norm(3), 600),
    "var": (lambda: rl.tensor([0, 400, 0, 400], dtype=rl.float16).var(unbiased=False), 40000),
    "std": (lambda: rl.tensor([0, 600, 0, 600], dtype=rl.float16).std(unbiased=False), 300),
    "mse_loss": (lambda: F.mse_loss(half(100, value=200), half(100, value=0)), 40000),
    "l1_loss": (lambda: F.l1_loss(half(100, value=6e4), half(100, value=0)), 6e4),
    "softmax": (lambda: half(4000, value=0).softmax(0), 1 / 4000),
    "logsumexp": (lambda: half(70_000, value=0).logsumexp(0), math.log(70_000)),
    "log_softmax": (lambda: half(70_000, value=0).log_softmax(0), -math.log(70_000)),
    "cross_entropy": (
        lambda: F.cross_entropy(half(70_000, 2, value=0), rl.zeros(70_000).long()),
        math.log(2),
    ),
    "nll_loss": (lambda: F.nll_loss(half(70_000, 2, value=-2), rl.zeros(70_000).long()), 2),
    "matmul": (lambda: rl.tensor([60000, 60000, -60000, -50016], dtype=rl.float16) @ half(4, value=1), 9984),
    "einsum": (lambda: rl.einsum("i,i->", half(4096, value=0.1), half(4096, value=1)), 409.4),
}
