"""What processes exchange: everybody's tensors for one, for all, or each his part.

Every process of the group calls the same functions in the same order. Compiled functions do not have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.distributed.collectives import check_op, root_of
from rushlight.distributed.groups import ProcessGroup, member
from rushlight.distributed.link import Link
from rushlight.distributed.messages import Work, carried_out, check_tensor, host_array, put
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
    if link is None:
        return carried_out(None, None, async_op)
    array = host_array("all_gather", tensor)
    _check_list("all_gather", link, tensor_list)
    parts = _room(link, array)
    look = link.all_gather(array, parts, async_op)
    return carried_out(look, lambda: _fill(tensor_list, parts), async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Put the tensors of all processes one after the other into one, along the first axis or a new one."""
    _, link = member("all_gather_into_tensor", group)
    if link is None:
        return carried_out(None, None, async_op)
    array = host_array("all_gather_into_tensor", input_tensor)
    parts = _room(link, array)
    _check_size("all_gather_into_tensor", output_tensor, parts.size)
    look = link.all_gather(array, parts, async_op)
    return carried_out(look, lambda: put(output_tensor, parts.reshape(output_tensor.shape)), async_op)


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
    if link is None:
        return carried_out(None, None, async_op)
    array, root = host_array("gather", tensor), root_of(found, dst, group_dst)
    here = link.rank == root
    if here:
        _check_list("gather", link, gather_list)
    parts = _room(link, array) if here else None
    look = link.gather(array, parts, root, async_op)
    return carried_out(look, (lambda: _fill(gather_list or [], parts)) if here else None, async_op)


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
    if link is None:
        return carried_out(None, None, async_op)
    array, root = host_array("scatter", tensor), root_of(found, src, group_src)
    parts = _stacked("scatter", link, scatter_list, array) if link.rank == root else None
    look = link.scatter(parts, array, root, async_op)
    return carried_out(look, lambda: put(tensor, array), async_op)


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: Any = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Of what becomes of the lists of all processes, give every process its part."""
    _, link = member("reduce_scatter", group)
    if link is None:
        return carried_out(None, None, async_op)
    array = host_array("reduce_scatter", output)
    check_op("reduce_scatter", op, output)
    parts = _stacked("reduce_scatter", link, input_list, array)
    look = link.reduce_scatter(parts, array, op, async_op)
    return carried_out(look, lambda: put(output, array), async_op)


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: Any = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """The same for parts that stand one after the other in one tensor."""
    _, link = member("reduce_scatter_tensor", group)
    if link is None:
        return carried_out(None, None, async_op)
    array = host_array("reduce_scatter_tensor", output)
    check_op("reduce_scatter_tensor", op, output)
    _check_size("reduce_scatter_tensor", input, link.size * array.size)
    parts = host_array("reduce_scatter_tensor", input).reshape(link.size, *array.shape)
    look = link.reduce_scatter(parts, array, op, async_op)
    return carried_out(look, lambda: put(output, array), async_op)


reduce_scatter_single = reduce_scatter_tensor


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Give every process its part of everybody's list; all parts have one shape."""
    _, link = member("all_to_all", group)
    if link is None:
        return carried_out(None, None, async_op)
    _check_list("all_to_all", link, output_tensor_list)
    first = host_array("all_to_all", output_tensor_list[0])
    parts = _stacked("all_to_all", link, input_tensor_list, first)
    found = parts.copy()
    look = link.all_to_all(parts, found, async_op)
    return carried_out(look, lambda: _fill(output_tensor_list, found), async_op)


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
    if link is None:
        return carried_out(None, None, async_op)
    array = host_array("all_to_all_single", input)
    if not array.ndim or len(array) % link.size:
        got, expected = f"shape {array.shape}", f"a first axis that {link.size} divides"
        raise ShapeError(message("all_to_all_single", got, expected))
    _check_size("all_to_all_single", output, array.size)
    parts = array.reshape(link.size, -1)
    found = parts.copy()
    look = link.all_to_all(parts, found, async_op)
    return carried_out(look, lambda: put(output, found.reshape(output.shape)), async_op)


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
    for tensor in tensors:
        check_tensor(op, tensor)


def _check_size(op: str, tensor: Tensor, size: int) -> None:
    check_tensor(op, tensor)
    if tensor.numel() != size:
        raise ShapeError(message(op, f"a tensor of shape {tensor.shape}", f"one of {size} elements"))
