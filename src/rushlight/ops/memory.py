"""Memory made anew: tensors that change their size, look at other memory, or leave their history."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import assign, touch
from rushlight.core.state import no_grad, state
from rushlight.core.tensor import Tensor, base_of, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, GradError, NotSupportedError, message
from rushlight.ops.creation import zeros
from rushlight.ops.join import cat
from rushlight.ops.movement import as_sizes

__all__ = ["detach"]


def refuse_foreign(name: str, input: Tensor, remedy: str) -> None:
    """Refuse, in a compiled function, a tensor from outside: there its shape would stay what it was."""
    if state.owns is not None and not state.owns(input):
        got = "a tensor from outside a compiled function"
        raise NotSupportedError(message(name, got, "one that the function made", remedy))


def become(input: Tensor, other: Tensor) -> Tensor:
    """Let `input` be from now on what `other` is, a view of it or a tensor with memory of its own."""
    input.array, input.node = other.array, other.node
    input._view = None
    if state.tracing:  # by which its views find what is written; arrays know it themselves
        input._base = other._base
    return input


def _alone(name: str, input: Tensor) -> None:
    refuse_foreign(name, input, "Do it outside, or make a tensor of that shape.")
    if input.requires_grad:
        raise GradError(message(name, "a tensor that requires grad", "plain data", "Use x.detach()."))


def _take_memory(input: Tensor, other: Tensor) -> Tensor:
    """Let `input` look at the memory of `other` from now on."""
    touch(input)
    become(input, other)
    input._base = base_of(other) if state.tracing else None
    return input


@method()
def resize_(input: Tensor, *sizes: Any, size: Any = None, memory_format: Any = None) -> Tensor:
    """Another shape for the tensor's memory: the elements keep their order; what is new is 0. Its views keep
    the old memory where it grows.

    >>> import rushlight as rl
    >>> rl.arange(4).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    _alone("resize_", input)
    shape = as_sizes(sizes, size)
    if any(n < 0 for n in shape):
        raise ArgumentError(message("resize_", f"shape {shape}", "sizes of 0 or more"))
    if shape == input.shape:
        return input
    count = math.prod(shape)
    with no_grad():
        before = input.__copy__()
        before._views = None
        memory = before.reshape(-1)
        if state.shares is not None:
            state.shares(memory)
        if count > input.numel():
            memory = cat([memory, zeros(count - input.numel(), dtype=input.dtype)])
        return _take_memory(input, memory[:count].reshape(shape))


@method()
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of another tensor."""
    return resize_(input, the_template.shape)


@method()
def set_(input: Tensor, source: Tensor | None = None) -> Tensor:
    """Let the tensor look at the memory of `source`, of its dtype; without it at none."""
    _alone("set_", input)
    if source is None:
        return _take_memory(input, zeros(0, dtype=input.dtype))
    if source.dtype != input.dtype:
        got = f"a source of {source.dtype} for {input.dtype}"
        raise DTypeError(message("set_", got, "one dtype", "Convert the source."))
    _take_memory(input, source.detach())
    input._base = base_of(source)
    return input


@method()
def apply_(input: Tensor, callable: Any) -> Tensor:
    """Replace each element by what a Python function makes of it: slow, and without a gradient."""
    return map_(input, None, lambda x, _: callable(x))


@method()
def map_(input: Tensor, tensor: Tensor | None, callable: Any) -> Tensor:
    """Replace each element by what a Python function makes of it and of the other tensor's: slow, and without
    a gradient."""
    if state.look is not None:
        state.look(input, "map_")
    _alone("map_", input)
    other = input if tensor is None else tensor.expand(input.shape)
    made = [callable(a, b) for a, b in zip(input.flatten().tolist(), other.flatten().tolist(), strict=True)]
    assign(input, xp.reshape(xp.asarray(made, input.dtype), input.shape))
    touch(input)
    return input


def detach(input: Tensor) -> Tensor:
    """The same memory without history, as the method."""
    return input.detach()


@method()
def detach_(input: Tensor) -> Tensor:
    """Cut the tensor off its history, in place; views are refused, as in PyTorch.

    >>> import rushlight as rl
    >>> (rl.ones(1, requires_grad=True) * 2).detach_().requires_grad
    False
    """
    if input._view is not None:
        got = "a view, which shares its history"
        raise GradError(message("detach_", got, "a tensor of its own", "Use detach()."))
    input.node = None
    return input
