"""Copies and conversions: other memory, another dtype, other numbers in the same memory."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply, apply_, to_dtype
from rushlight.core.op import elementwise
from rushlight.core.placement import check_device, names_device
from rushlight.core.spec import as_dtype
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.ops.creation import tensor

__all__ = ["clone"]


CLONE = elementwise(
    "clone",
    lambda m, x: m.cast(x, x.dtype),
    (lambda g, out, x: g,),
    saves="specs",
    promote="none",
    rounding="none",
    follows="smoothly",
    fold=lambda x: x,
)


COPY = elementwise(
    "copy", lambda m, x, src: m.cast(m.broadcast_to(src, x.shape), x.dtype), (None, lambda g, out, x, src: g),
    saves="specs", promote="none", result="first",
    inplace=lambda x, src: xp.copyto(x, src, casting="unsafe"), rounding="none", follows="smoothly",
    fold=lambda x, src: src,
    label="CopyBackwards",
)  # fmt: skip


@method()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in memory of its own; gradients flow through it."""
    return apply(CLONE, input)


@method()
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if it is C-contiguous, else a copy that is."""
    return input if input.is_contiguous() else reshape_copy(input)


def reshape_copy(input: Tensor) -> Tensor:
    """A C-contiguous copy."""
    return apply(CLONE, input.reshape(-1)).reshape(input.shape)


@method()
def to(input: Tensor, *args: Any, **options: Any) -> Tensor:
    """The tensor with another dtype, or as it is; `to(dtype)`, `to(device)`, `to(other)`.

    >>> import rushlight as rl
    >>> rl.ones(1).to("cpu", rl.float64)
    tensor([1.], dtype=rushlight.float64)
    """
    dtype = wanted_dtype(args, options)
    return input if dtype is None else to_dtype(input, dtype)


def wanted_dtype(args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The dtype that the arguments of `to` ask for, or None; refuses a device that is not there."""
    dtype = options.get("dtype")
    check_device(options.get("device"))
    for a in args:
        if isinstance(a, Tensor):
            dtype = a.dtype
        elif names_device(a):
            check_device(a)
        elif a is not None and not isinstance(a, bool):
            dtype = a
    return None if dtype is None else as_dtype(dtype)


def _converter(name: str, dtype: Any) -> None:
    def convert(input: Tensor, memory_format: Any = None) -> Tensor:
        return to_dtype(input, dtype)

    convert.__doc__ = f"The tensor as {dtype}."
    convert.__name__ = name
    method(name)(convert)


for _name, _dtype in {
    "float": xp.float32, "double": xp.float64, "half": xp.float16, "bfloat16": xp.bfloat16,
    "long": xp.int64, "int": xp.int32, "short": xp.int16, "byte": xp.uint8, "char": xp.int8, "bool": xp.bool_,
}.items():  # fmt: skip
    _converter(_name, _dtype)


@method()
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` with the dtype of `other`."""
    return to_dtype(input, other.dtype)


@method()
def cpu(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself: it is on the CPU."""
    return input


@method()
def cuda(input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """Refused: there is only the CPU."""
    check_device("cuda")
    return input  # not reached


@method()
def copy_(input: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write `src`, broadcast and converted, into the tensor's memory."""
    return apply_(COPY, input, src)


@method()
def fill_(input: Tensor, value: Any) -> Tensor:
    """Write one value everywhere."""
    return apply_(COPY, input, value if isinstance(value, Tensor) else tensor(value, dtype=input.dtype))


@method()
def zero_(input: Tensor) -> Tensor:
    """Write zeros."""
    return fill_(input, 0)
