"""What well-trained nets must reach: the reports' accuracies, on their data."""

from __future__ import annotations

from pathlib import Path

import pytest

import rushlight as rl
from rushlight import nn

EPOCHS = 5
NETS = {
    "no hidden layer": ([], "relu", "xavier_uniform", 0.9, 0.92),
    "relu": ([100, 100], "relu", "kaiming_uniform", 0.0, 0.97),
    "tanh": ([100, 100], "tanh", "xavier_uniform", 0.9, 0.97),
}
"""Hidden layers, activation, first weights, momentum, and the accuracy that R4 reports."""


def _disk_errors(seeds: range, targets: str, loss: nn.Module, output: str, hidden: str | list[str]) -> float:
    """The mean error on fresh points over nets from several seeds."""
    train = rl.data.Disk(1000, seed=0, targets=targets)  # type: ignore[arg-type]
    test = rl.data.Disk(1000, seed=0, split="test", targets=targets)  # type: ignore[arg-type]

    def build() -> rl.train.Trainer:
        model = nn.MLP(2, [25, 25, 25], 1, activation=hidden, output=output)
        optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        return rl.train.Trainer(model, optimizer, loss, metrics=["error"])

    configs = rl.grid(seed=seeds)
    found = rl.sweep(build, configs, train, 100, batch_size=100, validation=test, progress=False)
    return sum(run.final["validation_error"] for run in found) / len(found)


def test_r5_network_errs_on_at_most_three_percent() -> None:
    assert _disk_errors(range(10), "signed", nn.MSELoss(), "tanh", ["relu", "relu", "tanh"]) <= 0.03


def test_r3_network_trains_with_sigmoid_and_binary_cross_entropy() -> None:
    assert _disk_errors(range(2), "scalar", nn.BCELoss(), "sigmoid", "tanh") <= 0.05


def _net(net: str) -> rl.train.Trainer:
    hidden, activation, init, momentum, _ = NETS[net]
    model = nn.MLP(784, hidden, 10, activation=activation, init=init, output="log_softmax")
    optimizer = rl.optim.SGD(model.parameters(), lr=0.2 * (1 - momentum), momentum=momentum)
    # Steps that shrink to nothing: the accuracy at the end is then no matter of the last few batches.
    shrink = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    return rl.train.Trainer(model, optimizer, nn.NLLLoss(), metrics=["accuracy"], scheduler=shrink)


def test_r4_networks_on_mnist(mnist_root: Path) -> None:
    parts = {split: rl.data.MNIST(mnist_root, split=split) for split in ("train", "validation", "test")}  # type: ignore[arg-type]
    configs = rl.grid(net=list(NETS))
    validation = parts["validation"]
    found = rl.sweep(
        _net, configs, parts["train"], EPOCHS, batch_size=100, validation=validation, progress=False
    )
    assert len(found) == 3
    for run in found:
        test = run.trainer.evaluate(parts["test"])["accuracy"]
        assert test >= NETS[run.config["net"]][-1], run.config
        assert run.final["validation_accuracy"] == pytest.approx(test, abs=0.01)
