"""DataLoader: the batches of a data set, in an order that a seed and the number of the epoch decide."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import numpy as np

from rushlight.core.random import Generator, default_generator
from rushlight.core.state import outside_only
from rushlight.core.tensor import Tensor, wrap
from rushlight.data import checks
from rushlight.data.batches import Recipe
from rushlight.data.combined import IterableDataset
from rushlight.data.dataset import Dataset
from rushlight.data.outside import is_array, to_array
from rushlight.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from rushlight.data.streams import Purpose, draw_seed, permutation, words
from rushlight.errors import ArgumentError, CheckpointError, DTypeError, message

__all__ = ["DataLoader"]

T_co = TypeVar("T_co", covariant=True)


class DataLoader(Generic[T_co]):
    """Batches of `dataset`, one epoch for each ``for`` loop.

    dataset        a `Dataset`, or anything with a length and integer indices: a list of samples, an array, a
                   frame of pandas by its rows; or an `IterableDataset`. A pair of arrays would be two samples
                   and is refused: ``TensorDataset(x, y)`` pairs their rows.
    batch_size     samples in a batch; the last batch is smaller when the sizes do not divide. None: single
                   samples, not batches.
    shuffle        a new order in every epoch: that of epoch k depends only on (seed, k), not on what ran
                   before.
    sampler        gives the indices in the place of `shuffle`: an iterable of them.
    batch_sampler  gives the indices of whole batches, in the place of the four arguments.
    num_workers    processes that make the batches, which then come in the same order as without; 0: none.
    collate_fn     makes a batch of a list of samples; sets in memory need none.
    pin_memory     changes nothing, as there is only the CPU.
    drop_last      leave out a smaller last batch.
    timeout        seconds to wait for a worker's batch; 0: for ever.
    worker_init_fn called in each worker with its number, after it was seeded with base seed + number.
    multiprocessing_context    how processes start: "fork", "spawn", "forkserver" or a context.
    generator      draws the order and the workers' base seed; the global one if left out.
    prefetch_factor            batches asked of each worker ahead; 2 if left out.
    persistent_workers         keep the workers from one loop to the next.
    in_order       changes nothing: batches always come in order.
    seed           decides order and base seed; if left out, it is drawn at the first use from `generator`.

    A set in memory is never asked sample by sample: a shuffled batch is one `take` for each tensor, an
    unshuffled one is a read-only view of the data (`clone()` it before changing it in place). Workers would
    only copy it: none are started for a `TensorDataset` without `collate_fn` and `worker_init_fn`.

    Each loop is the next epoch, also after a loop that was left by ``break``; `set_epoch` chooses another.
    `state_dict()` between two batches, or after any batch was used, remembers where the epoch stands, and a
    loader that loads it goes on with exactly the batches that remain.

    Raises ArgumentError for arguments that exclude one another. An exception in a worker is raised here, with
    its traceback in the text; `WorkerError` where a worker died or took too long.

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
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        seed: int | None = None,
    ) -> None:
        if seed is not None and generator is not None:
            raise ArgumentError(
                message("DataLoader", "both seed and generator", "one of them", "Drop either.")
            )
        self.dataset = _samples(dataset)
        self.streams = isinstance(dataset, IterableDataset)
        self._check_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.collate_fn = collate_fn
        self.generator = generator
        self.num_workers = checks.integer("DataLoader", "num_workers", num_workers, 0)
        self.timeout, self.worker_init_fn = timeout, worker_init_fn
        self.multiprocessing_context, self.persistent_workers = multiprocessing_context, persistent_workers
        self.prefetch_factor, self.in_order = prefetch_factor, in_order
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self._check_workers()
        self._seed = None if seed is None else checks.seed("DataLoader", seed)
        self._epoch = 0
        self._position = 0
        self._running: object | None = None
        self._started = False
        self._random: list[int] | None = None
        self._resumed = False
        self._pool: Any = None

    def _check_order(
        self, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
    ) -> None:
        """Set what decides which samples come when; refuse arguments that exclude one another."""
        given = {"sampler": sampler is not None, "batch_sampler": batch_sampler is not None}
        if self.streams and (shuffle or any(given.values())):
            got = "a stream with " + ", ".join(["shuffle"] * bool(shuffle) + [k for k in given if given[k]])
            raise ArgumentError(
                message("DataLoader", got, "neither", "A stream gives its samples in its order.")
            )
        if given["sampler"] and shuffle:
            raise ArgumentError(message("DataLoader", "sampler and shuffle", "one of them", "Drop shuffle."))
        if given["batch_sampler"]:
            if batch_size not in (1, None) or shuffle or given["sampler"] or drop_last:
                others = "batch_size, shuffle, sampler or drop_last"
                remedy = "batch_sampler decides all of them: drop them."
                raise ArgumentError(
                    message("DataLoader", f"batch_sampler with {others}", "one of them", remedy)
                )
            batch_size = None
        elif batch_size is None and (drop_last or (shuffle is not None and self.streams)):
            raise ArgumentError(message("DataLoader", "batch_size=None with drop_last", "batches to drop"))
        self.batch_size: int | None = None
        if batch_size is not None:
            self.batch_size = checks.integer("DataLoader", "batch_size", batch_size, 1)
        self.batched = batch_size is not None or given["batch_sampler"]
        self._sampler, self._batch_sampler = sampler, batch_sampler
        if sampler is not None and self.batch_size is not None:
            self._batch_sampler = BatchSampler(sampler, self.batch_size, bool(drop_last))
        # Whether the order is the loader's own, and batches are cut from it.
        self.plain = not (self.streams or any(given.values()) or batch_size is None)
        if self.plain and not hasattr(self.dataset, "__len__"):
            name = type(self.dataset).__name__
            got, expected = f"a {name} without __len__", "a data set with a length"
            remedy = f"Define __len__ in class {name}, or pass a sampler."
            raise DTypeError(message("DataLoader", got, expected, remedy))

    def _check_workers(self) -> None:
        if isinstance(self.timeout, bool) or not self.timeout >= 0:
            raise ArgumentError(message("DataLoader", f"timeout={self.timeout!r}", "seconds, or 0"))
        if self.prefetch_factor is not None:
            checks.integer("DataLoader", "prefetch_factor", self.prefetch_factor, 1)
        options = ("prefetch_factor", "persistent_workers", "multiprocessing_context")
        for option in options if not self.num_workers else ():
            if getattr(self, option):
                got = f"{option} without workers"
                raise ArgumentError(message("DataLoader", got, "num_workers of at least 1"))

    @property
    def sampler(self) -> Any:
        """What gives the indices."""
        if self._sampler is not None or self.streams:
            return self._sampler
        if self.shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    @property
    def batch_sampler(self) -> Any:
        """What gives the indices of batches; None where there are none."""
        if self._batch_sampler is not None or self.streams or self.batch_size is None:
            return self._batch_sampler
        return BatchSampler(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        """How many batches an epoch has. Raises TypeError where the data set, or sampler, has no length."""
        if not self.plain and not self.streams:
            return len(self._batch_sampler if self.batched else self.sampler)
        if self.batch_size is None:
            return len(self.dataset)
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
        if not self.plain:
            raise ArgumentError(
                message("epoch_indices", "a sampler or a stream", "an order of the loader's own")
            )
        order = self._order(self._epoch if epoch is None else _check_epoch(epoch))
        size = self.batch_size or 1
        whole = len(order) // size * size
        rest = order[whole:whole] if self.drop_last else order[whole:]
        return order[:whole].reshape(-1, size), rest

    def __iter__(self) -> Iterator[Any]:
        remedy = "Compile the step, and loop over the loader around it; or use scan(data, index=batches)."
        outside_only("DataLoader", "a loop over a loader", remedy)
        if self._started:
            self._begin_at(self._epoch + 1, 0)
        self._started = True
        self._running = token = object()
        return self._batches(self._epoch, self._position, token)

    def _batches(self, epoch: int, start: int, token: object) -> Iterator[Any]:
        recipe = Recipe(self.dataset, self.collate_fn, self.batch_size, self.drop_last, self.batched)
        tasks = self._tasks(epoch, start)
        if self._needs_workers():
            batches = self._from_workers(recipe, tasks, epoch)
        else:
            batches = _made(recipe.start(), tasks)
        if self.streams:  # what was used of a stream comes again before what was not
            batches = itertools.islice(batches, start, None)
        for step, batch in enumerate(batches, start + 1):
            # The batch counts as given out before the loop's body runs, so that a state saved there, after
            # the batch was used, goes on with the next one. Of two loops, the newer owns the position.
            if self._running is token:
                self._position = step
            yield batch
        if self._running is token:
            self._begin_at(epoch + 1, 0)

    def _tasks(self, epoch: int, start: int) -> Iterator[Any]:
        """What a `Recipe` makes the batches of, from batch `start` on."""
        if self.streams:
            return itertools.repeat(None)
        if not self.plain:
            return self._sampled(start)
        size, total = self.batch_size or 1, len(self.dataset)
        order = self._order(epoch) if self.shuffle else None
        ends = ((step * size, min((step + 1) * size, total)) for step in range(start, len(self)))
        return ends if order is None else (order[begin:end] for begin, end in ends)

    def _sampled(self, start: int) -> Iterator[Any]:
        """The tasks of a sampler. After a resume it draws what it drew, from the random numbers of then."""
        random = getattr(self._sampler, "generator", None) or default_generator
        now = random.get_state()
        resumed, self._resumed = self._resumed and self._random is not None, False
        if resumed:
            random.set_state(wrap(np.array(self._random, np.uint64)))
        self._random = random.get_state().tolist()
        tasks = iter(self._batch_sampler if self.batched else self.sampler)
        ahead = list(itertools.islice(tasks, start + 1))[start:]
        if resumed and random is default_generator:
            random.set_state(now)
        return itertools.chain(ahead, tasks)

    def _needs_workers(self) -> bool:
        from rushlight.data.memory import in_memory_set

        if not self.num_workers:
            return False
        simple = self.batched and self.collate_fn is None and self.worker_init_fn is None
        return not simple or in_memory_set(self.dataset) is None

    def _from_workers(self, recipe: Recipe, tasks: Iterator[Any], epoch: int) -> Iterator[Any]:
        from rushlight.data.workers import Pool

        pool, kept = self._pool, self.persistent_workers
        if not kept or pool is None or pool.closed or pool.busy:
            seed, ahead = self._base_seed(epoch), self.prefetch_factor or 2
            context, init = self.multiprocessing_context, self.worker_init_fn
            other = kept and pool is not None and pool.busy
            pool = Pool(recipe, self.num_workers, seed, init, context, ahead, self.timeout)
            kept = kept and not other
            if kept:
                self._pool = pool
                weakref.finalize(self, pool.close)
        try:
            yield from pool.run(tasks)
        except GeneratorExit:
            raise
        except BaseException:
            kept = False
            raise
        finally:
            if not kept:
                pool.close()

    def _base_seed(self, epoch: int) -> int:
        """What the workers' seeds are counted from: of the loader's seed and the epoch, or drawn."""
        if self._seed is None:
            return draw_seed(self.generator)
        return int(words(self._seed, Purpose.WORKERS, 1, epoch)[0] >> np.uint64(1))

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
            **({"random": self._random} if not self.plain else {}),
            **self._shape(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` stands: the next loop gives the batches that remained of that epoch.

        Raises CheckpointError, and changes nothing, when it was saved over a data set of another size, or
        with another batch_size, shuffle or drop_last: the remaining batches would not be the same.
        """
        epoch, position, seed = self._read_state(state_dict)
        random = state_dict.get("random")
        self._seed = seed
        self._begin_at(epoch, position)
        self._random, self._resumed = random, position > 0

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
                checks.integer("DataLoader", "position", position, 0, len(self) if self.plain else None),
                None if seed is None else checks.seed("DataLoader", seed),
            )
        except ArgumentError as error:
            raise CheckpointError(str(error)) from None

    def _shape(self) -> dict[str, Any]:
        """What must agree for an epoch to have the same batches."""
        return {
            **({} if self.streams else {"samples": len(self.dataset)}),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def __getstate__(self) -> dict[str, Any]:
        """A copy has the same place in the same epoch, but workers of its own."""
        return {**self.__dict__, "_pool": None, "_running": None}

    def __repr__(self) -> str:
        if not self.plain:
            kind = "stream" if self.streams else "sampler"
            return f"DataLoader({type(self.dataset).__name__}, {kind}, batch_size={self.batch_size})"
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


def _made(make: Callable[[Any], Any], tasks: Iterator[Any]) -> Iterator[Any]:
    """The batches of `tasks`, until `make` has no more."""
    for task in tasks:
        try:
            batch = make(task)
        except StopIteration:
            return
        yield batch


def _unfit(got: str, expected: str, remedy: str = "") -> str:
    return message("DataLoader.load_state_dict", got, expected, remedy)


def _check_epoch(epoch: Any) -> int:
    return checks.integer("DataLoader", "epoch", epoch, 0, (1 << 48) - 1)
