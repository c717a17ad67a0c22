"""Threads: how many, and running one native function on all of them side by side."""

from __future__ import annotations

import ctypes
import functools
import os
import warnings

from rushlight.compile.native import jit
from rushlight.compile.write.barrier import wait_text
from rushlight.compile.write.pool import pool_text
from rushlight.core.atomic import make_lock
from rushlight.errors import ArgumentError, message

__all__ = ["get_num_threads", "set_num_threads", "together", "wait_address", "worker_at"]

OWN, OTHERS = "RUSHLIGHT_NUM_THREADS", "OMP_NUM_THREADS"

_chosen: int | None = None

_Job = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_Lead = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
_Plain = ctypes.CFUNCTYPE(None)


def get_num_threads() -> int:
    """How many threads compiled programs use: as set, or as many as the process has cores.

    Unless it was set here, RUSHLIGHT_NUM_THREADS is asked, then OMP_NUM_THREADS. What is no whole number of 1
    or more in the first is passed over with a warning.

    >>> get_num_threads() >= 1
    True
    """
    if _chosen is not None:
        return _chosen
    named = os.environ.get(OWN, "").strip()
    found = _count(named)
    if found is None and named:
        _warn(named)
    # OpenMP's own may be a list, a number for each level.
    found = found or _count(os.environ.get(OTHERS, "").split(",")[0].strip())
    if found:
        return found
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count(text: str) -> int | None:
    """The number of threads that a setting says; None if it says none."""
    return (int(text[:9]) or None) if text.isascii() and text.isdigit() else None


@functools.cache
def _warn(value: str) -> None:
    text = message(OWN, repr(value), "a whole number, 1 or more", "The setting is passed over.")
    warnings.warn(text, RuntimeWarning, stacklevel=3)


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


def together(function: int, given: int, most: int) -> None:
    """Call the native function at an address, ``function(given, me, count, barrier)``, on up to `most`
    threads side by side; back when all are done. For Python it is one call: no exception comes up inside."""
    if most <= 1 or os.name != "posix":
        _Job(function)(given, 0, 1, None)
    else:
        _pool().lead(function, given, most)


class _Pool:
    """The helpers' native code."""

    def __init__(self) -> None:
        native = jit.build(pool_text(), {})
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(native))  # helpers sleep in it until the process ends
        self.worker = native.address("worker")
        self.lead = _Lead(native.address("lead"))
        self.stop = _Plain(native.address("stop"))
        self.renew = _Plain(native.address("renew"))


_made: list[_Pool] = []
_making = make_lock()


def _pool() -> _Pool:
    with _making:
        if not _made:
            _made.append(_Pool())
    return _made[0]


def worker_at() -> int:
    """Where the native function begins by which each thread does jobs of many members."""
    return _pool().worker


def _before_fork() -> None:
    for pool in _made:
        pool.stop()


def _in_child() -> None:
    for pool in _made:
        pool.renew()


if hasattr(os, "register_at_fork"):
    # A child has none of the helpers. They are sent home before, so that the fork copies a quiet process.
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
