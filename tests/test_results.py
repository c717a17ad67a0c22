"""What well-trained nets must reach: the reports' accuracies, on their data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn

F = nn.functional


def _train(model: Any, optimizer: Any, loss: Any, loader: Any, epochs: int, scheduler: Any = None) -> None:
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
        if scheduler is not None:
            scheduler.step()


def _disk_error(
    seed: int, targets: str, loss: Any, output: str | None, threshold: float, hidden: Any
) -> float:
    rl.manual_seed(seed)
    train = rl.data.Disk(1000, seed=seed, targets=targets)  # type: ignore[arg-type]
    test = rl.data.Disk(1000, seed=seed, split="test", targets=targets)  # type: ignore[arg-type]
    model = nn.MLP(2, [25, 25, 25], 1, activation=hidden, output=output)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = rl.data.DataLoader(train, batch_size=100, shuffle=True, seed=seed)
    _train(model, optimizer, loss, loader, 100)
    with rl.no_grad():
        inside = (model(test.inputs) > threshold).squeeze(1)
    return float((inside != (test.labels > 0)).float().mean())


def test_r5_network_errs_on_at_most_three_percent() -> None:
    errors = [
        _disk_error(seed, "signed", F.mse_loss, "tanh", 0.0, ["relu", "relu", "tanh"]) for seed in range(10)
    ]
    assert sum(errors) / len(errors) <= 0.03, errors


def test_r3_network_trains_with_sigmoid_and_binary_cross_entropy() -> None:
    error = _disk_error(0, "scalar", F.binary_cross_entropy, "sigmoid", 0.5, "tanh")
    assert error <= 0.05


def _mnist_accuracies(
    root: Path, hidden: list[int], activation: str, init: str, lr: float, momentum: float, epochs: int
) -> tuple[float, float]:
    rl.manual_seed(0)
    parts = {split: rl.data.MNIST(root, split=split) for split in ("train", "validation", "test")}  # type: ignore[arg-type]
    model = nn.MLP(784, hidden, 10, activation=activation, init=init, output="log_softmax")
    optimizer = rl.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    loader = rl.data.DataLoader(parts["train"], batch_size=100, shuffle=True, seed=0)
    # Steps that shrink to nothing: the accuracy at the end is then no matter of the last few batches.
    scheduler = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    _train(model, optimizer, F.nll_loss, loader, epochs, scheduler)

    def accuracy(split: str) -> float:
        with rl.no_grad():
            predicted = model(parts[split].inputs).argmax(1)
        return float((predicted == parts[split].targets).float().mean())

    return accuracy("validation"), accuracy("test")


@pytest.mark.parametrize(
    ("hidden", "activation", "init", "lr", "momentum", "epochs", "least"),
    [
        ([], "relu", "xavier_uniform", 0.02, 0.9, 8, 0.92),
        ([100, 100], "relu", "kaiming_uniform", 0.1, 0.0, 6, 0.97),
        ([100, 100], "relu", "kaiming_uniform", 0.02, 0.9, 5, 0.97),
        ([100, 100], "tanh", "xavier_uniform", 0.2, 0.0, 8, 0.97),
        ([100, 100], "tanh", "xavier_uniform", 0.02, 0.9, 5, 0.97),
    ],
)
def test_r4_networks_on_mnist(
    mnist_root: Path,
    hidden: list[int],
    activation: str,
    init: str,
    lr: float,
    momentum: float,
    epochs: int,
    least: float,
) -> None:
    validation, test = _mnist_accuracies(mnist_root, hidden, activation, init, lr, momentum, epochs)
    assert test >= least
    assert abs(validation - test) <= 0.01
