"""SGD, Adam and AdamW against their formulas by hand; groups, options, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError


def parameter(*values: float, dtype: str = "float64") -> nn.Parameter:
    return nn.Parameter(rl.tensor(list(values), dtype=dtype))


def gradients(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).standard_normal((count, 3)))


def run(optimizer: optim.Optimizer, p: nn.Parameter, grads: list[np.ndarray]) -> np.ndarray:
    for g in grads:
        p.grad = rl.tensor(g, dtype=p.dtype)
        optimizer.step()
    return p.detach().numpy()


def test_sgd_is_one_gradient_step() -> None:
    p = parameter(1.0, 2.0, 3.0)
    (g,) = gradients(1)
    np.testing.assert_allclose(run(optim.SGD([p], lr=0.1), p, [g]), np.array([1, 2, 3]) - 0.1 * g, rtol=1e-14)


def test_momentum_is_the_reports_formula() -> None:
    """R4: gamma <- mu gamma + grad; P <- P - eps gamma."""
    p = parameter(1.0, 2.0, 3.0)
    x, gamma = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    grads = gradients(10)
    for g in grads:
        gamma = 0.9 * gamma + g
        x = x - 0.05 * gamma
    np.testing.assert_allclose(run(optim.SGD([p], lr=0.05, momentum=0.9), p, grads), x, rtol=1e-13)


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_by_hand(decoupled: bool) -> None:
    p = parameter(1.0, 2.0, 3.0)
    x, m, v = np.array([1.0, 2.0, 3.0]), np.zeros(3), np.zeros(3)
    grads = gradients(10)
    for t, grad in enumerate(grads, 1):
        g = grad if decoupled else grad + 0.1 * x
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        decay = 0.01 * 0.1 * x if decoupled else 0.0
        x = x - decay - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    kind = optim.AdamW if decoupled else optim.Adam
    np.testing.assert_allclose(run(kind([p], lr=0.01, weight_decay=0.1), p, grads), x, rtol=1e-11)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_float32_stays_float32_whatever_the_learning_rate(kind: type[optim.Optimizer]) -> None:
    p = parameter(1.0, 2.0, 3.0, dtype="float32")
    optimizer = kind([p], lr=np.float64(0.1))  # type: ignore[call-arg]
    run(optimizer, p, gradients(2))
    assert p.dtype == rl.float32
    assert all(v.dtype == rl.float32 for k, v in optimizer.state[p].items() if k != "step")


def test_maximize_goes_uphill() -> None:
    p = parameter(1.0)
    p.grad = rl.tensor([2.0], dtype="float64")
    optim.SGD([p], lr=0.5, maximize=True).step()
    assert p.tolist() == [2.0]


def test_groups_have_options_of_their_own() -> None:
    a, b = parameter(1.0), parameter(1.0)
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.5}], lr=0.1)
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5]
    for p in (a, b):
        p.grad = rl.tensor([1.0], dtype="float64")
    optimizer.step()
    assert [round(p.item(), 12) for p in (a, b)] == [0.9, 0.5]


def test_a_group_added_later_is_trained_too() -> None:
    a, b = parameter(1.0), parameter(1.0)
    optimizer = optim.SGD([a], lr=0.1, momentum=0.9)
    for p in (a, b):
        p.grad = rl.tensor([1.0], dtype="float64")
    optimizer.step()
    assert b.item() == 1.0
    optimizer.add_param_group({"params": [b], "lr": 1.0})
    optimizer.step()
    assert b.item() == 0.0


def test_the_learning_rate_is_one_tensor_for_ever() -> None:
    p = parameter(1.0)
    optimizer = optim.SGD([p], lr=0.1)
    group = optimizer.param_groups[0]
    lr = group.tensor("lr", rl.float64)
    for change in (
        lambda: group.__setitem__("lr", 0.2),
        lambda: group.update(lr=0.2),
        lambda: group.update({"lr": rl.tensor(0.2, dtype="float64")}),
        lambda: optimizer.load_state_dict(
            {"state": {}, "param_groups": [{**group, "lr": 0.2, "params": [0]}]}
        ),
    ):
        group["lr"] = 0.1
        change()
        assert group.tensor("lr", rl.float64) is lr
        assert lr.item() == group["lr"] == 0.2
    p.grad = rl.tensor([1.0], dtype="float64")
    optimizer.step()
    assert p.item() == pytest.approx(0.8)
    group |= {"lr": 0.4}
    assert lr.item() == 0.4
    assert group.setdefault("initial_lr", 3.0) == 3.0


def test_a_learning_rate_given_as_a_tensor() -> None:
    p = parameter(1.0)
    p.grad = rl.tensor([1.0], dtype="float64")
    optimizer = optim.SGD([p], lr=rl.tensor(0.5))  # type: ignore[arg-type]
    optimizer.step()
    assert p.item() == 0.5
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_closure_is_run_with_gradients_on_and_returned() -> None:
    p = parameter(1.0)
    optimizer = optim.SGD([p], lr=0.1)

    def closure() -> rl.Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with rl.no_grad():
        assert optimizer.step(closure).item() == 1.0
        assert not rl.is_grad_enabled()
    assert p.item() == pytest.approx(0.8)
    assert optimizer.step() is None


def test_zero_grad() -> None:
    p = parameter(1.0)
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = rl.tensor([3.0], dtype="float64")
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_a_failing_rule_leaves_gradients_on() -> None:
    class Broken(optim.Optimizer):
        def update(self, param, grad, state, group):  # type: ignore[no-untyped-def]
            raise RuntimeError("broken")

    p = parameter(1.0)
    p.grad = rl.tensor([1.0], dtype="float64")
    with pytest.raises(RuntimeError, match="broken"):
        Broken([p], {}).step()
    assert rl.is_grad_enabled()


def test_a_rule_in_pytorchs_style() -> None:
    class Plain(optim.Optimizer):
        def __init__(self, params, lr: float) -> None:  # type: ignore[no-untyped-def]
            super().__init__(params, {"lr": lr})

        @rl.no_grad()
        def step(self, closure=None):  # type: ignore[no-untyped-def]
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["step"] = self.state[p].get("step", 0) + 1
                    p.add_(p.grad, alpha=-group["lr"])

    p = parameter(1.0)
    p.grad = rl.tensor([1.0], dtype="float64")
    optimizer = Plain([p], 0.25)
    optimizer.step()
    assert p.item() == 0.75
    assert optimizer.state[p]["step"] == 1


def test_a_step_after_forward_is_seen_by_backward() -> None:
    layers = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    optimizer = optim.SGD(layers.parameters(), lr=0.1)
    loss = layers(rl.ones(4, 2)).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(rl.errors.GradError, match="overwritten"):
        loss.backward()


def test_what_optimisers_refuse() -> None:
    p = parameter(1.0)
    for kind, options, text in [
        (optim.SGD, {"lr": -1.0}, "lr=-1.0"),
        (optim.SGD, {"lr": math.nan}, "lr=nan"),
        (optim.SGD, {"momentum": -0.1}, "momentum"),
        (optim.SGD, {"weight_decay": -0.1}, "weight_decay"),
        (optim.SGD, {"nesterov": True}, "momentum above 0"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening 0"),
        (optim.Adam, {"betas": (0.9, 1.0)}, "betas"),
        (optim.Adam, {"eps": -1e-8}, "eps"),
        (optim.AdamW, {"lr": "fast"}, "lr='fast'"),
        (optim.RMSprop, {"alpha": -1.0}, "alpha"),
        (optim.NAdam, {"betas": (0.9, 1.0)}, "betas"),
        (optim.Rprop, {"etas": (1.5, 0.5)}, "etas"),
        (optim.Adafactor, {"beta2_decay": 0.5}, "beta2_decay"),
        (optim.Muon, {"adjust_lr_fn": "x"}, "match_rms_adamw"),
        (optim.LBFGS, {"line_search_fn": "x"}, "strong_wolfe"),
    ]:
        with pytest.raises(ArgumentError, match=text):
            kind([p], **options)
    with pytest.raises(ShapeError, match="AdamW"):
        optim.Muon([rl.ones(3, requires_grad=True)])
    with pytest.raises(NotSupportedError, match="closure"):
        optim.LBFGS([p]).step()
    with pytest.raises(ArgumentError, match="no parameters"):
        optim.SGD(nn.ReLU().parameters(), lr=0.1)
    with pytest.raises(DTypeError, match=r"parameters\(\)"):
        optim.SGD(p, lr=0.1)
    with pytest.raises(DTypeError, match="tuple"):
        optim.SGD(nn.Linear(2, 2).named_parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match="twice"):
        optim.SGD([p, p], lr=0.1)
    with pytest.raises(ArgumentError, match="twice"):
        optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1)
    with pytest.raises(ArgumentError, match="leaf"):
        optim.SGD([p * 2], lr=0.1)
    with pytest.raises(ArgumentError, match="'params'"):
        optim.SGD([{"lr": 0.1}], lr=0.1)
    p.grad = rl.tensor([1.0], dtype="float64")
    with pytest.raises(NotImplementedError, match="update"):
        optim.Optimizer([p], {}).step()


def test_representation_shows_every_option() -> None:
    text = repr(optim.SGD([parameter(1.0)], lr=0.1))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0.0\n    lr: 0.1\n")
