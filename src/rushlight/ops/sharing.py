"""Tensors in memory that several processes see."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from typing import Any

from rushlight.core.state import state
from rushlight.core.tensor import Parameter, Tensor, base_of, method, wrap
from rushlight.core.views import with_views
from rushlight.device import shared, xp
from rushlight.device.memory import address
from rushlight.errors import DataError, NotSupportedError, message

__all__: list[str] = []


@method()
def is_shared(input: Tensor) -> bool:
    """Whether other processes may see what is written into the tensor: after `share_memory_`."""
    return shared.is_shared(input.array)


@method()
def share_memory_(input: Tensor) -> Tensor:
    """Move the tensor into memory that other processes see: those that are forked later, and those that it is
    sent to, as an argument or through a queue. Returns the tensor itself. Its views move with it; what
    `detach()` gave keeps the old memory.

    Who sends it keeps it until it has arrived. A gradient is not sent. Where the system is not Linux, only
    processes that are forked see the memory.

    >>> import rushlight as rl
    >>> x = rl.zeros(3)
    >>> x.share_memory_() is x, x[1:].is_shared(), x.clone().is_shared()
    (True, True, False)
    """
    if state.look is not None:
        state.look(input, "share_memory_")
        got = "a tensor inside a compiled function"
        raise NotSupportedError(message("share_memory_", got, "plain code"))
    if not shared.is_shared(input.array):
        _move(input)
    return input


def _move(input: Tensor) -> None:
    """Put the memory of a tensor's base elsewhere, for it and all of its views that are known."""
    base = base_of(input)
    before = base.array
    after = shared.shared_copy(before)
    tensors = {id(t): t for t in (*with_views(base), *with_views(input))}
    for tensor in tensors.values():
        old = tensor.array
        if before.flags.c_contiguous and old is not before:
            begin = address(old) - address(before)
            tensor.array = xp.ndarray(old.shape, old.dtype, after, begin, old.strides)
        elif old is before:
            tensor.array = after
        else:
            tensor.array = shared.shared_copy(old)


def _sent(tensor: Tensor) -> Any:
    """How a tensor gets to another process: by where its memory is, if others see it."""
    handle = shared.handle_of(tensor.array)
    if handle is None or not tensor.is_leaf:
        return tensor.__reduce__()
    return _received, (type(tensor), handle, tensor.requires_grad)


for _kind in (Tensor, Parameter):
    ForkingPickler.register(_kind, _sent)


def _received(kind: type[Tensor], handle: shared.Handle, requires_grad: bool) -> Tensor:
    try:
        array = shared.attached(handle)
    except OSError as error:
        got = f"a shared tensor whose memory is gone ({error.strerror})"
        remedy = "Keep it in the process that sends it until it has arrived."
        raise DataError(message("share_memory_", got, "memory that its maker still has", remedy)) from None
    out = wrap(array)
    if kind is Parameter:
        return Parameter(out, requires_grad)
    return out.requires_grad_() if requires_grad else out
