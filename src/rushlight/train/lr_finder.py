"""The range test of learning rates (Smith, 2017): a short run in which the rate grows from batch to batch."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from rushlight.core.random import fork_rng
from rushlight.errors import ArgumentError, DataError, NotSupportedError, message
from rushlight.train.feed import Feed, make_feed
from rushlight.train.steps import check_batch, train_on
from rushlight.train.trainer import Trainer

__all__ = ["LRFinder", "find_lr"]

SMOOTH = 0.9
"""How much of the smoothed loss the one before makes."""
LOST = 4.0
"""The test ends where the smoothed loss is so many times its smallest."""

WINDOW = 20
"""The slope is taken over two parts in so many of the rates."""


@dataclass(frozen=True)
class LRFinder:
    """What `find_lr` measured: rates, and the smoothed loss at each.

    suggestion  the rate at which the loss falls fastest, by the logarithm of the rate, before its smallest.
    """

    lrs: list[float]
    losses: list[float]

    @property
    def suggestion(self) -> float:
        half = max(1, len(self.lrs) // WINDOW)  # wide enough to look past the noise of batches
        last = min(range(len(self.losses)), key=self.losses.__getitem__)  # what falls again after it was lost
        before = self.losses[: last + 1] if last >= 2 * half else self.losses
        falls = [b - a for a, b in zip(before, before[2 * half :], strict=False)]
        return self.lrs[half + min(range(len(falls)), key=falls.__getitem__)]

    def __repr__(self) -> str:
        return f"LRFinder({len(self.lrs)} rates to {self.lrs[-1]:.3g}; suggestion {self.suggestion:.3g})"

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The loss over the rate, with the suggestion marked; returns the figure."""
        from rushlight.plot import curves

        figure = curves(
            {"epoch": self.lrs, "smoothed loss": self.losses}, xlabel="learning rate", ylabel="loss"
        )
        axes = figure.axes[0]
        axes.set_xscale("log")
        axes.set_xlim(self.lrs[0], self.lrs[-1])
        axes.axvline(self.suggestion, color="0.5", linewidth=1, linestyle="--")
        axes.set_title(f"steepest at {self.suggestion:.2g}")
        if path is not None:
            figure.savefig(path)
        return figure


def find_lr(
    trainer: Trainer,
    train: Any,
    *,
    start: float = 1e-6,
    end: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
) -> LRFinder:
    """Try learning rates from `start` to `end`, one a batch, each larger than the last by the same factor.

    It trains a copy of the trainer's model by a copy of its optimiser, and leaves the trainer, and the random
    numbers of the program, as they were. `train` and `batch_size` are those of `fit`; the data are gone
    through as often as it takes. The test ends early where the loss grows to four times its smallest.

    Raises ArgumentError for rates or steps that make no range, DataError where the loss is never finite or
    there is no batch, NotSupportedError for a trainer with a step of its own.

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> x = rl.linspace(-1, 1, 256).reshape(256, 1)
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=1.0)
    >>> trainer = rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), seed=0)
    >>> found = rl.train.find_lr(trainer, (x, 3 * x + 1), start=1e-4)
    >>> 0.01 < found.suggestion < 2.0
    True
    """
    if trainer.has_own_step():
        raise NotSupportedError(
            message("find_lr", "a trainer whose train_step is overridden", "the usual step")
        )
    if not 0.0 < start < end < math.inf or not isinstance(steps, Integral) or steps < 3:
        got = f"rates from {start:g} to {end:g} in {steps} steps"
        raise ArgumentError(message("find_lr", got, "finite 0 < start < end and 3 steps or more"))
    feed = make_feed("find_lr", train, batch_size, True, trainer.seed, trainer.dtype)
    rates = (start * (end / start) ** (step / (steps - 1)) for step in range(steps))
    with fork_rng(), _kept(feed):
        lrs, losses = _tried(trainer, feed, rates)
    if len(lrs) < 3:
        remedy = "Look at the data, or begin with a smaller rate."
        raise DataError(
            message("find_lr", f"a loss that is lost at the rate {start:g}", "a finite loss", remedy)
        )
    return LRFinder(lrs, losses)


@contextmanager
def _kept(feed: Feed) -> Iterator[None]:
    """The feed, and the generator of its loader, are afterwards where they were."""
    place = feed.state_dict()
    generator: Any = getattr(feed.batches, "generator", None)
    drawn = generator.get_state() if hasattr(generator, "get_state") else None
    try:
        yield
    finally:
        feed.load_state_dict(place)
        if drawn is not None:
            generator.set_state(drawn)


def _tried(trainer: Trainer, feed: Feed, rates: Iterable[float]) -> tuple[list[float], list[float]]:
    """The rates until the loss was lost, and the smoothed losses, of a copy of what `trainer` trains."""
    model, optimizer, loss = copy.deepcopy((trainer.model, trainer.optimizer, trainer.loss))
    clip = trainer.clip_grad_norm, trainer.clip_grad_value
    lrs: list[float] = []
    losses: list[float] = []
    mean = 0.0
    model.train()
    for lr, batch in zip(rates, _without_end(feed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = lr
        check_batch("find_lr", batch)
        value, _ = train_on(model, optimizer, loss, batch, *clip)
        mean = SMOOTH * mean + (1.0 - SMOOTH) * float(value.item())
        smooth = mean / (1.0 - SMOOTH ** (len(lrs) + 1))
        if not math.isfinite(smooth) or (losses and smooth > LOST * min(losses)):
            break
        lrs.append(lr)
        losses.append(smooth)
    return lrs, losses


def _without_end(feed: Feed) -> Iterator[Any]:
    """The batches, epoch after epoch. Raises DataError where an epoch has none."""
    while True:
        batch = None
        for batch in feed:
            yield batch
        if batch is None:
            raise DataError(message("find_lr", "data without a batch", "at least one"))
