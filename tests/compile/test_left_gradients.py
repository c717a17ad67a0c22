"""Gradients that a compiled function uses up, or leaves behind."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.trace import TraceError
from rushlight.compile.function import compile
from tests.compile.steps import assert_same, batch, entries, make, weights

F = nn.functional
pytest.importorskip("llvmlite")


def test_gradients_after_a_step_are_none() -> None:
    model, _, step = make()
    compile(step)(*batch())
    assert all(p.grad is None for p in model.parameters())


def test_gradients_that_are_left_behind_are_handed_over() -> None:
    model, optimizer, _ = make()
    twin, other, _ = make()

    def backward(net: Any, x: Any, y: Any) -> Any:
        loss = F.mse_loss(net(x), y)
        loss.backward()
        return loss

    compiled = compile(lambda x, y: backward(model, x, y))
    for i in range(6):
        compiled(*batch())
        backward(twin, *batch())
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-4, atol=1e-6)
        if i % 3 == 2:
            optimizer.step(), other.step()
            optimizer.zero_grad(), other.zero_grad()
    assert entries(compiled) == 2  # with gradients to add to, and without


def test_two_backward_passes_of_one_step_add_up() -> None:
    """Also where the first gradient of a parameter, here of a bias, comes as a view of another tensor."""
    x = rl.randn(3, 1, 6, 6)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 3))

    def step(x: Any) -> None:
        net.zero_grad()
        net(x).square().mean().backward()
        net(2 * x).square().mean().backward()

    step(x)
    eager = [p.grad.numpy().copy() for p in net.parameters()]
    compile(step)(x)
    for p, g in zip(net.parameters(), eager, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-4, atol=1e-6)


def test_parameters_that_ask_for_no_gradient_for_a_while() -> None:
    """As a critic that is frozen while the actor learns from it."""
    found = []
    for compiled in (False, True):
        rl.manual_seed(3)
        critic, actor = nn.Linear(2, 1), nn.Linear(2, 2)
        first, second = (rl.optim.SGD(net.parameters(), lr=0.1) for net in (critic, actor))

        def step(x: Any, critic=critic, actor=actor, first=first, second=second) -> Any:
            first.zero_grad()
            (critic(x) - 1).square().mean().backward()
            first.step()
            critic.requires_grad_(False)
            second.zero_grad()
            loss = critic(actor(x)).mean()
            loss.backward()
            second.step()
            critic.requires_grad_(True)
            return loss

        run, x = compile(step) if compiled else step, rl.randn(4, 2)
        found.append([run(x).item() for _ in range(4)])
        assert all(p.requires_grad for p in critic.parameters())
    assert found[1] == pytest.approx(found[0], rel=1e-5)


def test_a_step_that_clears_gradients_at_its_end() -> None:
    model, optimizer, _ = make()
    twin, other, _ = make()

    def step(net: Any, opt: Any, x: Any, y: Any) -> Any:
        loss = F.mse_loss(net(x), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
        return loss

    F.mse_loss(model(batch()[0]), batch()[1]).backward()
    F.mse_loss(twin(batch()[0]), batch()[1]).backward()
    compiled = compile(lambda x, y: step(model, optimizer, x, y))
    for _ in range(4):
        compiled(*batch())
        step(twin, other, *batch())
    assert_same(weights(model), weights(twin))


def test_the_gradient_of_an_argument_is_handed_over() -> None:
    compiled = compile(lambda x: (x * x).sum().backward())
    for value in (1.0, 2.0):
        x = rl.full((2,), value, requires_grad=True)
        assert compiled(x) is None
        assert x.grad is not None
        assert x.grad.tolist() == [2 * value] * 2


def test_results_have_no_history() -> None:
    model, _, _ = make()
    found = compile(lambda x: model(x))(batch()[0])
    assert not found.requires_grad


def test_in_place_on_a_tensor_with_history() -> None:
    def square(x: rl.Tensor) -> Any:
        y = x * 2
        y.pow_(2)
        y.mul_(y.detach() + 1)
        (g,) = rl.autograd.grad(y.sum(), [x])
        return y.detach(), g

    x = rl.rand(5).requires_grad_()
    for a, b in zip(rl.compile(square)(x), square(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


def test_the_reports_protocol_inside() -> None:
    model, optimizer, _ = make()
    twin, other, _ = make()
    criterion = nn.MSELoss()

    def step(net: Any, opt: Any, x: Any, y: Any) -> Any:
        opt.zero_grad()
        out = net(x)
        loss = criterion(out, y)
        gradient = net.backward(criterion.backward())
        opt.step()
        return loss, gradient

    compiled = rl.compile(lambda x, y: step(model, optimizer, x, y))
    for _ in range(3):
        for a, b in zip(compiled(*batch()), step(twin, other, *batch()), strict=True):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_a_backward_through_overwritten_weights_is_refused() -> None:
    model, _, step = make()
    compiled = compile(step)
    compiled(*batch())
    loss = F.mse_loss(model(batch()[0]), batch()[1])
    compiled(*batch())
    with pytest.raises(rl.errors.GradError, match="overwritten"):
        loss.backward()


def test_a_write_that_is_no_step_leaves_the_gradient() -> None:
    """Only an update by the gradient, as an optimiser's is, uses it up."""
    p = rl.tensor([2.0, 0.5], requires_grad=True)

    @compile
    def clamped() -> None:
        with rl.no_grad():
            p.clamp_(max=1.0)
        (p * p).sum().backward()

    for _ in range(2):
        clamped()
        assert p.grad is not None
        assert p.grad.tolist() == [2.0, 1.0]
        assert p.tolist() == [1.0, 0.5]
        p.grad = None


