"""The table of a model."""

from __future__ import annotations

import rushlight as rl
from rushlight import nn
from rushlight.train import summary


class Custom(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8, bias=False), nn.Dropout(), nn.ReLU())
        self.head = Head()

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.head(self.body(x))


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(rl.ones(8))

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.scale


def test_mlp_counts() -> None:
    found = summary(nn.MLP(784, [100, 100], 10), (784,), batch_size=2)
    assert found.parameters == found.trainable == 89610
    assert [layer.output_shape for layer in found.layers] == [(2, 100), (2, 100), (2, 100), (2, 100), (2, 10)]
    assert found.layers[0].flops == 2 * (2 * 784 * 100 + 100)
    assert found.flops == 2 * (2 * 89400 + 210 + 200)
    assert "89,610" in str(found)


def test_custom_layers_and_nothing_left_behind() -> None:
    model = Custom()
    model.body[0].weight.requires_grad_(False)
    state = rl.get_rng_state().tolist()
    found = summary(model, (4,))
    assert [(layer.name, layer.kind) for layer in found.layers] == [
        ("body.0", "Linear"), ("body.1", "Dropout"), ("body.2", "ReLU"), ("head", "Head"),
    ]  # fmt: skip
    assert (found.parameters, found.trainable) == (40, 8)
    assert found.layers[-1].flops is None
    assert "not counting" in str(found)
    assert "32 frozen" in str(found)
    assert model.training
    assert model.body[1].training
    assert rl.get_rng_state().tolist() == state
    assert summary(model, (4,)).layers == found.layers


def test_own_flops() -> None:
    class Counted(Head):
        def flops(self, before: tuple[int, ...], after: tuple[int, ...]) -> int:
            return before[0] * after[1]

    assert summary(Counted(), (8,), batch_size=3).flops == 24


def test_attention_is_a_layer_though_its_parts_are_not_called() -> None:
    found = summary(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (6, 8))
    attention = found.layers[0]
    assert (attention.name, attention.kind, attention.output_shape) == (
        "self_attn", "MultiheadAttention", (1, 6, 8),
    )  # fmt: skip
    products = 6 * 8 * 2 * (4 * 8) + 2 * 2 * 6 * 6 * 8
    assert attention.flops == products + 4 * 6 * 8 + 5 * 2 * 6 * 6  # biases, and two softmaxes
    assert found.elsewhere == 0
    assert sum(layer.parameters for layer in found.layers) == found.parameters


def test_recurrent_layers() -> None:
    (layer,) = summary(nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), (5, 3)).layers
    step = 2 * (16 * (2 * (3 + 4) + 2) + 9 * 4) + 2 * (16 * (2 * (8 + 4) + 2) + 9 * 4)
    assert (layer.output_shape, layer.flops) == ((1, 5, 8), 5 * step)


def test_parameters_of_no_layer_are_told() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.left_out = nn.Linear(2, 2), nn.Linear(2, 2)
            self.scale = nn.Parameter(rl.ones(3))

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return self.used(x) * self.scale[:2]

    assert "9 parameters belong to no layer" in str(summary(Own(), (2,)))
