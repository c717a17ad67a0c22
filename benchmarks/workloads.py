"""What is timed. A new workload of a known model is one more record in ``WORKLOADS``."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.models import MODELS, Model

__all__ = ["WORKLOADS", "Problem", "Workload", "find", "variant"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Workload:
    """One thing to time: a training step on a batch, inference on a batch of ``batch`` samples, or a sweep:
    many networks, each trained for ``passes`` epochs.
    """

    name: str
    title: str
    kind: Literal["train", "infer", "sweep"]
    widths: tuple[int, ...]
    batch: int
    batches: int
    activation: Literal["tanh", "relu"] = "tanh"
    loss: Literal["mse", "cross_entropy", "none"] = "none"
    lr: float = 0.0
    momentum: float = 0.0
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    model: str = "mlp"
    """Of ``models.MODELS``, which say what the widths mean, or a plain network of linear layers."""
    clip: float = 0.0
    """The largest norm of all gradients together; 0 for no limit."""
    seed: int = 0
    data_seed: int = 1
    passes: int = 10
    """Through the batches in one call, for who takes many steps in one."""
    networks: int = 1
    """Of a sweep: one half with tanh, the other with ReLU."""
    indexed: bool = False
    """Such a call gathers each batch from all samples by an index; otherwise it is given the batches."""


WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            "disk",
            "Disk step: 2-25-25-25-1, tanh, MSE, SGD momentum 0.9, batch 100",
            kind="train",
            widths=(2, 25, 25, 25, 1),
            activation="tanh",
            batch=100,
            batches=10,
            loss="mse",
            lr=0.05,
            momentum=0.9,
            passes=100,
        ),
        Workload(
            "mnist",
            "MNIST step: 784-100-100-10, ReLU, cross-entropy, SGD momentum 0.9, batch 128",
            kind="train",
            widths=(784, 100, 100, 10),
            activation="relu",
            batch=128,
            batches=16,
            loss="cross_entropy",
            lr=0.01,
            momentum=0.9,
            indexed=True,
        ),
        Workload(
            "wide",
            "Wide step: 784-512-512-10, ReLU, cross-entropy, SGD momentum 0.9, batch 128",
            kind="train",
            widths=(784, 512, 512, 10),
            activation="relu",
            batch=128,
            batches=16,
            loss="cross_entropy",
            lr=0.01,
            momentum=0.9,
            indexed=True,
        ),
        Workload(
            "infer",
            "One-sample inference: 16-64-64-4, ReLU",
            kind="infer",
            widths=(16, 64, 64, 4),
            activation="relu",
            batch=1,
            batches=64,
        ),
        Workload(
            "infer-lenet",
            "One-sample inference: LeNet-5 on 28x28",
            kind="infer",
            model="lenet",
            widths=(1, 6, 16, 120, 84, 10),
            batch=1,
            batches=64,
        ),
        Workload(
            "lenet",
            "LeNet-5 step: 28x28, ReLU, cross-entropy, Adam, batch 128",
            kind="train",
            model="lenet",
            widths=(1, 6, 16, 120, 84, 10),
            batch=128,
            batches=8,
            lr=1e-3,
            optimizer="adam",
            passes=1,
        ),
        Workload(
            "conv",
            "Convolutions step: 3x3, 32-64-64, batch norm, ReLU, pooling, on 3x32x32, Adam, batch 64",
            kind="train",
            model="conv",
            widths=(3, 32, 64, 64, 10),
            batch=64,
            batches=2,
            lr=1e-3,
            optimizer="adam",
            passes=1,
        ),
        Workload(
            "gpt",
            "GPT step: 4 blocks, width 128, 4 heads, 16 x 64 tokens of 65, AdamW",
            kind="train",
            model="gpt",
            widths=(65, 128, 4, 4, 64),
            batch=16,
            batches=2,
            lr=1e-3,
            optimizer="adamw",
            passes=1,
        ),
        Workload(
            "pinn",
            "PINN step: Burgers' equation by 2-32-32-32-1, tanh, second derivatives, 100 points, Adam",
            kind="train",
            model="pinn",
            widths=(2, 32, 32, 32, 1),
            batch=100,
            batches=10,
            lr=1e-3,
            optimizer="adam",
        ),
        Workload(
            "lstm",
            "LSTM step: 64 steps in a loop, 28 inputs, 128 hidden, batch 64, Adam",
            kind="train",
            model="lstm",
            widths=(28, 128, 64, 10),
            batch=64,
            batches=2,
            lr=1e-3,
            optimizer="adam",
            passes=1,
        ),
        Workload(
            "lstm-layer",
            "LSTM layer step: nn.LSTM, 28 steps of 28, 128 hidden, batch 64, Adam",
            kind="train",
            model="lstm-layer",
            widths=(28, 128, 28, 10),
            batch=64,
            batches=4,
            lr=1e-3,
            optimizer="adam",
            passes=4,
        ),
        Workload(
            "ppo",
            "PPO update: actor and critic 8-64-64, tanh, clipped loss, entropy, gradient clipping, Adam, 64",
            kind="train",
            model="ppo",
            widths=(8, 64, 64, 4),
            batch=64,
            batches=10,
            lr=3e-4,
            optimizer="adam",
            clip=0.5,
            passes=100,
        ),
        Workload(
            "vae",
            "VAE step: 784-400-20-400-784, ReLU, Adam, batch 128",
            kind="train",
            model="vae",
            widths=(784, 400, 20),
            batch=128,
            batches=8,
            lr=1e-3,
            optimizer="adam",
            passes=2,
        ),
        Workload(
            "ode",
            "Neural ODE step: 2-64-64-2, tanh, 20 steps of RK4, loss through the solver, Adam, batch 64",
            kind="train",
            model="ode",
            widths=(20, 2, 64, 64, 2),
            batch=64,
            batches=10,
            lr=1e-3,
            optimizer="adam",
            passes=2,
        ),
        Workload(
            "sweep",
            "Sweep: 60 networks 2-25-25-25-1, 30 with tanh and 30 with ReLU, MSE, SGD, 100 epochs of 10 "
            "batches of 100",
            kind="sweep",
            widths=(2, 25, 25, 25, 1),
            activation="tanh",
            batch=100,
            batches=10,
            loss="mse",
            lr=0.05,
            passes=100,
            networks=60,
        ),
    )
}


def variant(name: str, **changes: Any) -> str:
    """The name of a workload that differs from another in these facts."""
    return f"{name} {json.dumps(changes, sort_keys=True)}"


def find(name: str) -> Workload:
    """The workload of a name, one of `variant` too."""
    base, _, changes = name.partition(" {")
    told: dict[str, Any] = json.loads("{" + changes) if changes else {}
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    return replace(WORKLOADS[base], **told)


class Problem:
    """The arrays of a workload, equal in every process: they depend on the workload's seed alone."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload

    @property
    def model(self) -> Model:
        """What is not a plain network."""
        return MODELS[self.workload.model](self.workload)

    @cached_property
    def layers(self) -> list[tuple[Array, Array]]:
        """Weight (out, in) and bias (out,) of each layer, uniform within 1 / sqrt(in)."""
        rng = np.random.default_rng(self.workload.seed)
        pairs = []
        for fan_in, fan_out in zip(self.workload.widths[:-1], self.workload.widths[1:], strict=True):
            bound = fan_in**-0.5
            weight = rng.uniform(-bound, bound, (fan_out, fan_in)).astype(np.float32)
            pairs.append((weight, rng.uniform(-bound, bound, fan_out).astype(np.float32)))
        return pairs

    @cached_property
    def samples(self) -> tuple[Array, NDArray[np.generic]]:
        """All inputs and targets: (batches * batch, in) and, by loss, (..., 1) floats or (...,) classes."""
        w = self.workload
        rng = np.random.default_rng(w.data_seed)
        count = w.batch * w.batches
        if w.loss == "cross_entropy":
            return _digits(rng, count, w.widths[0], w.widths[-1])
        x = rng.uniform(-np.sqrt(3), np.sqrt(3), (count, w.widths[0])).astype(np.float32)
        inside = (x[:, :2] ** 2).sum(axis=1) < 6 / np.pi
        return x, inside.astype(np.float32).reshape(count, 1)

    @cached_property
    def members(self) -> list[Problem]:
        """The problems of the networks of a sweep: the same data, weights of their own."""
        half = self.workload.networks // 2
        return [
            Problem(replace(self.workload, activation=activation, seed=seed))
            for activation in ("tanh", "relu")
            for seed in range(half)
        ]

    @property
    def index(self) -> NDArray[np.int64]:
        """The samples of each batch, (batches, batch)."""
        return np.arange(self.workload.batches * self.workload.batch).reshape(self.workload.batches, -1)

    @cached_property
    def batches(self) -> list[tuple[Array, ...]]:
        """The samples cut into batches: (x, y) to train, (x,) to infer. Larger models have their own."""
        if self.workload.model != "mlp":
            found = self.model.batches()
            return [b[:1] for b in found] if self.workload.kind == "infer" else found
        x, y = self.samples
        size = self.workload.batch
        cuts = [slice(i, i + size) for i in range(0, len(x), size)]
        if self.workload.kind == "infer":
            return [(x[c],) for c in cuts]
        return [(x[c], y[c]) for c in cuts]  # type: ignore[misc]


def _digits(
    rng: np.random.Generator, count: int, pixels: int, classes: int
) -> tuple[Array, NDArray[np.generic]]:
    """Noisy copies of one random picture a class, about a fifth of the pixels lit, as in MNIST.

    One label in five is wrong, so that the loss stays away from zero however long the run.
    """
    pictures = (rng.random((classes, pixels)) < 0.2).astype(np.float32)
    rest = rng.integers(0, classes, max(count - classes, 0))
    labels = np.concatenate([np.arange(classes), rest])[:count]
    x = pictures[labels] * rng.uniform(0.5, 1.0, (count, pixels)).astype(np.float32)
    wrong = rng.random(count) < 0.2
    labels = np.where(wrong, rng.integers(0, classes, count), labels)
    return np.ascontiguousarray(x, dtype=np.float32), labels.astype(np.int64)
