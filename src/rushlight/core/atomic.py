"""What neither a signal nor a fork may find half done.

Python raises what a signal handler raises between any two of its bytecodes, in `finally` blocks, too. What
has to happen wholly or not at all therefore runs in C in one go: a native call, or `at_once`. And a fork
copies locks as they are, but only the thread that forked: `make_lock` makes locks that are free in the child.

What can only be done step by step is done over: ``with Undo(f), Undo(f), Undo(f):`` calls `f` three times, so
that two signals, the second into the clean-up after the first, still leave one that runs to its end.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from itertools import compress, repeat
from operator import methodcaller
from typing import Any

__all__ = ["Undo", "at_once", "free_after_fork", "make_lock", "struck"]

PATIENCE = 2.0
"""Seconds that a fork waits, at most, for another thread to come to the end of what it traces or compiles."""

_RLock = type(threading.RLock())
_locks: set[weakref.ref[Any]] = set()
_awaited: list[Any] = []


class _Taken(threading.local):
    """The locks that a fork in this thread took; another thread may fork at the same time."""

    def __init__(self) -> None:
        self.locks: list[Any] = []


_taken = _Taken()


def at_once(function: Callable[..., Any], *columns: Iterable[Any]) -> None:
    """``function(*row)`` for each row of the columns. If `function` is written in C, no signal handler runs
    and no exception from outside comes up before all are done.

    >>> row = [0, 0]
    >>> at_once(row.__setitem__, [0, 1], [5, 6])
    >>> row
    [5, 6]
    """
    deque(map(function, *columns), maxlen=0)


class Undo:
    """Calls `undo` when it is left; with `failed`, only when an exception leaves it.

    >>> with Undo(lambda: print("tidied"), failed=False):
    ...     pass
    tidied
    """

    def __init__(self, undo: Callable[[], None], failed: bool) -> None:
        self._undo, self._failed = undo, failed

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type | None, *error: object) -> None:
        if kind is not None or not self._failed:
            self._undo()


def struck(error: BaseException) -> bool:
    """Whether a signal's handler raised an error, a timeout say: what it came up in is not at fault, and who
    catches errors for reasons of their own lets it pass.

    >>> struck(ValueError("of the program"))
    False
    """
    import signal

    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    functions = [h if hasattr(h, "__code__") else type(h).__call__ for h in handlers if callable(h)]
    codes = {f.__code__ for f in functions if hasattr(f, "__code__")}
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code not in codes:
        at = at.tb_next
    return at is not None


def make_lock(awaited: bool = False) -> Any:
    """A lock that its holder may take again, and that is free in a forked child unless the child's own thread
    holds it.

    awaited  whether a fork waits for it, so that the child does not find what it guards half done.

    >>> with make_lock():
    ...     pass
    """
    lock = threading.RLock()
    free_after_fork(lock, awaited)
    return lock


def free_after_fork(lock: Any, awaited: bool) -> None:
    """Have somebody else's RLock freed in a forked child, too."""
    _locks.add(weakref.ref(lock, _locks.discard))
    if awaited:
        _awaited.append(lock)


def _before_fork() -> None:
    until, missed = time.monotonic() + PATIENCE, None
    while True:
        left = max(0.0, until - time.monotonic())
        # Who holds one may wait for another: only the first is waited for.
        locks = sorted(_awaited, key=lambda lock: lock is not missed)
        waits = [left if lock is missed else 0.0 for lock in locks]
        _taken.locks.extend(compress(locks, map(_RLock.acquire, locks, repeat(True), waits)))
        missed = next((lock for lock in locks if lock not in _taken.locks), None)
        if missed is None or left == 0.0:
            return
        _after_fork()


def _after_fork() -> None:
    at_once(methodcaller("release"), _taken.locks)
    _taken.locks.clear()


def _in_child() -> None:
    for lock in [ref() for ref in _locks]:
        if lock is not None and not lock._is_owned():
            lock._at_fork_reinit()
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
