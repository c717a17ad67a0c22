"""Who owns a gradient: what the user set is added into; hooks and retain_grad see what they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import GradError


def eager(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def modes() -> list[Any]:
    return [pytest.param(eager, id="eager"), pytest.param(rl.compile, id="compiled")]


def test_a_gradient_is_added_into_the_buffer_that_the_user_set() -> None:
    x = rl.ones(3, requires_grad=True)
    buffer = rl.full((3,), 5.0)
    x.grad = buffer
    (x * 2.0).sum().backward()
    assert x.grad is buffer
    assert buffer.tolist() == [7.0, 7.0, 7.0]
    x.sum().backward()
    assert buffer.tolist() == [8.0, 8.0, 8.0]


def test_a_leaf_that_is_met_twice_adds_its_sum_once() -> None:
    x = rl.ones(2, requires_grad=True)
    buffer = x.grad = rl.ones(2)
    (x * 2.0 + x * 3.0).sum().backward()
    assert buffer.tolist() == [6.0, 6.0]


def test_a_recorded_backward_leaves_the_buffer_alone() -> None:
    x = rl.ones(2, requires_grad=True)
    buffer = x.grad = rl.ones(2)
    (x * x).sum().backward(create_graph=True)
    assert buffer.tolist() == [1.0, 1.0]
    assert x.grad is not buffer
    assert x.grad.tolist() == [3.0, 3.0]
    assert x.grad.requires_grad


@pytest.mark.parametrize("mode", modes())
def test_gradients_that_are_views_of_one_flat_buffer(mode: Any) -> None:
    pytest.importorskip("llvmlite")
    layer = nn.Linear(2, 1)
    with rl.no_grad():
        for p in layer.parameters():
            p.fill_(1.0)
    flat = rl.zeros(3)
    at = 0
    for p in layer.parameters():
        p.grad = flat[at : at + p.numel()].view_as(p)
        at += p.numel()

    def step(x: Any) -> Any:
        loss = layer(x).sum()
        loss.backward()
        return loss

    run = mode(step)
    x = rl.tensor([[1.0, 2.0], [3.0, 4.0]])
    for k in range(1, 4):
        run(x)
        assert flat.tolist() == [4.0 * k, 6.0 * k, 2.0 * k]
    layer.zero_grad(set_to_none=False)
    assert flat.tolist() == [0.0, 0.0, 0.0]
    run(x)
    assert flat.tolist() == [4.0, 6.0, 2.0]


@pytest.mark.parametrize("mode", modes())
def test_a_step_that_fills_its_gradients_with_zeros_keeps_the_buffers(mode: Any) -> None:
    pytest.importorskip("llvmlite")
    p = nn.Parameter(rl.ones(2))
    buffer = p.grad = rl.full((2,), 9.0)
    optimizer = rl.optim.SGD([p], lr=0.5)

    def step(x: Any) -> Any:
        optimizer.zero_grad(set_to_none=False)
        loss = (p * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    run = mode(step)
    x = rl.tensor([1.0, 2.0])
    assert [run(x).item() for _ in range(3)] == [3.0, 0.5, -2.0]
    assert p.grad is buffer
    assert buffer.tolist() == [1.0, 2.0]
    assert p.tolist() == [-0.5, -2.0]


def test_zeros_cut_a_recorded_gradient_off() -> None:
    p = nn.Parameter(rl.ones(2))
    (p * p).sum().backward(create_graph=True)
    held = p.grad
    rl.optim.SGD([p], lr=0.5).zero_grad(set_to_none=False)
    assert p.grad is held
    assert held is not None
    assert not held.requires_grad
    assert held.tolist() == [0.0, 0.0]


def test_what_a_hook_kept_is_not_added_into() -> None:
    x = rl.ones(2, requires_grad=True)
    y = x + 0.0
    seen: list[Any] = []
    y.register_hook(seen.append)
    x.register_hook(seen.append)
    for _ in range(2):
        y.sum().backward(retain_graph=True)
    assert [g.tolist() for g in seen] == [[1.0, 1.0]] * 4
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


def test_what_a_module_gave_back_is_not_added_into() -> None:
    layer = nn.Linear(2, 2, bias=False)
    x = rl.ones(1, 2)
    out = layer(x)
    first = layer.backward(rl.ones(1, 2))
    kept = first.tolist()
    out = layer(x)
    layer.backward(rl.ones_like(out))
    assert first.tolist() == kept


@pytest.mark.parametrize("retain_first", [True, False])
def test_retain_grad_keeps_what_hooks_made(retain_first: bool) -> None:
    x = rl.ones(2, requires_grad=True)
    y = x * 1.0
    if retain_first:
        y.retain_grad()
    handle = y.register_hook(lambda g: g * 10.0)
    y.register_hook(lambda g: None)
    if not retain_first:
        y.retain_grad()
    y.register_hook(lambda g: g + 1.0)
    y.sum().backward(retain_graph=True)
    assert (y.grad.tolist(), x.grad.tolist()) == ([11.0, 11.0], [11.0, 11.0])  # type: ignore[union-attr]
    handle.remove()
    x.grad = y.grad = None
    y.sum().backward()
    assert (y.grad.tolist(), x.grad.tolist()) == ([2.0, 2.0], [2.0, 2.0])  # type: ignore[attr-defined]


def test_hooks_of_a_leaf_come_before_accumulation() -> None:
    x = rl.ones(2, requires_grad=True)
    buffer = x.grad = rl.ones(2)
    x.register_hook(lambda g: g * 10.0)
    x.retain_grad()
    (x + x).sum().backward()
    assert buffer.tolist() == [21.0, 21.0]


def test_retain_grad_with_create_graph() -> None:
    x = rl.tensor(2.0, requires_grad=True)
    y = x * 1.0
    y.retain_grad()
    y.register_hook(lambda g: g * 10.0)
    (y**3).backward(create_graph=True)
    assert y.grad is not None
    assert y.grad.item() == 120.0
    y.grad.sum().backward()  # through y once more, and so through the hook
    assert x.grad is not None
    assert x.grad.item() == 120.0 + 1200.0


@pytest.mark.parametrize("wrong", [rl.ones(2, 3), rl.ones(1), rl.ones(3, dtype=rl.float64)])
def test_a_buffer_that_does_not_fit_is_refused(wrong: rl.Tensor) -> None:
    x = rl.ones(3, requires_grad=True)
    with pytest.raises(GradError, match=r"a \.grad that is"):
        x.grad = wrong
    assert x.grad is None
