"""Groups of processes: making and ending them, and who is who in them."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from rushlight.distributed.link import Alone, Link, Mpi
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message

__all__ = [
    "Backend", "GroupMember", "ProcessGroup", "by_number", "destroy_process_group", "get_backend",
    "get_global_rank", "get_group_rank", "get_process_group_ranks", "get_rank", "get_world_size", "group",
    "init_process_group", "is_available", "is_gloo_available", "is_initialized", "is_mpi_available",
    "is_nccl_available", "is_torchelastic_launched", "member", "new_group", "world",
]  # fmt: skip

COUNTS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "WORLD_SIZE")
"""Where launchers say how many processes they started."""


class Backend(str):
    """A backend's name, in small letters."""

    UNDEFINED, GLOO, NCCL, UCC, MPI = "undefined", "gloo", "nccl", "ucc", "mpi"

    def __new__(cls, name: str) -> Backend:
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """Some processes: `ranks` of the whole, in their order in the group. `init_process_group` and `new_group`
    make them."""

    def __init__(self, link: Link | None, ranks: Sequence[int], backend: str) -> None:
        self.link, self.ranks, self.backend = link, list(ranks), backend
        self.number = len(_made)
        _made.append(self)

    def rank(self) -> int:
        """This process's number in the group; -1 if it does not belong to it."""
        return -1 if self.link is None else self.link.rank

    def size(self) -> int:
        """How many they are."""
        return len(self.ranks)

    def name(self) -> str:
        """The backend's name."""
        return self.backend

    def __repr__(self) -> str:
        return f"ProcessGroup({self.backend}, ranks {self.ranks})"


_made: list[ProcessGroup] = []
"""All groups, the whole first; empty while there is none."""


