"""Making tensors: from data, and filled.

`layout`, `pin_memory` and `memory_format` are taken and change nothing: numbers lie in rows, in plain memory.
"""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply, to_dtype
from rushlight.core.lower import Fill
from rushlight.core.op import Op, register
from rushlight.core.placement import check_device
from rushlight.core.spec import NO_COMPLEX, Spec, as_dtype, as_held, default
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, check_dtype, method, wrap
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.movement import as_sizes, new_sizes

__all__ = [
    "as_tensor",
    "empty",
    "empty_like",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "is_tensor",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]

FULL = register(
    Op(
        "full",
        lambda m, *, shape, value, dtype: m.full(shape, value, dtype),
        lambda *, shape, value, dtype: Spec(shape, dtype),
        lower=Fill(),
    )
)


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor of `data` (numbers, nested lists, arrays), copied.

    Python floats become float32, integers int64, bools bool; arrays keep their dtype.

    >>> import rushlight as rl
    >>> rl.tensor([[1, 2], [3, 4]]), rl.tensor(0.5).dtype
    (tensor([[1, 2],
            [3, 4]]), dtype('float32'))
    """
    check_device(device)
    if is_traced(data):
        return full((), data, dtype=dtype, requires_grad=requires_grad)
    if state.tracing and isinstance(data, Tensor):  # an operation, whose result is another in each call
        out = data.detach().clone()
        out = out if dtype is None else to_dtype(out, as_dtype(dtype))
    else:
        out = wrap(_convert("tensor", data, dtype, copy=True))
    return out.requires_grad_() if requires_grad else out


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory where it can: a tensor of the right dtype is returned as it is."""
    check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else to_dtype(data, as_dtype(dtype))
    return wrap(_convert("as_tensor", data, dtype, copy=False))


def is_traced(value: Any) -> bool:
    """Whether something stands for a number that a compiled function reads in each call."""
    return state.tracing and isinstance(value, (int, float)) and not issubclass(type(value), (int, float))


def _convert(op: str, data: Any, dtype: Any, copy: bool) -> Any:
    if isinstance(data, Tensor):
        data = data.detach().array
    array, listed = _read(op, data)
    if dtype is not None:
        wanted = as_dtype(dtype)
    elif listed:
        wanted = default.dtype if array.dtype.kind == "f" or not array.size else array.dtype
    else:
        wanted = xp.known(array.dtype)
    if listed and array.size and (wanted.kind in "iu" or wanted == xp.uint64):
        for extreme in (xp.amin(array, axis=None), xp.amax(array, axis=None)):
            as_held(op, extreme.item(), wanted if dtype is not None else xp.int64)
    shared = array is data and not copy
    return (
        array
        if shared and array.dtype == wanted
        else m.cast(array, wanted)
        if copy
        else array.astype(wanted, copy=False)
    )


def as_array(op: str, data: Any) -> Any:
    """The numbers of nested lists, arrays and tensors as an array, in whatever dtype they come."""
    return _read(op, data)[0]


def _read(op: str, data: Any) -> tuple[Any, bool]:
    """The same, and whether they are Python numbers, without a dtype."""
    listed = not hasattr(data, "dtype") and not hasattr(data, "__array__")  # a frame has no dtype
    if listed and _holds_tensors(data):
        data = _unwrap(data)
        listed = False
    try:
        array = xp.asarray(data)
    except ValueError:
        raise ArgumentError(
            message(op, "nested lists of unequal lengths", "lists of one length at each depth")
        ) from None
    if xp.known(array.dtype).kind not in "biuf":
        raise DTypeError(
            message(
                op,
                f"data of {array.dtype}",
                "numbers or bools",
                NO_COMPLEX if array.dtype.kind == "c" else "Convert it to numbers first.",
            )
        )
    return array, listed


