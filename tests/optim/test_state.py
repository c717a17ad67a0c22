"""State that is saved and loaded goes on to the last bit; what doesn't fit is refused whole."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.errors import CheckpointError, NotSupportedError

Make = Callable[[Any], optim.Optimizer]

OPTIMIZERS: dict[str, Make] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "dampening": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
}


def model() -> nn.Module:
    rl.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 80), nn.Linear(80, 60), nn.Linear(60, 2))


def train(net: nn.Module, optimizer: optim.Optimizer, first: int, last: int) -> None:
    for step in range(first, last):
        generator = np.random.default_rng(step)
        optimizer.zero_grad()
        x = rl.tensor(generator.standard_normal((6, 3), np.float32))
        (net(x) ** 2).mean().backward()
        optimizer.step()


def bits(net: nn.Module) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in net.parameters()]


OTHERS = ("LBFGS", "Muon", "SparseAdam")
"""Those that take closures, matrices or sparse gradients."""
RULES: dict[str, Make] = {
    name: kind
    for name, kind in ((n, getattr(optim, n)) for n in optim.__all__ if n not in OTHERS)
    if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
}


@pytest.mark.parametrize("name", [*OPTIMIZERS, *sorted(RULES.keys() - OPTIMIZERS.keys())])
def test_going_on_from_a_saved_state(name: str) -> None:
    make = {**RULES, **OPTIMIZERS}[name]
    whole = model()
    train(whole, make(whole.parameters()), 0, 6)

    net = model()
    optimizer = make(net.parameters())
    train(net, optimizer, 0, 3)
    saved = pickle.loads(pickle.dumps((net.state_dict(), optimizer.state_dict())))
    other = model()
    other.load_state_dict(saved[0])
    fresh = make(other.parameters())
    fresh.param_groups[0]["lr"] = 99.0
    fresh.load_state_dict(saved[1])
    train(other, fresh, 3, 6)
    assert bits(other) == bits(whole)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updating_small_parameters_together_changes_no_bit(name: str) -> None:
    make = OPTIMIZERS[name]
    together, apart = model(), model()
    train(together, make(together.parameters()), 0, 5)
    optimizer = make(apart.parameters())
    type(optimizer).elementwise, before = False, type(optimizer).elementwise
    try:
        train(apart, optimizer, 0, 5)
    finally:
        type(optimizer).elementwise = before
    assert bits(together) == bits(apart)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_parameter_that_misses_a_step(name: str) -> None:
    """The pack is given up, and everyone goes on with the state that it has."""
    results = []
    for elementwise in (True, False):
        net = model()
        optimizer = OPTIMIZERS[name](net.parameters())
        before = type(optimizer).elementwise
        type(optimizer).elementwise = elementwise
        try:
            train(net, optimizer, 0, 2)
            optimizer.zero_grad()
            (net[0](rl.ones(2, 3)) ** 2).mean().backward()
            optimizer.step()
            train(net, optimizer, 2, 4)
        finally:
            type(optimizer).elementwise = before
        results.append(bits(net))
    assert results[0] == results[1]


def test_state_replaced_by_hand_is_used() -> None:
    for replace in (
        lambda o, p: o.state[p].__setitem__("momentum_buffer", rl.zeros(p.shape)),
        lambda o, p: o.state.__setitem__(p, {"momentum_buffer": rl.zeros(p.shape)}),
        lambda o, p: o.state[p].update(momentum_buffer=rl.zeros(p.shape)),
        lambda o, p: o.state[p]["momentum_buffer"].zero_(),
        lambda o, p: o.state[p].clear(),
        lambda o, p: o.state[p].pop("momentum_buffer"),
        lambda o, p: o.state.pop(p),
    ):
        params = [nn.Parameter(rl.zeros(2)) for _ in range(3)]
        optimizer = optim.SGD(params, lr=1.0, momentum=0.5)
        for _ in range(2):
            for p in params:
                p.grad = rl.ones(2)
            optimizer.step()
        assert params[0].tolist() == [-2.5, -2.5]
        replace(optimizer, params[0])
        optimizer.step()
        assert params[0].tolist() == [-3.5, -3.5]
        assert params[1].tolist() == [-4.25, -4.25]


def test_frozen_parameters_and_changed_dtypes() -> None:
    net = model()
    net[0].requires_grad_(False)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    before = bits(net)
    train(net, optimizer, 0, 2)
    assert bits(net)[:2] == before[:2]
    assert all(a != b for a, b in zip(bits(net)[2:], before[2:], strict=True))

    net = model()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    train(net, optimizer, 0, 1)
    net.double()
    reference = copy.deepcopy(net)
    for other in (net, reference):
        other.zero_grad()
        (other(rl.ones(2, 3, dtype=rl.float64)) ** 2).mean().backward()
    optimizer.step()
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy() - 0.1 * q.grad.numpy(), rtol=1e-7)


def test_earlier_views_of_a_parameter_stay_views() -> None:
    net = model()
    view = net[0].weight.detach()
    train(net, optim.SGD(net.parameters(), lr=0.1), 0, 2)
    assert np.array_equal(view.numpy(), net[0].weight.detach().numpy())


@pytest.mark.parametrize("name", ["momentum", "Adam"])
def test_a_deep_copy_of_model_and_optimiser_goes_its_own_way(name: str) -> None:
    whole = model()
    train(whole, OPTIMIZERS[name](whole.parameters()), 0, 5)
    net = model()
    optimizer = OPTIMIZERS[name](net.parameters())
    train(net, optimizer, 0, 2)
    net2, optimizer2 = copy.deepcopy((net, optimizer))
    train(net2, optimizer2, 2, 5)
    assert bits(net2) == bits(whole)
    train(net, optimizer, 2, 5)
    assert bits(net) == bits(whole)


def test_the_layout_is_pytorchs() -> None:
    net = model()
    optimizer = optim.Adam([{"params": net[0].parameters()}, {"params": net[2].parameters()}], lr=0.01)
    assert optimizer.state_dict()["state"] == {}
    (net[2](net[0](rl.ones(1, 3)))).sum().backward()
    optimizer.step()
    saved = optimizer.state_dict()
    assert [g["params"] for g in saved["param_groups"]] == [[0, 1], [2, 3]]
    assert sorted(saved["state"]) == [0, 1, 2, 3]
    assert set(saved["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert saved["state"][3]["exp_avg"].shape == (80,)
    assert saved["state"][0]["step"].item() == 1.0


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    net = model()
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    train(net, optimizer, 0, 2)
    good = optimizer.state_dict()

    def changed(**edits: Any) -> dict[str, Any]:
        state = {i: dict(s) for i, s in good["state"].items()}
        groups = [dict(g) for g in good["param_groups"]]
        if "shape" in edits:
            state[1]["exp_avg"] = rl.zeros(7)
            state[2]["exp_avg_sq"] = rl.zeros(7)
        if "missing" in edits:
            del state[0]["exp_avg"]
        if "stranger" in edits:
            state[99] = state[0]
        if "option" in edits:
            groups[0]["lr"] = -1.0
        if "fewer" in edits:
            groups[0]["params"] = [0, 1]
        return {"state": state, "param_groups": groups * (2 if "groups" in edits else 1)}

    for edits, texts in [
        ({"shape": 1}, ["exp_avg of parameter 1", r"\(7,\)", "exp_avg_sq of parameter 2"]),
        ({"missing": 1}, ["exp_avg of parameter 0 is missing"]),
        ({"stranger": 1, "option": 1}, ["parameter 99", "lr=-1.0"]),
        ({"fewer": 1}, ["2 parameters instead of 8"]),
        ({"groups": 1}, ["2 parameter groups instead of 1"]),
    ]:
        before = [v.tolist() for s in optimizer.state_dict()["state"].values() for v in s.values()]
        for text in texts:
            with pytest.raises(CheckpointError, match=text):
                optimizer.load_state_dict(changed(**edits))
        assert [v.tolist() for s in optimizer.state_dict()["state"].values() for v in s.values()] == before
        assert optimizer.param_groups[0]["lr"] == 0.01
    with pytest.raises(CheckpointError, match="'state' is missing; the key 'param_groups'"):
        optimizer.load_state_dict({})
    optimizer.load_state_dict(good)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_made_while_tracing_is_plain_and_becomes_an_input(name: str) -> None:
    """The first step of all is then a program like every later one."""
    trace, interpret = trace_and_interpret()
    net, twin = model(), model()
    optimizer, other = OPTIMIZERS[name](net.parameters()), OPTIMIZERS[name](twin.parameters())
    x = rl.rand(6, 3)

    def step(net: nn.Module, optimizer: optim.Optimizer) -> rl.Tensor:
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    if name == "dampening":  # its first step makes the buffer of the gradient, so it has to be run
        step(net, optimizer)
        step(twin, other)
    traced = trace(lambda: step(net, optimizer), [])
    graph, lifted = traced.graph, traced.lifted
    assert all(isinstance(v.array, np.ndarray) for s in optimizer.state.values() for v in s.values())
    _, updates = interpret(graph, [t.array for t in lifted])
    step(twin, other)
    found = {id(target): new for (target, _), new in zip(graph.updates, updates, strict=True)}
    index = {id(t): v for t, v in zip(lifted, graph.inputs, strict=True)}
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(found[id(index[id(p)])], q.detach().numpy(), rtol=1e-5, atol=1e-7)


def trace_and_interpret() -> tuple[Any, Any]:
    from rushlight.compile.capture.trace import trace
    from rushlight.compile.interpret import interpret

    return trace, interpret


def test_momentum_starts_as_zeros_and_its_first_step_takes_the_gradient() -> None:
    p = nn.Parameter(rl.tensor([1.0, 2.0]))
    p.grad = rl.tensor([0.3, -7e-30])
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    optimizer.step()
    assert optimizer.state[p]["momentum_buffer"].tolist() == p.grad.tolist()
    optimizer.param_groups[0]["momentum"] = 0.0
    optimizer.step()


def test_momentum_switched_on_later() -> None:
    p = nn.Parameter(rl.tensor([1.0]))
    p.grad = rl.tensor([1.0])
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert p.item() == 1.0 - 0.5 * (1.0 + 1.0 + 1.5)


def test_an_optimiser_without_a_rule_says_so() -> None:
    p = nn.Parameter(rl.ones(1))
    p.grad = rl.ones(1)
    with pytest.raises(NotSupportedError, match="update"):
        optim.Optimizer([p], {}).step()


def test_a_resumed_lbfgs_goes_on_with_what_it_learned() -> None:
    def make() -> tuple[Any, Any, Any]:
        p = rl.nn.Parameter(rl.tensor([-1.5, 2.0], dtype=rl.float64))
        optimizer = rl.optim.LBFGS([p], max_iter=3, history_size=2, line_search_fn="strong_wolfe")

        def closure() -> rl.Tensor:
            optimizer.zero_grad()
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            loss.backward()
            return loss

        return p, optimizer, closure

    p, optimizer, closure = make()
    optimizer.step(closure)
    q, other, again = make()
    q.data.copy_(p.data)
    other.load_state_dict(optimizer.state_dict())
    for _ in range(3):
        assert optimizer.step(closure).item() == other.step(again).item()
    assert p.tolist() == q.tolist()
