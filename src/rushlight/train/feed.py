"""Where batches come from: a DataLoader, a Dataset, tensors or any iterable, with a place to return to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rushlight.data import DataLoader, Dataset, TensorDataset
from rushlight.errors import CheckpointError, DTypeError, message

__all__ = ["Feed", "make_feed"]


class Feed:
    """Batches, epoch after epoch: each ``for`` loop over it is the rest of this epoch, or the next one.

    A loader with `state_dict` keeps its own place; for any other iterable the batches already used are
    counted and, after a resume, skipped.
    """

    def __init__(self, batches: Any, own: bool = False) -> None:
        self.batches = batches
        self.own = own
        """Whether it was made here, from a data set, and so nobody else sets its epoch."""
        self.stateful = hasattr(batches, "state_dict") and hasattr(batches, "load_state_dict")
        self.sized = hasattr(batches, "__len__")
        self._used = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        if self.stateful:
            return iter(self.batches)
        return self._counted()

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


def make_feed(op: str, data: Any, batch_size: int, shuffle: bool = False, seed: int | None = None) -> Feed:
    """A Feed from a DataLoader, Dataset, tuple of tensors (the last is the target) or iterable of batches."""
    if isinstance(data, Feed):
        return data
    if isinstance(data, tuple) and data and all(hasattr(item, "detach") for item in data):
        data = TensorDataset(*data)
    if isinstance(data, Dataset):
        return Feed(DataLoader(data, batch_size=batch_size, shuffle=shuffle, seed=seed), own=True)
    if isinstance(data, DataLoader):
        return Feed(data)
    if not hasattr(data, "__iter__") or hasattr(data, "__next__") or hasattr(data, "detach"):
        raise DTypeError(
            message(
                op,
                f"data of type {type(data).__name__}",
                "a DataLoader, a Dataset, a tuple (inputs, targets) of tensors, or an iterable of batches",
                "An iterator that can be used only once is no data set: pass a list of its batches.",
            )
        )
    return Feed(data)
