"""How many threads the matrix products use.

OpenBLAS reads OPENBLAS_NUM_THREADS when NumPy is imported, which is over when an option is read, so its own
function is called in the library that NumPy has loaded.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["set_threads"]

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SPELLINGS = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


def set_threads(count: int) -> bool:
    """Have matrix products use `count` threads; whether that could be done, as read back from the library."""
    for variable in VARIABLES:  # for libraries that are loaded later, and for child processes
        os.environ[variable] = str(count)
    done = [_call(library, count) for library in _libraries()]
    if True in done:
        return True
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ImportError:
        return False
    threadpoolctl.threadpool_limits(count, user_api="blas")
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return bool(pools) and all(pool["num_threads"] == count for pool in pools)


def _libraries() -> Iterator[Any]:
    """NumPy's own OpenBLAS, as its wheels carry it."""
    import numpy

    package = Path(numpy.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                yield ctypes.CDLL(str(path))
            except OSError:
                continue


def _call(library: Any, count: int) -> bool:
    for spelling in SPELLINGS:
        change, read = spelling.format("set"), spelling.format("get")
        if hasattr(library, change) and hasattr(library, read):
            getattr(library, change)(ctypes.c_int(count))
            return bool(getattr(library, read)() == count)
    return False
