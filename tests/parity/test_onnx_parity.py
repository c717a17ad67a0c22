"""Models that PyTorch exports: opened here they compute the same, give the same gradients, and compile."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
pytest.importorskip("onnx", reason="ONNX needs onnx: pip install -e .[dev]")
nn, F = torch.nn, torch.nn.functional


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.norm2 = nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.GroupNorm(2, 4)
        self.short, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4, 5)

    def forward(self, x: Any) -> Any:
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu6(self.norm2(self.conv2(y))) + self.short(x)
        return self.head(F.adaptive_avg_pool2d(y, 1).flatten(1))


class Words(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 4)
        self.layer = getattr(nn, kind)(4, 5, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)

    def forward(self, tokens: Any) -> Any:
        out, _ = self.layer(self.words(tokens))
        return F.log_softmax(self.head(out[:, -1]), dim=-1)


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 8), nn.Parameter(torch.randn(1, 16, 8))
        self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.register_buffer("mask", torch.tril(torch.ones(16, 16)).bool())

    def forward(self, tokens: Any) -> Any:
        batch, time = tokens.shape
        x = self.words(tokens) + self.places[:, :time]
        q, k, v = (t.view(batch, time, 2, 4).transpose(1, 2) for t in self.qkv(self.norm(x)).split(8, 2))
        weights = (q @ k.transpose(-2, -1) / 2).masked_fill(~self.mask[:time, :time], float("-inf"))
        y = (weights.softmax(-1) @ v).transpose(1, 2).reshape(batch, time, 8)
        return self.head(x + F.gelu(self.out(y)))


class Decodes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ELU(), nn.MaxPool2d(2, ceil_mode=True))
        self.decode = nn.Sequential(nn.ConvTranspose2d(4, 2, 3, 2, 1, 1), nn.PReLU(), nn.InstanceNorm2d(2))
        self.grow = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, x: Any) -> Any:
        return torch.sigmoid(self.grow(self.decode(self.encode(x)))).clamp(0.1, 0.9)


class VAE(nn.Module):
    """Its mean path."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 12))

    def forward(self, x: Any) -> Any:
        mean, log_scale = self.encoder(x).chunk(2, 1)
        return torch.cat([self.decoder(mean).sigmoid(), log_scale.exp()], 1)


class Field(nn.Module):
    """The right side of a neural ODE."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2))

    def forward(self, y: Any) -> Any:
        return self.net(y**3)


class ActorCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
        self.actor, self.critic = nn.Linear(8, 2), nn.Linear(8, 1)

    def forward(self, state: Any) -> Any:
        x = self.body(state)
        return self.actor(x) - self.critic(x).squeeze(-1).unsqueeze(1)


def floats(*shape: int) -> Callable[[int], Any]:
    return lambda n: torch.randn(n, *shape)


def tokens(time: int) -> Callable[[int], Any]:
    return lambda n: torch.randint(0, 20, (n, time))


NETS: dict[str, tuple[Callable[[], Any], Callable[[int], Any]]] = {
    "MLP": (lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(), nn.Linear(8, 2)), floats(4)),
    "LeNet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 10), nn.LogSoftmax(1),
        ),
        floats(1, 28, 28),
    ),
    "residual": (Residual, floats(3, 8, 8)),
    "LSTM": (lambda: Words("LSTM"), tokens(6)),
    "GRU": (lambda: Words("GRU"), tokens(6)),
    "RNN": (lambda: Words("RNN"), tokens(6)),
    "GPT": (GPT, tokens(7)),
    "autoencoder": (Decodes, floats(1, 8, 8)),
    "VAE": (VAE, floats(12)),
    "field": (Field, floats(2)),
    "actor and critic": (ActorCritic, floats(4)),
    "Transformer": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"), 2,
            enable_nested_tensor=False,
        ),
        floats(5, 8),
    ),
}  # fmt: skip


def exported(net: Any, x: Any) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter, which needs no package of its own
        torch.onnx.export(
            net, (x,), stream, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}}, opset_version=17
        )
    return stream.getvalue()


@pytest.mark.parametrize("name", NETS)
def test_models_of_pytorch(name: str) -> None:
    make, draw = NETS[name]
    torch.manual_seed(0)
    net, x = make().eval(), draw(3)
    with torch.no_grad():
        for p in net.parameters():  # of equal ones the exporter makes one
            p.add_(0.1 * torch.randn(p.shape))
    opened = rl.onnx.load(exported(net, x))
    for given in (x, draw(5)):
        found = opened(rl.tensor(given.numpy()))
        np.testing.assert_allclose(found.detach().numpy(), net(given).detach().numpy(), rtol=1e-4, atol=1e-5)
    (opened(rl.tensor(x.numpy())) ** 2).sum().backward()
    (net(x) ** 2).sum().backward()
    ours, theirs = dict(opened.named_parameters()), dict(net.named_parameters())
    assert set(ours) & set(theirs)  # others the exporter turned, or folded into a neighbour
    for key in set(ours) & set(theirs):
        np.testing.assert_allclose(
            ours[key].grad.numpy(), theirs[key].grad.numpy(), rtol=1e-3, atol=1e-4, err_msg=key
        )
    with rl.no_grad():
        found = rl.compile(opened)(rl.tensor(x.numpy()))
    np.testing.assert_allclose(found.numpy(), net(x).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["MLP", "LeNet", "GPT"])
def test_out_again(name: str) -> None:
    """A model of PyTorch's that went through here has the same weights and computes the same."""
    make, draw = NETS[name]
    torch.manual_seed(0)
    net, x = make().eval(), draw(3)
    opened = rl.onnx.load(exported(net, x))
    again = rl.onnx.load(
        rl.onnx.export(opened, rl.tensor(x.numpy()), dynamic_axes={"x": {0: "n"}}).model_proto
    )
    assert set(again.state_dict()) == set(opened.state_dict())
    given = draw(4)
    found = again(rl.tensor(given.numpy()))
    np.testing.assert_allclose(found.detach().numpy(), net(given).detach().numpy(), rtol=1e-4, atol=1e-5)
