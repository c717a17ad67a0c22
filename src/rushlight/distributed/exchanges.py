"""What processes exchange: everybody's tensors for one, for all, or each his part.

Every process of the group calls the same functions in the same order. Compiled functions do not have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.distributed.collectives import check_op, done, root_of
from rushlight.distributed.groups import ProcessGroup, member
from rushlight.distributed.link import Link
from rushlight.distributed.messages import Work, host_array, put
from rushlight.distributed.reduction import ReduceOp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message

__all__ = [
    "all_gather", "all_gather_into_tensor", "all_gather_single", "all_to_all", "all_to_all_single", "gather",
    "reduce_scatter", "reduce_scatter_single", "reduce_scatter_tensor", "scatter",
]  # fmt: skip


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Put the tensors of all processes, which have one shape, into the list of each."""
    _, link = member("all_gather", group)
    if link is not None:
        array = host_array("all_gather", tensor)
        _check_list("all_gather", link, tensor_list)
        parts = _room(link, array)
        link.all_gather(array, parts)
        _fill(tensor_list, parts)
    return done(async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Put the tensors of all processes one after the other into one, along the first axis or a new one."""
    _, link = member("all_gather_into_tensor", group)
    if link is not None:
        array = host_array("all_gather_into_tensor", input_tensor)
        parts = _room(link, array)
        _check_size("all_gather_into_tensor", output_tensor, parts.size)
        link.all_gather(array, parts)
        put(output_tensor, parts.reshape(output_tensor.shape))
    return done(async_op)


all_gather_single = all_gather_into_tensor


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Put the tensors of all processes into the list of `dst`."""
    found, link = member("gather", group)
    if link is not None:
        root, array = root_of(found, dst, group_dst), host_array("gather", tensor)
        here = link.rank == root
        if here:
            _check_list("gather", link, gather_list)
        parts = _room(link, array) if here else None
        link.gather(array, parts, root)
        if here:
            _fill(gather_list or [], parts)
    return done(async_op)


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Give every process its part of the list of `src`."""
    found, link = member("scatter", group)
    if link is not None:
        root, array = root_of(found, src, group_src), host_array("scatter", tensor)
        parts = _stacked("scatter", link, scatter_list, array) if link.rank == root else None
        link.scatter(parts, array, root)
        put(tensor, array)
    return done(async_op)


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: Any = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Of what becomes of the lists of all processes, give every process its part."""
    _, link = member("reduce_scatter", group)
    if link is not None:
        check_op("reduce_scatter", op, output)
        array = host_array("reduce_scatter", output)
        link.reduce_scatter(_stacked("reduce_scatter", link, input_list, array), array, op)
        put(output, array)
    return done(async_op)


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: Any = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """The same for parts that stand one after the other in one tensor."""
    _, link = member("reduce_scatter_tensor", group)
    if link is not None:
        check_op("reduce_scatter_tensor", op, output)
        array = host_array("reduce_scatter_tensor", output)
        _check_size("reduce_scatter_tensor", input, link.size * array.size)
        parts = host_array("reduce_scatter_tensor", input).reshape(link.size, *array.shape)
        link.reduce_scatter(parts, array, op)
        put(output, array)
    return done(async_op)


reduce_scatter_single = reduce_scatter_tensor


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Give every process its part of everybody's list; all parts have one shape."""
    _, link = member("all_to_all", group)
    if link is not None:
        _check_list("all_to_all", link, output_tensor_list)
        first = host_array("all_to_all", output_tensor_list[0])
        parts = _stacked("all_to_all", link, input_tensor_list, first)
        found = parts.copy()
        link.all_to_all(parts, found)
        _fill(output_tensor_list, found)
    return done(async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Any = None,
    input_split_sizes: Any = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """The same for equal parts that stand one after the other in one tensor."""
    if output_split_sizes or input_split_sizes:
        raise ArgumentError(message("all_to_all_single", "split sizes", "equal parts", "Leave them out."))
    _, link = member("all_to_all_single", group)
    if link is not None:
        array = host_array("all_to_all_single", input)
        if not array.ndim or len(array) % link.size:
            got, expected = f"shape {array.shape}", f"a first axis that {link.size} divides"
            raise ShapeError(message("all_to_all_single", got, expected))
        _check_size("all_to_all_single", output, array.size)
        parts = array.reshape(link.size, -1)
        found = parts.copy()
        link.all_to_all(parts, found)
        put(output, found.reshape(output.shape))
    return done(async_op)


def _room(link: Link, array: Any) -> Any:
    return xp.empty((link.size, *array.shape), array.dtype)


def _fill(tensors: Sequence[Tensor], parts: Any) -> None:
    for tensor, part in zip(tensors, parts, strict=True):
        put(tensor, part)


def _stacked(op: str, link: Link, tensors: Sequence[Tensor] | None, like: Any) -> Any:
    """The tensors of a list, which have the shape and dtype of an array, one after the other."""
    _check_list(op, link, tensors)
    arrays = [host_array(op, t) for t in tensors or ()]
    if any(a.shape != like.shape or a.dtype != like.dtype for a in arrays):
        found = ", ".join(f"{a.dtype}{a.shape}" for a in arrays)
        raise ShapeError(message(op, f"tensors {found}", f"all {like.dtype}{like.shape}"))
    return xp.stack(arrays)


def _check_list(op: str, link: Link, tensors: Any) -> None:
    if not isinstance(tensors, list | tuple):
        raise DTypeError(message(op, f"a {type(tensors).__name__}", "a list of tensors"))
    if len(tensors) != link.size:
        raise ArgumentError(message(op, f"{len(tensors)} tensors", f"one for each of {link.size} processes"))


def _check_size(op: str, tensor: Tensor, size: int) -> None:
    if tensor.numel() != size:
        raise ShapeError(message(op, f"a tensor of shape {tensor.shape}", f"one of {size} elements"))
