"""Initialisers: bounds and deviations of the reports' formulas, the classes, and users' own."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, ShapeError
from rushlight.nn import init

N, M = 300, 200


def weight(initializer: init.Initializer) -> np.ndarray:
    return nn.Linear(N, M, init=initializer).weight.detach().numpy()


@pytest.mark.parametrize(
    ("initializer", "bound"),
    [
        (init.Uniform(-0.2, 0.2), 0.2),
        (init.XavierUniform(), math.sqrt(6 / (N + M))),
        (init.XavierUniform(gain=5 / 3), 5 / 3 * math.sqrt(6 / (N + M))),
        (init.KaimingUniform(), math.sqrt(6 / N)),
        (init.KaimingUniform(mode="fan_out"), math.sqrt(6 / M)),
        (init.PyTorchDefault(), 1 / math.sqrt(N)),
        (init.KaimingUniform(a=math.sqrt(5)), 1 / math.sqrt(N)),
    ],
    ids=repr,
)
def test_uniform_kinds(initializer: init.Initializer, bound: float) -> None:
    w = weight(initializer)
    assert np.abs(w).max() <= bound
    assert np.abs(w).max() == pytest.approx(bound, rel=0.001)
    assert w.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert abs(w.mean()) < bound / 50


@pytest.mark.parametrize(
    ("initializer", "std"),
    [
        (init.Normal(), 1.0),
        (init.XavierNormal(), math.sqrt(2 / (N + M))),
        (init.KaimingNormal(), math.sqrt(2 / N)),
        (init.KaimingNormal(nonlinearity="tanh", mode="fan_out"), 5 / 3 / math.sqrt(M)),
    ],
    ids=repr,
)
def test_normal_kinds(initializer: init.Initializer, std: float) -> None:
    w = weight(initializer)
    assert w.std() == pytest.approx(std, rel=0.02)
    assert abs(w.mean()) < std / 50
    assert (np.abs(w) < std).mean() == pytest.approx(0.6827, abs=0.01)


def test_constants() -> None:
    layer = nn.Linear(3, 2, init=init.Constant(0.5))
    assert layer.weight.tolist() == [[0.5] * 3] * 2
    assert layer.bias.tolist() == [0.5] * 2
    assert nn.Linear(3, 2, init="ones").weight.sum().item() == 6.0
    assert nn.Linear(3, 2, init=init.Zeros).weight.sum().item() == 0.0


def test_biases() -> None:
    assert nn.Linear(N, M, init="xavier_uniform").bias.abs().sum().item() == 0.0
    default = nn.Linear(N, M).bias.abs().max().item()
    assert default == pytest.approx(1 / math.sqrt(N), rel=0.05)
    assert nn.Linear(N, M, init="xavier_uniform", bias_init="ones").bias.sum().item() == M


def test_an_initializer_of_ones_own() -> None:
    class Fans(init.Initializer):
        def __call__(self, tensor: rl.Tensor, fan_in: int, fan_out: int) -> None:
            init.constant_(tensor, fan_in + 100.0 * fan_out)

    layer = nn.Linear(3, 2, init=Fans())
    assert layer.weight.tolist() == [[203.0] * 3] * 2
    assert layer.bias.tolist() == [0.0] * 2
    model = nn.MLP(2, [5], 1).initialize(Fans())
    assert [p.max().item() for p in model.parameters()] == [502.0, 0.0, 105.0, 0.0]
    with pytest.raises(NotImplementedError, match="Nothing"):
        type("Nothing", (init.Initializer,), {})()(rl.zeros(2, 2), 2, 2)


def test_the_whole_net_by_name() -> None:
    model = nn.MLP(N, [M], 4).initialize("kaiming_uniform", bias_init=init.Constant(0.1))
    assert model[0].weight.abs().max().item() == pytest.approx(math.sqrt(6 / N), rel=0.001)
    assert model[0].bias.max().item() == pytest.approx(0.1)


def test_seeds_and_generators_repeat() -> None:
    rl.manual_seed(5)
    first = weight(init.XavierNormal())
    rl.manual_seed(5)
    assert np.array_equal(weight(init.XavierNormal()), first)
    a, b = rl.Generator().manual_seed(7), rl.Generator().manual_seed(7)
    one = init.kaiming_uniform_(rl.empty(4, 4), generator=a)
    two = init.kaiming_uniform_(rl.empty(4, 4), generator=b)
    assert one.tolist() == two.tolist()
    assert (
        init.uniform_(rl.empty(4), generator=a).tolist() == init.uniform_(rl.empty(4), generator=b).tolist()
    )


def test_functions_keep_requires_grad_and_return_the_tensor() -> None:
    p = nn.Parameter(rl.empty(4, 3))
    for fill in (
        init.uniform_,
        init.normal_,
        init.zeros_,
        init.ones_,
        init.xavier_uniform_,
        init.xavier_normal_,
    ):
        assert fill(p) is p
    assert init.kaiming_normal_(p) is p
    assert p.requires_grad
    assert p.is_leaf


def test_fans_of_a_convolution() -> None:
    assert init.fans(rl.empty(8, 3, 5, 5)) == (75, 200)
    with pytest.raises(ShapeError, match="2 dimensions"):
        init.xavier_uniform_(rl.empty(3))


def test_names() -> None:
    for name, kind in init.INITIALIZERS.items():
        assert type(init.from_name(name)) is kind
        assert type(init.from_name(name.replace("_", "-").upper())) is kind
    assert isinstance(init.from_name("glorot"), init.XavierUniform)
    assert isinstance(init.from_name("he"), init.KaimingNormal)
    with pytest.raises(ArgumentError, match="Did you mean 'kaiming_normal'"):
        init.from_name("kaiming_norml")
    with pytest.raises(ArgumentError, match="Initializer"):
        nn.Linear(2, 2, init=3)  # type: ignore[arg-type]


def test_what_initialisers_refuse() -> None:
    with pytest.raises(ArgumentError, match="fan_in"):
        init.KaimingUniform(mode="fan_both")
    with pytest.raises(ArgumentError, match="gelu"):
        init.calculate_gain("gelu")
    with pytest.raises(DTypeError, match="Tensor"):
        init.normal_(np.zeros(3))  # type: ignore[arg-type]


def test_representation_and_copy() -> None:
    assert repr(init.KaimingUniform()) == "KaimingUniform(a=0.0, mode='fan_in', nonlinearity='leaky_relu')"
    layer = copy.deepcopy(nn.Linear(2, 2, init="normal"))
    layer.reset_parameters()
    assert isinstance(layer.init, init.Normal)
