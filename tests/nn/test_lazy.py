"""Layers that learn their inputs' sizes: materialising, loading, copying, training, compiling."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import GradError

LAYERS: dict[str, tuple[Callable[[], Any], tuple[int, ...], str]] = {
    "LazyLinear": (lambda: nn.LazyLinear(3), (4, 5), "Linear"),
    "LazyLinear without bias": (lambda: nn.LazyLinear(3, bias=False), (4, 5), "Linear"),
    "LazyBatchNorm1d": (lambda: nn.LazyBatchNorm1d(), (4, 5), "BatchNorm1d"),
    "LazyBatchNorm2d": (lambda: nn.LazyBatchNorm2d(affine=False), (4, 5, 2, 2), "BatchNorm2d"),
    "LazyBatchNorm3d": (lambda: nn.LazyBatchNorm3d(momentum=None), (4, 5, 2, 2, 1), "BatchNorm3d"),
    "LazyInstanceNorm1d": (lambda: nn.LazyInstanceNorm1d(affine=True), (5, 4), "InstanceNorm1d"),
    "LazyInstanceNorm2d": (
        lambda: nn.LazyInstanceNorm2d(track_running_stats=True),
        (2, 5, 4, 4),
        "InstanceNorm2d",
    ),
    "LazyInstanceNorm3d": (lambda: nn.LazyInstanceNorm3d(), (2, 5, 4, 2, 2), "InstanceNorm3d"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_first_input_gives_the_sizes(name: str) -> None:
    make, shape, becomes = LAYERS[name]
    layer = make()
    held = list(layer.parameters())
    x = rl.rand(*shape)
    y = layer(x)
    assert type(layer) is getattr(nn, becomes)
    assert [id(p) for p in layer.parameters()] == [id(p) for p in held]  # an optimiser may hold them
    assert all(type(p) is nn.Parameter and p.requires_grad for p in held)
    assert bool(rl.isfinite(y).all())
    again = copy.deepcopy(layer)
    assert again.eval()(x).tolist() == layer.eval()(x).tolist()


@pytest.mark.parametrize("name", LAYERS)
def test_states_are_loaded_before_the_first_input(name: str) -> None:
    make, shape, _ = LAYERS[name]
    full, lazy, x = make(), make(), rl.rand(*shape)
    full(x)
    lazy.load_state_dict(full.state_dict())
    assert lazy.eval()(x).tolist() == full.eval()(x).tolist()


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_wait_too(clone: Callable[[Any], Any]) -> None:
    layer = clone(nn.LazyLinear(3))
    assert layer.has_uninitialized_params()
    assert tuple(layer(rl.zeros(2, 5)).shape) == (2, 3)


def test_dtype_and_trained_or_not_are_kept() -> None:
    layer = nn.LazyLinear(3).double()
    layer.weight.requires_grad_(False)
    assert layer(rl.zeros(2, 5, dtype=rl.float64)).dtype == rl.float64
    assert (layer.weight.requires_grad, layer.bias.requires_grad) == (False, True)


def test_a_question_too_early_says_what_to_do() -> None:
    layer = nn.LazyLinear(3)
    assert repr(layer.weight) == "<UninitializedParameter>"
    assert list(layer.state_dict()) == ["weight", "bias"]
    with pytest.raises(GradError, match="Run one batch"):
        _ = layer.weight.shape


def test_a_lazy_net_trains_compiled() -> None:
    net = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(1))
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1)
    x, t = rl.rand(16, 3), rl.rand(16, 1)
    net.eval()(x)  # the sizes are known before it is compiled
    net.train()

    @rl.compile
    def step(x: Any, t: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), t)
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(x, t).item() for _ in range(5)]
    assert losses[-1] < losses[0]
    assert net[1].num_batches_tracked.item() == 5
