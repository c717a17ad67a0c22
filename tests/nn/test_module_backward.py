"""Module: `backward(grad_output)` and `param()`, the reports' protocol."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import DTypeError, GradError, ShapeError
from tests.nn.modules import Net, Scale


class TwoWays(nn.Module):
    """Two inputs, two results, an option that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(rl.tensor([2.0, 3.0]))

    def forward(self, a: rl.Tensor, b: rl.Tensor, power: int = 1) -> tuple[rl.Tensor, rl.Tensor]:
        return a * self.w + b**power, a * b


def autograd_of(
    module: nn.Module, inputs: list[np.ndarray], grads: list[np.ndarray], **options: Any
) -> list[Any]:
    leaves = [rl.from_numpy(x.copy()).requires_grad_() for x in inputs]
    out = module(*leaves, **options)
    outputs = list(out) if isinstance(out, tuple) else [out]
    wanted = [*leaves, *module.parameters()]
    found = rl.autograd.grad(outputs, wanted, [rl.from_numpy(g) for g in grads], materialize_grads=True)
    return [g.numpy() for g in found if g is not None]


def test_backward_and_param_equal_autograd_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((5, 2)).astype(np.float32), rng.standard_normal((5, 2)).astype(np.float32)
    net = Net()
    data = rl.from_numpy(x)
    out = net(data)
    grad_input = net.backward(rl.from_numpy(g))
    assert out.requires_grad
    want = autograd_of(net, [x], [g])
    assert np.array_equal(grad_input.numpy(), want[0])
    for (p, grad), parameter, expected in zip(net.param(), net.parameters(), want[1:], strict=True):
        assert p is parameter
        assert np.array_equal(grad.numpy(), expected)
    assert data.grad is None
    assert not data.requires_grad


@pytest.mark.parametrize("power", [1, 3])
def test_several_inputs_and_outputs(power: int) -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(2).astype(np.float32) for _ in range(4)]
    net = TwoWays()
    outs = net(rl.from_numpy(arrays[0]), rl.from_numpy(arrays[1]), power=power)
    grads = net.backward(rl.from_numpy(arrays[2]), rl.from_numpy(arrays[3]))
    assert isinstance(grads, tuple)
    assert len(outs) == len(grads) == 2
    want = autograd_of(net, arrays[:2], arrays[2:], power=power)
    for got, expected in zip([*grads, net.param()[0][1]], want, strict=True):
        assert np.array_equal(got.numpy(), expected)


def test_layer_by_layer_as_r1_does() -> None:
    """Each layer called by hand, then backward called on each in reverse, only gradients passed between."""
    rl.manual_seed(0)
    layers: list[nn.Module] = [
        nn.Linear(2, 5),
        nn.Tanh(),
        nn.Linear(5, 5),
        nn.ReLU(),
        Scale5(),
        nn.Linear(5, 1),
    ]
    net = nn.Sequential(*layers)
    x, target = rl.rand(7, 2), rl.rand(7, 1)
    outputs = [x]
    for layer in layers:
        outputs.append(layer(outputs[-1]))
    error = outputs[-1].detach() - target
    grad = error * (2.0 / error.numel())
    for layer in reversed(layers):
        grad = layer.backward(grad)
        assert isinstance(grad, rl.Tensor)
    by_hand = [g.numpy().copy() for _, g in net.param()]
    net.zero_grad()
    leaf = x.clone().requires_grad_()
    nn.functional.mse_loss(net(leaf), target).backward()
    assert leaf.grad is not None
    assert np.array_equal(grad.numpy(), leaf.grad.numpy())
    for (_, g), hand in zip(net.param(), by_hand, strict=True):
        assert np.array_equal(g.numpy(), hand)


