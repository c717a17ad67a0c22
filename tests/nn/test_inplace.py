"""Activations and dropout in place: the input's memory, and the derivatives of the same layer beside it."""

from __future__ import annotations

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import GradError
from rushlight.nn import functional as F

LAYERS = {
    "relu": lambda inplace: nn.ReLU(inplace),
    "silu": nn.SiLU,
    "leaky_relu": lambda inplace: nn.LeakyReLU(0.1, inplace),
    "leaky_relu, falling": lambda inplace: nn.LeakyReLU(-0.5, inplace),
    "dropout": lambda inplace: nn.Dropout(0.5, inplace),
}
FUNCTIONS = {
    "relu": lambda x, inplace: F.relu(x, inplace),
    "leaky_relu": lambda x, inplace: F.leaky_relu(x, 0.2, inplace),
    "dropout": lambda x, inplace: F.dropout(x, 0.5, True, inplace),
}


def values(dtype=rl.float32):
    return rl.tensor([[-2.0, 0.0, 3.0], [0.5, -0.25, 1.0]], dtype=dtype)


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64, rl.float16])
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_write_into_their_input(name, grad, dtype):
    rl.manual_seed(0)
    right = LAYERS[name](False)(values(dtype)).tolist()
    x = values(dtype)
    rl.manual_seed(0)
    with rl.set_grad_enabled(grad):
        y = LAYERS[name](True)(x)
    assert y.tolist() == right
    assert x.tolist() == right


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_give_back_their_input(name):
    rl.manual_seed(0)
    right = FUNCTIONS[name](values(), False).tolist()
    x = values()
    rl.manual_seed(0)
    assert FUNCTIONS[name](x, True) is x
    assert x.tolist() == right


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_the_derivative_is_the_same(name, compiled):
    def gradients(inplace):
        rl.manual_seed(1)
        model = nn.Sequential(nn.Linear(3, 4), LAYERS[name](inplace), nn.Linear(4, 1))

        def step(x):
            model.zero_grad()
            loss = model(x).square().sum()
            loss.backward()
            return loss

        rl.manual_seed(2)
        loss = (rl.compile(step) if compiled else step)(values())
        return [loss.item(), *(p.grad.tolist() for p in model.parameters())]

    assert gradients(True) == gradients(False)


def test_a_leaf_that_requires_grad_is_refused():
    with pytest.raises((GradError, RuntimeError)):
        F.relu(values().requires_grad_(), inplace=True)


def test_evaluation_leaves_the_input_alone():
    x = values()
    nn.Dropout(0.5, inplace=True).eval()(x)
    assert x.tolist() == values().tolist()
