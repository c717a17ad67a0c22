"""Compiled training steps with every rule and every option: from the first step on they are eager's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import compile
from tests.compile.steps import entries

F = nn.functional
pytest.importorskip("llvmlite")

SGD, ADAM = rl.optim.SGD, rl.optim.Adam
RULES: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
    "dampening": (SGD, {"momentum": 0.9, "dampening": 0.5}),
    "dampening without momentum": (SGD, {"dampening": 0.5}),
    "decay": (SGD, {"weight_decay": 0.1}),
    "all of SGD": (SGD, {"momentum": 0.8, "dampening": 0.2, "weight_decay": 0.1, "maximize": True}),
    "adam": (ADAM, {}),
    "amsgrad": (ADAM, {"amsgrad": True, "weight_decay": 0.1}),
    "all of Adam": (ADAM, {"amsgrad": True, "betas": (0.5, 0.9), "eps": 1e-4, "maximize": True}),
    "adamw": (rl.optim.AdamW, {"weight_decay": 0.1}),
    "rmsprop": (rl.optim.RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    "adagrad": (rl.optim.Adagrad, {"lr_decay": 0.1}),
    "adadelta": (rl.optim.Adadelta, {"weight_decay": 0.1}),
    "adamax": (rl.optim.Adamax, {}),
    "nadam": (rl.optim.NAdam, {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": (rl.optim.RAdam, {"betas": (0.5, 0.9)}),
    "rprop": (rl.optim.Rprop, {}),
    "asgd": (rl.optim.ASGD, {"t0": 3.0}),
    "adafactor": (rl.optim.Adafactor, {"weight_decay": 0.1}),
    "lion": (rl.optim.Lion, {"weight_decay": 0.1}),
}
CHANGES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "lr": ("all of SGD", [{"lr": 0.1}, {"lr": 0.01}, {"lr": 0.0}]),
    "momentum": ("all of SGD", [{"momentum": 0.5}, {"momentum": 0.0}, {"momentum": 0.9}]),
    "momentum from none": ("plain", [{"momentum": 0.5}, {"momentum": 0.9}, {"nesterov": True}]),
    "dampening": ("momentum", [{"dampening": 0.5}, {"dampening": 0.25}, {"dampening": 0.0}]),
    "decay": ("plain", [{"weight_decay": 0.5}, {"weight_decay": 0.1}, {"weight_decay": 0.0}]),
    "maximize": ("all of SGD", [{"maximize": False}, {"maximize": True}]),
    "betas": ("adam", [{"betas": (0.5, 0.9)}, {"betas": (0.0, 0.99)}]),
    "eps": ("all of Adam", [{"eps": 1e-2}, {"eps": 1.0}]),
    "decay of Adam": ("amsgrad", [{"weight_decay": 0.5}, {"weight_decay": 0.0}]),
    "decay of AdamW": ("adamw", [{"weight_decay": 0.5}, {"weight_decay": 0.0}]),
}


def make(name: str) -> tuple[Any, Any, Callable[..., Any]]:
    """(model, optimiser, step): two layers in groups of their own, one with another rate."""
    rule, options = RULES[name]
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 17), nn.Tanh(), nn.Linear(17, 2))
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.02}]
    optimizer = rule(groups, lr=0.05, **options)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def batches(count: int) -> tuple[rl.Tensor, rl.Tensor]:
    rl.manual_seed(1)
    return rl.rand(count, 5, 3), rl.rand(count, 5, 2)


def assert_same(a: tuple[Any, Any], b: tuple[Any, Any]) -> None:
    """The parameters and the optimisers' states of two (model, optimiser) are equal up to rounding."""
    for p, q in zip(a[0].parameters(), b[0].parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-6)
    found, expected = a[1].state_dict()["state"], b[1].state_dict()["state"]
    assert found.keys() == expected.keys()
    for number, state in expected.items():
        assert found[number].keys() == state.keys()
        for key, value in state.items():
            np.testing.assert_allclose(found[number][key].numpy(), value.numpy(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_from_the_first_step_on(name: str) -> None:
    model, optimizer, step = make(name)
    twin, other, plain = make(name)
    compiled = compile(step)
    x, y = batches(10)
    for i in range(10):
        np.testing.assert_allclose(compiled(x[i], y[i]).item(), plain(x[i], y[i]).item(), rtol=1e-4)
    assert_same((model, optimizer), (twin, other))
    assert sum(map(len, compiled._entries.values())) == 1


@pytest.mark.parametrize("name", ["adam", "amsgrad", "adamw", "adamax", "nadam", "radam", "lion"])
def test_betas_that_a_schedule_moves_are_read_afresh_from_the_first_change_on(name: str) -> None:
    (model, optimizer, step), (twin, other, plain) = make(name), make(name)
    schedules = [rl.optim.lr_scheduler.OneCycleLR(o, max_lr=0.01, total_steps=16) for o in (optimizer, other)]
    compiled = compile(step)
    x, y = batches(3)
    for i in range(12):
        compiled(x[i % 3], y[i % 3])
        plain(x[i % 3], y[i % 3])
        for schedule in schedules:
            schedule.step()
    assert_same((model, optimizer), (twin, other))
    assert sum(map(len, compiled._entries.values())) <= 3


@pytest.mark.parametrize("multi", [None, rl.optim.swa_utils.get_ema_multi_avg_fn(0.5)])
def test_averaged_models_inside_a_step(multi: Any) -> None:
    (model, _, step), (twin, _, plain) = make("plain"), make("plain")
    means = [rl.optim.swa_utils.AveragedModel(net, multi_avg_fn=multi) for net in (model, twin)]

    def averaged(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        loss = step(x, y)
        means[0].update_parameters(model)
        return loss

    compiled = compile(averaged)
    x, y = batches(4)
    for i in range(4):
        compiled(x[i], y[i])
        plain(x[i], y[i])
        means[1].update_parameters(twin)
    assert sum(map(len, compiled._entries.values())) == 1
    for ours, expected in zip(means[0].state_dict().values(), means[1].state_dict().values(), strict=True):
        np.testing.assert_allclose(ours.numpy(), expected.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", RULES)
def test_scans_from_the_first_step_on(name: str) -> None:
    model, optimizer, step = make(name)
    twin, other, plain = make(name)
    x, y = batches(10)
    losses = compile(step).scan(x, y)
    expected = [plain(x[i], y[i]).item() for i in range(10)]
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-4)
    assert_same((model, optimizer), (twin, other))


@pytest.mark.parametrize("name", RULES)
def test_eager_and_compiled_steps_in_turn(name: str) -> None:
    model, optimizer, step = make(name)
    twin, other, plain = make(name)
    compiled = compile(step)
    x, y = batches(6)
    for i in range(6):
        (compiled if i % 2 else step)(x[i], y[i])
        plain(x[i], y[i])
    assert_same((model, optimizer), (twin, other))


MOVES: dict[str, dict[str, Callable[[float], Any]]] = {
    "adam": {"betas": lambda t: (0.9 - t, 0.99 - t), "eps": lambda t: 1e-6 * (1 + t)},
    "adamax": {"betas": lambda t: (0.9 - t, 0.99 - t), "eps": lambda t: 1e-6 * (1 + t)},
    "nadam": {"betas": lambda t: (0.9 - t, 0.99 - t), "momentum_decay": lambda t: 0.01 * t},
    "radam": {"betas": lambda t: (0.5 + t, 0.9 - t), "eps": lambda t: 1e-6 * (1 + t)},
    "lion": {"betas": lambda t: (0.9 - t, 0.99 - t)},
    "rmsprop": {"alpha": lambda t: 0.99 - t, "eps": lambda t: 1e-6 * (1 + t)},
    "adagrad": {"lr_decay": lambda t: 0.1 + t, "eps": lambda t: 1e-6 * (1 + t)},
    "adadelta": {"rho": lambda t: 0.9 - t, "eps": lambda t: 1e-6 * (1 + t)},
    "rprop": {"etas": lambda t: (0.5 - t, 1.2 + t), "step_sizes": lambda t: (1e-6, 1.0 + t)},
    "asgd": {"alpha": lambda t: 0.75 - t, "lambd": lambda t: 1e-3 + t, "t0": lambda t: 3.0 + t},
}


@pytest.mark.parametrize("name", MOVES)
def test_numbers_that_move_at_every_step_are_inputs_from_the_first_change_on(name: str) -> None:
    (model, optimizer, step), (twin, other, plain) = make(name), make(name)
    compiled = compile(step)
    x, y = batches(3)
    for i in range(6):
        for group in (*optimizer.param_groups, *other.param_groups):
            group.update({option: at(0.02 * i) for option, at in MOVES[name].items()})
        np.testing.assert_allclose(
            compiled(x[i % 3], y[i % 3]).item(), plain(x[i % 3], y[i % 3]).item(), 1e-4
        )
    assert_same((model, optimizer), (twin, other))
    assert sum(map(len, compiled._entries.values())) <= 2


@pytest.mark.parametrize("name", CHANGES)
def test_options_that_change_between_calls(name: str) -> None:
    rule, changes = CHANGES[name]
    model, optimizer, step = make(rule)
    twin, other, plain = make(rule)
    compiled = compile(step)
    x, y = batches(3)
    for change in [{}, *changes, changes[0]]:
        for o in (optimizer, other):
            o.param_groups[0].update(change)
        for i in range(3):
            np.testing.assert_allclose(compiled(x[i], y[i]).item(), plain(x[i], y[i]).item(), rtol=1e-4)
    assert_same((model, optimizer), (twin, other))


LIFTED = {"all of SGD": ("lr", "momentum", "dampening", "weight_decay"), "adamw": ("lr", "weight_decay")}
"""Numbers that a program reads afresh from the first; whether a number is 0 freezes into it."""


@pytest.mark.parametrize("name", LIFTED)
def test_numbers_that_are_read_afresh_need_no_new_trace(name: str) -> None:
    _, optimizer, step = make(name)
    compiled = compile(step)
    x, y = batches(1)
    for value in (0.1, 0.2, 0.3):
        optimizer.param_groups[0].update(dict.fromkeys(LIFTED[name], value))
        compiled(x[0], y[0])
    assert sum(map(len, compiled._entries.values())) == 1


@pytest.mark.parametrize("name", RULES)
def test_a_loaded_state_is_used(name: str) -> None:
    model, optimizer, step = make(name)
    twin, other, plain = make(name)
    compiled = compile(step)
    x, y = batches(8)
    for i in range(8):
        if i == 3:
            fresh, begun, _ = make(name)
            model.load_state_dict(fresh.state_dict())
            optimizer.load_state_dict(begun.state_dict())
            twin.load_state_dict(fresh.state_dict())
            other.load_state_dict(begun.state_dict())
        compiled(x[i], y[i])
        plain(x[i], y[i])
    assert_same((model, optimizer), (twin, other))


def _pop_parameter(model: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["params"].pop()


def _other_parameters(model: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["params"] = [model[0].bias]


def _zero(model: Any, optimizer: Any) -> None:
    for p in model.parameters():
        optimizer.state[p]["momentum_buffer"].zero_()


def _replace(model: Any, optimizer: Any) -> None:
    for p in model.parameters():
        optimizer.state[p]["momentum_buffer"] = rl.ones(p.shape)


def _replace_one_dict(model: Any, optimizer: Any) -> None:
    optimizer.state[model[0].weight] = {"momentum_buffer": rl.ones(model[0].weight.shape)}


def _forget_one(model: Any, optimizer: Any) -> None:
    del optimizer.state[model[2].bias]


def _new_state(model: Any, optimizer: Any) -> None:
    optimizer.state = type(optimizer.state)()


MEDDLING = {
    "cleared": lambda model, optimizer: optimizer.state.clear(),
    "forgotten": _forget_one,
    "replaced": _replace,
    "replaced whole": _replace_one_dict,
    "zeroed": _zero,
    "new": _new_state,
    "a parameter less": _pop_parameter,
    "other parameters": _other_parameters,
}


@pytest.mark.parametrize("name", MEDDLING)
def test_a_state_that_somebody_changed_is_used(name: str) -> None:
    model, optimizer, step = make("momentum")
    twin, other, plain = make("momentum")
    compiled = compile(step)
    x, y = batches(6)
    for i in range(6):
        if i == 3:
            MEDDLING[name](model, optimizer)
            MEDDLING[name](twin, other)
        compiled(x[i], y[i])
        plain(x[i], y[i])
    assert_same((model, optimizer), (twin, other))


def test_pytorchs_state_has_no_count() -> None:
    """With dampening a state that somebody else saved is not at its first step."""
    model, optimizer, step = make("dampening")
    x, y = batches(2)
    step(x[0], y[0])
    saved = optimizer.state_dict()
    saved["state"] = {k: {"momentum_buffer": s["momentum_buffer"]} for k, s in saved["state"].items()}
    twin, other, plain = make("dampening")
    twin.load_state_dict(model.state_dict())
    other.load_state_dict(saved)
    compile(plain)(x[1], y[1])
    step(x[1], y[1])
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_the_closure_of_lbfgs_stays_one_program() -> None:
    p = nn.Parameter(rl.tensor([-1.5, 2.0], dtype=rl.float64))
    optimizer = rl.optim.LBFGS([p], line_search_fn="strong_wolfe")

    def closure() -> rl.Tensor:
        optimizer.zero_grad()
        loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        loss.backward()
        return loss

    compiled = compile(closure)
    for _ in range(3):
        optimizer.step(compiled)
    np.testing.assert_allclose(p.tolist(), [1.0, 1.0], atol=1e-3)
    assert sum(map(len, compiled._entries.values())) <= 2


S = rl.optim.lr_scheduler
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: S.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda o: S.MultiStepLR(o, [2, 5], 0.5),
    "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 10),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, 4),
    "LinearLR": lambda o: S.LinearLR(o, 0.1, 1.0, 5),
    "LambdaLR": lambda o: S.LambdaLR(o, lambda epoch: 0.9**epoch),
    "PolynomialLR": lambda o: S.PolynomialLR(o, 10),
    "CyclicLR": lambda o: S.CyclicLR(o, 0.01, 0.1, 3, cycle_momentum=False),
    "OneCycleLR": lambda o: S.OneCycleLR(o, 0.1, total_steps=20, cycle_momentum=False),
    "SequentialLR": lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1.0, 3), S.CosineAnnealingLR(o, 8)], [3]),
    "ChainedScheduler": lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.5, 3), S.ExponentialLR(o, 0.9)]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_inside_of_the_step_is_compiled(name: str) -> None:
    rates, weights = [], []
    for compiles in (False, True):
        rl.manual_seed(0)
        net = nn.Linear(3, 1)
        optimizer = rl.optim.AdamW(net.parameters(), lr=0.1)
        schedule = SCHEDULES[name](optimizer)

        def step(x: Any) -> Any:
            optimizer.zero_grad()  # noqa: B023
            loss = net(x).square().mean()  # noqa: B023
            loss.backward()
            optimizer.step()  # noqa: B023
            schedule.step()  # noqa: B023
            return loss

        run = compile(step) if compiles else step
        rl.manual_seed(1)
        seen = []
        for _ in range(12):
            run(rl.rand(5, 3))
            seen.append((optimizer.param_groups[0]["lr"], schedule.get_last_lr(), schedule.last_epoch))
        rates.append(seen)
        weights.append(net.weight)
        if compiles:
            assert 0 < entries(run) < 6
    assert rates[0] == rates[1]
    rl.testing.assert_close(weights[0], weights[1])


