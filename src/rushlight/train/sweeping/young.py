"""The garbage collector, while very many objects are made that all live on."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["young_only"]

NEVER = 1 << 30


@contextlib.contextmanager
def young_only() -> Iterator[None]:
    """For the length of a ``with`` the collector looks at new objects only. A tenth of the time in which
    thousands of networks are made would go into looking at all of them again and again."""
    new, young, old = gc.get_threshold()
    if old == NEVER:  # another thread is at it, which puts it back
        yield
        return
    gc.set_threshold(new, young, NEVER)
    try:
        yield
    finally:
        gc.set_threshold(new, young, old)
