"""Worker processes of a DataLoader: what runs in one, and the pool of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import random
import signal
import threading
import time
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from rushlight.core.random import manual_seed
from rushlight.data.batches import Recipe
from rushlight.data.parcels import hang_up, receive, send
from rushlight.errors import WorkerError

__all__ = ["Pool", "WorkerInfo", "get_worker_info"]

PATIENCE = 5.0
"""Seconds in which a worker may end what it is doing, after it was told to."""
LOOK = 2.0
"""Seconds after which an idle worker looks whether its parent still lives."""


@dataclass(frozen=True)
class WorkerInfo:
    """Of a worker: its number, how many there are, its seed, and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader, what it is; None elsewhere.

    >>> get_worker_info() is None
    True
    """
    return _info


@dataclass(frozen=True)
class Failure:
    """An exception of a worker: its class, and its text with the traceback."""

    kind: type[BaseException]
    text: str

    def again(self, number: int) -> BaseException:
        """The exception, of the same class where that takes a text, with the worker's traceback in it."""
        name = self.kind.__name__
        text = f"Caught {name} in DataLoader worker process {number}.\nOriginal {self.text}"
        if issubclass(self.kind, KeyError):
            return self.kind(_Lines(text))
        try:
            return self.kind(text)
        except Exception:
            return WorkerError(text)


class _Lines(str):
    """A text that shows its lines: of a KeyError Python shows the repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Job:
    """What a worker is started with."""

    recipe: Recipe
    init: Callable[[int], Any] | None
    number: int
    count: int
    seed: int
    parent: int


def work(job: Job, connection: Connection, inherited: list[Connection]) -> None:
    """The life of a worker: it takes tasks from `connection` and sends back batches, until that is closed."""
    global _info
    for other in inherited:  # ends of pipes that are not its own, which would hide that their owner died
        other.close()
    # Ctrl-C goes to all processes of a terminal. The parent decides what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks, job.parent), daemon=True).start()
    _info = WorkerInfo(job.number, job.count, job.seed, job.recipe.dataset)
    broken: Failure | None = None
    try:
        seed_everything(job.seed)
        if job.init is not None:
            job.init(job.number)
    except Exception as error:
        broken = _failure(error)
    make: Callable[[Any], Any] | None = None
    while (message := tasks.get()) is not None:
        epoch, *tasked = message
        if not tasked:
            make = None
            continue
        try:
            make = make or job.recipe.start()
            reply: Any = ("batch", make(*tasked)) if broken is None else ("failure", broken)
        except StopIteration:
            reply = ("end", None)
        except Exception as error:
            reply = ("failure", _failure(error))
        try:
            _answer(connection, epoch, *reply)
        except OSError:  # nobody waits for it any more
            break
    connection.close()


def seed_everything(seed: int) -> None:
    """Python's, NumPy's and Rushlight's random numbers, as PyTorch seeds a worker's."""
    random.seed(seed)
    manual_seed(seed)
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))


def _answer(connection: Connection, epoch: int, kind: str, value: Any) -> None:
    try:
        send(connection, (epoch, kind, value))
    except OSError:
        raise
    except Exception as error:  # what cannot be pickled
        failure = value if isinstance(value, Failure) else _failure(error)
        send(connection, (epoch, "failure", Failure(WorkerError, failure.text)))


def _failure(error: Exception) -> Failure:
    return Failure(type(error), "".join(traceback.format_exception(error)))


def _listen(connection: Connection, tasks: queue.SimpleQueue[Any], parent: int) -> None:
    """Take tasks at once, so that the parent never waits with one; end when the parent has ended."""
    direct = os.getppid() == parent
    process = multiprocessing.parent_process()
    try:
        while True:
            while not connection.poll(LOOK):
                # Other workers may hold the ends of its pipes that say whether it lives.
                if direct and os.getppid() != parent:
                    raise EOFError
                if process is not None and not process.is_alive():
                    raise EOFError
            tasks.put(connection.recv())
    except (EOFError, OSError):
        hang_up(connection)  # it may be sending, to nobody
        tasks.put(None)


_ends: weakref.WeakSet[Connection] = weakref.WeakSet()
"""This process's ends of the connections to workers, of all pools: a worker that is forked has them too."""


