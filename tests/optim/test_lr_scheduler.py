"""Schedules: their formulas, their state, and several on one optimiser."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.errors import ArgumentError, CheckpointError, DTypeError
from rushlight.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, StepLR


def sgd(lr: float = 0.1) -> optim.Optimizer:
    return optim.SGD([nn.Parameter(rl.zeros(1))], lr=lr)


def rates(optimizer: optim.Optimizer, scheduler: LRScheduler, epochs: int) -> list[float]:
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_formulas() -> None:
    o = sgd()
    assert rates(o, StepLR(o, 3, 0.5), 8) == pytest.approx([0.1 * 0.5 ** (e // 3) for e in range(8)])
    o = sgd()
    want = [0.01 + 0.09 * (1 + math.cos(math.pi * e / 5)) / 2 for e in range(16)]
    assert rates(o, CosineAnnealingLR(o, 5, 0.01), 16) == pytest.approx(want, abs=1e-12)
    o = sgd()
    assert rates(o, LambdaLR(o, lambda e: 1 / (e + 1)), 5) == pytest.approx([0.1 / (e + 1) for e in range(5)])


class Warmup:
    """A callable object, whose attributes are saved."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def __call__(self, epoch: int) -> float:
        return min(1.0, (epoch + 1) / self.epochs)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: StepLR(o, 2),
        lambda o: CosineAnnealingLR(o, 6),
        lambda o: LambdaLR(o, lambda e: 0.5**e),
        lambda o: LambdaLR(o, Warmup(5)),
    ],
)
def test_going_on_from_a_saved_state(make: Any) -> None:
    o = sgd()
    whole = rates(o, make(o), 9)
    o = sgd()
    s = make(o)
    assert rates(o, s, 4) == whole[:4]
    saved = o.state_dict(), s.state_dict()
    o = sgd(7.0)
    s = make(o)
    o.load_state_dict(saved[0])
    s.load_state_dict(saved[1])
    assert s.get_last_lr() == [whole[4]]
    assert rates(o, s, 5) == whole[4:]


def test_last_epoch_given() -> None:
    o = sgd()
    with pytest.raises(ArgumentError, match="initial_lr"):
        StepLR(o, 2, last_epoch=3)
    o.param_groups[0]["initial_lr"] = 0.1
    assert CosineAnnealingLR(o, 8, last_epoch=3).get_last_lr() == pytest.approx([0.05])


def test_a_rate_changed_by_hand_is_the_one_that_goes_on() -> None:
    o = sgd()
    s = StepLR(o, 1, 0.5)
    o.param_groups[0]["lr"] = 8.0
    o.step()
    s.step()
    assert s.get_last_lr() == [4.0]


def test_a_schedule_before_the_first_step_warns() -> None:
    o = sgd()
    s = StepLR(o, 1)
    with pytest.warns(UserWarning, match="optimizer.step"):
        s.step()
    o = sgd()
    s = StepLR(o, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        o.step()
        s.step()
        s.step()


def test_what_schedules_refuse() -> None:
    with pytest.raises(ArgumentError, match="step_size"):
        StepLR(sgd(), 0)
    with pytest.raises(ArgumentError, match="T_max"):
        CosineAnnealingLR(sgd(), 0)
    with pytest.raises(ArgumentError, match="2 functions for 1"):
        LambdaLR(sgd(), [abs, abs])
    with pytest.raises(DTypeError, match="Optimizer"):
        StepLR(nn.ReLU(), 2)  # type: ignore[arg-type]
    s = StepLR(sgd(), 2)
    before = s.state_dict()
    with pytest.raises(CheckpointError, match="T_max"):
        s.load_state_dict(CosineAnnealingLR(sgd(), 3).state_dict())
    assert s.state_dict() == before
