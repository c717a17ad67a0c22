"""The course that all networks of a sweep run: the data in memory, and which batches an epoch has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.core.random import get_rng_state, manual_seed
from rushlight.core.tensor import Tensor, wrap
from rushlight.data import DataLoader
from rushlight.data.memory import InMemory, in_memory
from rushlight.train.feed import make_feed
from rushlight.train.trainer import EVALUATION_BATCH

__all__ = ["Course", "Stroke", "make_course", "start_member"]


@dataclass(frozen=True)
class Stroke:
    """`count` batches of `size` samples, the first of them being batch number `start` and sample `sample`."""

    train: bool
    start: int
    count: int
    size: int
    sample: int


@dataclass
class Course:
    """What every epoch of every network goes through.

    memory   the training data; checks: those of the validation, stacks of batches for each stroke.
    targets  those of the validation, in order; None without validation.
    strokes  of an epoch: the whole batches, the smaller last one, and the same of the validation.
    """

    memory: InMemory
    checks: list[tuple[Any, ...]]
    targets: Tensor | None
    strokes: list[Stroke]

    @property
    def samples(self) -> int:
        """How many samples an epoch trains on."""
        return sum(s.count * s.size for s in self.strokes if s.train)

    @property
    def batches(self) -> int:
        """How many batches they make."""
        return sum(s.count for s in self.strokes if s.train)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The training data."""
        return self.memory.tensors

    def rows(self, loader: DataLoader, epoch: int) -> np.ndarray[Any, Any]:
        """The rows of the tensors in the order of an epoch."""
        whole, rest = loader.epoch_indices(epoch)
        return self.memory.index(
            np.concatenate((whole.reshape(-1), rest)) if len(rest) else whole.reshape(-1)
        )

    def sources(self, stroke: Stroke) -> Sequence[Any]:
        """The arrays that a stroke reads."""
        if stroke.train:
            return [t.array for t in self.tensors]
        place = [s for s in self.strokes if not s.train].index(stroke)
        return self.checks[place]

    def example(self, stroke: Stroke) -> tuple[Tensor, ...]:
        """A batch such as the stroke has."""
        if not stroke.train:
            return tuple(wrap(array[0]) for array in self.sources(stroke))
        at = np.arange(stroke.size) if self.memory.rows is None else self.memory.rows[: stroke.size]
        return tuple(wrap(t.array.take(at, axis=0)) for t in self.tensors)


def start_member(task: Any, seed: int | None, dtype: Any) -> tuple[DataLoader | None, Tensor]:
    """The loader of a run with this seed, and the state of the random numbers when its training begins."""
    if seed is not None:
        manual_seed(seed)
    loader = make_feed("fit", task.own(task.train), task.batch_size, task.shuffle, seed, dtype).batches
    if type(loader) is DataLoader and loader.shuffle:
        loader.seed  # noqa: B018  (drawn now, if it was not given)
    return loader if type(loader) is DataLoader else None, get_rng_state()


def make_course(task: Any, loader: DataLoader | None, dtype: Any) -> Course | None:
    """The course of these data; None where they do not lie in memory."""
    memory = None if loader is None else in_memory(loader)
    if loader is None or memory is None or len(memory.tensors) < 2 or loader.position:
        return None
    strokes = _strokes(len(loader.dataset), loader.batch_size, loader.drop_last, train=True)
    checks: list[tuple[Any, ...]] = []
    targets = None
    if task.validation is not None:
        judge = make_feed("fit", task.own(task.validation), EVALUATION_BATCH, dtype=dtype).batches
        held = in_memory(judge) if type(judge) is DataLoader else None
        if held is None or len(held.tensors) < 2 or judge.shuffle or judge.position:
            return None
        further = _strokes(len(judge.dataset), judge.batch_size, judge.drop_last, train=False)
        arrays = [t.array if held.rows is None else t.array[held.rows] for t in held.tensors]
        for s in further:
            part = slice(s.sample, s.sample + s.count * s.size)
            checks.append(tuple(a[part].reshape(s.count, s.size, *a.shape[1:]) for a in arrays))
        strokes += further
        targets = wrap(arrays[-1])
    return Course(memory, checks, targets, strokes) if any(s.train for s in strokes) else None


def _strokes(samples: int, batch: int, drop_last: bool, train: bool) -> list[Stroke]:
    whole, rest = divmod(samples, batch)
    found = [Stroke(train, 0, whole, batch, 0)] if whole else []
    return found + ([Stroke(train, whole, 1, rest, whole * batch)] if rest and not drop_last else [])
