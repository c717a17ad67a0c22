"""Making tensors in ways that few programs use: spaced by powers, windows, from buffers, by strides."""

from __future__ import annotations

import builtins
import math
from typing import Any

from rushlight.core.placement import check_device
from rushlight.core.spec import as_dtype, as_held
from rushlight.core.tensor import Tensor, check_dtype, method, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.creation import as_tensor, tensor, zeros
from rushlight.ops.movement import as_sizes
from rushlight.ops.ranges import arange, linspace
from rushlight.ops.strided import reach

__all__ = [
    "asarray",
    "bartlett_window",
    "blackman_window",
    "empty_strided",
    "fill",
    "frombuffer",
    "hamming_window",
    "hann_window",
    "kaiser_window",
    "logspace",
    "range",
    "scalar_tensor",
]


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` powers of `base`, whose exponents lie at equal distances from `start` to `end`.

    >>> import rushlight as rl
    >>> rl.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    check_device(device)
    dtype = check_dtype(dtype)
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    if dtype.kind != "f":
        start, end = int(start), int(end)
    exponents = linspace(start, end, steps, dtype=xp.float64)
    out = (float(base) ** exponents).to(dtype)
    return out.requires_grad_() if requires_grad else out


def range(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """start, start + step, ... up to `end`, which is included; floats. `arange` leaves the end out.

    >>> import rushlight as rl
    >>> rl.range(1, 2, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    check_device(device)
    if end is None:
        start, end = 0, start
    if step == 0 or (end - start) * step < 0:
        raise ArgumentError(
            message("range", f"from {start} to {end} by {step}", "a step that leads to the end")
        )
    count = math.floor((end - start) / step) + 1
    out = (arange(count).to(xp.float64) * step + start).to(check_dtype(dtype))
    return out.requires_grad_() if requires_grad else out


def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A 0-d tensor of one number, float32 unless `dtype` says otherwise."""
    return tensor(s, dtype=check_dtype(dtype), device=device, requires_grad=requires_grad)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`obj` as a tensor: numbers, lists, arrays, buffers, tensors. It shares memory where it can, unless
    `copy` is True; with False it must.

    >>> import rushlight as rl
    >>> rl.asarray([1, 2])
    tensor([1, 2])
    """
    check_device(device)
    if isinstance(obj, (bytes, bytearray, memoryview)):
        obj = xp.frombuffer(obj, check_dtype(dtype))
    out = as_tensor(obj, dtype)
    given = obj.array if isinstance(obj, Tensor) else obj
    shares = out.array is given
    if copy is False and not shares:
        got = f"a {type(obj).__name__} as {out.dtype}"
        raise ArgumentError(message("asarray", got, "what needs no copy", "Leave copy out."))
    if copy and shares:
        out = out.clone()
    return out.requires_grad_() if requires_grad else out


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A vector over the memory of a buffer, such as a bytearray: `count` elements (-1: all) from the byte
    `offset` on.

    >>> import rushlight as rl
    >>> rl.frombuffer(bytearray([1, 2, 3]), dtype=rl.uint8, offset=1)
    tensor([2, 3], dtype=rushlight.uint8)
    """
    try:
        out = wrap(xp.frombuffer(buffer, as_dtype(dtype), count, offset))
    except (ValueError, TypeError) as error:
        got = f"count={count}, offset={offset}"
        raise ArgumentError(message("frombuffer", got, "a buffer that has them", str(error))) from None
    return out.requires_grad_() if requires_grad else out


def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor to be filled, of these sizes and strides, in elements; it comes as zeros."""
    check_device(device)
    size, stride = as_sizes((), size), as_sizes((), stride)
    memory = zeros(max(reach(size, stride) + 1, 0), dtype=dtype)
    out = memory.as_strided(size, stride)
    return out.detach().requires_grad_() if requires_grad else out


@method()
def new_empty(
    input: Tensor,
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor to be filled, with the dtype of `input`; it comes as zeros."""
    out = input.new_zeros(*sizes, size=size, dtype=dtype, device=device)
    return out.requires_grad_() if requires_grad else out


@method()
def new_empty_strided(
    input: Tensor,
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """`empty_strided` with the dtype of `input`."""
    dtype = input.dtype if dtype is None else dtype
    return empty_strided(size, stride, dtype=dtype, device=device, requires_grad=requires_grad)


@method()
def new(input: Tensor, *args: Any) -> Tensor:
    """A tensor with the dtype of `input`: of sizes, to be filled, or of a list's or an array's numbers.

    >>> import rushlight as rl
    >>> rl.zeros(1).new([1, 2]), rl.zeros(1).new(2).shape
    (tensor([1., 2.]), Size([2]))
    """
    if len(args) == 1 and not isinstance(args[0], int):
        shape = isinstance(args[0], tuple) and type(args[0]) is not tuple
        return input.new_zeros(args[0]) if shape else input.new_tensor(args[0])
    return input.new_zeros(args or (0,))


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of the shape and dtype of `input` with one value everywhere, a number or a 0-d tensor."""
    value = value if isinstance(value, Tensor) else as_held("fill", value, input.dtype)
    return input.masked_fill(input.new_full(input.shape, True, dtype=xp.bool_), value)


# Windows


def _angles(name: str, count: int, periodic: bool, dtype: Any) -> Tensor | None:
    """2 pi k / n for the k-th of `count` points, in float64; None of less than two points."""
    if count < 0 or dtype.kind != "f":
        raise DTypeError(message(name, f"{count} points of {dtype}", "0 or more points of a floating dtype"))
    if count < 2:
        return None
    return arange(count).to(xp.float64) * (2 * math.pi / (count if periodic else count - 1))


def _cosines(
    name: str, count: int, periodic: bool, terms: tuple[float, ...], options: dict[str, Any]
) -> Tensor:
    """The sum of (-1)^j terms[j] cos(j angle)."""
    dtype, requires_grad = _options(name, options)
    angle = _angles(name, count, periodic, dtype)
    if angle is None:
        out = zeros(count, dtype=dtype) + 1
    else:
        total: Any = terms[0]
        for j, term in enumerate(terms[1:], 1):
            total = total + (angle * j).cos() * (term * (-1) ** j)
        out = total.to(dtype)
    return out.requires_grad_() if requires_grad else out


def _options(name: str, options: dict[str, Any]) -> tuple[Any, bool]:
    """(dtype, requires_grad) of the options that creation functions take."""
    check_device(options.pop("device", None))
    dtype, requires_grad = check_dtype(options.pop("dtype", None)), options.pop("requires_grad", False)
    options.pop("layout", None), options.pop("pin_memory", None)
    if options:
        raise TypeError(f"{name}() got an unexpected keyword argument {next(iter(options))!r}")
    return dtype, requires_grad


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """1/2 - 1/2 cos(2 pi k / n), with n the length, or less by 1 if it is not `periodic` but symmetric.

    Options: dtype, device, requires_grad.

    >>> import rushlight as rl
    >>> rl.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _cosines("hann_window", window_length, periodic, (0.5, 0.5), options)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **options: Any
) -> Tensor:
    """alpha - beta cos(2 pi k / n); see `hann_window`."""
    return _cosines("hamming_window", window_length, periodic, (alpha, beta), options)


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi k / n) + 0.08 cos(4 pi k / n); see `hann_window`."""
    return _cosines("blackman_window", window_length, periodic, (0.42, 0.5, 0.08), options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Tensor:
    """A triangle, 1 - |2 k / n - 1|; see `hann_window`."""
    dtype, requires_grad = _options("bartlett_window", options)
    angle = _angles("bartlett_window", window_length, periodic, dtype)
    out = zeros(window_length, dtype=dtype) + 1
    if angle is not None:
        out = (1 - (angle / math.pi - 1).abs()).to(dtype)
    return out.requires_grad_() if requires_grad else out


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any) -> Tensor:
    """I0(beta sqrt(1 - (2 k / n - 1)^2)) / I0(beta), with the modified Bessel function I0; see
    `hann_window`."""
    dtype, requires_grad = _options("kaiser_window", options)
    angle = _angles("kaiser_window", window_length, periodic, dtype)
    out = zeros(window_length, dtype=dtype) + 1
    if angle is not None:
        inside = 1 - (angle / math.pi - 1).square()
        out = _bessel((inside.clamp(min=0.0)) * (beta * beta), beta)
        out = (out / _bessel(out.new_full((), beta * beta), beta)).to(dtype)
    return out.requires_grad_() if requires_grad else out


def _bessel(square: Tensor, largest: float) -> Tensor:
    """I0(x) of x^2 up to that of `largest`, by its series: the sum of (x^2/4)^k / k!^2."""
    term = total = square * 0 + 1
    for k in builtins.range(1, int(20 + 2 * abs(largest))):
        term = term * (square / (4.0 * k * k))
        total = total + term
    return total
