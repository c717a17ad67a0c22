"""Optimisers and schedules against PyTorch over ten steps and more."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

SHAPES = [(4, 3), (4,), (2, 4), (2,), (80, 60)]


def start(dtype: str) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s).astype(dtype) for s in SHAPES]
    return [rl.nn.Parameter(rl.tensor(v)) for v in values], [
        torch.nn.Parameter(torch.tensor(v)) for v in values
    ]


def steps(
    ours: Any, theirs: Any, pairs: list[tuple[Any, Any]], count: int, seed: int = 1, skip: int = -1
) -> None:
    """The same gradients for both, `count` times; parameter 1 gets none in step `skip`."""
    rng = np.random.default_rng(seed)
    for step in range(count):
        for index, (p, q) in enumerate(pairs):
            g = rng.standard_normal(p.shape).astype(str(p.dtype))
            if index == 1 and step == skip:
                p.grad = q.grad = None
            else:
                p.grad, q.grad = rl.tensor(g), torch.tensor(g)
        ours.step()
        theirs.step()


def same(ours: list[Any], theirs: list[Any], dtype: str) -> None:
    rtol, atol = (3e-5, 3e-6) if dtype == "float32" else (1e-10, 1e-12)
    for p, q in zip(ours, theirs, strict=True):
        assert str(p.dtype) == dtype
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=rtol, atol=atol)


SGD_OPTIONS = [
    {"lr": 0.1, "momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": x}
    for m, d, w, n, x in itertools.product([0.0, 0.9], [0.0, 0.3], [0.0, 0.05], [False, True], [False, True])
    if not n or (m and not d)
]
ADAM_OPTIONS = [
    {"lr": 0.01, "weight_decay": w, "amsgrad": a, "maximize": x, **more}
    for w, a, x, more in itertools.product(
        [0.0, 0.05], [False, True], [False, True], [{}, {"betas": (0.8, 0.95), "eps": 1e-3}]
    )
]
CASES = (
    [("SGD", o) for o in SGD_OPTIONS]
    + [("Adam", o) for o in ADAM_OPTIONS]
    + [("AdamW", o) for o in ADAM_OPTIONS]
    + [("SGD", {}), ("Adam", {}), ("AdamW", {})]
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)])
def test_ten_steps(name: str, options: dict[str, Any], dtype: str) -> None:
    a, b = start(dtype)
    ours, theirs = getattr(rl.optim, name)(a, **options), getattr(torch.optim, name)(b, **options)
    steps(ours, theirs, list(zip(a, b, strict=True)), 10)
    same(a, b, dtype)


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {}), ("AdamW", {})]
)
@pytest.mark.parametrize("skip", [0, 4])
def test_a_parameter_without_gradient_is_left_alone(name: str, options: dict[str, Any], skip: int) -> None:
    a, b = start("float64")
    ours, theirs = getattr(rl.optim, name)(a, **options), getattr(torch.optim, name)(b, **options)
    steps(ours, theirs, list(zip(a, b, strict=True)), 10, skip=skip)
    same(a, b, "float64")


@pytest.mark.parametrize(
    ("name", "options", "special"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9}, {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.01}, {"lr": 0.1, "betas": (0.5, 0.9)}),
        ("AdamW", {"lr": 0.01}, {"weight_decay": 0.0, "amsgrad": True}),
    ],
)
def test_groups_and_changed_learning_rates(
    name: str, options: dict[str, Any], special: dict[str, Any]
) -> None:
    a, b = start("float32")
    ours = getattr(rl.optim, name)([{"params": a[:2]}, {"params": a[2:], **special}], **options)
    theirs = getattr(torch.optim, name)([{"params": b[:2]}, {"params": b[2:], **special}], **options)
    pairs = list(zip(a, b, strict=True))
    steps(ours, theirs, pairs, 5)
    for optimizer in (ours, theirs):
        optimizer.param_groups[0]["lr"] = 0.05
        optimizer.param_groups[1]["lr"] *= 0.5
    steps(ours, theirs, pairs, 5, seed=2)
    same(a, b, "float32")


@pytest.mark.parametrize(
    ("name", "options"),
    [("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {"lr": 0.01})],
)
def test_a_state_of_pytorch_goes_on_here(name: str, options: dict[str, Any]) -> None:
    a, b = start("float64")
    theirs = getattr(torch.optim, name)(b, **options)
    for q in b:
        q.grad = torch.ones_like(q)
    theirs.step()
    theirs.step()
    with rl.no_grad():
        for p, q in zip(a, b, strict=True):
            p.copy_(rl.tensor(q.detach().numpy()))
    saved = theirs.state_dict()
    saved["state"] = {
        i: {k: rl.tensor(v.numpy()) if isinstance(v, torch.Tensor) else v for k, v in s.items()}
        for i, s in saved["state"].items()
    }
    ours = getattr(rl.optim, name)(a)
    ours.load_state_dict(saved)
    steps(ours, theirs, list(zip(a, b, strict=True)), 5)
    same(a, b, "float64")


def test_the_layout_of_state_dicts_agrees() -> None:
    for name, options in [("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {})]:
        a, b = start("float32")
        ours, theirs = getattr(rl.optim, name)(a, **options), getattr(torch.optim, name)(b, **options)
        steps(ours, theirs, list(zip(a, b, strict=True)), 2)
        mine, other = ours.state_dict(), theirs.state_dict()
        assert mine.keys() == other.keys()
        assert mine["param_groups"][0]["params"] == other["param_groups"][0]["params"]
        assert mine["param_groups"][0].keys() <= other["param_groups"][0].keys()
        assert {i: set(s) for i, s in mine["state"].items()} == {i: set(s) for i, s in other["state"].items()}


SCHEDULES = [
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 1, "gamma": 0.5}),
    ("CosineAnnealingLR", {"T_max": 7}),
    ("CosineAnnealingLR", {"T_max": 20, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (1 + epoch), lambda epoch: math.cos(epoch)]}),
]


def scheduled(framework: Any, name: str, options: dict[str, Any], zeros: Any) -> tuple[Any, Any]:
    groups = [
        {"params": [framework.nn.Parameter(zeros(2))]},
        {"params": [framework.nn.Parameter(zeros(3))], "lr": 0.3},
    ]
    optimizer = framework.optim.SGD(groups, lr=0.1)
    return optimizer, getattr(framework.optim.lr_scheduler, name)(optimizer, **options)


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules_over_twenty_epochs(name: str, options: dict[str, Any]) -> None:
    ours, a = scheduled(rl, name, options, rl.zeros)
    theirs, b = scheduled(torch, name, options, torch.zeros)
    for epoch in range(20):
        got = [g["lr"] for g in ours.param_groups]
        np.testing.assert_allclose(got, [g["lr"] for g in theirs.param_groups], rtol=1e-12, atol=1e-15)
        assert a.get_last_lr() == got
        assert a.last_epoch == b.last_epoch == epoch
        ours.step()
        theirs.step()
        a.step()
        b.step()


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


def test_the_same_loss_curve_from_the_same_weights() -> None:
    """R2's comparison on a small net: 200 steps of momentum in float64."""
    rng = np.random.default_rng(0)
    ours = rl.nn.Sequential(rl.nn.Linear(2, 25), rl.nn.Tanh(), rl.nn.Linear(25, 1)).double()
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 25), torch.nn.Tanh(), torch.nn.Linear(25, 1)).double()
    with rl.no_grad():
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            p.copy_(rl.tensor(q.detach().numpy()))
    a = rl.optim.SGD(ours.parameters(), lr=0.05, momentum=0.9)
    b = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    for _ in range(200):
        x = rng.standard_normal((20, 2))
        y = (x**2).sum(1, keepdims=True)
        a.zero_grad()
        b.zero_grad()
        first = rl.nn.functional.mse_loss(ours(rl.tensor(x)), rl.tensor(y))
        second = torch.nn.functional.mse_loss(theirs(torch.tensor(x)), torch.tensor(y))
        first.backward()
        second.backward()
        a.step()
        b.step()
        assert first.item() == pytest.approx(second.item(), rel=1e-9)
