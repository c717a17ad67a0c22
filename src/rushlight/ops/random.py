"""Random tensors, all drawn from the words of a counter-based generator."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.apply import apply_
from rushlight.core.placement import check_device
from rushlight.core.random import Generator, default_generator
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor, check_dtype, method, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.convert import COPY
from rushlight.ops.movement import as_sizes

__all__ = [
    "bernoulli",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def _words(count: int, generator: Generator | None) -> Tensor:
    return (generator or default_generator).bits(count)


def uniform(shape: tuple[int, ...], dtype: Any, generator: Generator | None) -> Tensor:
    """Uniform in [0, 1): 24 random bits for float32, 53 for float64."""
    count = Spec(shape, dtype).size
    if dtype == xp.float64:
        words = _words(2 * count, generator).to(xp.float64).reshape(-1, 2)
        high, low = (words[:, 0] / 32.0).floor(), (words[:, 1] / 64.0).floor()
        return ((high * 2.0**26 + low) * 2.0**-53).reshape(shape)
    words = (_words(count, generator).to(xp.float64) / 256.0).floor()
    return (words * 2.0**-24).to(dtype).reshape(shape)


def gaussian(shape: tuple[int, ...], dtype: Any, generator: Generator | None) -> Tensor:
    """Normal numbers by the method of Box and Muller (1958), two from two uniform ones."""
    count = Spec(shape, dtype).size
    half = (count + 1) // 2
    u = uniform((2, half), xp.float64, generator)
    radius = (-2.0 * (1.0 - u[0]).log()).sqrt()
    angle = u[1] * (2 * math.pi)
    both = _side_by_side(radius * angle.cos(), radius * angle.sin())
    return both[:count].to(dtype).reshape(shape)


def _side_by_side(a: Tensor, b: Tensor) -> Tensor:
    from rushlight.ops.join import cat

    return cat([a, b])


def _float_dtype(op: str, dtype: Any) -> Any:
    found = check_dtype(dtype)
    if found.kind != "f":
        raise DTypeError(message(op, str(found), "a floating dtype", "Use randint for integers."))
    return found


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform random numbers in [0, 1).

    >>> import rushlight as rl
    >>> x = rl.rand(1000)
    >>> bool((x >= 0).all() and (x < 1).all())
    True
    """
    check_device(device)
    out = uniform(as_sizes(size), _float_dtype("rand", dtype), generator)
    return out.requires_grad_() if requires_grad else out


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal random numbers of mean 0 and deviation 1."""
    check_device(device)
    out = gaussian(as_sizes(size), _float_dtype("randn", dtype), generator)
    return out.requires_grad_() if requires_grad else out


def rand_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Uniform random numbers in the shape and dtype of `input`."""
    check_device(device)
    return uniform(input.shape, _float_dtype("rand_like", dtype or input.dtype), generator)


def randn_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Normal random numbers in the shape and dtype of `input`."""
    check_device(device)
    return gaussian(input.shape, _float_dtype("randn_like", dtype or input.dtype), generator)


def normal(
    mean: float,
    std: float,
    size: Any,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Normal random numbers of the given mean and deviation."""
    check_device(device)
    return gaussian(as_sizes((size,)), _float_dtype("normal", dtype), generator) * std + mean


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Random integers in [low, high); `randint(high, size)` starts at 0."""
    check_device(device)
    if size is None:
        low, high, size = 0, low, high
    if size is None or high is None or high <= low:
        raise ArgumentError(
            message("randint", f"low={low}, high={high}, size={size}", "high above low, and a size")
        )
    u = uniform(as_sizes((size,)), xp.float64, generator)
    return (u * float(high - low)).floor().to(xp.int64 if dtype is None else dtype) + low


def randint_like(
    input: Tensor, low: int, high: int | None = None, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Random integers in [low, high) in the shape and dtype of `input`."""
    check_device(device)
    if high is None:
        low, high = 0, low
    return randint(low, high, input.shape, dtype=dtype or input.dtype)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None) -> Tensor:
    """The numbers from 0 to n - 1 in random order: the order that sorts n random words."""
    check_device(device)
    if n < 0:
        raise ArgumentError(message("randperm", f"n={n}", "0 or more"))
    order = uniform((n,), xp.float64, generator).argsort()
    return order if dtype is None else order.to(dtype)


@method()
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element gives (or with `p`), else 0."""
    u = uniform(input.shape, xp.float32, generator)
    return (u < (input if p is None else p)).to(input.dtype)


@method()
def uniform_(input: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform numbers in [a, b)."""
    return apply_(
        COPY, input, uniform(input.shape, _float_dtype("uniform_", input.dtype), generator) * (b - a) + a
    )


@method()
def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Overwrite with normal numbers."""
    return apply_(
        COPY, input, gaussian(input.shape, _float_dtype("normal_", input.dtype), generator) * std + mean
    )


@method()
def bernoulli_(input: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability `p`, else 0."""
    return apply_(COPY, input, (uniform(input.shape, xp.float32, generator) < p).to(input.dtype))


def keep_mask(input: Tensor, p: float, generator: Generator | None = None) -> Tensor:
    """1/(1-p) where dropout keeps an element, which it does with probability 1 - p, else 0."""
    if p >= 1:
        return wrap(xp.zeros(input.shape, input.dtype))
    return (uniform(input.shape, xp.float32, generator) >= p).to(input.dtype) * (1 / (1 - p))
