"""A Trainer refuses what cannot serve when it is made, not in the middle of training."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.errors import DTypeError
from rushlight.train import Trainer

MODEL = nn.Linear(1, 1)
SGD = optim.SGD(MODEL.parameters(), lr=0.1)
MSE = nn.MSELoss()

REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "loss by name": ((MODEL, SGD, "mse"), {}, r"loss='mse'.*nn\.MSELoss\(\)"),
    "loss as a class": ((MODEL, SGD, nn.MSELoss), {}, r"loss=MSELoss, a class.*MSELoss\(\.\.\.\)"),
    "no loss": ((MODEL, SGD, None), {}, "loss of type NoneType"),
    "model as a class": ((nn.Linear, SGD, MSE), {}, "model=Linear, a class"),
    "a function for the model": ((lambda x: x, SGD, MSE), {}, "model of type function"),
    "loss before optimiser": ((MODEL, MSE, SGD), {}, "optimizer of type MSELoss"),
    "optimiser as a class": ((MODEL, optim.SGD, MSE), {}, "optimizer=SGD, a class"),
    "optimiser by name": ((MODEL, "sgd", MSE), {}, "optimizer='sgd'"),
    "scheduler": ((MODEL, SGD, MSE), {"scheduler": 0.1}, "scheduler of type float"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    parts, options, words = REFUSED[name]
    with pytest.raises(DTypeError, match=words):
        Trainer(*parts, **options)


def test_functions_and_no_optimiser_serve() -> None:
    Trainer(MODEL, None, nn.functional.mse_loss)
    scheduler = optim.lr_scheduler.StepLR(SGD, 1)
    Trainer(MODEL, SGD, lambda output, target: (output - target).abs().mean(), scheduler=scheduler)
    assert Trainer(MODEL, None, MSE, progress=False).evaluate((rl.ones(2, 1), rl.ones(2, 1)))["loss"] >= 0