def _holds_tensors(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and any(isinstance(d, Tensor) or _holds_tensors(d) for d in data)


def _unwrap(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data.detach().array
    return [_unwrap(d) for d in data] if isinstance(data, (list, tuple)) else data


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the array's memory."""
    if state.tracing and isinstance(ndarray, Tensor):
        return ndarray.detach()  # what a compiled function is given for an array
    if not isinstance(ndarray, xp.ndarray):
        raise DTypeError(
            message("from_numpy", f"a {type(ndarray).__name__}", "a NumPy array", "Use rl.tensor().")
        )
    as_dtype(ndarray.dtype)
    return wrap(ndarray)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor in the memory of any object that speaks DLPack, such as a PyTorch tensor, or a copy of it.

    copy  True: a copy; False: never one, BufferError where the other library would have to make it.

    Raises DTypeError for what does not speak DLPack and for numbers that Rushlight has no dtype for,
    BufferError for memory that is not the host's.

    >>> import numpy as np, rushlight as rl
    >>> array = np.zeros(2, dtype=np.float32)
    >>> _ = rl.from_dlpack(array).add_(1)
    >>> array
    array([1., 1.], dtype=float32)
    """
    check_device(device)
    if not hasattr(ext_tensor, "__dlpack__") and type(ext_tensor).__name__ != "PyCapsule":
        got, remedy = f"a {type(ext_tensor).__name__}", "Use rl.tensor() for lists and numbers."
        raise DTypeError(message("from_dlpack", got, "an object that speaks DLPack", remedy))
    array = xp.from_dlpack(ext_tensor, **({} if copy is not False else {"copy": False}))
    as_dtype(array.dtype)
    out = wrap(array)
    return out.clone() if copy else out


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def _filled(sizes: tuple[Any, ...], value: Any, dtype: Any, requires_grad: bool, device: Any) -> Tensor:
    check_device(device)
    shape = new_sizes("creation", sizes)
    dtype = check_dtype(dtype)
    if is_traced(value):
        out = apply(FULL, shape=shape, value=0, dtype=dtype) + value
    else:
        out = apply(FULL, shape=shape, value=as_held("full", value, dtype), dtype=dtype)
    return out.requires_grad_() if requires_grad else out


def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros.

    >>> import rushlight as rl
    >>> rl.zeros(2, 2)
    tensor([[0., 0.],
            [0., 0.]])
    """
    return _filled(as_sizes(sizes, size), 0, dtype, requires_grad, device)


def ones(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones."""
    return _filled(as_sizes(sizes, size), 1, dtype, requires_grad, device)


def empty(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor to be filled; it comes as zeros, so that a result never depends on what memory held."""
    return _filled(as_sizes(sizes, size), 0, dtype, requires_grad, device)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of one value; an integer gives int64, a bool bool, unless `dtype` says otherwise."""
    if dtype is None:
        dtype = (
            xp.bool_ if isinstance(fill_value, bool) else xp.int64 if isinstance(fill_value, int) else None
        )
    return _filled((size if hasattr(size, "__len__") else (size,),), fill_value, dtype, requires_grad, device)


def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Zeros of the shape and dtype of `input`."""
    return _filled((input.shape,), 0, dtype or input.dtype, requires_grad, device)


def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Ones of the shape and dtype of `input`."""
    return _filled((input.shape,), 1, dtype or input.dtype, requires_grad, device)


def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor to be filled, of the shape and dtype of `input`."""
    return zeros_like(input, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """One value in the shape and dtype of `input`."""
    return _filled((input.shape,), fill_value, dtype or input.dtype, requires_grad, device)


@method()
def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """One value in a new shape, with the dtype of `input`."""
    check_device(device)
    dtype = input.dtype if dtype is None else as_dtype(dtype)
    out = apply(FULL, shape=tuple(size), value=as_held("new_full", fill_value, dtype), dtype=dtype)
    return out.requires_grad_() if requires_grad else out


@method()
def new_zeros(
    input: Tensor,
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Zeros in a new shape, with the dtype of `input`."""
    check_device(device)
    return new_full(input, new_sizes("new_zeros", sizes, size), 0, dtype=dtype, requires_grad=requires_grad)


@method()
def new_ones(
    input: Tensor,
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Ones in a new shape, with the dtype of `input`."""
    check_device(device)
    return new_full(input, new_sizes("new_ones", sizes, size), 1, dtype=dtype, requires_grad=requires_grad)


@method()
def new_tensor(
    input: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of `data` with the dtype of `input`."""
    check_device(device)
    return tensor(data, dtype=input.dtype if dtype is None else dtype, requires_grad=requires_grad)
