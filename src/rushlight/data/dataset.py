"""Data sets: what can be indexed sample by sample, and what can be sliced a batch at a time."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from rushlight.core.random import Generator
from rushlight.core.tensor import Tensor, wrap
from rushlight.data import checks
from rushlight.data.collate import default_collate
from rushlight.data.outside import as_data
from rushlight.data.streams import Purpose, draw_seed, permutation
from rushlight.errors import (
    ArgumentError,
    DTypeError,
    IndexingError,
    NotSupportedError,
    ShapeError,
    message,
)

__all__ = ["Dataset", "Subset", "TensorDataset", "gather", "gathers", "random_split", "samples"]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Base of data sets: a subclass says `__len__` and `__getitem__(index)`.

    That is enough for `DataLoader`, which then asks sample by sample and stacks. A set whose samples lie in
    memory also overrides `gather(indices)`, and its batches cost one slice.

    >>> import rushlight as rl
    >>> class Squares(rl.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return rl.tensor(float(index)), index**2
    >>> Squares().gather([1, 3])
    [tensor([1., 3.]), tensor([1, 9])]
    """

    if TYPE_CHECKING:
        # Not there unless a subclass has it: Python, and samplers, ask a length of whatever has one.
        def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> T_co:
        raise NotSupportedError(_missing(self, "__getitem__"))

    def gather(self, indices: Any) -> Any:
        """The samples at `indices` (integers, one axis) as a batch: for tuple samples a list of Tensors."""
        return default_collate([self[int(i)] for i in indices])

    def slice(self, start: int, stop: int) -> Any:
        """The samples start .. stop-1 as one batch; sets in memory give views."""
        return self.gather(np.arange(start, stop))

    def __add__(self, other: Dataset[T_co]) -> Dataset[T_co]:
        """The samples of both, one set after the other."""
        from rushlight.data.combined import ConcatDataset

        return ConcatDataset([self, other])

    def __repr__(self) -> str:
        try:
            facts = self.describe()
        except (NotSupportedError, TypeError):
            facts = {}
        shown = [f"{k}={v!r}" for k, v in facts.items() if k != "name" and not isinstance(v, list | dict)]
        return f"{type(self).__name__}({', '.join(shown)})"

    def describe(self) -> dict[str, Any]:
        """What this data set is, as plain values for a JSON file."""
        return {"name": type(self).__name__, "n": len(self)}


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors whose first axes count the samples: sample i is ``(t[i] for t in tensors)``.

    Arrays of NumPy, and frames and series of pandas, become tensors: their floats float32.

    Raises ShapeError when the first axes differ, DTypeError for what is no Tensor.

    >>> import rushlight as rl
    >>> points = rl.data.TensorDataset(rl.tensor([[0.0, 1.0], [2.0, 3.0]]), rl.tensor([0, 1]))
    >>> points[1]
    (tensor([2., 3.]), tensor(1))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Any) -> None:
        tensors = tuple([t if isinstance(t, Tensor) else as_data("TensorDataset", t) for t in tensors])
        if not tensors:
            raise ArgumentError(
                message("TensorDataset", "no tensors", "at least one", "Pass inputs and targets.")
            )
        for t in tensors:
            if not isinstance(t, Tensor):
                remedy = "Wrap it with rl.tensor()."
                got = f"a {type(t).__name__}"
                raise DTypeError(message("TensorDataset", got, "tensors or arrays", remedy))
        if len({t.shape[:1] for t in tensors}) > 1 or not tensors[0].ndim:
            shapes = ", ".join(str(t.shape) for t in tensors)
            expected = "first axes of one length, one entry for each sample"
            raise ShapeError(
                message("TensorDataset", f"shapes {shapes}", expected, "Cut them to equal length.")
            )
        self.tensors = tensors

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def gather(self, indices: Any) -> list[Tensor]:
        """The samples at `indices` (integers, one axis), copied: one `take` for each tensor."""
        at = _index_array("gather", indices)
        if any(t.requires_grad for t in self.tensors):
            return [t[wrap(at)] for t in self.tensors]
        try:
            return [wrap(t.array.take(at, axis=0)) for t in self.tensors]
        except IndexError:
            _check_range("gather", at, len(self))
            raise

    def slice(self, start: int, stop: int) -> list[Tensor]:
        """The samples start .. stop-1, as read-only views of the data: `clone()` before changing in place."""
        return [_view(t, start, stop) for t in self.tensors]


