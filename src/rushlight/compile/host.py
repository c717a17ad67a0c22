"""The machine that code is written for, and whether LLVM is there to write it."""

from __future__ import annotations

import functools
import importlib.util
import threading
from typing import Any

from rushlight.core.atomic import free_after_fork
from rushlight.errors import NotSupportedError, message

__all__ = ["available", "features", "has_avx512", "llvm", "missing", "name"]


def available() -> bool:
    """Whether llvmlite is installed; it is not loaded."""
    return importlib.util.find_spec("llvmlite") is not None


def missing() -> NotSupportedError:
    """The error that says what to install."""
    remedy = 'pip install "rushlight[compile]", or use mode="interpret" or mode="off".'
    return NotSupportedError(message("compile", "a Python without llvmlite", "llvmlite", remedy))


@functools.cache
def llvm() -> Any:
    """llvmlite's binding to LLVM, ready to write code for this machine."""
    try:
        from llvmlite import binding
    except ImportError:
        raise missing() from None
    # It guards LLVM by a lock of its own, and knows nothing of forks.
    lock = getattr(getattr(binding.ffi.lib, "_lock", None), "_lock", None)
    if isinstance(lock, type(threading.RLock())):
        free_after_fork(lock)
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@functools.cache
def name() -> str:
    """LLVM's name for the CPU."""
    return llvm().get_host_cpu_name()


@functools.cache
def features() -> str:
    """What the CPU can do, as LLVM writes it. 512-bit vectors are wanted where there are any."""
    found = llvm().get_host_cpu_features().flatten()
    return f"{found},-prefer-256-bit" if "+avx512f" in found else found


@functools.cache
def has_avx512() -> bool:
    """Whether there are 32 registers of 512 bits."""
    return "+avx512f" in features().split(",")
