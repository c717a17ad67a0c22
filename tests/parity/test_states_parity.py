"""States of all layers and of the examples' nets go both ways, through files of either framework."""

from __future__ import annotations

import ast
import io
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.parity import test_moduleinfo_parity as layers
from tests.parity.test_matrix import shared

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

EXAMPLES = Path(__file__).parents[2] / "examples"


def through_files(ours: Any, theirs: Any) -> None:
    """Each takes the other's state from a file that the other's framework wrote; all of it must fit."""
    same_states(ours, theirs)
    stream = io.BytesIO()
    torch.save(theirs.state_dict(), stream)
    stream.seek(0)
    assert not any(ours.load_state_dict(rl.load(stream)))
    same_states(ours, theirs, values=True)
    for p in ours.parameters():
        p.data.mul_(0.5)
    stream = io.BytesIO()
    rl.save(ours.state_dict(), stream)
    stream.seek(0)
    assert not any(theirs.load_state_dict(torch.load(stream)))
    same_states(ours, theirs, values=True)


def same_states(ours: Any, theirs: Any, values: bool = False) -> None:
    """The same names in the same order, of parameters and buffers, with the same dtypes and shapes."""
    for kind in ("named_parameters", "named_buffers", "named_modules"):
        assert [n for n, _ in getattr(ours, kind)()] == [n for n, _ in getattr(theirs, kind)()], kind
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    assert getattr(a, "_metadata", None) is None or list(a._metadata) == list(b._metadata)
    for name, mine in a.items():
        if hasattr(mine, "numpy"):
            x, y = mine.detach().numpy(), b[name].detach().numpy()
            assert (x.dtype, x.shape) == (y.dtype, y.shape), name
            if values:
                np.testing.assert_array_equal(x, y, err_msg=name)


MORE: dict[str, tuple[Any, ...]] = {
    "AdaptiveLogSoftmaxWithLoss": (8, 20, [4, 10]), "AlphaDropout": (), "ChannelShuffle": (2,),
    "CosineSimilarity": (), "Dropout": (), "Dropout1d": (), "Dropout2d": (), "Dropout3d": (),
    "EmbeddingBag": (5, 3), "FeatureAlphaDropout": (), "Flatten": (), "Fold": ((4, 5), 2), "Hardsigmoid": (),
    "Identity": (), "MaxUnpool1d": (2,), "MaxUnpool2d": (2,), "MaxUnpool3d": (2,), "PairwiseDistance": (),
    "PixelShuffle": (2,), "SyncBatchNorm": (3,), "PixelUnshuffle": (2,), "RReLU": (), "TripletMarginLoss": (),
    "TripletMarginWithDistanceLoss": (), "Unflatten": (1, (2, 3)), "Unfold": (2,), "Upsample": (),
    "UpsamplingBilinear2d": (None, 2), "UpsamplingNearest2d": (None, 2),
}  # fmt: skip
"""Arguments of the layers of which PyTorch has no samples."""


def both(name: str) -> tuple[Any, Any]:
    """The layer in both frameworks, made like PyTorch's first sample of it."""
    info = {i.name: i for i in layers.module_db}.get(f"nn.{name}")
    if info is None:
        make = CONTAINERS.get(name, lambda nn: getattr(nn, name)(*MORE[name]))
        return make(rl.nn), make(torch.nn)
    samples = list(layers.samples(info, torch.float32, True))
    sample = next((s for s in samples if s.constructor_input.args or s.constructor_input.kwargs), samples[0])
    ours, theirs = layers.both(info, sample, torch.float32, True)
    if info.is_lazy:
        given = sample.forward_input
        theirs(*layers.opinfo.theirs_of(given.args))
        ours(*layers.ours_of(given.args))
    return ours, theirs


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "Sequential": lambda nn: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.BatchNorm1d(3)),
    "ModuleList": lambda nn: nn.ModuleList([nn.Linear(2, 3), nn.Tanh()]),
    "ModuleDict": lambda nn: nn.ModuleDict({"b": nn.Linear(2, 3), "a": nn.Conv1d(1, 2, 3)}),
    "ParameterList": lambda nn: nn.ParameterList([nn.Linear(2, 3).weight, nn.Linear(2, 3).bias]),
    "ParameterDict": lambda nn: nn.ParameterDict({"w": nn.Linear(2, 3).weight, "b": nn.Linear(2, 3).bias}),
    "DataParallel": lambda nn: nn.DataParallel(nn.Linear(2, 3)),
    "TransformerDecoder": lambda nn: nn.TransformerDecoder(
        nn.TransformerDecoderLayer(4, 2, 8), 2, nn.LayerNorm(4)
    ),
}
CONTAINERS |= {
    f"Lazy{kind}{n}d": lambda nn, k=kind, n=n: used(nn, getattr(nn, f"Lazy{k}{n}d")(), 2, 3, *(4, 3, 2)[:n])
    for kind in ("BatchNorm", "InstanceNorm")
    for n in (1, 2, 3)
}
CONTAINERS["LazyLinear"] = lambda nn: used(nn, nn.LazyLinear(4), 2, 3)


