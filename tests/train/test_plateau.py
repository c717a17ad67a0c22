"""ReduceLROnPlateau as a Trainer's schedule: what it is told, alone and in a sweep."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError
from rushlight.optim.lr_scheduler import ReduceLROnPlateau
from rushlight.train import Trainer

X = rl.linspace(-1, 1, 40).reshape(40, 1)
DATA = (X, X * X)
OTHER = (X, -5 * X)


def build(threshold: float = 0.5, seed: int = 0, **others: Any) -> Trainer:
    model = nn.MLP(1, [4], 1, activation="tanh")
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    scheduler = ReduceLROnPlateau(optimizer, patience=1, threshold=threshold)
    return Trainer(model, optimizer, nn.MSELoss(), scheduler=scheduler, progress=False, **others)


@pytest.mark.parametrize("column", ["train_loss", "validation_loss"])
def test_it_is_told_the_loss(column: str) -> None:
    rl.manual_seed(0)
    trainer = build()
    history = trainer.fit(DATA, 8, validation=OTHER if column == "validation_loss" else None)
    optimizer = rl.optim.SGD([nn.Parameter(rl.zeros(1))], lr=0.1)
    alone = ReduceLROnPlateau(optimizer, patience=1, threshold=0.5)
    rates = []
    for loss in history[column]:
        rates.append(optimizer.param_groups[0]["lr"])
        alone.step(loss)
    assert history["lr"] == rates
    assert rates[0] > rates[-1]
    assert trainer.scheduler.state_dict() == alone.state_dict()


def test_in_a_sweep_it_is_as_alone() -> None:
    configs = rl.grid(threshold=[0.0, 0.5], seed=range(2))
    result = rl.sweep(build, configs, DATA, 8, validation=OTHER, progress=False)
    for run in result:
        rl.manual_seed(run.config["seed"])
        alone = build(**run.config)
        alone.seed = run.config["seed"]
        assert alone.fit(DATA, 8, validation=OTHER)["lr"] == run.history["lr"]
        assert alone.scheduler.state_dict() == run.trainer.scheduler.state_dict()
        pairs = zip(alone.model.parameters(), run.model.parameters(), strict=True)
        assert all(rl.equal(a, b) for a, b in pairs)


def test_it_looks_at_epochs() -> None:
    with pytest.raises(ArgumentError, match='got ReduceLROnPlateau with schedule="batch"'):
        build(schedule="batch")
