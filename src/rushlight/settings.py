"""Settings of the whole program: the dtype of new tensors, their device, how many threads compute."""

from __future__ import annotations

from typing import Any

from rushlight.core.placement import CPU, check_device, device
from rushlight.core.spec import as_dtype, default
from rushlight.errors import ArgumentError, DTypeError, message

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_default_dtype",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_default_device",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "use_deterministic_algorithms",
]


def set_default_dtype(d: Any) -> None:
    """Have new tensors of floats be of this floating dtype, and what integers divide to; float32 at first.

    Raises DTypeError for what is no floating dtype.

    >>> import rushlight as rl
    >>> rl.set_default_dtype(rl.float64)
    >>> rl.ones(1).dtype, rl.tensor(0.5).dtype
    (dtype('float64'), dtype('float64'))
    >>> rl.set_default_dtype(rl.float32)
    """
    found = as_dtype(d)
    if found.kind != "f":
        raise DTypeError(
            message("set_default_dtype", str(found), "a floating dtype", "Write rl.float64, say.")
        )
    default.dtype = found


def set_default_tensor_type(t: Any) -> None:
    """The older form of `set_default_dtype`: with a typed constructor or its name."""
    from rushlight.ops.typed import named_dtype

    set_default_dtype(named_dtype("set_default_tensor_type", t))


def get_default_dtype() -> Any:
    """The dtype of new tensors of floats.

    >>> get_default_dtype()
    dtype('float32')
    """
    return default.dtype


def set_default_device(device: Any) -> None:
    """Have new tensors be made here: on the CPU, as all are. Raises NotSupportedError for another device."""
    check_device(device)


def get_default_device() -> device:
    """Where new tensors are made.

    >>> get_default_device()
    device(type='cpu')
    """
    return CPU


def set_num_threads(threads: int) -> None:
    """Use this many threads in compiled programs from now on; results do not depend on it.

    Eager operations are NumPy's; its BLAS library takes the number of its threads from the environment
    (OPENBLAS_NUM_THREADS, say) when the program starts.
    """
    from rushlight.compile.native import threads as native

    native.set_num_threads(threads)


def get_num_threads() -> int:
    """How many threads compiled programs use: as set, or as many as the process has cores.

    >>> get_num_threads() >= 1
    True
    """
    from rushlight.compile.native import threads as native

    return native.get_num_threads()


def set_num_interop_threads(threads: int) -> None:
    """Nothing but a check: operations run one after the other, each on the threads of `set_num_threads`."""
    if threads < 1:
        raise ArgumentError(message("set_num_interop_threads", str(threads), "1 or more"))


def get_num_interop_threads() -> int:
    """How many operations run at a time: one.

    >>> get_num_interop_threads()
    1
    """
    return 1


_deterministic = {"on": False, "warn": False}
_precision = ["highest"]
_MODES = ("default", "warn", "error")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Note that results are to be the same in each run with the same seed, which they are anyway."""
    _deterministic.update(on=bool(mode), warn=bool(mode) and bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told.

    >>> are_deterministic_algorithms_enabled()
    False
    """
    return _deterministic["on"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was told to warn only.

    >>> is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _deterministic["warn"]


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` by a word or its number: "default", "warn" or "error"."""
    mode = _MODES[debug_mode] if debug_mode in (0, 1, 2) else debug_mode
    if mode not in _MODES:
        expected = "'default', 'warn', 'error', or 0, 1, 2"
        raise ArgumentError(message("set_deterministic_debug_mode", repr(debug_mode), expected))
    use_deterministic_algorithms(mode != "default", warn_only=mode == "warn")


def get_deterministic_debug_mode() -> int:
    """Which of "default", "warn" and "error" holds: 0, 1 or 2.

    >>> get_deterministic_debug_mode()
    0
    """
    return 1 if _deterministic["warn"] else 2 * _deterministic["on"]


def set_float32_matmul_precision(precision: str) -> None:
    """Nothing but a check: products of float32 are always made in float32, "highest"."""
    if precision not in ("highest", "high", "medium"):
        expected = "'highest', 'high' or 'medium'"
        raise ArgumentError(message("set_float32_matmul_precision", repr(precision), expected))
    _precision[0] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told.

    >>> get_float32_matmul_precision()
    'highest'
    """
    return _precision[0]


def set_flush_denormal(mode: bool) -> bool:
    """False: whether numbers near 0 count as 0 is left to the processor's settings.

    >>> set_flush_denormal(True)
    False
    """
    return False