def test_gradients_of_an_argument_add_up() -> None:
    x = rl.ones(2, requires_grad=True)
    step = compile(lambda x: (x * 3).sum().backward())
    for n in (1, 2, 3):
        step(x)
        assert x.grad is not None
        assert x.grad.tolist() == [3.0 * n] * 2


def test_a_gradient_from_outside_is_refused() -> None:
    p = rl.ones(1, requires_grad=True)
    buffer = rl.zeros(1)

    def step() -> None:
        p.grad = buffer
        p.sum().backward()

    with pytest.raises(TraceError, match=r"\.grad of a parameter"):
        compile(step)()
    assert p.grad is None
    assert buffer.tolist() == [0.0]


def alternating() -> tuple[Any, Any, Any]:
    w = rl.ones(2, requires_grad=True)
    optimizer = rl.optim.SGD([w], lr=0.1)

    def step(x: Any, zero: bool, update: bool = True) -> Any:
        if zero:
            optimizer.zero_grad()
        (w * x).sum().backward()
        if update:
            optimizer.step()
        return w.sum()

    return w, optimizer, step


def test_a_step_by_gradients_that_another_call_used_up_is_refused() -> None:
    w, optimizer, step = alternating()
    compiled, x = compile(step), rl.ones(2)
    compiled(x, True)
    compiled(x, True)
    before = w.tolist()
    with pytest.raises(TraceError, match="used up"):
        compiled(x, False)
    assert w.tolist() == before
    optimizer.zero_grad(set_to_none=False)  # from here on there is nothing to add to
    compiled(x, False)
    assert w.grad is not None
    compiled(x, True)
    with pytest.raises(TraceError, match="used up"):  # also where the program is known
        compiled(x, False)
    w.grad = None
    compiled(x, False)


def test_gradients_add_up_over_calls_until_they_are_used() -> None:
    (w, _, step), (u, _, plain) = alternating(), alternating()
    compiled = compile(step)
    for zero, update in [
        (True, False),
        (False, False),
        (False, True),
        (True, True),
        (True, False),
        (False, True),
    ]:
        compiled(rl.ones(2), zero, update)
        plain(rl.ones(2), zero, update)
        np.testing.assert_allclose(w.tolist(), u.tolist(), rtol=1e-6)


def test_gradients_that_were_used_up_are_none_for_who_does_not_step() -> None:
    w, _, step = alternating()
    compiled = compile(step)
    slope = compile(lambda x: (w * x).sum().backward())
    for k in (1.0, 2.0):
        compiled(rl.ones(2), True)
        slope(rl.full((2,), k))
        assert w.grad is not None
        assert w.grad.tolist() == [k, k]
    copied = copy.deepcopy(w)
    assert pickle.loads(pickle.dumps(copied)).tolist() == w.tolist()


def test_gradients_that_are_forgotten_in_one_call_are_in_the_next() -> None:
    w = rl.ones(2, requires_grad=True)

    @compile
    def forget() -> None:
        w.grad = None

    for _ in range(3):
        forget()
        assert w.grad is None
        (3 * w).sum().backward()


def test_gradients_of_what_the_step_does_not_use_are_forgotten_too() -> None:
    net, head = nn.Linear(2, 2), nn.Linear(2, 1)
    optimizer = rl.optim.SGD([*net.parameters(), *head.parameters()], lr=0.1)

    @compile
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = net(x).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(rl.ones(1, 2))
        head(rl.ones(3, 2)).sum().backward()
        assert head.bias.grad is not None
        assert head.bias.grad.tolist() == [3.0]


@pytest.mark.parametrize("backward", [True, False])
def test_gradients_of_arguments_that_are_set_are_not_added_to(backward: bool) -> None:
    def slope(p: Any, y: Any) -> Any:
        p.grad = None
        loss = (p * y).sum()
        if backward:
            loss.backward()
        return loss

    p, q, compiled = rl.ones(2, requires_grad=True), rl.ones(2, requires_grad=True), compile(slope)
    for k in range(4):
        y = rl.full((2,), k + 1.0)
        compiled(p, y), slope(q, y)
        assert (p.grad is None) is (q.grad is None)
        assert q.grad is None or p.grad is None or p.grad.tolist() == q.grad.tolist()
        if not backward:
            p.sum().backward(), q.sum().backward()


def test_compiled_code_that_forgets_gradients_ends_what_was_used_up() -> None:
    w, optimizer, step = alternating()
    compiled, x = compile(step), rl.ones(2)
    forget = compile(lambda: optimizer.zero_grad())
    compiled(x, True)
    forget()
    compiled(x, False)
    compiled(x, True)

    @compile
    def slope(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.zero_grad()

    slope(x)
    compiled(x, False)


def test_who_used_gradients_up_may_be_gone() -> None:
    _, _, step = alternating()
    for _ in range(2):
        compile(lambda x: step(x, True))(rl.ones(2))
    with pytest.raises(TraceError, match="used up"):
        compile(lambda x: step(x, False))(rl.ones(2))
