"""The data, loss and optimiser that settings name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rushlight as rl
from rushlight.cli.saved import targets_of
from rushlight.cli.settings import Settings
from rushlight.errors import ArgumentError

__all__ = ["Parts", "load_parts", "make_loss", "make_optimizer", "part_of"]

POINTS = 1000
VALIDATION_SEED = 0x5EED
"""Added to the seed of the disk's training points, so that the validation points are others."""


@dataclass
class Parts:
    """The three parts of a data set; `facts` are what a saved model must know of it."""

    train: Any
    validation: Any
    test: Any
    facts: dict[str, Any]


def load_parts(settings: Settings) -> Parts:
    """Training, validation and test data with the targets that the loss takes."""
    train, validation, test = (part_of(settings, split) for split in ("train", "validation", "test"))
    source = train.dataset if hasattr(train, "dataset") else train
    return Parts(train, validation, test, source.describe())


def part_of(settings: Settings, split: Any) -> Any:
    """One part ("train", "validation" or "test") of the data set of `settings`."""
    targets = targets_of(settings)
    if settings.dataset == "disk":
        seed = settings.seed if settings.data_seed is None else settings.data_seed
        return _disk(seed, split, targets)
    kind = rl.data.MNIST if settings.dataset == "mnist" else rl.data.FashionMNIST
    data = kind(settings.data, split)
    return data if targets == "class" else _one_hot(data)


def _disk(seed: int, split: Any, targets: Any) -> Any:
    if split != "validation":
        return rl.data.Disk(POINTS, seed, split=split, targets=targets)
    # The reports' disk has two parts. Points for validation are drawn from another seed, on the scale of the
    # training points.
    train = rl.data.Disk(POINTS, seed, targets=targets)
    other = rl.data.Disk(POINTS, (seed + VALIDATION_SEED) % 2**63, split="test", targets=targets)
    return rl.data.TensorDataset(train.normalise(other.points), other.targets)


class OneHot(rl.data.TensorDataset):
    """A data set of pictures with one-hot rows for targets, as losses between outputs and targets need."""

    def __init__(self, source: Any) -> None:
        self.source, self.images, self.labels = source, source.images, source.targets
        super().__init__(source.inputs, rl.eye(len(source.classes))[source.targets])
        self.inputs, self.targets = self.tensors

    def describe(self) -> dict[str, Any]:
        return dict(self.source.describe())


def _one_hot(data: Any) -> Any:
    return OneHot(data)


def make_loss(settings: Settings) -> Any:
    """The loss module."""
    losses = {
        "mse": rl.nn.MSELoss,
        "l1": rl.nn.L1Loss,
        "bce": rl.nn.BCELoss,
        "bce-logits": rl.nn.BCEWithLogitsLoss,
        "nll": rl.nn.NLLLoss,
        "cross-entropy": rl.nn.CrossEntropyLoss,
    }
    return losses[settings.loss]()


def make_optimizer(settings: Settings, model: Any) -> Any:
    """The optimiser over the parameters of `model`."""
    rate, decay = settings.lr, settings.weight_decay
    if settings.optimizer == "sgd":
        return rl.optim.SGD(model.parameters(), lr=rate, momentum=settings.momentum, weight_decay=decay)
    if settings.optimizer == "adam":
        return rl.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
    if settings.optimizer == "adamw":
        return rl.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    raise ArgumentError(f"unknown optimizer {settings.optimizer!r}")