class Scale5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Parameter(rl.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.s + x


def test_ordinary_backward_neither_computes_nor_stores_the_gradient_of_data() -> None:
    seen: list[str] = []

    class Watch(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
            return x * 1.0

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            seen.append("computed")
            return g

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(rl.ones(2))

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return Watch.apply(x) * self.w

    layer, x = Layer(), rl.ones(2)
    layer(x).sum().backward()
    assert seen == []
    assert x.grad is None
    assert layer.w.grad is not None
    out = layer(x)
    assert layer.backward(rl.ones(2)).tolist() == [1.0, 1.0]
    assert seen == ["computed"]
    assert out.requires_grad


def test_gradients_accumulate_over_backwards() -> None:
    net = Scale()
    for _ in range(3):
        out = net(rl.ones(2))
        net.backward(rl.ones_like(out))
    assert net.param()[0][1].tolist() == [3.0, 3.0]


def test_param_gives_zeros_before_any_backward() -> None:
    ((p, g),) = Scale().param()
    assert p.tolist() == [2.0, 3.0]
    assert g.tolist() == [0.0, 0.0]


def test_an_input_with_a_history_gets_its_gradient_and_goes_no_further() -> None:
    x = rl.ones(2, requires_grad=True)
    h = x * 3.0
    net = Scale()
    y = net(h)
    assert net.backward(rl.ones(2)).tolist() == [2.0, 3.0]
    assert x.grad is None
    h.backward(rl.ones(2))
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]
    assert y.requires_grad


def test_an_input_that_is_not_used_gets_none() -> None:
    class First(nn.Module):
        def forward(self, a: rl.Tensor, b: rl.Tensor) -> rl.Tensor:
            return a * 2.0

    net = First()
    out = net(rl.ones(1), rl.ones(1))
    assert net.backward(rl.ones(1))[1] is None
    assert out.item() == 2.0


def test_integer_inputs_have_no_gradient() -> None:
    class Pick(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(rl.tensor([1.0, 2.0, 3.0]))

        def forward(self, i: rl.Tensor) -> rl.Tensor:
            return self.table[i]

    net = Pick()
    out = net(rl.tensor([0, 2, 2]))
    assert net.backward(rl.ones(3)) is None
    assert net.table.grad is not None
    assert net.table.grad.tolist() == [1.0, 0.0, 2.0]
    assert out.requires_grad


def test_the_remembered_call_keeps_no_graph_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        net = Net()
        out = net(rl.ones(3, 2))
        gone = weakref.ref(out.node)
        del out
        assert gone() is None
        out = net(rl.ones(3, 2))
        net.backward(rl.ones_like(out))
        gone = weakref.ref(out.node)
        del out
        assert gone() is None
    finally:
        gc.enable()


def test_backward_needs_a_recorded_call_whose_output_lives() -> None:
    net = Scale()
    with pytest.raises(GradError, match=r"Scale.backward: got a module that has not been called"):
        net.backward(rl.ones(2))
    net(rl.ones(2))
    with pytest.raises(GradError, match="output is gone"):
        net.backward(rl.ones(2))
    kept = net(rl.ones(2))
    with rl.no_grad():
        also = net(rl.ones(2))
    with pytest.raises(GradError, match="no_grad"):
        net.backward(rl.ones(2))
    assert kept.shape == also.shape


def test_backward_twice() -> None:
    net = Scale()
    out = net(rl.ones(2))
    net.backward(rl.ones(2))
    with pytest.raises(GradError, match="used up"):
        net.backward(rl.ones(2))
    assert out.requires_grad


def test_backward_with_a_wrong_gradient() -> None:
    net = TwoWays()
    out = net(rl.ones(2), rl.ones(2))
    with pytest.raises(GradError, match="1 gradients for 2 outputs"):
        net.backward(rl.ones(2))
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        net.backward(rl.ones(3), rl.ones(2))
    with pytest.raises(DTypeError, match="a list"):
        net.backward([1.0, 1.0], rl.ones(2))  # type: ignore[arg-type]
    with pytest.raises(GradError, match="gradients? for"):
        net.backward()
    assert net.w.grad is None
    net.backward(rl.ones(2, dtype=rl.float64), rl.ones(2))
    assert net.w.grad is not None
    assert len(out) == 2


def test_a_loss_needs_no_gradient() -> None:
    class Loss(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return (x * x).sum()

    loss = Loss()
    value = loss(rl.tensor([1.0, 2.0]))
    assert loss.backward().tolist() == [2.0, 4.0]
    assert value.item() == 5.0


def test_a_frozen_net_still_passes_gradients_to_its_input() -> None:
    net = Net().requires_grad_(False)
    out = net(rl.ones(1, 2))
    assert not out.requires_grad
    assert out.numpy().shape == (1, 2)
    assert net.backward(rl.ones(1, 2)).shape == (1, 2)
    assert all(p.grad is None for p in net.parameters())


def test_data_may_be_written_in_place_inside_forward() -> None:
    class Centred(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            x -= x.mean()
            return x * 2.0

    net = Centred()
    x = rl.tensor([1.0, 3.0])
    out = net(x)
    assert out.tolist() == [-2.0, 2.0]
    assert net.backward(rl.tensor([1.0, 0.0])).tolist() == [1.0, -1.0]
