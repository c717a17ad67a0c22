"""torch.distributed where there is one process, which is what Rushlight trains in.

Programs ask whether there are several, and go on alone: `is_available()` and `is_initialized()` are False.
What needs others raises what PyTorch raises where no group was made.
"""

from __future__ import annotations

from typing import Any, NoReturn

from rushlight.errors import ArgumentError, NotSupportedError, message, namespace

__all__ = [
    "ProcessGroup", "ReduceOp", "all_gather", "all_gather_into_tensor", "all_gather_object", "all_reduce",
    "all_to_all", "barrier", "broadcast", "broadcast_object_list", "destroy_process_group", "gather",
    "get_backend", "get_rank", "get_world_size", "init_process_group", "irecv", "is_available",
    "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available",
    "is_torchelastic_launched", "isend", "new_group", "recv", "reduce", "reduce_scatter", "scatter", "send",
]  # fmt: skip


__path__: list[str] = []
"""So that ``torch.distributed.nn`` is found, which is this module again (`aliases.py`)."""


class ReduceOp:
    """How the values of several processes would become one."""

    SUM, AVG, PRODUCT, MIN, MAX = "sum", "avg", "product", "min", "max"
    BAND, BOR, BXOR, PREMUL_SUM = "band", "bor", "bxor", "premul_sum"


class ProcessGroup:
    """Several processes: there are none, so there is no object of this class. It is named in annotations."""

    def __init__(self, *args: Any, **options: Any) -> None:
        init_process_group()


class group:
    """The groups that PyTorch names."""

    WORLD: ProcessGroup | None = None


GroupMember = group


def is_available() -> bool:
    """False: Rushlight trains in one process.

    >>> is_available(), is_initialized()
    (False, False)
    """
    return False


is_initialized = is_nccl_available = is_gloo_available = is_mpi_available = is_available
is_torchelastic_launched = is_available


def init_process_group(*args: Any, **options: Any) -> NoReturn:
    """Raises NotSupportedError."""
    expected = "one process, in which Rushlight trains"
    remedy = "Ask is_available() before it; rl.sweep trains networks side by side."
    raise NotSupportedError(message("init_process_group", "a call", expected, remedy))


new_group = init_process_group


def destroy_process_group(group: Any = None) -> None:
    """Nothing: there is none."""


def _alone(*args: Any, **options: Any) -> NoReturn:
    """Raises ArgumentError, a ValueError as in PyTorch: there is no process group."""
    got = "a call without a process group"
    expected = "is_initialized() to be asked first: there is one process"
    raise ArgumentError(message("distributed", got, expected, "Leave the call out."))


all_gather = all_gather_into_tensor = all_gather_object = all_reduce = all_to_all = barrier = broadcast = (
    _alone
)
broadcast_object_list = gather = get_backend = get_rank = get_world_size = irecv = isend = recv = reduce = (
    _alone
)
reduce_scatter = scatter = send = _alone

__getattr__, __dir__ = namespace(__name__, __all__)
