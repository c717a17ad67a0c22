"""Hooks on modules: on gradients, with options, after errors, first in line."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight import nn


class Both(nn.Module):
    def forward(self, x: Any, y: Any = 2.0, *, times: float = 1.0) -> Any:
        return x * y * times, x + 1


def test_gradients_pass_the_hooks() -> None:
    seen: list[Any] = []
    layer = nn.Linear(2, 3)
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((grad_in, grad_out)))
    x = rl.rand(4, 2, requires_grad=True)
    layer(x).sum().backward()
    ((grad_in, grad_out),) = seen
    assert grad_out[0].tolist() == rl.ones(4, 3).tolist()
    assert grad_in[0].tolist() == x.grad.tolist()
    layer(rl.rand(4, 2)).sum().backward()
    assert seen[1][0] == (None,)


def test_hooks_replace_gradients() -> None:
    layer = nn.Tanh()
    layer.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] * 3,))
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] * 10,))
    x = rl.zeros(2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [30.0, 30.0]


def test_several_inputs_and_outputs() -> None:
    seen: list[Any] = []
    layer = Both()
    handle = layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((grad_in, grad_out)))
    x, y = rl.ones(2, requires_grad=True), rl.ones(2, requires_grad=True)
    a, b = layer(x, y)
    (a.sum() + 2 * b.sum()).backward()
    (grad_in, grad_out), *_ = seen
    assert [g.tolist() for g in grad_in] == [[3.0, 3.0], [1.0, 1.0]]
    assert [g.tolist() for g in grad_out] == [[1.0, 1.0], [2.0, 2.0]]
    handle.remove()
    layer(x, y)[0].sum().backward()
    assert len(seen) == 1


def test_the_reports_backward_passes_them_too() -> None:
    seen: list[Any] = []
    layer = nn.Linear(2, 3)
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append(grad_out))
    y = layer(rl.rand(4, 2))
    assert tuple(layer.backward(rl.ones(4, 3)).shape) == (4, 2)
    assert len(seen) == 1
    assert y is not None


def test_hooks_run_in_compiled_steps() -> None:
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] * 10,))

    @rl.compile
    def gradient(x: Any) -> Any:
        x = x.detach().requires_grad_()
        layer(x).sum().backward()
        return x.grad

    assert gradient(rl.zeros(2)).tolist() == [10.0, 10.0]


def test_options_errors_and_order() -> None:
    order: list[Any] = []
    layer = Both()
    layer.register_forward_pre_hook(lambda m, inputs: order.append("second"))
    layer.register_forward_pre_hook(lambda m, inputs: order.append("first"), prepend=True)
    layer.register_forward_pre_hook(lambda m, i, options: (i, {**options, "times": 5.0}), with_kwargs=True)
    layer.register_forward_hook(lambda m, i, options, out: order.append(options), with_kwargs=True)
    assert layer(rl.ones(1), times=2.0)[0].item() == 10.0
    assert order == ["first", "second", {"times": 5.0}]
    layer.register_forward_hook(lambda m, i, out: order.append(out), always_call=True)
    with pytest.raises(TypeError):
        layer(rl.ones(1), 1.0, 1.0)
    assert order[-1] is None
