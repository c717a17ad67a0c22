"""Training steps of many kinds, for every suite that compares the compiler's stages with eager code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import rushlight as rl
from rushlight import nn

F = nn.functional


class Case(NamedTuple):
    """A net, its loss, its optimiser and one batch."""

    model: Callable[[], Any]
    loss: Callable[[Any, Any], Any]
    optimizer: Callable[[Any], Any]
    batch: Callable[[], tuple[Any, Any]]


def _classes() -> tuple[Any, Any]:
    return rl.rand(12, 20), rl.randint(0, 10, (12,))


def _numbers() -> tuple[Any, Any]:
    return rl.rand(100, 2), rl.rand(100, 1)


def _wide() -> tuple[Any, Any]:
    return rl.rand(12, 20), rl.rand(12, 10)


def _dropout() -> Any:
    return nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Dropout(0.3), nn.Linear(30, 10))


CASES = {
    "disk": Case(
        lambda: nn.MLP(2, [25, 25, 25], 1, activation="tanh"),
        F.mse_loss,
        lambda p: rl.optim.SGD(p, 0.1, momentum=0.9),
        _numbers,
    ),
    "disk double": Case(
        lambda: nn.MLP(2, [9, 17], 1, activation="tanh").double(),
        F.mse_loss,
        lambda p: rl.optim.SGD(p, 0.1),
        lambda: (rl.rand(33, 2, dtype=rl.float64), rl.rand(33, 1, dtype=rl.float64)),
    ),
    "classes": Case(
        lambda: nn.MLP(20, [33, 8], 10, activation="relu"),
        F.cross_entropy,
        lambda p: rl.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-3, nesterov=True),
        _classes,
    ),
    "dropout": Case(_dropout, F.cross_entropy, lambda p: rl.optim.Adam(p, 1e-3), _classes),
    "smoothing": Case(
        _dropout,
        lambda a, b: F.cross_entropy(a, b, label_smoothing=0.1),
        lambda p: rl.optim.AdamW(p, 1e-3, amsgrad=True),
        _classes,
    ),
    "bce": Case(
        lambda: nn.MLP(20, [8], 10, activation="leaky_relu", output="sigmoid"),
        F.binary_cross_entropy,
        lambda p: rl.optim.SGD(p, 0.1),
        _wide,
    ),
    "logits": Case(
        lambda: nn.MLP(20, [8], 10, activation="tanh"),
        F.binary_cross_entropy_with_logits,
        lambda p: rl.optim.SGD(p, 0.1),
        _wide,
    ),
}


def build(case: Case, seed: int = 0) -> tuple[Any, Any, Callable[[Any, Any], Any]]:
    """(model, optimiser, training step) from one seed."""
    rl.manual_seed(seed)
    model = case.model()
    optimizer = case.optimizer(model.parameters())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = case.loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step