def used(nn: Any, layer: Any, *shape: int) -> Any:
    """The layer after its first call, which makes its weights."""
    layer(spread(rl if nn is rl.nn else torch, *shape))
    return layer


BASES = {"Module", "RNNBase", "RNNCellBase", "Container"}
LAYERS = sorted(
    name
    for name, ours in shared("rushlight.nn").items()
    if isinstance(ours, type) and issubclass(ours, rl.nn.Module) and name not in BASES
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LAYERS)
def test_states_of_layers(name: str) -> None:
    through_files(*both(name))


# The examples' nets


def mlp(inputs: int, hidden: list[int], outputs: int, activation: Any, output: str | None = None) -> Any:
    """What rl.nn.MLP makes, of PyTorch's layers."""
    nn, sizes = torch.nn, [inputs, *hidden, outputs]
    kinds = {"relu": nn.ReLU, "tanh": nn.Tanh, "leaky_relu": nn.LeakyReLU}
    names = [activation] * len(hidden) if isinstance(activation, str) else activation
    parts: list[Any] = []
    for i, name in enumerate([*names, output]):
        parts += [nn.Linear(sizes[i], sizes[i + 1]), *([kinds[name]()] if name else [])]
    return nn.Sequential(*parts)


def classes(file: str, L: Any) -> dict[str, Any]:
    """The classes of an example, which are the same for either framework: only its imports differ."""
    tree = ast.parse((EXAMPLES / f"{file}.py").read_text(encoding="utf-8"))
    kept = [n for n in tree.body if isinstance(n, ast.ClassDef) or getattr(n, "name", "") == "small"]
    future = ast.parse("from __future__ import annotations").body
    nn = L.nn if L is rl else SimpleNamespace(**vars(torch.nn), MLP=mlp)
    names = {
        "rl": L,
        "nn": nn,
        "F": L.nn.functional,
        "Tensor": L.Tensor,
        "math": math,
        "Normal": L.distributions.Normal,
    }
    code = compile(ast.Module([*future, *kept], []), file, "exec")
    exec(code, names)
    return names


def spread(L: Any, *shape: int) -> Any:
    return L.from_numpy(np.sin(np.arange(np.prod(shape)) * 0.7).reshape(shape).astype("float32"))


def example(file: str, name: str, *args: Any) -> Callable[[Any], Any]:
    return lambda L: classes(file, L)[name](*args)


NETS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "char_gpt": (
        example("char_gpt", "GPT", 11, 8, 16, 4),
        lambda L, net: net(L.arange(16).reshape(2, 8) % 11),
    ),
    "disk_trainer": (
        lambda L: (rl.nn.MLP if L is rl else mlp)(
            2, [25, 25, 25], 1, activation=["relu", "relu", "tanh"], output="tanh"
        ),
        lambda L, net: net(spread(L, 4, 2)),
    ),
    "gan_disk": (example("gan_disk", "GAN"), lambda L, net: net.judge(net.generator(spread(L, 3, 4)))),
    "lenet_mnist": (example("lenet_mnist", "LeNet"), lambda L, net: net(spread(L, 2, 1, 28, 28))),
    "lstm_adding": (example("lstm_adding", "Adder"), lambda L, net: net(spread(L, 3, 7, 2))),
    "neural_ode": (example("neural_ode", "Field"), lambda L, net: net(spread(L, 3, 2))),
    "pinn_heat": (
        lambda L: (rl.nn.MLP if L is rl else mlp)(2, [32, 32, 32], 1, activation="tanh"),
        lambda L, net: net(spread(L, 4, 2)),
    ),
    "ppo_cartpole": (example("ppo_cartpole", "ActorCritic"), lambda L, net: net(spread(L, 3, 4))),
    "resnet_fashion": (
        example("resnet_fashion", "ResNet", 4, 2),
        lambda L, net: [net(spread(L, 3, 1, 12, 12)), net.eval()(spread(L, 2, 1, 12, 12))],
    ),
    "vae_mnist": (
        example("vae_mnist", "VAE", 2, 8),
        lambda L, net: (lambda code: [code.mean, code.stddev, net.decoder(code.mean)])(
            net.encode(spread(L, 2, 784))
        ),
    ),
}
WITHOUT = {
    "disk_autograd": "it has tensors, no layers",
    "disk_layerwise": "its layers are its own, and are made without the base's constructor",
}
"""Examples whose nets are not compared."""


def test_every_example_is_here() -> None:
    assert {p.stem for p in EXAMPLES.glob("*.py")} == {*NETS, *WITHOUT}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NETS)
def test_states_of_the_examples(name: str) -> None:
    make, call = NETS[name]
    ours, theirs = make(rl), make(torch)
    through_files(ours, theirs)
    layers.opinfo.compare(call(rl, ours), call(torch, theirs), 64.0)
    for a, b in zip(ours.buffers(), theirs.buffers(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
