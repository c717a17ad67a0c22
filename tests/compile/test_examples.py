"""The examples' loss curves, compiled, are those of eager training, up to rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from tests.example_files import EXAMPLES, example

pytest.importorskip("llvmlite")


def lenet() -> list[float]:
    module = example("lenet_mnist")
    return module.train(module.LeNet(), rl.rand(60, 1, 28, 28), rl.randint(0, 10, (60,)), 2, batch_size=20)


def resnet() -> list[float]:
    module = example("resnet_fashion")
    model = module.ResNet(width=4)
    images, labels = rl.rand(24, 1, 12, 12), rl.randint(0, 10, (24,))
    return module.train(model, images, labels, 2, batch_size=8, lr=0.02)


def gpt() -> list[float]:
    module = example("char_gpt")
    model = module.GPT(10, context=8, width=16, heads=2, depth=1)
    return module.train(model, rl.randint(0, 10, (200,)), 8, batch_size=4)


def lstm() -> list[float]:
    module = example("lstm_adding")
    return module.train(module.Adder(8), 8, length=10, batch_size=8)


def vae() -> list[float]:
    module = example("vae_mnist")
    return module.train(module.VAE(hidden=16), rl.rand(40, 784), 4, batch_size=20)


def gan() -> list[float]:
    module = example("gan_disk")
    return module.train(module.GAN(16), 12, batch_size=16)


def pinn() -> list[float]:
    module = example("pinn_heat")
    return module.train(rl.nn.MLP(2, [16, 16], 1, activation="tanh"), 12, count=16)


def ode() -> list[float]:
    module = example("neural_ode")
    path = module.runge_kutta(module.spiral, rl.tensor([[2.0, 0.0]]), 60)[:, 0]
    return module.train(module.Field(16), path, 8, ahead=4, batch_size=8)


def ppo() -> list[float]:
    module = example("ppo_cartpole")
    losses, _ = module.train(module.ActorCritic(16), 2, carts=4, horizon=16)
    return losses


CURVES: dict[str, Callable[[], list[float]]] = {
    "lenet_mnist": lenet,
    "resnet_fashion": resnet,
    "char_gpt": gpt,
    "lstm_adding": lstm,
    "vae_mnist": vae,
    "gan_disk": gan,
    "pinn_heat": pinn,
    "neural_ode": ode,
    "ppo_cartpole": ppo,
}


def test_every_example_is_here() -> None:
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    assert {name for name in files if not name.startswith("disk_")} == set(CURVES)


@pytest.mark.parametrize("name", CURVES)
def test_curves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rl.manual_seed(0)
    found = CURVES[name]()
    monkeypatch.setenv("RUSHLIGHT_COMPILE", "off")
    rl.manual_seed(0)
    expected = CURVES[name]()
    assert len(found) >= 6
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
