"""R2's data, network and grid search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight.data import Disk, TensorDataset
from rushlight.reports.with_pytorch import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rushlight.train.sweeping.result import Sweep

__all__ = [
    "BATCH",
    "DEFAULT",
    "EPOCHS",
    "RATES",
    "SEEDS",
    "XAVIER",
    "Data",
    "build",
    "grid_search",
    "network",
    "percents",
    "points",
    "spread",
    "task",
]

RATES = (0.01, 0.015, 0.04)
EPOCHS, BATCH, SEEDS = 100, 10, 10
XAVIER, DEFAULT = "xavier_normal", "pytorch"


def network(nn: Any) -> Any:
    """R2's model. `nn` is rushlight.nn or torch.nn: the names are the same."""
    return nn.Sequential(
        nn.Linear(2, 25),
        nn.LeakyReLU(0.01),
        nn.Linear(25, 25),
        nn.LeakyReLU(0.01),
        nn.Linear(25, 25),
        nn.LeakyReLU(0.01),
        nn.Linear(25, 2),
        nn.Sigmoid(),
    )


def build(lr: float, init: str) -> rl.train.Trainer:
    """One network, and how it is trained."""
    model = network(rl.nn).initialize(init)
    optimizer = rl.optim.SGD(model.parameters(), lr=lr)
    return rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), metrics=["accuracy"])


def grid_search(data: Data, rates: Sequence[float], init: str = XAVIER, seeds: int = SEEDS) -> Sweep:
    """Every learning rate with every seed, in one call."""
    configs = rl.grid(lr=rates, init=init, seed=range(seeds))
    validation = data.validation
    return rl.sweep(
        build, configs, data.train, EPOCHS, batch_size=BATCH, validation=validation, progress=False
    )


@dataclass(frozen=True)
class Data:
    """1000 points each: to train on, to choose the learning rate by, and to judge the choice."""

    train: Disk
    validation: TensorDataset
    test: Disk


def points() -> Data:
    """The disk; all three parts are normalised by the mean and deviation of the training points."""
    train = Disk(1000, seed=0, targets="one_hot")
    other = Disk(1000, seed=1, targets="one_hot")
    validation = TensorDataset(train.normalise(other.points), other.targets)
    return Data(train, validation, Disk(1000, seed=0, split="test", targets="one_hot"))


def task(data: Data, lr: float, dtype: Any = rl.float32) -> Task:
    """What both libraries train, judged on the test points."""
    train, test = (TensorDataset(*(t.to(dtype) for t in part.tensors)) for part in (data.train, data.test))
    return Task(network, train, test, lr, EPOCHS, BATCH, XAVIER)


def spread(part: Sweep, column: str) -> str:
    """Mean and deviation of a figure after the last epoch."""
    last = part.curves(column)[:, -1]
    return f"{last.mean():.4f} ± {last.std():.4f}"


def percents(values: np.ndarray[Any, Any]) -> str:
    """Mean and deviation in per cent."""
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f} %"
