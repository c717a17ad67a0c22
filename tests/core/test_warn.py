"""Warnings point at the user's line, however deep in the package they arise."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn, optim


def scheduler() -> Any:
    made = optim.lr_scheduler.StepLR(optim.SGD([nn.Parameter(rl.ones(1))], lr=0.1), 1)
    return made.step


CALLS: dict[str, Callable[[], Any]] = {
    "mse_loss": lambda: nn.functional.mse_loss(rl.ones(4, 1), rl.ones(4)),
    "MSELoss": lambda: nn.MSELoss()(rl.ones(4, 1), rl.ones(4)),
    "L1Loss": lambda: nn.Sequential(nn.L1Loss())[0](rl.ones(4, 1), rl.ones(4)),
    "softmax": lambda: nn.functional.softmax(rl.ones(2, 2)),
    "Softmax": lambda: nn.Sequential(nn.Softmax())(rl.ones(2, 2)),
    "scheduler": lambda: scheduler()(),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_line_is_the_users(name: str) -> None:
    call = CALLS[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert caught[0].lineno == inspect.getsourcelines(call)[1]
