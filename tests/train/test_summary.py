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