class _Group(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        """All processes, or None while there is no group."""
        return _made[0] if _made else None


class group(metaclass=_Group):
    """The groups that PyTorch names: ``group.WORLD``."""

    NON_GROUP_MEMBER = None


GroupMember = group


def is_available() -> bool:
    """True: there can be groups of processes, be it of one.

    >>> is_available(), is_initialized()
    (True, False)
    """
    return True


def is_initialized() -> bool:
    """Whether there is a group."""
    return bool(_made)


def is_mpi_available() -> bool:
    """Whether mpi4py is installed."""
    return find_spec("mpi4py") is not None


def is_nccl_available() -> bool:
    """False: programs choose their backend by it."""
    return False


is_gloo_available = is_torchelastic_launched = is_nccl_available


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the group of all processes.

    backend     "mpi": those that ``mpiexec`` started. Left out: the same if it started several. Any other,
                such as "gloo": a group of this process alone.
    world_size  if it is given, how many they have to be.

    The others are how PyTorch's processes find each other; those of MPI know that already.

    Raises ArgumentError where there is a group, or another number of processes; NotSupportedError for another
    backend than "mpi" where there are several processes; MissingPackageError without mpi4py.

    >>> init_process_group("gloo")
    >>> get_rank(), get_world_size(), get_backend()
    (0, 1, 'gloo')
    >>> destroy_process_group()
    """
    if _made:
        remedy = "Call destroy_process_group() before."
        raise ArgumentError(message("init_process_group", "a second call", "one group", remedy))
    launched = next((int(os.environ[name]) for name in COUNTS if os.environ.get(name, "").isdigit()), 1)
    name = Backend(backend or ("mpi" if launched > 1 else "gloo"))
    wanted = world_size if world_size > 0 else launched
    if name == "mpi":
        link: Link = Mpi()
        if world_size > 0 and link.size != world_size:
            link.close()
            expected = f"as many as mpiexec started, {link.size}"
            raise ArgumentError(message("init_process_group", f"world_size={world_size}", expected))
    elif wanted > 1:
        remedy = f"Start the program by mpiexec -n {wanted} python PROGRAM (pip install mpi4py mpich)."
        got = f'"{name}" with {wanted} processes'
        raise NotSupportedError(message("init_process_group", got, 'the backend "mpi"', remedy))
    else:
        link = Alone()
    ProcessGroup(link, range(link.size), str(name))


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: Any = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> ProcessGroup:
    """The group of the processes `ranks`, of all if left out. All processes call it, in the same order; those
    that do not belong to it get one in which they have rank -1. Raises ArgumentError without a whole one."""
    whole = world("new_group")
    try:
        chosen = [*map(operator.index, range(whole.size()) if ranks is None else ranks)]
    except TypeError:
        raise DTypeError(message("new_group", f"ranks={ranks!r:.60}", "a list of numbers")) from None
    chosen = sorted(chosen) if sort_ranks else chosen
    if not chosen or min(chosen) < 0 or max(chosen) >= whole.size() or len(set(chosen)) < len(chosen):
        expected = f"different ones from 0 to {whole.size() - 1}"
        raise ArgumentError(message("new_group", f"ranks={ranks}", expected))
    assert whole.link is not None
    return ProcessGroup(whole.link.part(chosen), chosen, backend or whole.backend)


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """End all groups, or one that is not the whole."""
    ended = _made[:] if group is None or group is _made[0] else [group]
    for one in reversed(ended):
        if one.link is not None:
            one.link.close()
        one.link = None
    if len(ended) == len(_made):
        _made.clear()


def world(op: str) -> ProcessGroup:
    """All processes. Raises ArgumentError, a ValueError as in PyTorch, where there is no group."""
    if not _made:
        remedy = "Call init_process_group() before it, or ask is_initialized()."
        raise ArgumentError(message(op, "a call without a process group", "one", remedy))
    return _made[0]


def member(op: str, group: ProcessGroup | None) -> tuple[ProcessGroup, Link | None]:
    """A group, the whole if it is None, and its line; None for the line where this process is outside."""
    found = world(op) if group is None else group
    if not isinstance(found, ProcessGroup):
        got, expected = f"group={group!r:.60}", "a ProcessGroup, as new_group() makes it, or None for all"
        raise DTypeError(message(op, got, expected))
    return found, found.link


def by_number(number: int) -> Link:
    """The line of a group that a program remembers by its number. Raises ArgumentError if it was ended."""
    link = _made[number].link if number < len(_made) else None
    if link is None:
        raise ArgumentError(message("all_reduce", "a group that was destroyed", "one that is there"))
    return link


def get_rank(group: ProcessGroup | None = None) -> int:
    """This process's number in the group; -1 if it does not belong to it."""
    return member("get_rank", group)[0].rank()


def get_world_size(group: ProcessGroup | None = None) -> int:
    """How many processes the group has; -1 if this one does not belong to it."""
    found, link = member("get_world_size", group)
    return -1 if link is None else found.size()


def get_backend(group: ProcessGroup | None = None) -> str:
    """The backend's name."""
    return member("get_backend", group)[0].backend


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """Which of all processes the group has."""
    return list(member("get_process_group_ranks", group)[0].ranks)


def get_group_rank(group: ProcessGroup | None, global_rank: int) -> int:
    """The number in the group of the process that has `global_rank` among all. Raises ArgumentError."""
    ranks = member("get_group_rank", group)[0].ranks
    if global_rank not in ranks:
        raise ArgumentError(message("get_group_rank", f"process {global_rank}", f"one of {ranks}"))
    return ranks.index(global_rank)


def get_global_rank(group: ProcessGroup | None, group_rank: int) -> int:
    """The number among all of the process that has `group_rank` in the group. Raises ArgumentError."""
    ranks = member("get_global_rank", group)[0].ranks
    if not isinstance(group_rank, int) or not 0 <= group_rank < len(ranks):
        expected = f"0 to {len(ranks) - 1}"
        raise ArgumentError(message("get_global_rank", f"process {group_rank}", expected))
    return ranks[group_rank]
