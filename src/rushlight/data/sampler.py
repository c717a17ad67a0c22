"""Samplers: which samples of a data set come, and in which order."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from rushlight.core.random import Generator
from rushlight.core.tensor import Tensor
from rushlight.data import checks
from rushlight.data.streams import Purpose, draw_seed, permutation, words
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message

__all__ = [
    "BatchSampler",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base of samplers: a subclass says `__iter__`, which gives indices, and mostly `__len__`."""

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        name = type(self).__name__
        raise NotSupportedError(
            message(name, "no __iter__", "a sampler with __iter__", f"Define it in class {name}.")
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class SequentialSampler(Sampler[int]):
    """All samples in order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Samples in random order.

    replacement  draw each on its own, so that one may come several times; else every sample comes once before
                 any comes again.
    num_samples  how many; as many as there are, if left out.
    generator    the global one if left out.

    >>> import rushlight as rl
    >>> sorted(RandomSampler("abcd", generator=rl.Generator().manual_seed(0)))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise DTypeError(message("RandomSampler", f"replacement={replacement!r}", "True or False"))
        if num_samples is not None:
            checks.integer("RandomSampler", "num_samples", num_samples, 1)
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many indices it gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        total, count = len(self.data_source), self.num_samples
        if not total:
            return
        seed = draw_seed(self.generator)
        if self.replacement:
            chosen = words(seed, Purpose.SAMPLE, count) % np.uint64(total)
            yield from chosen.astype(np.int64).tolist()
            return
        for number, start in enumerate(range(0, count, total)):
            yield from permutation(seed, Purpose.SAMPLE, total, number)[: count - start].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[Any]):
    """The given indices in random order.

    >>> sorted(SubsetRandomSampler([7, 3, 5]))
    [3, 5, 7]
    """

    def __init__(self, indices: Sequence[Any], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[Any]:
        order = permutation(draw_seed(self.generator), Purpose.SAMPLE, len(self.indices))
        return (self.indices[i] for i in order.tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with the probabilities ``weights[i] / sum(weights)``, with replacement or without.

    Without replacement it is as if they were drawn one after another, each from those that are left: the
    order of ``E_i / weights[i]``, where the E_i are exponential (Efraimidis and Spirakis, 2006).

    Raises ArgumentError for weights that are negative, or too few to draw from.

    >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], num_samples=4))
    [1, 1, 1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        checks.integer("WeightedRandomSampler", "num_samples", num_samples, 1)
        if not isinstance(replacement, bool):
            got = f"replacement={replacement!r}"
            raise DTypeError(message("WeightedRandomSampler", got, "True or False"))
        array = _numbers(weights)
        if array.ndim != 1 or not np.all(np.isfinite(array)) or np.any(array < 0) or not array.sum() > 0:
            got = f"weights of shape {array.shape}"
            expected = "one axis of finite weights, none negative and not all 0"
            raise ArgumentError(message("WeightedRandomSampler", got, expected))
        if not replacement and num_samples > np.count_nonzero(array):
            got = f"num_samples={num_samples} without replacement"
            expected = f"at most as many as there are weights that are not 0, {np.count_nonzero(array)}"
            raise ArgumentError(message("WeightedRandomSampler", got, expected))
        self.weights, self.num_samples, self.replacement = weights, num_samples, replacement
        self.generator = generator
        self._array = array

    def __iter__(self) -> Iterator[int]:
        seed = draw_seed(self.generator)
        count = self.num_samples if self.replacement else len(self._array)
        # Of 53 bits, moved by half a step: never 0, so that its logarithm is finite, and never 1.
        draws = ((words(seed, Purpose.SAMPLE, count) >> np.uint64(11)) + 0.5) * 2.0**-53
        if self.replacement:
            sums = np.cumsum(self._array)
            return iter(np.searchsorted(sums, draws * sums[-1], side="right").tolist())
        with np.errstate(divide="ignore"):
            times = -np.log(draws) / self._array  # infinite where the weight is 0
        return iter(np.argsort(times, kind="stable")[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[Any]]):
    """The indices of a sampler, `batch_size` at a time.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not isinstance(drop_last, bool):
            raise ArgumentError(message("BatchSampler", f"drop_last={drop_last!r}", "True or False"))
        self.sampler, self.drop_last = sampler, drop_last
        self.batch_size = checks.integer("BatchSampler", "batch_size", batch_size, 1)

    def __iter__(self) -> Iterator[list[Any]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (1 if rest and not self.drop_last else 0)


class DistributedSampler(Sampler[int]):
    """The part of a data set that one of several processes has: every num_replicas-th index, from `rank` on.

    The set is made longer, by samples from its start, so that all have as many; `drop_last` makes it shorter.
    With `shuffle` the order depends on `seed` and on the epoch, which `set_epoch` tells: it is equal on all.

    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.num_replicas = _group("num_replicas", "get_world_size") if num_replicas is None else num_replicas
        self.rank = _group("rank", "get_rank") if rank is None else rank
        checks.integer("DistributedSampler", "num_replicas", self.num_replicas, 1)
        checks.integer("DistributedSampler", "rank", self.rank, 0, self.num_replicas - 1)
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        self.epoch = 0
        total = len(dataset)
        short = drop_last and total % self.num_replicas
        self.num_samples = total // self.num_replicas if short else math.ceil(total / self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        total = len(self.dataset)
        order = (
            permutation(self.seed, Purpose.SAMPLE, total, self.epoch) if self.shuffle else np.arange(total)
        )
        # Where it is too short it starts again.
        return iter(np.resize(order, self.total_size)[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Have the next loop shuffle as of `epoch`."""
        self.epoch = checks.integer("DistributedSampler", "epoch", epoch, 0, (1 << 48) - 1)


def _numbers(weights: Any) -> np.ndarray[Any, Any]:
    """Weights as float64; as one that is not finite where they are no numbers."""
    if isinstance(weights, Tensor):
        return np.asarray(weights.detach().numpy(), np.float64)
    try:
        return np.array([float(w) for w in weights], np.float64)
    except (TypeError, ValueError):
        return np.array([np.nan])


def _group(name: str, function: str) -> int:
    """What the group of processes says, if there is one."""
    distributed = sys.modules.get("rushlight.distributed")
    if distributed is None or not distributed.is_initialized():
        got, expected = f"no {name}, and no group of processes", "either"
        raise ArgumentError(message("DistributedSampler", got, expected, "Pass num_replicas and rank."))
    return int(getattr(distributed, function)())