class Subset(Dataset[T_co]):
    """The samples of `dataset` at `indices`, in that order.

    Raises IndexingError for an index outside the data set, DTypeError for one that is no integer.

    >>> import rushlight as rl
    >>> odd = rl.data.Subset(rl.data.TensorDataset(rl.arange(6)), [1, 3, 5])
    >>> len(odd), odd[2], odd.gather([0, 1])
    (3, (tensor(5),), [tensor([1, 3])])
    """

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        self._array = _index_array("Subset", indices)
        if hasattr(dataset, "__len__"):
            _check_range("Subset", self._array, len(dataset))

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: Any) -> T_co:
        chosen = self._array[index]
        return self.dataset[chosen if isinstance(chosen, np.ndarray) else int(chosen)]

    def gather(self, indices: Any) -> Any:
        """The samples at `indices` of the subset, which become indices of the whole set."""
        at = _index_array("gather", indices)
        _check_range("gather", at, len(self))
        return gather(self.dataset, self._array[at])

    def slice(self, start: int, stop: int) -> Any:
        """The samples start .. stop-1 of the subset."""
        return gather(self.dataset, self._array[start:stop])


def random_split(
    dataset: Dataset[T_co],
    lengths: Sequence[int | float],
    generator: Generator | None = None,
    seed: int | None = None,
) -> list[Subset[T_co]]:
    """Cut `dataset` at random into parts that do not overlap.

    lengths    sizes that sum to the size of the set, or fractions that sum to 1 (rounded down; what is left
               over goes to the first parts, one each).
    generator  draws the order; the global generator if left out, as in PyTorch.
    seed       an alternative to it: the parts then depend on this number alone.

    Raises ArgumentError when the lengths do not fit.

    >>> import rushlight as rl
    >>> parts = rl.data.random_split(rl.data.TensorDataset(rl.arange(10)), [0.8, 0.2], seed=0)
    >>> [len(part) for part in parts]
    [8, 2]
    """
    sizes = _sizes(lengths, len(dataset))
    if seed is not None and generator is not None:
        raise ArgumentError(message("random_split", "both seed and generator", "one of them", "Drop either."))
    chosen = draw_seed(generator) if seed is None else checks.seed("random_split", seed)
    order = permutation(chosen, Purpose.SPLIT, len(dataset))
    ends = np.cumsum([0, *sizes])
    return [Subset(dataset, order[a:b].tolist()) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def gather(dataset: Any, indices: Any) -> Any:
    """One batch of any data set: its own `gather`, or sample by sample where it has none (a list, say)."""
    if isinstance(dataset, Dataset) and (gathers(dataset) or not hasattr(dataset, "__getitems__")):
        return dataset.gather(indices)
    return default_collate(samples(dataset, [int(i) for i in indices]))


def gathers(dataset: Any) -> bool:
    """Whether a data set has a `gather` of its own, which needs no single samples."""
    return isinstance(dataset, Dataset) and type(dataset).gather is not Dataset.gather


def samples(dataset: Any, indices: Sequence[Any]) -> Any:
    """The samples at `indices`, one by one, or at once where the data set offers that (`__getitems__`)."""
    several = getattr(dataset, "__getitems__", None)
    return [dataset[i] for i in indices] if several is None else several(indices)


def _view(tensor: Tensor, start: int, stop: int) -> Tensor:
    if tensor.requires_grad:
        return tensor[start:stop]
    array = tensor.array[start:stop]
    # A batch changed in place would change the data for every later epoch.
    array.flags.writeable = False
    out = wrap(array)
    out._base = tensor if tensor._base is None else tensor._base
    return out


def _index_array(op: str, indices: Any) -> np.ndarray:
    array = np.asarray(indices.array if isinstance(indices, Tensor) else indices)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        got = f"indices of {array.dtype} with {array.ndim} axes"
        raise DTypeError(
            message(op, got, "integers along one axis", "Turn a mask into indices with rl.nonzero().")
        )
    return array.astype(np.int64, copy=False)


def _check_range(op: str, indices: np.ndarray, size: int) -> None:
    bad = indices[(indices < -size) | (indices >= size)]
    if bad.size:
        raise IndexingError(message(op, f"index {bad[0]}", f"indices of a data set of {size} samples"))


def _sizes(lengths: Sequence[int | float], total: int) -> list[int]:
    if lengths and math.isclose(sum(lengths), 1.0):
        if any(not 0 <= f <= 1 for f in lengths):
            raise ArgumentError(message("random_split", f"fractions {list(lengths)}", "each between 0 and 1"))
        sizes = [math.floor(total * f) for f in lengths]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
        return sizes
    try:
        sizes = [operator.index(n) for n in lengths]  # type: ignore[arg-type]
    except TypeError:
        sizes = [-1]
    if sum(sizes) != total or any(n < 0 for n in sizes):
        expected = f"lengths that sum to {total}, the size of the data set, or fractions that sum to 1"
        raise ArgumentError(message("random_split", f"lengths {list(lengths)}", expected))
    return sizes


def _missing(dataset: object, method: str) -> str:
    name = type(dataset).__name__
    return message(name, f"no {method}", f"a data set with {method}", f"Define {method} in class {name}.")
