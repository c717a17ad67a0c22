"""Making tensors: from data, filled, counted, random; and copying and converting them."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import apply, apply_, assign, to_dtype, touch
from rushlight.core.op import Op, elementwise, register
from rushlight.core.placement import check_device, names_device
from rushlight.core.spec import DEFAULT_DTYPE, Spec, as_dtype
from rushlight.core.tensor import Tensor, check_dtype, method, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.movement import as_sizes

__all__ = [
    "arange",
    "as_tensor",
    "clone",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "is_tensor",
    "linspace",
    "ones",
    "ones_like",
    "tensor",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]

FULL = register(
    Op(
        "full",
        lambda m, *, shape, value, dtype: m.full(shape, value, dtype),
        lambda *, shape, value, dtype: Spec(shape, dtype),
    )
)
ARANGE = register(
    Op(
        "arange",
        lambda m, *, start, step, count, dtype: (m.arange(count) * step + start).astype(dtype),
        lambda *, start, step, count, dtype: Spec((count,), dtype),
    )
)
CLONE = elementwise(
    "clone", lambda m, x: m.cast(x, x.dtype), (lambda g, out, x: g,), saves="specs", promote="none"
)
COPY = elementwise(
    "copy", lambda m, x, src: m.cast(m.broadcast_to(src, x.shape), x.dtype), (None, lambda g, out, x, src: g),
    saves="specs", promote="none", result="first",
    inplace=lambda x, src: xp.copyto(x, src, casting="unsafe"),
)  # fmt: skip


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor of `data` (numbers, nested lists, arrays), copied.

    Python floats become float32, integers int64, bools bool; arrays keep their dtype.

    >>> import rushlight as rl
    >>> rl.tensor([[1, 2], [3, 4]]), rl.tensor(0.5).dtype
    (tensor([[1, 2],
            [3, 4]]), dtype('float32'))
    """
    check_device(device)
    out = wrap(_convert("tensor", data, dtype, copy=True))
    return out.requires_grad_() if requires_grad else out


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory where it can: a tensor of the right dtype is returned as it is."""
    check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else to_dtype(data, as_dtype(dtype))
    return wrap(_convert("as_tensor", data, dtype, copy=False))


def _convert(op: str, data: Any, dtype: Any, copy: bool) -> Any:
    if isinstance(data, Tensor):
        data = data.detach().array
    listed = not hasattr(data, "dtype")
    if listed and _holds_tensors(data):
        data = _unwrap(data)
        listed = False
    try:
        array = xp.asarray(data)
    except ValueError:
        raise ArgumentError(
            message(op, "nested lists of unequal lengths", "lists of one length at each depth")
        ) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            message(op, f"data of {array.dtype}", "numbers or bools", "Convert it to numbers first.")
        )
    if dtype is not None:
        wanted = as_dtype(dtype)
    elif listed:
        wanted = DEFAULT_DTYPE if array.dtype.kind == "f" or not array.size else array.dtype
    else:
        wanted = array.dtype
    shared = array is data and not copy
    return (
        array
        if shared and array.dtype == wanted
        else xp.cast(array, wanted)
        if copy
        else array.astype(wanted, copy=False)
    )


def _holds_tensors(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and any(isinstance(d, Tensor) or _holds_tensors(d) for d in data)


def _unwrap(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data.detach().array
    return [_unwrap(d) for d in data] if isinstance(data, (list, tuple)) else data


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the array's memory."""
    if not isinstance(ndarray, xp.ndarray):
        raise DTypeError(
            message("from_numpy", f"a {type(ndarray).__name__}", "a NumPy array", "Use rl.tensor().")
        )
    as_dtype(ndarray.dtype)
    return wrap(ndarray)


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of any object that speaks DLPack, such as a PyTorch tensor."""
    return wrap(xp.from_dlpack(source))


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def _filled(sizes: tuple[Any, ...], value: Any, dtype: Any, requires_grad: bool, device: Any) -> Tensor:
    check_device(device)
    shape = as_sizes(sizes)
    if any(n < 0 for n in shape):
        raise ArgumentError(message("creation", f"shape {shape}", "sizes of 0 or more"))
    out = apply(FULL, shape=shape, value=value, dtype=check_dtype(dtype))
    return out.requires_grad_() if requires_grad else out


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros.

    >>> import rushlight as rl
    >>> rl.zeros(2, 2)
    tensor([[0., 0.],
            [0., 0.]])
    """
    return _filled(size, 0, dtype, requires_grad, device)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones."""
    return _filled(size, 1, dtype, requires_grad, device)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor to be filled; it comes as zeros, so that a result never depends on what memory held."""
    return _filled(size, 0, dtype, requires_grad, device)


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of one value; an integer gives int64, a bool bool, unless `dtype` says otherwise."""
    if dtype is None:
        dtype = (
            xp.bool_ if isinstance(fill_value, bool) else xp.int64 if isinstance(fill_value, int) else None
        )
    return _filled((size if hasattr(size, "__len__") else (size,),), fill_value, dtype, requires_grad, device)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of the shape and dtype of `input`."""
    return _filled((input.shape,), 0, dtype or input.dtype, requires_grad, device)


