"""Messages from one process to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor, wrap
from rushlight.distributed.groups import ProcessGroup, get_group_rank, member
from rushlight.distributed.link import Look
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message

__all__ = ["Work", "carried_out", "check_tensor", "host_array", "irecv", "isend", "put", "recv", "send"]


class Work:
    """Something that is under way: `wait` for it, or ask whether it `is_completed`. Only then the tensors
    that it fills hold the result.

    >>> import rushlight as rl
    >>> rl.distributed.init_process_group("gloo")
    >>> work = rl.distributed.all_reduce(rl.ones(2), async_op=True)
    >>> work.wait(), work.is_completed()
    (True, True)
    >>> rl.distributed.destroy_process_group()
    """

    def __init__(self, look: Look = None, then: Callable[[], Any] | None = None) -> None:
        self._look, self._then = look, then
        self._from: int | None = None
        if look is not None:
            _under_way.add(self)

    def _finish(self, only_look: bool) -> bool:
        if self._look is not None:
            self._from = self._look(only_look)
            if self._from is None:
                return False
            self._look = None
            _under_way.discard(self)
            if self._then is not None:
                self._then()
        return True

    def wait(self, timeout: Any = None) -> bool:
        """Wait until it is done."""
        return self._finish(only_look=False)

    synchronize = wait

    def is_completed(self) -> bool:
        """Whether it is done."""
        return self._finish(only_look=True)

    def is_success(self) -> bool:
        """Whether it is done; what fails raises."""
        return self.is_completed()

    def source_rank(self) -> int:
        """Where a message came from, a number in the group."""
        self.wait()
        return -1 if self._from is None else self._from


_under_way: set[Work] = set()
"""The memory of what is under way has to live, whether or not somebody keeps its Work."""


def carried_out(look: Look, then: Callable[[], Any] | None, async_op: bool) -> Work | None:
    """The Work that does `then` when what was begun is over; None if it is over and nobody asked for one."""
    work = Work(look, then)
    if look is None and then is not None:
        then()
    return work if async_op else None


def isend(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> Work | None:
    """Begin to send a tensor to the process `dst`; do not write into it until the Work is done."""
    found, link = member("isend", group)
    if link is None:
        return None
    array = host_array("send", tensor)
    to = _peer("send", found, dst, group_dst)
    look = link.send(array, to, tag)
    return Work(look, lambda: array.size)  # which keeps the message's memory


def irecv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> Work | None:
    """Begin to receive a tensor of this shape and dtype, from the process `src`, or from any; it is there
    when the Work is done."""
    found, link = member("irecv", group)
    if link is None:
        return None
    array = host_array("recv", tensor)
    source = None if src is None and group_src is None else _peer("recv", found, src, group_src)
    return Work(link.receive(array, source, tag), lambda: put(tensor, array))


def send(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> None:
    """Send a tensor to the process `dst`."""
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def recv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> int:
    """Receive a tensor of this shape and dtype, from the process `src`, or from any; gives which it was."""
    found, link = member("recv", group)
    work = irecv(tensor, src, group, tag, group_src)
    return -1 if work is None or link is None else found.ranks[work.source_rank()]


def _peer(op: str, group: ProcessGroup, rank: int | None, in_group: int | None) -> int:
    if rank is None and in_group is None:
        raise ArgumentError(message(op, "no process", "the number of one"))
    if in_group is None:
        in_group = get_group_rank(group, 0 if rank is None else rank)
    if not 0 <= in_group < group.size() or in_group == group.rank():
        raise ArgumentError(message(op, f"process {in_group}", "another one of the group"))
    return in_group


def host_array(op: str, tensor: Any) -> Any:
    """A copy of a tensor's array, C-contiguous. Raises DTypeError for what is no tensor, NotSupportedError in
    a compiled function."""
    check_tensor(op, tensor)
    if state.tracing:
        expected = "all_reduce and broadcast, which compiled functions have"
        raise NotSupportedError(message(op, "a call in a compiled function", expected, "Call it outside."))
    return tensor.detach().array.copy(order="C")


def check_tensor(op: str, tensor: Any) -> None:
    """DTypeError for what is no tensor."""
    if not isinstance(tensor, Tensor):
        raise DTypeError(message(op, f"a {type(tensor).__name__}", "a Tensor"))


def put(tensor: Tensor, array: Any) -> None:
    """Write an array into a tensor."""
    with no_grad():
        tensor.detach().copy_(wrap(array))
