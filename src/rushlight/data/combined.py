"""Data sets made of others, and those that are streams."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from rushlight.data.dataset import Dataset, samples
from rushlight.errors import ArgumentError, IndexingError, NotSupportedError, message

__all__ = ["ChainDataset", "ConcatDataset", "IterableDataset", "StackDataset"]

T_co = TypeVar("T_co", covariant=True)


class IterableDataset(Dataset[T_co]):
    """Base of data sets that are streams: a subclass says `__iter__`.

    Every worker of a DataLoader has the whole stream, unless `__iter__` asks `get_worker_info()` which part
    is its own.

    >>> import rushlight as rl
    >>> class Squares(rl.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(i * i for i in range(5))
    >>> list(rl.data.DataLoader(Squares(), batch_size=2))
    [tensor([0, 1]), tensor([4, 9]), tensor([16])]
    """

    def __iter__(self) -> Iterator[T_co]:
        name = type(self).__name__
        raise NotSupportedError(
            message(name, "no __iter__", "a stream with __iter__", f"Define __iter__ in class {name}.")
        )

    def __add__(self, other: Dataset[T_co]) -> Dataset[T_co]:
        """The samples of both, one stream after the other."""
        return ChainDataset([self, other])


class ConcatDataset(Dataset[T_co]):
    """The samples of several data sets, one after the other.

    Raises ArgumentError for none, or for a stream among them.

    >>> import rushlight as rl
    >>> both = rl.data.ConcatDataset([[1, 2], [3]])
    >>> len(both), both[2], both[-3]
    (3, 3, 1)
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError(message("ConcatDataset", "no data sets", "at least one"))
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise ArgumentError(
                message("ConcatDataset", "a stream", "data sets with indices", "Use ChainDataset.")
            )
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> T_co:
        which, place = self._find(index)
        return self.datasets[which][place]

    def _find(self, index: Any) -> tuple[int, int]:
        """The data set of sample `index`, and its index there."""
        total = len(self)
        if not -total <= index < total:
            expected = f"an index of {total} samples"
            raise IndexingError(message("ConcatDataset", f"index {index}", expected))
        index %= total
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return which, int(index - (self.cumulative_sizes[which - 1] if which else 0))


class ChainDataset(IterableDataset[T_co]):
    """The samples of several streams, one after the other.

    >>> import rushlight as rl
    >>> list(rl.data.ChainDataset([range(2), range(3)]))
    [0, 1, 0, 1, 2]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[T_co]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class StackDataset(Dataset[Any]):
    """Several data sets side by side: sample i is the tuple, or the dict, of their samples i.

    Raises ArgumentError for none, for both kinds of arguments, or for lengths that differ.

    >>> import rushlight as rl
    >>> rl.data.StackDataset(image=[10, 20], label=["a", "b"])[1]
    {'image': 20, 'label': 'b'}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            got = "both kinds of arguments" if args else "no data sets"
            raise ArgumentError(message("StackDataset", got, "data sets, or data sets by name"))
        self.datasets: tuple[Any, ...] | dict[str, Any] = args or kwargs
        lengths = {len(d) for d in self._parts()}
        if len(lengths) > 1:
            raise ArgumentError(message("StackDataset", f"lengths {sorted(lengths)}", "one length"))
        self._length = lengths.pop()

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _join(self, parts: Iterable[Any]) -> Any:
        return (
            dict(zip(self.datasets, parts, strict=True)) if isinstance(self.datasets, dict) else tuple(parts)
        )

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        return self._join([d[index] for d in self._parts()])

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        """The samples at `indices`."""
        columns = [samples(d, indices) for d in self._parts()]
        return [self._join(row) for row in zip(*columns, strict=True)]
