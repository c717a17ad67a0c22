"""The epoch plan, followed by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import DataError
from rushlight.train import EarlyStopping, Trainer
from rushlight.train.plan import EpochPlan, Lost, Measure, Train
from rushlight.train.steps import Done


def trainer(**options: Any) -> Trainer:
    model = nn.Linear(1, 1)
    return Trainer(model, rl.optim.SGD(model.parameters(), lr=1.0), nn.MSELoss(), **options)


def done(made: Trainer, *losses: float) -> Done:
    """Batches of two samples with these losses."""
    position = made.position
    total, weight = position.loss_sum + 2 * sum(losses), position.loss_weight + 2.0 * len(losses)
    return Done([2 * loss for loss in losses], [2.0] * len(losses), 2 * len(losses), total, weight)


def epoch(plan: EpochPlan, *losses: float, **columns: float) -> None:
    """Answer what an epoch asks for, its batches one by one."""
    for loss in losses:
        assert isinstance(plan.request, Train)
        plan.answer(done(plan.trainer, loss))
    plan.answer(None)
    assert isinstance(plan.request, Measure)
    plan.answer(columns)


def test_epochs_are_trained_on_measured_and_written_down() -> None:
    made = trainer()
    plan = EpochPlan(made, 2)
    assert plan.request == Train(None, ahead=True)
    epoch(plan, 1.0, 3.0, train_error=0.5)
    epoch(plan, 2.0, 1.0, train_error=0.25)
    assert plan.request is None
    assert made.history["train_loss"] == [2.0, 1.5]
    assert made.history["train_error"] == [0.5, 0.25]
    assert list(made.history) == ["epoch", "train_loss", "train_error", "lr", "seconds"]


def test_a_plan_begins_where_the_run_stands() -> None:
    made = trainer()
    first = EpochPlan(made, 1)
    first.answer(done(made, 1.0, 3.0))
    again = EpochPlan(made, 1)
    epoch(again, 5.0)
    assert made.history["train_loss"] == [3.0]
    made.position.exhausted = True
    assert isinstance(EpochPlan(made, 2).request, Measure)
    assert EpochPlan(made, 1).request is None


@pytest.mark.parametrize(("schedule", "rates"), [("epoch", [1.0, 0.5]), ("batch", [0.25, 0.0625])])
def test_schedules(schedule: Any, rates: list[float]) -> None:
    made = trainer()
    made.optimizer.stepped = True
    made.scheduler, made.schedule = rl.optim.lr_scheduler.StepLR(made.optimizer, 1, 0.5), schedule
    plan = EpochPlan(made, 2)
    assert plan.request == Train(1 if schedule == "batch" else None, ahead=False)
    for _ in range(2):
        epoch(plan, 1.0, 1.0)
    assert made.history["lr"] == rates


def test_early_stopping_ends_the_plan() -> None:
    made = trainer(early_stopping=EarlyStopping("validation_loss", 1))
    plan = EpochPlan(made, 9)
    assert plan.request == Train(None, ahead=False)
    epoch(plan, 1.0, validation_loss=1.0)
    epoch(plan, 1.0, validation_loss=2.0)
    assert plan.request is None
    assert made.position.stopped
    assert made.position.epoch == 2


def test_a_loss_that_is_not_finite_ends_it_at_its_batch() -> None:
    made = trainer()
    plan = EpochPlan(made, 1)
    plan.answer(done(made, 1.0, 2.0, math.nan, 1.0))
    assert isinstance(plan.request, Lost)
    assert plan.request.number == 2
    assert (made.position.batch, made.position.loss_sum, made.position.loss_weight) == (2, 6.0, 4.0)
    assert made.history.rows == []


def test_an_epoch_without_a_batch() -> None:
    plan = EpochPlan(trainer(), 1)
    with pytest.raises(DataError, match="training data without a batch"):
        plan.answer(None)
