"""Where batches come from: a DataLoader, a Dataset, tensors or any iterable, with a place to return to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.data import DataLoader, Dataset, TensorDataset
from rushlight.data.outside import as_data, holds_numbers, is_array
from rushlight.errors import CheckpointError, DTypeError, message

__all__ = ["Feed", "make_feed", "tensors_of"]


class Feed:
    """Batches, epoch after epoch: each ``for`` loop over it is the rest of this epoch, or the next one.

    A loader with `state_dict` keeps its own place; for any other iterable the batches already used are
    counted and, after a resume, skipped.
    """

    def __init__(self, batches: Any, own: bool = False, op: str = "fit", dtype: Any = None) -> None:
        self.batches = batches
        self.op, self.dtype = op, dtype
        self.own = own
        """Whether it was made here, from a data set, and so nobody else sets its epoch."""
        self.stateful = hasattr(batches, "state_dict") and hasattr(batches, "load_state_dict")
        self.sized = hasattr(batches, "__len__")
        self._used = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        if type(self.batches) is DataLoader:  # its batches are tensors
            return iter(self.batches)
        return map(self._as_tensors, self.batches if self.stateful else self._counted())

    def _as_tensors(self, batch: Any) -> Any:
        """A batch with its arrays as tensors."""
        if isinstance(batch, tuple | list) and any(is_array(item) for item in batch):
            return tuple(as_data(self.op, item, self.dtype) for item in batch)
        return batch

    def _counted(self) -> Iterator[Any]:
        skip = self._used
        for number, batch in enumerate(self.batches):
            if number >= skip:
                self._used = number + 1
                yield batch
        self._used = 0

    def hold(self) -> None:
        """After a loop that was left early: have the next loop go on there instead of at the next epoch."""
        if self.stateful:
            self.batches.load_state_dict(self.batches.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """The place in the epoch."""
        return {"loader": self.batches.state_dict()} if self.stateful else {"used": self._used}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a place that `state_dict` gave; CheckpointError if the batches are not the same."""
        key = "loader" if self.stateful else "used"
        if key not in state:
            raise CheckpointError(
                "the data are of another kind (DataLoader or plain iterable) than those saved"
            )
        if self.stateful:
            self.batches.load_state_dict(state["loader"])
        else:
            self._used = state["used"]


def tensors_of(op: str, data: Any, dtype: Any = None) -> Any:
    """Tensors, arrays, frames and lists of numbers, in a tuple or list, as a tuple of tensors.
    Everything else is given back as it is.

    dtype  what the floats of arrays become.
    """
    if not isinstance(data, tuple | list) or not data:
        return data
    if not all(isinstance(item, Tensor) or holds_numbers(item) for item in data):
        return data
    return tuple(as_data(op, item, dtype) for item in data)


def make_feed(
    op: str, data: Any, batch_size: int, shuffle: bool = False, seed: int | None = None, dtype: Any = None
) -> Feed:
    """A Feed from a DataLoader, a Dataset, a pair of tensors, arrays, frames or lists (the target last),
    or an iterable of batches. The floats of arrays become `dtype`."""
    if isinstance(data, Feed):
        return data
    data = tensors_of(op, data, dtype)
    if isinstance(data, tuple) and data and all(isinstance(item, Tensor) for item in data):
        data = TensorDataset(*data)
    if isinstance(data, Dataset):
        return Feed(DataLoader(data, batch_size=batch_size, shuffle=shuffle, seed=seed), own=True)
    if isinstance(data, DataLoader):
        return Feed(data)
    single = is_array(data) or isinstance(data, Tensor) or hasattr(data, "__next__")
    if single or not hasattr(data, "__iter__"):
        raise DTypeError(
            message(
                op,
                f"data of type {type(data).__name__}",
                "a DataLoader, a Dataset, a pair (inputs, targets), or an iterable of batches",
                "Inputs alone have no targets; an iterator that can be used only once is no data set: pass a "
                "list of its batches.",
            )
        )
    return Feed(data, op=op, dtype=dtype)
