"""Learning-rate schedules against PyTorch over twenty epochs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

PARTS = {"S": "optim.lr_scheduler"}
"""Arguments of functions that stand for a part of the framework."""

SCHEDULES = [
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 1, "gamma": 0.5}),
    ("CosineAnnealingLR", {"T_max": 7}),
    ("CosineAnnealingLR", {"T_max": 20, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (1 + epoch), lambda epoch: math.cos(epoch)]}),
    ("MultiStepLR", {"milestones": [2, 2, 7, 30], "gamma": 0.5}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 1}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 12}),
    ("ExponentialLR", {"gamma": 0.7}),
    ("PolynomialLR", {"total_iters": 12, "power": 2.0}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.95}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.01}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": [0.1, 0.4], "step_size_up": 3}),
    (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 2, "step_size_down": 4, "mode": "triangular2"},
    ),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9}),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.1,
            "step_size_up": 4,
            "scale_fn": lambda x: 1 / x,
            "cycle_momentum": False,
        },
    ),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 20}),
    ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 5, "steps_per_epoch": 4, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 25, "three_phase": True, "pct_start": 0.25}),
]


def scheduled(framework: Any, name: str, options: dict[str, Any], zeros: Any) -> tuple[Any, Any]:
    groups = [
        {"params": [framework.nn.Parameter(zeros(2))]},
        {"params": [framework.nn.Parameter(zeros(3))], "lr": 0.3},
    ]
    optimizer = framework.optim.SGD(groups, lr=0.1, momentum=0.9)
    return optimizer, getattr(framework.optim.lr_scheduler, name)(optimizer, **options)


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules_over_twenty_epochs(name: str, options: dict[str, Any]) -> None:
    ours, a = scheduled(rl, name, options, rl.zeros)
    theirs, b = scheduled(torch, name, options, torch.zeros)
    for epoch in range(20):
        got = [g["lr"] for g in ours.param_groups]
        np.testing.assert_allclose(got, [g["lr"] for g in theirs.param_groups], rtol=1e-12, atol=1e-15)
        momenta = [[g["momentum"] for g in o.param_groups] for o in (ours, theirs)]
        np.testing.assert_allclose(*momenta, rtol=1e-12)
        assert a.get_last_lr() == got
        assert a.last_epoch == b.last_epoch == epoch
        ours.step()
        theirs.step()
        if epoch < 19:
            a.step()
            b.step()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules_that_are_told_the_epoch(name: str, options: dict[str, Any]) -> None:
    """The old form: forward, back, and on from there."""
    ours, a = scheduled(rl, name, options, rl.zeros)
    theirs, b = scheduled(torch, name, options, torch.zeros)
    for epoch in (1, 2, 5, 3, 7, None, 12, 0, None, 4):
        for optimizer, schedule in ((ours, a), (theirs, b)):
            optimizer.step()
            schedule.step(epoch) if epoch is not None else schedule.step()
        rates = [[g["lr"] for g in o.param_groups] for o in (ours, theirs)]
        np.testing.assert_allclose(*rates, rtol=1e-12, atol=1e-15)
        assert a.last_epoch == b.last_epoch
        assert a.get_last_lr() == rates[0]


def test_the_old_form_is_told_of() -> None:
    optimizer, schedule = scheduled(rl, "StepLR", {"step_size": 3}, rl.zeros)
    optimizer.step()
    with pytest.warns(UserWarning, match="deprecated"):
        schedule.step(4)
    plateau = rl.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.warns(UserWarning, match="deprecated"):
        plateau.step(1.0, epoch=5)
    assert plateau.last_epoch == 5


def both(make: Any) -> None:
    """Both frameworks give the same rates over twenty epochs, of what ``make`` makes."""
    rates = []
    for L in (rl, torch):
        optimizer = L.optim.SGD([L.nn.Parameter(L.zeros(1))], lr=1.0)
        scheduler = make(L, L.optim.lr_scheduler, optimizer)
        found = [optimizer.param_groups[0]["lr"]]
        for _ in range(20):
            optimizer.step()
            scheduler.step()
            found.append(optimizer.param_groups[0]["lr"])
        rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-10)


SEVERAL = [
    lambda L, S, o: S.SequentialLR(o, [S.LinearLR(o, 0.1, total_iters=4), S.CosineAnnealingLR(o, 10)], [4]),
    lambda L, S, o: S.SequentialLR(
        o, [S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9), S.StepLR(o, 2)], [3, 9]
    ),
    lambda L, S, o: S.SequentialLR(o, [S.ExponentialLR(o, 0.9), S.LambdaLR(o, lambda e: 1 / (1 + e))], [5]),
    lambda L, S, o: S.SequentialLR(o, [S.LinearLR(o), S.CosineAnnealingWarmRestarts(o, 3)], [5]),
    lambda L, S, o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)]),
    lambda L, S, o: S.ChainedScheduler([S.StepLR(o, 3), S.CosineAnnealingLR(o, 8)], optimizer=o),
    lambda L, S, o: L.optim.swa_utils.SWALR(o, swa_lr=0.05),
    lambda L, S, o: L.optim.swa_utils.SWALR(o, swa_lr=0.05, anneal_epochs=5, anneal_strategy="linear"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", SEVERAL)
def test_schedules_of_schedules(make: Any) -> None:
    both(make)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "patience": 1, "cooldown": 2},
        {"threshold_mode": "abs", "threshold": 0.3, "min_lr": 0.01},
    ],
)
def test_a_plateau(options: dict[str, Any]) -> None:
    values = np.random.default_rng(5).standard_normal(40).cumsum()
    found = []
    for L in (rl, torch):
        optimizer = L.optim.SGD([L.nn.Parameter(L.zeros(1))], lr=1.0)
        scheduler = L.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **{"patience": 3, **options})
        rates = []
        for value in values:
            scheduler.step(L.tensor(value))
            rates.append((optimizer.param_groups[0]["lr"], scheduler.num_bad_epochs, scheduler.in_cooldown))
        found.append(rates)
    assert found[0] == found[1]
    assert found[0][-1][0] < 1.0


def test_states_of_schedules_go_on() -> None:
    def make(optimizer: Any) -> Any:
        S = rl.optim.lr_scheduler
        return S.SequentialLR(
            optimizer,
            [S.LinearLR(optimizer, 0.1), S.OneCycleLR(optimizer, 1.0, 30, cycle_momentum=False)],
            [4],
        )

    first, second = (rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0) for _ in range(2))
    a = make(first)
    for _ in range(7):
        first.step()
        a.step()
    b = make(second)
    b.load_state_dict(a.state_dict())
    second.load_state_dict(first.state_dict())
    for _ in range(5):
        for optimizer, scheduler in ((first, a), (second, b)):
            optimizer.step()
            scheduler.step()
        assert a.get_last_lr() == b.get_last_lr()


def test_two_schedules_on_one_optimiser() -> None:
    rates = []
    for framework, zeros in ((rl, rl.zeros), (torch, torch.zeros)):
        optimizer = framework.optim.SGD([framework.nn.Parameter(zeros(1))], lr=1.0)
        make = framework.optim.lr_scheduler
        both = [make.StepLR(optimizer, 2, 0.5), make.CosineAnnealingLR(optimizer, 10)]
        found = []
        for _ in range(9):
            optimizer.step()
            for scheduler in both:
                scheduler.step()
            found.append(optimizer.param_groups[0]["lr"])
        rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-12)


COVERED = {"rushlight.optim.lr_scheduler": {name for name, _ in SCHEDULES}}
"""What the tests above look up by name, for the matrix of test_matrix.py."""
