"""How one batch is had: of the samples at some indices, or of the next ones of a stream."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.data.collate import default_collate, default_convert
from rushlight.data.combined import IterableDataset
from rushlight.data.dataset import Dataset, gather, gathers, samples

__all__ = ["Recipe"]

Collate = Callable[[Any], Any]


@dataclass(frozen=True)
class Recipe:
    """What a loader's batches are made of, and how: all that a worker has to know.

    batch_size  of a stream: samples in a batch. None: single samples, here and of sets with indices.
    """

    dataset: Any
    collate_fn: Collate | None
    batch_size: int | None
    drop_last: bool
    batched: bool

    def start(self) -> Callable[[Any], Any]:
        """A function from a task to its batch, for one epoch; it raises StopIteration where a stream ends."""
        if isinstance(self.dataset, IterableDataset):
            stream = iter(self.dataset)
            return lambda task: self.next_of(stream)
        if self.batched and self.collate_fn is None and gathers(self.dataset):
            return self.gathered
        return self.batch

    def gathered(self, task: Any) -> Any:
        """The same, of a set with a `gather` of its own."""
        return self.dataset.gather(task) if type(task) is np.ndarray else self.batch(task)

    def batch(self, task: Any) -> Any:
        """The batch of the samples from one index to another (a pair of ints), or at some indices."""
        if not self.batched:
            return (self.collate_fn or default_convert)(self.dataset[task])
        kind = type(task)
        if self.collate_fn is None:
            if kind is np.ndarray:
                return gather(self.dataset, task)
            if kind is tuple and isinstance(self.dataset, Dataset):
                return self.dataset.slice(*task)
            if kind is list and gathers(self.dataset) and all(type(i) is int for i in task):
                return gather(self.dataset, task)
        indices = range(*task) if kind is tuple else task.tolist() if kind is np.ndarray else task
        return (self.collate_fn or default_collate)(samples(self.dataset, indices))

    def next_of(self, stream: Iterator[Any]) -> Any:
        """The next batch of a stream."""
        if not self.batched:
            return (self.collate_fn or default_convert)(next(stream))
        found = list(itertools.islice(stream, self.batch_size))
        if not found or (self.drop_last and len(found) < (self.batch_size or 0)):
            raise StopIteration
        return (self.collate_fn or default_collate)(found)
