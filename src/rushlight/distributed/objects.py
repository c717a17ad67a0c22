"""Objects of Python's between processes: pickled, so from processes that are trusted only."""

from __future__ import annotations

from typing import Any

from rushlight.distributed.collectives import root_of
from rushlight.distributed.groups import ProcessGroup, member
from rushlight.errors import ArgumentError, message

__all__ = [
    "all_gather_object", "broadcast_object_list", "gather_object", "scatter_object_list",
]  # fmt: skip


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Put the objects of all processes into the list of each."""
    _, link = member("all_gather_object", group)
    if link is not None:
        _check("all_gather_object", object_list, link.size)
        object_list[:] = link.all_gather_object(obj)


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    group_dst: int | None = None,
) -> None:
    """Put the objects of all processes into the list of `dst`."""
    found, link = member("gather_object", group)
    if link is not None:
        items = link.all_gather_object(obj)
        if link.rank == root_of(found, dst, group_dst):
            _check("gather_object", object_gather_list, link.size)
            assert object_gather_list is not None
            object_gather_list[:] = items


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: ProcessGroup | None = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Put the list of `src` into those of all, which are as long."""
    found, link = member("broadcast_object_list", group)
    if link is not None:
        root = root_of(found, src, group_src)
        every = link.scatter_object([object_list] * link.size if link.rank == root else None, root)
        _check("broadcast_object_list", object_list, len(every))
        object_list[:] = every


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    group_src: int | None = None,
) -> None:
    """Put this process's part of the list of `src` into the first place of the output list."""
    found, link = member("scatter_object_list", group)
    if link is not None:
        root = root_of(found, src, group_src)
        if link.rank == root:
            _check("scatter_object_list", scatter_object_input_list, link.size)
        scatter_object_output_list[0] = link.scatter_object(scatter_object_input_list, root)


def _check(op: str, items: Any, size: int) -> None:
    if not isinstance(items, list) or len(items) != size:
        got = f"{len(items)} objects" if isinstance(items, list) else f"a {type(items).__name__}"
        raise ArgumentError(message(op, got, f"a list of {size}"))
