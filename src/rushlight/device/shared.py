"""Arrays in memory that several processes see.

The memory is a file without a name, which a process that is forked inherits. Another one opens it by way of
the process that made it, where the system (Linux) allows that.
"""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from typing import Any

import numpy as np

from rushlight.device.memory import address

__all__ = ["Handle", "attached", "handle_of", "is_shared", "shared_copy"]

Handle = tuple[int, int, int, int, str, tuple[int, ...], tuple[int, ...]]
"""The process, its file, the file's size, where the array begins in it; dtype, shape and strides."""


_OPTIONS: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
"""Its file is kept open once, not twice, where that can be told."""


class Shared(mmap.mmap):
    """Memory that several processes see. `place`: the process that made it, and its file; None where no other
    can open that."""

    place: tuple[int, int] | None = None


def shared_copy(array: Any) -> Any:
    """The array in such memory, C-contiguous."""
    size = max(array.nbytes, 1)
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("rushlight")
        os.ftruncate(file, size)
        memory = Shared(file, size, **_OPTIONS)
        memory.place = (os.getpid(), file)
        weakref.finalize(memory, _close, *memory.place)
    else:
        memory = Shared(-1, size)
    out = np.frombuffer(memory, array.dtype, array.size).reshape(array.shape)
    out[...] = array
    return out


def _close(process: int, file: int) -> None:
    if os.getpid() == process:  # a child that was forked has its own of that number
        os.close(file)


def _memory(array: Any) -> Shared | None:
    while isinstance(array, np.ndarray):
        array = array.base
    held = array.obj if isinstance(array, memoryview) else array
    return held if isinstance(held, Shared) else None


def is_shared(array: Any) -> bool:
    """Whether other processes may see what is written into the array."""
    return _memory(array) is not None


def handle_of(array: Any) -> Handle | None:
    """By what another process finds the array; None where it cannot."""
    memory = _memory(array)
    if memory is None or memory.place is None:
        return None
    begin = address(array) - address(np.frombuffer(memory, np.uint8, 1))
    return (*memory.place, len(memory), begin, array.dtype.str, array.shape, array.strides)


def attached(handle: Handle) -> Any:
    """The array of another process, by its handle. Raises OSError where that has let go of it."""
    process, number, size, begin, dtype, shape, strides = handle
    file = os.open(f"/proc/{process}/fd/{number}", os.O_RDWR)
    try:
        memory = Shared(file, size, **_OPTIONS)
    finally:
        os.close(file)
    memory.place = (process, number)
    return np.ndarray(shape, np.dtype(dtype), memory, begin, strides)