@pytest.mark.parametrize("groups", [1, 2])
def test_a_learning_rate_that_the_step_computes(groups: int) -> None:
    """As one writes a warm-up and a decay by hand."""
    found = []
    for compiles in (False, True):
        rl.manual_seed(0)
        net = nn.Linear(3, 1)
        parts = [{"params": [p]} for p in net.parameters()] if groups == 2 else net.parameters()
        optimizer = rl.optim.Adam(parts, lr=0.1)

        def step(x: Any, number: int) -> Any:
            rate = 0.1 * (number + 1) / 3 if number < 3 else 0.1 * 0.9 ** (number - 3)
            for group in optimizer.param_groups:  # noqa: B023
                group["lr"] = rate
            optimizer.zero_grad()  # noqa: B023
            loss = net(x).square().mean()  # noqa: B023
            loss.backward()
            optimizer.step()  # noqa: B023
            return loss

        run = compile(step) if compiles else step
        rl.manual_seed(1)
        losses = [run(rl.rand(5, 3), k).item() for k in range(10)]
        found.append((losses, [g["lr"] for g in optimizer.param_groups]))
        if compiles:
            assert 0 < entries(run) < 5
    assert found[0][1] == found[1][1]
    rl.testing.assert_close(rl.tensor(found[0][0]), rl.tensor(found[1][0]))
