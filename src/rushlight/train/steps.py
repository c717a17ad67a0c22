"""Training steps one after the other, as the plain loop takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from rushlight.errors import DTypeError, ShapeError, message
from rushlight.nn.utils import clip_grad_norm_, clip_grad_value_
from rushlight.train.feed import Feed
from rushlight.train.weights import LossWeights

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Done", "EagerSteps", "Room", "check_batch", "check_loss", "run", "train_on"]

BATCHES = (
    "Data in memory are a pair (inputs, targets) of tensors or arrays; else give an iterable of batches."
)
Room = Callable[[], int | None]
"""How many batches there may be until somebody has to look at the run; None: as many as you like."""


@dataclass(slots=True)
class Done:
    """Batches that were trained on, one or many.

    shares    what each of them adds to the sum of the epoch's losses; weights: what it counts in the mean.
    samples   in all of them.
    loss_sum  the sum of the epoch's shares after them; loss_weight that of its weights.
    measured  a pair (output, target) for the metrics; with `stacked` both with an axis for the batches.
    batch     gives batch number i again.
    """

    shares: Sequence[float]
    weights: Sequence[float]
    samples: int
    loss_sum: float
    loss_weight: float
    measured: tuple[Any, Any] | None = None
    batch: Callable[[int], Any] | None = None
    stacked: bool = False


class EagerSteps:
    """Every batch by `Trainer.train_step`."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.weights = LossWeights(trainer.loss)

    def epoch(self, feed: Feed, room: Room) -> Iterator[Done]:
        """Train on the rest of this epoch's batches."""
        for batch in feed:
            check_batch("fit", batch)
            yield self.eager(batch)

    def eager(self, batch: Any) -> Done:
        """One batch."""
        loss, output = self.trainer.train_step(batch)
        check_loss(loss)
        return self.one(loss, output if self.trainer.metrics.items else None, batch)

    def one(self, loss: Any, output: Any, batch: Any) -> Done:
        """What came of one batch; the output where there are metrics."""
        target = batch[-1]
        measured = None if output is None else (output, target)
        weight = self.weights.of(target)
        return self.done((float(loss.item()),), (weight,), len(target), measured, lambda i: batch)

    def done(
        self, losses: Sequence[float], weights: Sequence[float], samples: int, *others: Any, **more: Any
    ) -> Done:
        """What came of batches with these losses, which count these weights."""
        position = self.trainer.position
        shares = list(map(self.weights.share, losses, weights))
        total, weight = reduce(add, shares, position.loss_sum), reduce(add, weights, position.loss_weight)
        return Done(shares, weights, samples, total, weight, *others, **more)


def train_on(
    model: Any,
    optimizer: Any,
    loss_function: Callable[[Any, Any], Any],
    batch: Any,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> tuple[Any, Any]:
    """Forward, backward and update on one batch ``(*inputs, target)``; the loss and the output."""
    *inputs, target = batch
    output = run(model, inputs)
    loss = loss_function(output, target)
    optimizer.zero_grad()
    loss.backward()
    if clip_norm is not None:
        clip_grad_norm_(model.parameters(), clip_norm)
    if clip_value is not None:
        clip_grad_value_(model.parameters(), clip_value)
    optimizer.step()
    return loss.detach(), output.detach()


def run(model: Any, inputs: Sequence[Any]) -> Any:
    """``model(*inputs)``. DTypeError for another number of inputs than the model takes."""
    try:
        return model(*inputs)
    except TypeError:
        try:
            signature = inspect.signature(getattr(model, "forward", model))
            signature.bind(*inputs)
        except TypeError:
            got = f"batches with {len(inputs)} inputs"
            taken, remedy = (
                f"those that {type(model).__name__} takes, {signature}",
                "A batch is (*inputs, target).",
            )
            raise DTypeError(message("Trainer", got, taken, remedy)) from None
        except ValueError:  # it has no signature
            pass
        raise


def check_batch(op: str, batch: Any, least: int = 2) -> None:
    """DTypeError for what is no batch: fewer than `least` parts, or a target of Python's numbers."""
    expected = "(*inputs, target)" if least > 1 else "(inputs, ...)"
    if not isinstance(batch, tuple | list):
        raise DTypeError(message(op, f"a batch of type {type(batch).__name__}", expected, BATCHES))
    if len(batch) < least:
        raise DTypeError(message(op, f"a batch with {len(batch)} of its parts", expected, BATCHES))
    if least > 1 and _is_plain(batch[-1]):
        got = f"a batch whose target is a {type(batch[-1]).__name__} of Python's"
        raise DTypeError(message(op, got, "tensors or arrays", "Convert lists and numbers with rl.tensor()."))


def _is_plain(value: Any) -> bool:
    """Whether `value` is a number of Python's, or lists of them."""
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return isinstance(value, int | float)


def check_loss(loss: Any) -> None:
    """ShapeError for a loss that is not one number."""
    if loss.ndim:
        got, remedy = f"a loss of shape {loss.shape}", 'Use reduction="mean" or "sum".'
        raise ShapeError(message("Trainer", got, "one number", remedy))
