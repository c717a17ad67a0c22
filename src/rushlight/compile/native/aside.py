"""Work for LLVM, on threads of its own.

Python raises what a signal handler raises between any two lines that the main thread runs. llvmlite is not
made for that: an object of LLVM's would be freed twice, or a lock stay taken. So the main thread only waits.

A signal handler may fork while it does. The fork waits for the threads to be done, since the child has none;
where that takes too long, the call fails in the child.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from _thread import start_new_thread
from collections.abc import Callable
from queue import Empty, SimpleQueue

from rushlight.compile import host
from rushlight.core import atomic
from rushlight.core.atomic import Undo

__all__ = ["aside"]

PATIENCE = 0.05
"""Seconds after which the main thread looks by itself whether the others are done."""

_at_work: list[None] = []
"""One for each thread."""
_bells: weakref.WeakSet[SimpleQueue[None]] = weakref.WeakSet()


def aside(work: Callable[[], None], count: int = 1, stop: Callable[[], None] | None = None) -> None:
    """Call `work` on so many threads, and come back when all are done; raises what one of them raised.

    stop  called when there was an exception: who works then comes to an end soon. It is waited for.
    """
    begun: list[None] = []
    ended: list[None] = []
    left: list[None] = []
    errors: list[BaseException] = []
    bell: SimpleQueue[None] = SimpleQueue()
    _bells.add(bell)
    process = os.getpid()

    def run() -> None:
        _at_work.append(None)
        begun.append(None)
        try:
            if not left:
                work()
        except BaseException as error:
            errors.append(error)
            if stop is not None:
                stop()
        finally:
            ended.append(None)
            _at_work.pop()
            bell.put(None)

    def wait(many: Callable[[], int]) -> None:
        while len(ended) < many():
            if os.getpid() != process:  # nobody else is here
                if len(begun) > len(ended):
                    raise RuntimeError("the process was forked while LLVM was at work in it")
                run()
                return
            host.let_go()
            with contextlib.suppress(Empty):
                bell.get(timeout=PATIENCE)

    def leave() -> None:
        left.append(None)  # who begins from now on does nothing
        if stop is not None:
            stop()
        wait(lambda: len(begun))

    undo = Undo(leave, failed=True)
    with undo, undo, undo:
        started = 0
        # Not by `Thread`, which a signal in the middle of its start leaves half known.
        with contextlib.suppress(RuntimeError):  # no more threads for this process
            for _ in range(count):
                start_new_thread(run, ())
                started += 1
        if not started:
            run()
        wait(lambda: started)
    if errors:
        raise errors[0]


def _before_fork() -> None:
    until = time.monotonic() + atomic.PATIENCE
    while _at_work and time.monotonic() < until:
        time.sleep(0.001)


def _in_child() -> None:
    _at_work.clear()
    for bell in list(_bells):  # CPython waits without end where a handler took longer than the timeout
        bell.put(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
