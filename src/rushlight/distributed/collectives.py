"""What all processes of a group do together. Every one of them calls the same functions in the same order.

`all_reduce` and `broadcast` are operations, so that compiled programs have them, too, as parts that the host
computes. In a step that is computed several times, to prove itself, the others are asked once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor
from rushlight.distributed.groups import ProcessGroup, by_number, get_group_rank, member
from rushlight.distributed.messages import Work, carried_out, check_tensor, host_array, put
from rushlight.distributed.reduction import ReduceOp, in_mpi
from rushlight.errors import ArgumentError, DTypeError, message

__all__ = [
    "all_reduce", "barrier", "broadcast", "broadcasted", "check_op", "monitored_barrier", "reduce",
    "reduced", "root_of", "summed",
]  # fmt: skip

_questions = itertools.count(1)


def _asked(question: int, x: Any, ask: Callable[[Any], Any]) -> Any:
    """A copy of `x` into which `ask` put what the processes made of it; asked once if the step is computed
    several times."""
    answers = state.answers
    if answers is False:
        return x.copy()
    if answers is not None and question in answers:
        return answers[question].copy()
    found = x.copy(order="C")
    ask(found)
    if answers is not None:
        answers[question] = found.copy()
    return found


def _alike(x: Spec, **attrs: Any) -> Spec:
    return Spec(x.shape, x.dtype)


ALL_REDUCE = register(
    Op(
        "all_reduce",
        lambda m, x, *, how, group, question: _asked(
            question, x, lambda a: by_number(group).all_reduce(a, how)
        ),
        _alike,
        (lambda g, out, x, *, how, group, question: _summed(g, group),),
        saves="specs",
    )
)
BROADCAST = register(
    Op(
        "broadcast_from",
        lambda m, x, *, root, group, question: _asked(
            question, x, lambda a: by_number(group).broadcast(a, root)
        ),
        _alike,
        saves="specs",
    )
)


def _question() -> int:
    """A number for a call, in a function that is traced; eager ones need none."""
    return next(_questions) if state.tracing else 0


def reduced(tensor: Tensor, op: str, group: ProcessGroup) -> Tensor:
    """What becomes of the tensors of all processes."""
    check_op("all_reduce", op, tensor)
    with no_grad():
        return apply(ALL_REDUCE, tensor, how=op, group=group.number, question=_question())


def summed(tensor: Tensor, group: ProcessGroup) -> Tensor:
    """The sum of the tensors of all processes, with its derivative: the sum of all their gradients."""
    return _summed(tensor, group.number)


def _summed(tensor: Tensor, group: int) -> Tensor:
    return apply(ALL_REDUCE, tensor, how=ReduceOp.SUM, group=group, question=_question())


def broadcasted(tensor: Tensor, root: int, group: ProcessGroup) -> Tensor:
    """The tensor of the process `root` of the group."""
    with no_grad():
        return apply(BROADCAST, tensor, root=root, group=group.number, question=_question())


def all_reduce(
    tensor: Tensor, op: Any = ReduceOp.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Put what becomes of the tensors of all processes into each of them, in place. Works in compiled
    functions.

    With `async_op` it gives a Work that has begun, here and in the other functions: wait for it before you
    look at the tensor. In a compiled function it is done at once.

    >>> import rushlight as rl
    >>> rl.distributed.init_process_group("gloo")
    >>> x = rl.ones(2)
    >>> rl.distributed.all_reduce(x)
    >>> x
    tensor([1., 1.])
    >>> rl.distributed.destroy_process_group()
    """
    found, link = member("all_reduce", group)
    check_tensor("all_reduce", tensor)
    if link is None:
        return carried_out(None, None, async_op)
    if not async_op or state.tracing:
        _write(tensor, reduced(tensor.detach(), op, found))
        return carried_out(None, None, async_op)
    check_op("all_reduce", op, tensor)
    array = host_array("all_reduce", tensor)
    return carried_out(link.all_reduce(array, op, True), lambda: put(tensor, array), True)


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Put the tensor of the process `src` into those of all, in place. Works in compiled functions."""
    found, link = member("broadcast", group)
    check_tensor("broadcast", tensor)
    if link is None:
        return carried_out(None, None, async_op)
    root = root_of(found, src, group_src)
    if not async_op or state.tracing:
        _write(tensor, broadcasted(tensor.detach(), root, found))
        return carried_out(None, None, async_op)
    array = host_array("broadcast", tensor)
    return carried_out(link.broadcast(array, root, True), lambda: put(tensor, array), True)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: Any = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Put what becomes of the tensors of all processes into that of `dst`; the others keep theirs."""
    found, link = member("reduce", group)
    if link is None:
        return carried_out(None, None, async_op)
    array, root = host_array("reduce", tensor), root_of(found, dst, group_dst)
    check_op("reduce", op, tensor)
    then = (lambda: put(tensor, array)) if link.rank == root else None
    return carried_out(link.reduce(array, op, root, async_op), then, async_op)


def barrier(
    group: ProcessGroup | None = None, async_op: bool = False, device_ids: Any = None, timeout: Any = None
) -> Work | None:
    """Wait until all processes have called it."""
    _, link = member("barrier", group)
    return carried_out(None if link is None else link.barrier(async_op), None, async_op)


def monitored_barrier(
    group: ProcessGroup | None = None, timeout: Any = None, wait_all_ranks: bool = False
) -> None:
    """`barrier`; it waits as long as it takes."""
    barrier(group)


def root_of(group: ProcessGroup, rank: int | None, in_group: int | None) -> int:
    """The number in the group of a process that is named by its number among all, or in the group; the first
    if by neither."""
    if rank is not None and in_group is not None:
        raise ArgumentError(message("distributed", "a rank among all and one in the group", "one of them"))
    if in_group is None:
        return get_group_rank(group, 0 if rank is None else rank)
    if not isinstance(in_group, int) or not 0 <= in_group < group.size():
        raise ArgumentError(message("distributed", f"rank {in_group}", f"0 to {group.size() - 1}"))
    return in_group


def check_op(name: str, op: Any, tensor: Tensor) -> None:
    """NotSupportedError for an operation that MPI has not, DTypeError for a mean of whole numbers."""
    in_mpi(op)
    if op == ReduceOp.AVG and tensor.dtype.kind in "iub":
        remedy = "Take ReduceOp.SUM, or convert the tensor with .float()."
        raise DTypeError(message(name, f"the mean of {tensor.dtype} numbers", "floats", remedy))


def _write(tensor: Tensor, found: Tensor) -> None:
    with no_grad():
        tensor.detach().copy_(found)
