"""Linear, Flatten, Dropout, activations, MLP: shapes, formulas by hand, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from rushlight.nn import functional as F


def test_linear_by_hand() -> None:
    layer = nn.Linear(3, 2)
    w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    x = np.random.default_rng(0).standard_normal((5, 3), np.float32)
    g = np.random.default_rng(1).standard_normal((5, 2), np.float32)
    inputs = rl.tensor(x, requires_grad=True)
    layer(inputs).backward(rl.tensor(g))
    np.testing.assert_allclose(layer(inputs).detach().numpy(), x @ w.T + b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.weight.grad.numpy(), g.T @ x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.bias.grad.numpy(), g.sum(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(inputs.grad.numpy(), g @ w, rtol=1e-5, atol=1e-6)


def test_linear_without_bias_or_in_float64() -> None:
    layer = nn.Linear(3, 2, bias=False, dtype=rl.float64)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert layer.weight.dtype == rl.float64
    assert layer(rl.zeros(1, 3, dtype=rl.float64)).dtype == rl.float64
    assert "bias=False" in repr(layer)


def test_what_linear_refuses() -> None:
    with pytest.raises(ShapeError, match=r"\(5, 4\)"):
        nn.Linear(3, 2)(rl.zeros(5, 4))
    with pytest.raises(ArgumentError, match=r"in_features=2\.5"):
        nn.Linear(2.5, 2)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="out_features=-1"):
        nn.Linear(2, -1)
    with pytest.raises(NotSupportedError, match="CPU"):
        nn.Linear(2, 2, device="cuda")
    with pytest.raises(ArgumentError, match="xavier_uniform"):
        nn.Linear(2, 2, init="xavier_unifrom")


def test_reset_parameters_draws_anew() -> None:
    layer = nn.Linear(20, 20)
    before = layer.weight.tolist()
    layer.reset_parameters()
    assert layer.weight.tolist() != before
    model = nn.MLP(2, [5], 1)
    before = [p.tolist() for p in model.parameters()]
    model.reset_parameters()
    assert all(p.tolist() != old for p, old in zip(model.parameters(), before, strict=True))


def test_activations_by_hand() -> None:
    x = np.linspace(-3, 3, 13)
    t = rl.tensor(x)
    e = np.exp(x)
    for module, want in [
        (nn.ReLU(), np.maximum(x, 0)),
        (nn.LeakyReLU(), np.where(x > 0, x, 0.01 * x)),
        (nn.Tanh(), np.tanh(x)),
        (nn.Sigmoid(), 1 / (1 + np.exp(-x))),
        (nn.Softplus(), np.log1p(e)),
        (nn.Softmax(0), e / e.sum()),
        (nn.LogSoftmax(0), x - np.log(e.sum())),
    ]:
        np.testing.assert_allclose(module(t).numpy(), want, rtol=1e-12)


def test_activations_never_overflow() -> None:
    x = rl.tensor([-1e30, -1e4, 0.0, 1e4, 1e30], requires_grad=True)
    for name, make in nn.ACTIVATIONS.items():
        x.grad = None
        y = make()(x)
        y.sum().backward()
        assert np.isfinite(y.detach().numpy()).all(), name
        assert np.isfinite(x.grad.numpy()).all(), name


def test_the_subgradient_of_relu_at_zero_is_zero() -> None:
    x = rl.zeros(3, requires_grad=True)
    F.relu(x).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_activation_names() -> None:
    assert isinstance(nn.activation_from_name("Leaky-ReLU"), nn.LeakyReLU)
    assert nn.activation_from_name("log_softmax").dim == -1
    with pytest.raises(ArgumentError, match="Did you mean 'sigmoid'"):
        nn.activation_from_name("sigmod")


def test_softmax_without_dim_warns() -> None:
    with pytest.warns(UserWarning, match="dim"):
        y = F.softmax(rl.zeros(2, 4))
    assert y.sum(1).tolist() == [1.0, 1.0]
    assert F.log_softmax(rl.zeros(2), 0, dtype=rl.float64).dtype == rl.float64


def test_dropout() -> None:
    x = rl.ones(200, 200)
    rl.manual_seed(3)
    y = nn.Dropout(0.25)(x).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.01)
    rl.manual_seed(3)
    assert np.array_equal(nn.Dropout(0.25)(x).numpy(), y)
    assert np.array_equal(nn.Dropout(0.25).eval()(x).numpy(), x.numpy())
    assert np.array_equal(nn.Dropout(0.0)(x).numpy(), x.numpy())
    assert nn.Dropout(1.0)(x).sum().item() == 0.0
    with pytest.raises(ArgumentError, match=r"p=1\.5"):
        nn.Dropout(1.5)


def test_dropout_passes_the_gradient_of_what_it_kept() -> None:
    x = rl.ones(50, requires_grad=True)
    y = F.dropout(x, 0.5)
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.detach().numpy())


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Flatten(), (2, 12)), (nn.Flatten(0), (24,)), (nn.Flatten(0, 1), (6, 4))]
)
def test_flatten(layer: nn.Module, shape: tuple[int, ...]) -> None:
    assert layer(rl.zeros(2, 3, 4)).shape == shape


def test_identity_takes_anything() -> None:
    assert nn.Identity(54, unused=1)(rl.ones(2)).tolist() == [1.0, 1.0]


def test_one_hot() -> None:
    assert F.one_hot(rl.tensor([0, 2, 1])).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    with pytest.raises(ArgumentError, match="class 2"):
        F.one_hot(rl.tensor([0, 2]), 2)
    with pytest.raises(ArgumentError, match="class -1"):
        F.one_hot(rl.tensor([-1, 2]))
    with pytest.raises(DTypeError, match="long"):
        F.one_hot(rl.tensor([0.5]))


def test_mlp_shapes() -> None:
    model = nn.MLP(2, [25, 25, 25], 1, activation=["relu", "relu", nn.Tanh], output=nn.Tanh())
    names = [type(m).__name__ for m in model]
    assert names == ["Linear", "ReLU", "Linear", "ReLU", "Linear", "Tanh", "Linear", "Tanh"]
    assert [p.shape for p in model.parameters() if p.ndim == 2] == [(25, 2), (25, 25), (25, 25), (1, 25)]
    assert model(rl.zeros(7, 2)).shape == (7, 1)
    assert list(model.state_dict())[:2] == ["0.weight", "0.bias"]
    assert len(nn.MLP(784, [], 10)) == 1
    assert [type(m).__name__ for m in nn.MLP(4, 8, 2, "tanh")] == ["Linear", "Tanh", "Linear"]


def test_mlp_options() -> None:
    model = nn.MLP(3, [4], 2, init=nn.init.Ones(), bias_init="zeros", dtype=rl.float64)
    assert model[0].weight.tolist() == [[1.0] * 3] * 4
    assert model[0].bias.tolist() == [0.0] * 4
    assert model[2].weight.dtype == rl.float64
    assert nn.MLP(3, [4], 2, bias=False)[0].bias is None
    with pytest.raises(ArgumentError, match="2 activations for 3 hidden layers"):
        nn.MLP(2, [5, 5, 5], 1, activation=["relu", "tanh"])
    with pytest.raises(ArgumentError, match="activation 3"):
        nn.MLP(2, [5], 1, activation=3)  # type: ignore[arg-type]


def test_mlp_copies_a_module_given_as_activation() -> None:
    model = nn.MLP(2, [5, 5], 1, activation=nn.LeakyReLU(0.2))
    assert model[1] is not model[3]
    assert model[3].negative_slope == 0.2
