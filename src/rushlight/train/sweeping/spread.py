"""A sweep whose networks an executor's workers train: cut into shares, sent, collected, sent again if lost.

Every network is trained to the bits of its solo run, so nothing depends on how the list is cut, nor on which
worker had what. The cut follows what training cost so far: shares are long enough that sending and compiling
them weighs little, and short enough that all workers are done at about the same time.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from concurrent.futures.process import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from rushlight import optional
from rushlight.errors import ArgumentError, DTypeError, WorkerError, message
from rushlight.train.feed import make_feed
from rushlight.train.interrupt import Interrupted, InterruptGuard
from rushlight.train.progress import Progress
from rushlight.train.sweeping.loop import Task, stopped
from rushlight.train.sweeping.share import ALONE, Answer, Share, machine, train_share, unpickled
from rushlight.train.sweeping.states import dump, parse
from rushlight.train.sweeping.watch import Watch

if TYPE_CHECKING:
    from rushlight.train.sweeping.kept import Kept
    from rushlight.train.sweeping.result import Run, Sweep
    from rushlight.train.trainer import Trainer

__all__ = ["spread"]

LOSSES = 8
"""So many times the same network may be lost with its worker."""
SHORT, LONG = 2.0, 30.0
"""Seconds that a share takes at least and at most, as far as one can tell."""
SMALL = 1 << 20
"""Data of fewer bytes go along with every share."""
PATIENCE = 30.0
"""Seconds without an answer after which somebody looks whether there are workers."""
LOOK = 0.2
"""Seconds after which Ctrl-C is looked for."""


def spread(
    result: Sweep,
    task: Task,
    build: Callable[..., Trainer],
    executor: Executor | Callable[[], Executor],
    progress: Progress,
    kept: Kept | None,
) -> None:
    """Train the runs of `result` that are not over by the executor's workers.

    Raises WorkerError for networks that are lost again and again, Interrupted after Ctrl-C, and what training
    raises in a worker.
    """
    engine = Engine(executor)
    done = False
    try:
        Spread(result, task, build, engine, progress, kept).run()
        done = True
    finally:
        engine.close(wait=done)


class Engine:
    """The executor, and another one after it broke."""

    def __init__(self, given: Executor | Callable[[], Executor]) -> None:
        self.make: Callable[[], Executor] | None = None
        self.own = not isinstance(given, Executor)
        if isinstance(given, Executor):
            self.executor = given
            if type(given) is ProcessPoolExecutor:
                self.make = _twin_of(given)
        elif callable(given):
            self.make, self.executor = given, given()
        if not isinstance(getattr(self, "executor", None), Executor):
            got = f"executor={given!r:.60}"
            expected = "a concurrent.futures.Executor, or a function that makes one"
            raise DTypeError(message("sweep", got, expected, "Dask's is client.get_executor()."))

    def workers(self) -> int:
        """How many there are now, as far as one can tell."""
        client = getattr(self.executor, "_client", None)
        if client is not None:  # Dask's; each worker trains a share at a time
            return max(1, len(client.nthreads()))
        return int(getattr(self.executor, "_max_workers", None) or os.cpu_count() or 1)

    def deserted(self) -> bool:
        """Whether there is nobody who could train."""
        client = getattr(self.executor, "_client", None)
        return client is not None and not client.nthreads()

    def threads(self) -> int | None:
        """How many threads a worker may use: of processes on this machine their part, else None."""
        from rushlight.compile.native.threads import get_num_threads

        local = isinstance(self.executor, ProcessPoolExecutor)
        return max(1, get_num_threads() // self.workers()) if local else None

    def submit(self, *arguments: Any) -> Future[Answer]:
        """Send a share."""
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")  # Dask's; it is sent once a worker
                return self.executor.submit(train_share, *arguments)
        except BrokenExecutor as error:
            self.renew(error)
            return self.executor.submit(train_share, *arguments)

    def renew(self, error: BrokenExecutor) -> None:
        """Make another executor in the place of one that broke."""
        if self.make is None:
            remedy = "Pass a function that makes one, which is called again then."
            raise WorkerError(message("sweep", "an executor that broke", "one that lasts", remedy)) from error
        self.close()
        self.executor, self.own = self.make(), True

    def close(self, wait: bool = False) -> None:
        """End an executor that was made here."""
        if self.own:
            self.executor.shutdown(wait=wait, cancel_futures=True)


def _twin_of(pool: Any) -> Callable[[], Executor]:
    """Makes a pool like `pool`."""
    return lambda: ProcessPoolExecutor(
        pool._max_workers,
        pool._mp_context,
        pool._initializer,
        pool._initargs,
        max_tasks_per_child=getattr(pool, "_max_tasks_per_child", None),
    )


class Spread:
    """Sends what is `waiting`, and knows what is on its way."""

    def __init__(
        self,
        result: Sweep,
        task: Task,
        build: Callable[..., Trainer],
        engine: Engine,
        progress: Progress,
        kept: Kept | None,
    ) -> None:
        for run in result.runs:
            run.trainer.compile = run.trainer.compile if task.compile else False
            if run.trainer.out is not None:
                got, remedy = "a trainer with a folder `out`", "Give the sweep one: sweep(..., out=...)."
                raise ArgumentError(message("sweep(executor=...)", got, "trainers without", remedy))
        self.result, self.task, self.engine, self.kept = result, task, engine, kept
        self.watch, self.guard = Watch(progress, result), InterruptGuard()
        self.build = build
        self.data = _pickled("data", (task.train, task.validation))
        self.key = hashlib.blake2b(self.data, digest_size=16).hexdigest()
        feed = make_feed("fit", task.own(task.train), task.batch_size)
        self.batches = len(feed) if feed.sized else 1
        self.costs = Costs()
        sizes = {run.number: _size(run) for run in result.runs}
        self.waiting = sorted((r for r in result.runs if not r.over), key=lambda r: -sizes[r.number])
        self.away: dict[Future[Answer], tuple[list[Run], Executor, int]] = {}
        self.lost = dict.fromkeys(sizes, 0)
        self.sendings = self.with_data = 0
        self.heard = time.monotonic()
        self.told: set[tuple[Any, str]] = set()

    def run(self) -> None:
        """Send and collect until all runs are over."""
        self.watch.start()
        try:
            with self.guard:
                while self.waiting or self.away:
                    self._fill()
                    done, _ = wait(self.away, LOOK, FIRST_COMPLETED)
                    self._wonder(bool(done))
                    for future in done:
                        self._take(future, *self.away.pop(future))
                    if self.guard.requested:
                        raise Interrupted(stopped(self.result, self.kept))
            if self.kept is not None:
                self.kept.save(self.result.runs)
            self.watch.end()
        except Interrupted as error:
            error.sweep = self.result
            raise
        finally:
            for future in self.away:
                future.cancel()
            self.watch.progress.stop()

    def _wonder(self, answered: bool) -> None:
        """Say so if nothing comes back because there are no workers."""
        now = time.monotonic()
        if answered:
            self.heard = now
        elif now - self.heard > PATIENCE:
            self.heard = now
            if self.engine.deserted():
                text = "the sweep waits: its executor has no workers"
                warnings.warn(text, RuntimeWarning, stacklevel=7)

    def _fill(self) -> None:
        """Have every worker busy, and one share waiting for the first that is done."""
        if not self.waiting:
            return
        workers = self.engine.workers()
        while self.waiting and len(self.away) <= workers:
            count = self._cut(workers)
            runs, self.waiting = self.waiting[:count], self.waiting[count:]
            self._send(runs, len(self.data) < SMALL or self.with_data < workers)

    def _cut(self, workers: int) -> int:
        """How many of those that wait make the next share; one that was lost goes alone."""
        if self.lost[self.waiting[0].number]:
            return 1
        costs = [cost for run in self.waiting if (cost := self.costs.of(run)) is not None]
        if not costs:  # nothing is known before the first share came back
            return min(4, -(-len(self.waiting) // (4 * workers)))
        aim = min(LONG, max(SHORT, sum(costs) / (2 * workers)))
        total, count = 0.0, 0
        for cost in costs:
            total += cost
            if count and total > aim:
                break
            count += 1
        return count

    def _send(self, runs: Sequence[Run], with_data: bool) -> None:
        task = self.task
        self.sendings += 1
        numbers, begun = [run.number for run in runs], [run for run in runs if run.random is not None]
        share = Share(
            numbers,
            [run.config for run in runs],
            self.build,
            {
                "epochs": task.epochs,
                "batch_size": task.batch_size,
                "shuffle": task.shuffle,
                "compile": task.compile,
            },
            self.engine.threads(),
            dump(begun) if begun else None,
            None if self.kept is None else self.kept.lend(self.sendings, numbers),
        )
        self.with_data += with_data
        data = self.data if with_data else None
        future = self.engine.submit(self.sendings, _pickled("a build", share), self.key, data)
        self.away[future] = list(runs), self.engine.executor, self.sendings

    def _take(self, future: Future[Answer], runs: list[Run], executor: Executor, sending: int) -> None:
        """Take in what became of a share."""
        error = None if future.cancelled() else future.exception()
        answer = None if future.cancelled() or error is not None else future.result()
        if self.guard.requested and (answer is None or answer.states is None):
            return  # Ctrl-C reaches the workers, too
        if answer is None:
            self._lose(runs, executor, sending, error)
        elif answer.stopped:  # by Ctrl-C there, or by the program
            self.guard.requested = True
        elif answer.wants:
            if self.kept is not None:
                self.kept.take_back(sending, self.result.runs)
            self._send(runs, with_data=True)
        elif answer.error is not None:
            made, text = answer.error
            raise unpickled(made, RuntimeError(text))
        else:
            self._enter(runs, answer)
            if self.kept is not None:
                self.kept.drop(sending)

    def _lose(self, runs: list[Run], executor: Executor, sending: int, error: BaseException | None) -> None:
        """A share's worker is gone: the networks wait again, from where it kept them last."""
        further = set() if self.kept is None else self.kept.take_back(sending, self.result.runs)
        runs = [run for run in runs if not run.over]
        for run in runs:
            self.lost[run.number] = 0 if run.number in further else self.lost[run.number] + 1
            if self.lost[run.number] > LOSSES:
                got = f"run {run.number}, which was lost with its worker {LOSSES + 1} times"
                remedy = "Look at what the workers say: often it is memory."
                raise WorkerError(message("sweep", got, "workers that live", remedy)) from error
        self.waiting = runs + self.waiting
        if isinstance(error, BrokenExecutor) and executor is self.engine.executor:
            self.engine.renew(error)
            self.with_data = 0

    def _enter(self, runs: list[Run], answer: Answer) -> None:
        """Give the runs what their workers made of them."""
        assert answer.states is not None
        with ALONE:
            for state in parse(answer.states, "what a worker sent"):
                state.restore(self.result.runs[state.number])
        if self.kept is not None:
            self.kept.add(answer.states, [run.number for run in runs])
        result = self.result
        if answer.compiled is not None:
            result.compiled = (result.compiled or 0) + answer.compiled
        result.why_eager = result.why_eager or answer.why_eager
        told = [(unpickled(made, UserWarning), text) for made, text in answer.warnings]
        for category, text in (*told, *_unlike(answer.machine)):
            if (category, text) not in self.told:
                self.told.add((category, text))
                warnings.warn(text, category, stacklevel=8)
        self.costs.learn(runs)
        epochs = [run.history.count for run in runs]
        self.watch.look(max(epochs), sum(epochs) * self.batches)


