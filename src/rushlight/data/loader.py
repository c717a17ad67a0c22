"""DataLoader: the batches of a data set, in an order that a seed and the number of the epoch decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from rushlight.core.random import Generator
from rushlight.core.tensor import Tensor
from rushlight.data import checks
from rushlight.data.dataset import Dataset, gather
from rushlight.data.outside import is_array, to_array
from rushlight.data.streams import Purpose, draw_seed, permutation
from rushlight.errors import ArgumentError, CheckpointError, NotSupportedError, message, refuse_options

__all__ = ["DataLoader"]

_PYTORCH_DEFAULTS: dict[str, Any] = {
    "sampler": None,
    "batch_sampler": None,
    "num_workers": 0,
    "pin_memory": False,
    "timeout": 0,
    "worker_init_fn": None,
    "multiprocessing_context": None,
    "prefetch_factor": None,
    "persistent_workers": False,
    "pin_memory_device": "",
    "in_order": True,
}


class DataLoader:
    """Batches of `dataset`, one epoch for each ``for`` loop.

    dataset     a `Dataset`, or anything with a length and integer indices: a list of samples, an array, a
                frame of pandas by its rows. A pair of arrays would be two samples and is refused:
                ``TensorDataset(x, y)`` pairs their rows.
    batch_size  samples in a batch; the last batch is smaller when the sizes do not divide.
    shuffle     a new order in every epoch: that of epoch k depends only on (seed, k), not on what ran before.
    drop_last   leave out a smaller last batch.
    collate_fn  makes a batch of a list of samples; sets in memory need none.
    seed        decides the order; if left out, it is drawn at the first use from `generator`.
    generator   the global one if left out.

    A set in memory is never asked sample by sample: a shuffled batch is one `take` for each tensor, an
    unshuffled one is a read-only view of the data (`clone()` it before changing it in place).

    Each loop is the next epoch, also after a loop that was left by ``break``; `set_epoch` chooses another.
    `state_dict()` between two batches, or after any batch was used, remembers where the epoch stands, and a
    loader that loads it goes on with exactly the batches that remain.

    Other arguments of PyTorch's DataLoader may be given their defaults; other values raise NotSupportedError.

    >>> import rushlight as rl
    >>> data = rl.data.TensorDataset(rl.arange(5))
    >>> [x.tolist() for (x,) in rl.data.DataLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    >>> loader = rl.data.DataLoader(data, batch_size=2, shuffle=True, seed=0)
    >>> [x.tolist() for (x,) in loader], [x.tolist() for (x,) in loader]
    ([[0, 2], [3, 1], [4]], [[3, 4], [0, 1], [2]])
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 1,
        shuffle: bool | None = False,
        *,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        seed: int | None = None,
        generator: Generator | None = None,
        **others: Any,
    ) -> None:
        remedy = "Leave it out: batches are sliced in this process, without workers or samplers."
        refuse_options("DataLoader", others, _PYTORCH_DEFAULTS, remedy)
        if seed is not None and generator is not None:
            raise ArgumentError(
                message("DataLoader", "both seed and generator", "one of them", "Drop either.")
            )
        self.dataset = _samples(dataset)
        self.batch_size = _check_batch_size(batch_size)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.collate_fn = collate_fn
        self.generator = generator
        self._seed = None if seed is None else checks.seed("DataLoader", seed)
        self._epoch = 0
        self._position = 0
        self._running: object | None = None
        self._started = False

    def __len__(self) -> int:
        """How many batches an epoch has."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    @property
    def seed(self) -> int:
        """The seed of the shuffles; drawn now if it was not given and is not known yet."""
        if self._seed is None:
            self._seed = draw_seed(self.generator)
        return self._seed

    @property
    def epoch(self) -> int:
        """The epoch that runs, or that the next loop will run."""
        return self._epoch

    @property
    def position(self) -> int:
        """How many batches of the epoch were given out."""
        return self._position

    def set_epoch(self, epoch: int) -> None:
        """Have the next loop run `epoch`: from where a loaded state stands in it, else from its start."""
        epoch = _check_epoch(epoch)
        if self._started or epoch != self._epoch:
            self._begin_at(epoch, 0)

    def epoch_indices(self, epoch: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The sample indices of a whole epoch: int64 arrays (whole batches, batch size) and (rest,).

        The rest is the smaller last batch; empty when there is none or `drop_last` leaves it out. The batches
        of the epoch are the rows of the first array, then the rest.

        >>> import rushlight as rl
        >>> rl.data.DataLoader(rl.data.TensorDataset(rl.zeros(5)), batch_size=2).epoch_indices()
        (array([[0, 1],
               [2, 3]]), array([4]))
        """
        order = self._order(self._epoch if epoch is None else _check_epoch(epoch))
        whole = len(order) // self.batch_size * self.batch_size
        rest = order[whole:whole] if self.drop_last else order[whole:]
        return order[:whole].reshape(-1, self.batch_size), rest

    def __iter__(self) -> Iterator[Any]:
        if self._started:
            self._begin_at(self._epoch + 1, 0)
        self._started = True
        self._running = token = object()
        return self._batches(self._epoch, self._position, token)

    def _batches(self, epoch: int, start: int, token: object) -> Iterator[Any]:
        size, total = self.batch_size, len(self.dataset)
        order = self._order(epoch) if self.shuffle else None
        for step in range(start, len(self)):
            begin, end = step * size, min((step + 1) * size, total)
            batch = self._batch(begin, end, None if order is None else order[begin:end])
            # The batch counts as given out before the loop's body runs, so that a state saved there, after
            # the batch was used, goes on with the next one. Of two loops, the newer owns the position.
            if self._running is token:
                self._position = step + 1
            yield batch
        if self._running is token:
            self._begin_at(epoch + 1, 0)

    def _batch(self, begin: int, end: int, chosen: np.ndarray | None) -> Any:
        if self.collate_fn is not None:
            return self.collate_fn(
                [self.dataset[int(i)] for i in (range(begin, end) if chosen is None else chosen)]
            )
        if chosen is not None:
            return gather(self.dataset, chosen)
        if isinstance(self.dataset, Dataset):
            return self.dataset.slice(begin, end)
        return gather(self.dataset, range(begin, end))

    def _order(self, epoch: int) -> np.ndarray:
        total = len(self.dataset)
        return permutation(self.seed, Purpose.SHUFFLE, total, epoch) if self.shuffle else np.arange(total)

    def _begin_at(self, epoch: int, position: int) -> None:
        self._epoch, self._position = epoch, position
        self._running, self._started = None, False

    def state_dict(self) -> dict[str, Any]:
        """Seed, epoch and position in it, and what they count on: plain numbers that JSON takes.

        Between two epochs it stands at the start of the next one.
        """
        return {
            "seed": self.seed if self.shuffle else self._seed,
            "epoch": self._epoch,
            "position": self._position,
            **self._shape(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` stands: the next loop gives the batches that remained of that epoch.

        Raises CheckpointError, and changes nothing, when it was saved over a data set of another size, or
        with another batch_size, shuffle or drop_last: the remaining batches would not be the same.
        """
        epoch, position, seed = self._read_state(state_dict)
        self._seed = seed
        self._begin_at(epoch, position)

    def _read_state(self, state: Mapping[str, Any]) -> tuple[int, int, int | None]:
        """Epoch, position and seed of a state that fits this loader."""
        ours = self._shape()
        try:
            theirs = {key: state[key] for key in ours}
            epoch, position, seed = state["epoch"], state["position"], state["seed"]
        except KeyError as error:
            raise CheckpointError(_unfit(f"a state without {error}", "what state_dict() returned")) from None
        except TypeError:
            raise CheckpointError(_unfit(f"a {type(state).__name__}", "what state_dict() returned")) from None
        for key, value in ours.items():
            if theirs[key] != value:
                remedy = "Make the loader as it was when the state was saved."
                raise CheckpointError(_unfit(f"a state with {key} {theirs[key]}", f"{key} {value}", remedy))
        try:
            return (
                _check_epoch(epoch),
                checks.integer("DataLoader", "position", position, 0, len(self)),
                None if seed is None else checks.seed("DataLoader", seed),
            )
        except ArgumentError as error:
            raise CheckpointError(str(error)) from None

    def _shape(self) -> dict[str, Any]:
        """What must agree for an epoch to have the same batches."""
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def __repr__(self) -> str:
        return (
            f"DataLoader({len(self.dataset)} samples, batch_size={self.batch_size}, shuffle={self.shuffle}, "
            f"drop_last={self.drop_last}, {len(self)} batches)"
        )


def _samples(dataset: Any) -> Any:
    """The data set itself; of what has rows but is not indexed by them, the rows."""
    if isinstance(dataset, tuple) and dataset and all(isinstance(t, Tensor) or is_array(t) for t in dataset):
        got = f"a tuple of {len(dataset)} arrays, which is a data set of {len(dataset)} samples"
        remedy = "TensorDataset(x, y) pairs their rows. If they are the samples, pass them in a list."
        raise ArgumentError(message("DataLoader", got, "a data set", remedy))
    return to_array("DataLoader", dataset) if hasattr(dataset, "to_numpy") else dataset


def _check_batch_size(batch_size: Any) -> int:
    if batch_size is None:
        remedy = "Index the data set itself to get single samples."
        raise NotSupportedError(message("DataLoader", "batch_size=None", "a positive integer", remedy))
    return checks.integer("DataLoader", "batch_size", batch_size, 1)


def _unfit(got: str, expected: str, remedy: str = "") -> str:
    return message("DataLoader.load_state_dict", got, expected, remedy)


def _check_epoch(epoch: Any) -> int:
    return checks.integer("DataLoader", "epoch", epoch, 0, (1 << 48) - 1)
