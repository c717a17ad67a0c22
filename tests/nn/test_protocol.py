"""Every layer and loss: `backward(grad_output)` and `param()` equal autograd's gradients to the last bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

Case = tuple[Callable[[], nn.Module], tuple[int, ...]]


class Gated(nn.Module):
    """A module as users write them: two layers, one used twice, the input used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(4, 4)
        self.value = nn.Linear(4, 4)

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.value(x) * rl.sigmoid(self.gate(x)) + self.gate(x * x)


class Shared(nn.Module):
    """Layers in a ModuleList and a ModuleDict, which have no forward of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.heads = nn.ModuleDict({"a": nn.Linear(4, 2), "b": nn.Linear(4, 2)})

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        for layer in self.layers:
            x = rl.tanh(layer(x))
        return self.heads["a"](x) - self.heads["b"](x)


LAYERS: dict[str, Case] = {
    "Linear": (lambda: nn.Linear(4, 3), (5, 4)),
    "Linear without bias": (lambda: nn.Linear(4, 3, bias=False), (5, 4)),
    "Linear on 3 axes": (lambda: nn.Linear(4, 3), (2, 5, 4)),
    "Linear on one sample": (lambda: nn.Linear(4, 3), (4,)),
    "Identity": (nn.Identity, (5, 4)),
    "Flatten": (nn.Flatten, (5, 4, 2)),
    "Dropout": (lambda: nn.Dropout(0.5), (5, 4)),
    "Dropout in eval": (lambda: nn.Dropout(0.5).eval(), (5, 4)),
    "ReLU": (nn.ReLU, (5, 4)),
    "LeakyReLU": (nn.LeakyReLU, (5, 4)),
    "Tanh": (nn.Tanh, (5, 4)),
    "Sigmoid": (nn.Sigmoid, (5, 4)),
    "Softplus": (nn.Softplus, (5, 4)),
    "GELU": (nn.GELU, (5, 4)),
    "SiLU": (nn.SiLU, (5, 4)),
    "Softmax": (lambda: nn.Softmax(1), (5, 4)),
    "LogSoftmax": (lambda: nn.LogSoftmax(1), (5, 4)),
    "Sequential": (lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), nn.Tanh()), (5, 4)),
    "MLP": (lambda: nn.MLP(4, [8, 8], 2, ["relu", "tanh"], output="sigmoid"), (5, 4)),
    "ModuleList and ModuleDict": (Shared, (5, 4)),
    "custom": (Gated, (5, 4)),
}


def autograd(module: nn.Module, x: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    rl.manual_seed(7)
    inputs = rl.from_numpy(x.copy()).requires_grad_()
    params = list(module.parameters())
    found = rl.autograd.grad(module(inputs), [inputs, *params], rl.from_numpy(g))
    first, *rest = [t.numpy() for t in found]
    return first, rest


@pytest.mark.parametrize("name", LAYERS)
def test_backward_equals_autograd(name: str) -> None:
    make, shape = LAYERS[name]
    rl.manual_seed(0)
    module = make()
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape, np.float32)
    rl.manual_seed(7)
    out = module(rl.from_numpy(x))
    g = rng.standard_normal(out.shape, np.float32)
    grad_input = module.backward(rl.from_numpy(g))
    expected, expected_params = autograd(module, x, g)
    assert np.array_equal(grad_input.numpy(), expected)
    pairs = module.param()
    assert len(pairs) == len(expected_params)
    for (param, grad), parameter, want in zip(pairs, module.parameters(), expected_params, strict=True):
        assert param is parameter
        assert np.array_equal(grad.numpy(), want)


@pytest.mark.parametrize("name", LAYERS)
def test_backward_accumulates_and_zero_grad_forgets(name: str) -> None:
    make, shape = LAYERS[name]
    rl.manual_seed(0)
    module = make()
    x = rl.randn(*shape)
    for _ in range(2):
        rl.manual_seed(3)
        out = module(x)
        module.backward(rl.ones_like(out))
    twice = [g.numpy().copy() for _, g in module.param()]
    module.zero_grad()
    rl.manual_seed(3)
    out = module(x)
    module.backward(rl.ones_like(out))
    for (_, once), both in zip(module.param(), twice, strict=True):
        assert np.array_equal(both, once.numpy() + once.numpy())


LOSSES: dict[str, Callable[[], tuple[nn.Module, rl.Tensor, rl.Tensor]]] = {
    "MSELoss": lambda: (nn.MSELoss(), rl.randn(6, 3), rl.randn(6, 3)),
    "MSELoss sum": lambda: (nn.MSELoss(reduction="sum"), rl.randn(6, 3), rl.randn(6, 3)),
    "L1Loss": lambda: (nn.L1Loss(), rl.randn(6, 3), rl.randn(6, 3)),
    "BCELoss": lambda: (nn.BCELoss(), rl.rand(6, 3), rl.rand(6, 3)),
    "BCEWithLogitsLoss": lambda: (nn.BCEWithLogitsLoss(), rl.randn(6, 3), rl.rand(6, 3)),
    "NLLLoss": lambda: (nn.NLLLoss(), rl.log_softmax(rl.randn(6, 3), 1), rl.randint(0, 3, (6,))),
    "CrossEntropyLoss": lambda: (nn.CrossEntropyLoss(), rl.randn(6, 3), rl.randint(0, 3, (6,))),
    "CrossEntropyLoss smoothed": lambda: (
        nn.CrossEntropyLoss(label_smoothing=0.1), rl.randn(6, 3), rl.randint(0, 3, (6,))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_loss_backward_gives_the_gradient_of_the_predictions(name: str) -> None:
    rl.manual_seed(0)
    criterion, x, target = LOSSES[name]()
    loss = criterion(x, target)
    grad = criterion.backward()
    inputs = x.clone().requires_grad_()
    (expected,) = rl.autograd.grad(criterion(inputs, target), inputs)
    assert np.array_equal(grad.numpy(), expected.numpy())
    assert np.isfinite(loss.item())
    assert criterion.param() == []


def test_the_reports_training_step_equals_autograds() -> None:
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 25), nn.Tanh(), nn.Linear(25, 1))
    criterion = nn.MSELoss()
    x, y = rl.randn(10, 2), rl.randn(10, 1)
    prediction = model(x)
    loss = criterion(prediction, y)
    model.backward(criterion.backward())
    assert np.isfinite(loss.item())
    layerwise = [g.numpy().copy() for _, g in model.param()]
    model.zero_grad()
    criterion(model(x), y).backward()
    for (_, g), want in zip(model.param(), layerwise, strict=True):
        assert np.array_equal(g.numpy(), want)


def test_layers_without_parameters_have_none() -> None:
    for module in (nn.ReLU(), nn.Tanh(), nn.Flatten(), nn.MSELoss(), nn.Dropout()):
        assert list(module.parameters()) == []
        assert module.param() == []