def _unlike(there: dict[str, str]) -> list[tuple[Any, str]]:
    """A warning where a worker is of another kind than this process."""
    here = machine()
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    differ = [f"{name} {there.get(name, 'missing')}, not {here.get(name, 'missing')}" for name in names]
    if not differ:
        return []
    text = f"a worker has {' and '.join(differ)}: its networks may differ from others in their last bits"
    return [(RuntimeWarning, text)]


def _pickled(what: str, value: Any) -> bytes:
    """The bytes of what is sent. MissingPackageError without cloudpickle, DTypeError for what cannot be."""
    cloudpickle = optional.load("cloudpickle", "sweep(executor=...)")
    try:
        found: bytes = cloudpickle.dumps(value)
    except Exception as error:
        got = f"{what} that cannot be sent ({error})"
        raise DTypeError(message("sweep(executor=...)", got, "what cloudpickle can pickle")) from error
    return found


class Costs:
    """What networks cost: as much as the mean of those of their size, or by their size."""

    def __init__(self) -> None:
        self.known: dict[int, list[float]] = {}

    def learn(self, runs: Sequence[Run]) -> None:
        """Take in what training cost."""
        for run in runs:
            if run.diverged is None:
                seconds = sum(s for s in run.history.get("seconds", ()) if s == s)
                self.known.setdefault(_size(run), []).append(seconds)

    def of(self, run: Run) -> float | None:
        """The seconds that a network will take; None while nothing is known."""
        size = _size(run)
        near = min(self.known, key=lambda other: abs(other - size), default=None)
        if near is None:
            return None
        mean = sum(self.known[near]) / len(self.known[near])
        return mean * max(size, 1) / max(near, 1)


def _size(run: Run) -> int:
    return sum(p.numel() for p in run.trainer.model.parameters())