class Pool:
    """Worker processes, and what they were asked for.

    ahead    batches that each worker is asked for before they are needed.
    timeout  seconds to wait for a batch; 0 for ever.
    """

    def __init__(
        self,
        recipe: Recipe,
        count: int,
        seed: int,
        init: Callable[[int], Any] | None,
        context: Any,
        ahead: int,
        timeout: float,
    ) -> None:
        self.ahead, self.timeout, self.owner = ahead, timeout, os.getpid()
        self.connections: list[Connection] = []
        self.processes: list[Any] = []
        self.epoch = 0
        self.busy = self.closed = False
        context = multiprocessing.get_context(context) if not hasattr(context, "Process") else context
        forks = context.get_start_method() == "fork"
        try:
            for number in range(count):
                job = Job(recipe, init, number, count, (seed + number) % 2**64, os.getpid())
                self._start(context, job, forks)
        except BaseException:
            self.close()
            raise

    def _start(self, context: Any, job: Job, forks: bool) -> None:
        ours, theirs = context.Pipe()
        self.connections.append(ours)
        _ends.add(ours)
        args = (job, theirs, [end for end in _ends if not end.closed] if forks else [])
        process = context.Process(target=work, args=args, daemon=True)
        try:
            with warnings.catch_warnings():
                # Python warns of a fork beside threads; those of the array library stand it.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
        finally:
            theirs.close()
        self.processes.append(process)

    def run(self, tasks: Iterator[Any]) -> Iterator[Any]:
        """The batches of `tasks`, in their order. Task i goes to worker i modulo their number, as in PyTorch;
        a stream that has ended in one worker goes on in the others."""
        self.epoch += 1
        self.busy = True
        ended: set[int] = set()
        pending: deque[int] = deque()
        turn = 0
        count = len(self.processes)

        def give() -> None:
            nonlocal turn
            if len(ended) == count:
                return
            while turn % count in ended:
                turn += 1
            for task in tasks:
                self._tell(turn % count, task)
                pending.append(turn % count)
                turn += 1
                return

        try:
            for number in range(count):
                self._tell(number)  # of no task: an epoch begins
            for _ in range(count * self.ahead):
                give()
            while pending:
                number = pending.popleft()
                if number in ended:
                    continue
                kind, value = self._reply(number)
                if kind == "failure":
                    raise value.again(number)
                if kind == "end":
                    ended.add(number)
                    give()
                    continue
                give()
                yield value
        finally:
            self.busy = False

    def _tell(self, number: int, *task: Any) -> None:
        # Where the worker has ended `_reply` says so at its turn: its last batches may be on the way.
        with contextlib.suppress(OSError):
            self.connections[number].send((self.epoch, *task))

    def _reply(self, number: int) -> tuple[str, Any]:
        """The next answer of a worker; answers of an epoch that was left are passed over."""
        connection = self.connections[number]
        until = time.monotonic() + self.timeout
        try:
            while True:
                if self.timeout and not connection.poll(max(0.0, until - time.monotonic())):
                    raise WorkerError(
                        f"DataLoader timed out after {self.timeout} seconds: worker {number} gave no batch. "
                        "Give it more time, or look at what __getitem__ waits for."
                    )
                epoch, kind, value = receive(connection)
                if epoch == self.epoch:
                    return kind, value
        except (EOFError, ConnectionError):
            raise self._lost(number) from None

    def _lost(self, number: int) -> WorkerError:
        process = self.processes[number]
        process.join(1)
        code = process.exitcode
        how = f"with exit status {code}"
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                how = f"by signal {signal.Signals(-code).name}"
        remedy = "If the system killed it, memory may have run out: use fewer workers or smaller batches."
        return WorkerError(
            f"DataLoader worker {number} (pid {process.pid}) exited unexpectedly, {how}. {remedy}"
        )

    def close(self) -> None:
        """End the workers: those that are still busy after some seconds are killed."""
        if self.closed or os.getpid() != self.owner:
            return
        self.closed = True
        for connection in self.connections:
            hang_up(connection)
            connection.close()
        until = time.monotonic() + PATIENCE
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
        for end in ("terminate", "kill"):
            for process in self.processes:
                if process.is_alive():
                    getattr(process, end)()
                    process.join(1)
        for process in self.processes:
            if not process.is_alive():
                process.close()
