"""Threads: how many, and running one native function on all of them side by side."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rushlight.compile.native import jit
from rushlight.compile.write.barrier import wait_text
from rushlight.device import xp
from rushlight.errors import ArgumentError, message

__all__ = ["get_num_threads", "set_num_threads", "together", "wait_address"]

_chosen: int | None = None
_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def get_num_threads() -> int:
    """How many threads compiled programs use: as set, or as many as the process has cores.

    >>> get_num_threads() >= 1
    True
    """
    if _chosen is not None:
        return _chosen
    given = os.environ.get("RUSHLIGHT_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    if given.isdigit() and int(given):
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_num_threads(threads: int) -> None:
    """Use this many threads in compiled programs from now on; results do not depend on it."""
    global _chosen
    if threads < 1:
        raise ArgumentError(message("set_num_threads", str(threads), "1 or more"))
    _chosen = int(threads)


@functools.cache
def _barrier() -> jit.Native:
    return jit.build(wait_text(), {})


def wait_address() -> int:
    """Where the native function begins by which the threads of one call wait for each other."""
    return _barrier().address("rushlight_wait")


def together(run: Callable[[int, int, Any], Any], count: int) -> None:
    """``run(me, count, barrier)`` for each `me` below `count`, all at once; back when all are done.

    Only one such group runs at a time, so that none waits for a thread that another holds.
    """
    global _pool
    if count <= 1:
        run(0, 1, None)
        return
    with _lock:
        if _pool is None or _pool._max_workers < count - 1:
            _pool = ThreadPoolExecutor(count - 1, thread_name_prefix="rushlight")
        barrier = xp.aligned_bytes(128)
        place = xp.address(barrier)
        others = [_pool.submit(run, me, count, place) for me in range(1, count)]
        run(0, count, place)
        for other in others:
            other.result()
