"""What all networks of a sweep train on: the data in memory, cut into segments of equal batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.data import DataLoader
from rushlight.data.memory import in_memory
from rushlight.data.streams import Purpose, key_of
from rushlight.train.feed import make_feed
from rushlight.train.trainer import EVALUATION_BATCH

__all__ = ["MOST", "Permutations", "Segment", "SharedData"]

Array = np.ndarray[Any, Any]
NO_TENSORS = "the data are not tensors in memory"
MOST = 1 << 26
"""How many bytes the permutations made in advance may take."""


@dataclass(frozen=True)
class Segment:
    """`count` batches of `size` samples; the first is batch number `start`, and its first sample `sample`."""

    train: bool
    start: int
    count: int
    size: int
    sample: int

    @property
    def samples(self) -> slice:
        """Which samples of the epoch they have."""
        return slice(self.sample, self.sample + self.count * self.size)

    def cut(self, start: int, most: int) -> Segment:
        """The part of it that lies in `most` batches from number `start` on; perhaps without a batch."""
        skip = max(start - self.start, 0)
        count = min(self.count, start + most - self.start) - skip
        return Segment(self.train, self.start + skip, count, self.size, self.sample + skip * self.size)


class SharedData:
    """The training data in memory, and those of the validation.

    arrays    by whether it is training: the arrays that hold them; targets: the tensor of the targets.
    rows      which rows of the training arrays are samples; None: all, in order.
    segments  an epoch: the whole batches, the smaller last one, and the same of the validation.

    Raises LookupError for data that are not tensors in memory.
    """

    def __init__(self, task: Any, loader: Any, dtype: Any) -> None:
        self.tensors, self.rows = _held(loader)
        self.segments = _segments(loader, train=True)
        self.batches, self.samples = len(loader), sum(s.count * s.size for s in self.segments)
        self.arrays = {True: [t.array for t in self.tensors]}
        self.targets = {True: self.tensors[-1]}
        if task.validation is not None:
            judge = make_feed("fit", task.own(task.validation), EVALUATION_BATCH, dtype=dtype).batches
            tensors, rows = _held(judge)
            if judge.shuffle:
                raise LookupError(NO_TENSORS)
            self.segments += _segments(judge, train=False)
            self.arrays[False] = [t.array if rows is None else t.array[rows] for t in tensors]
            self.targets[False] = wrap(self.arrays[False][-1])

    def sources(self, segment: Segment) -> Sequence[Array]:
        """The arrays that a segment reads: those that hold all rows, or its batches one after the other."""
        arrays = self.arrays[segment.train]
        return arrays if segment.train else [a[segment.samples] for a in arrays]

    def example(self, segment: Segment) -> tuple[Tensor, ...]:
        """A batch such as the segment has."""
        rows = self.rows if segment.train else None
        first = slice(segment.size) if rows is None else rows[: segment.size]
        return tuple(wrap(a[first]) for a in self.arrays[segment.train])


def _held(loader: Any) -> tuple[tuple[Tensor, ...], Array | None]:
    """The tensors behind a loader, and which rows of them it has."""
    memory = in_memory(loader)
    if memory is None or len(memory.tensors) < 2 or loader.position or not len(loader):
        raise LookupError(NO_TENSORS)
    return memory.tensors, memory.rows


def _segments(loader: DataLoader, train: bool) -> list[Segment]:
    size = loader.batch_size or 1
    whole, rest = divmod(len(loader.dataset), size)
    both = [Segment(train, 0, whole, size, 0), Segment(train, whole, len(loader) - whole, rest, whole * size)]
    return [segment for segment in both if segment.count]


class Permutations:
    """The order of the rows in every epoch, for each different loader; those that are equal are made once.

    of  by a loader's id, which of them it has.
    """

    def __init__(self, data: SharedData, loaders: Sequence[DataLoader]) -> None:
        self.data = data
        known: dict[Any, int] = {}
        self.of: dict[int, int] = {}
        self._loaders: list[DataLoader] = []
        for loader in loaders:
            iter(loader)  # which of the loader's epochs is next, the loader decides as for a loop
            key = (loader.seed if loader.shuffle else None, loader.epoch)
            place = self.of[id(loader)] = known.setdefault(key, len(known))
            if place == len(self._loaders):
                self._loaders.append(loader)
        self._shuffled = any(loader.shuffle for loader in self._loaders)
        self._most = max(2, MOST // (8 * data.samples * len(known)))
        self._made: dict[int, Array] = {}

    def epoch(self, epoch: int) -> Array:
        """The rows of an epoch, int64 (permutations, samples)."""
        from rushlight.compile.native.shuffles import shuffles

        epoch = epoch if self._shuffled else 0
        if epoch not in self._made:
            total = len(self._loaders[0].dataset)
            mixed = [i for i, loader in enumerate(self._loaders) if loader.shuffle]
            first = [(self._loaders[i].seed, self._loaders[i].epoch) for i in mixed]
            keys = [key_of(seed, Purpose.SHUFFLE, number + epoch) for seed, number in first]
            found = shuffles(np.array(keys, np.uint64).reshape(-1, 2), total)
            if len(mixed) < len(self._loaders):
                found, some = np.tile(np.arange(total), (len(self._loaders), 1)), found
                found[mixed] = some
            found = np.ascontiguousarray(found[:, : self.data.samples])
            self._made[epoch] = found if self.data.rows is None else self.data.rows[found]
        return self._made[epoch]

    def ahead(self, first: int, stop: int, enough: Callable[[], bool]) -> None:
        """Forget the epochs before `first`, and make those before `stop`, as long as it is not enough."""
        for epoch in [epoch for epoch in self._made if self._shuffled and epoch < first]:
            del self._made[epoch]
        for epoch in range(first, min(stop, first + self._most)):
            if enough():
                return
            self.epoch(epoch)