def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape and dtype of `input`."""
    return _filled((input.shape,), 1, dtype or input.dtype, requires_grad, device)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor to be filled, of the shape and dtype of `input`."""
    return zeros_like(input, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One value in the shape and dtype of `input`."""
    return _filled((input.shape,), fill_value, dtype or input.dtype, requires_grad, device)


@method()
def new_full(input: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """One value in a new shape, with the dtype of `input`."""
    check_device(device)
    return apply(
        FULL,
        shape=tuple(size),
        value=fill_value,
        dtype=input.array.dtype if dtype is None else as_dtype(dtype),
    )


@method()
def new_zeros(input: Tensor, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros in a new shape, with the dtype of `input`."""
    check_device(device)
    return new_full(input, as_sizes(size), 0, dtype=dtype)


@method()
def new_ones(input: Tensor, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones in a new shape, with the dtype of `input`."""
    check_device(device)
    return new_full(input, as_sizes(size), 1, dtype=dtype)


@method()
def new_tensor(input: Tensor, data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `data` with the dtype of `input`."""
    check_device(device)
    return tensor(data, dtype=input.dtype if dtype is None else dtype)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below `end`; with one argument from 0. Integers give int64.

    >>> import rushlight as rl
    >>> rl.arange(1, 2, 0.5)
    tensor([1. , 1.5])
    """
    check_device(device)
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if step == 0 or (end - start) * step < 0:
        raise ArgumentError(
            message("arange", f"from {start} to {end} by {step}", "a step that leads to the end")
        )
    if dtype is None and all(isinstance(v, int) for v in (start, end, step)):
        dtype = xp.int64
    count = max(0, math.ceil((end - start) / step))
    out = apply(ARANGE, start=start, step=step, count=count, dtype=check_dtype(dtype))
    return out.requires_grad_() if requires_grad else out


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers at equal distances from `start` to `end`, both included."""
    check_device(device)
    if steps < 0:
        raise ArgumentError(message("linspace", f"steps={steps}", "0 or more"))
    gap = (end - start) / (steps - 1) if steps > 1 else 0.0
    out = apply(ARANGE, start=start, step=gap, count=steps, dtype=check_dtype(dtype))
    if steps > 1:
        out[-1] = end
    return out.requires_grad_() if requires_grad else out


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    check_device(device)
    out = (arange(n).unsqueeze(1) == arange(n if m is None else m)).to(check_dtype(dtype))
    return out.requires_grad_() if requires_grad else out


def _band(input: Tensor, diagonal: int, lower: bool) -> Tensor:
    offset = arange(input.shape[-1]) - arange(input.shape[-2]).unsqueeze(1)
    return input.masked_fill(offset > diagonal if lower else offset < diagonal, 0)


@method()
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of the last two axes, zeros above `diagonal`."""
    return _band(input, diagonal, True)


@method()
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of the last two axes, zeros below `diagonal`."""
    return _band(input, diagonal, False)


# Copies and conversions


@method()
def clone(input: Tensor) -> Tensor:
    """A copy in memory of its own; gradients flow through it."""
    return apply(CLONE, input)


@method()
def contiguous(input: Tensor) -> Tensor:
    """The tensor itself if its elements lie in row order, else a copy that does."""
    return input if input.is_contiguous() else reshape_copy(input)


def reshape_copy(input: Tensor) -> Tensor:
    """A copy in row order."""
    return apply(CLONE, input.reshape(-1)).reshape(input.shape)


@method()
def to(input: Tensor, *args: Any, **options: Any) -> Tensor:
    """The tensor with another dtype, or as it is; `to(dtype)`, `to(device)`, `to(other)`.

    >>> import rushlight as rl
    >>> rl.ones(1).to("cpu", rl.float64)
    tensor([1.], dtype=float64)
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
    def convert(input: Tensor) -> Tensor:
        return to_dtype(input, dtype)

    convert.__doc__ = f"The tensor as {dtype}."
    convert.__name__ = name
    method(name)(convert)


for _name, _dtype in {
    "float": xp.float32, "double": xp.float64, "half": xp.float16, "long": xp.int64, "int": xp.int32,
    "short": xp.int16, "byte": xp.uint8, "char": xp.int8, "bool": xp.bool_,
}.items():  # fmt: skip
    _converter(_name, _dtype)


@method()
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` with the dtype of `other`."""
    return to_dtype(input, other.dtype)


@method()
def cpu(input: Tensor) -> Tensor:
    """The tensor itself: it is on the CPU."""
    return input


@method()
def copy_(input: Tensor, src: Tensor) -> Tensor:
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


def set_values(target: Tensor, source: Tensor) -> None:
    """Overwrite a tensor's numbers whatever its place in a graph: for loading states."""
    assign(target, source.array)
    touch(target)
