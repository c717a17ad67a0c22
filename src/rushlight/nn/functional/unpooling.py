"""Pooling by windows that are drawn at random, and the inverse of max pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core.autocast import autocasts
from rushlight.core.spec import refuse_dtype
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.adaptive import largest_at, plane_index
from rushlight.ops.join import cat
from rushlight.ops.pool import Numbers, per_axis, windowed
from rushlight.ops.random import rand
from rushlight.ops.ranges import arange

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


def _begins(sample: Tensor, n: int, kernel: int, places: int) -> Tensor:
    """Where the windows begin, (..., places): steps of two lengths in an order that `sample` (...) shifts."""
    if places == 1:
        return (sample * 0).long().unsqueeze(-1) + (n - kernel)
    step = (n - kernel) / (places - 1)
    shift = sample.unsqueeze(-1)
    begins = ((arange(places - 1) + shift) * step).long() - (shift * step).long()
    return cat([begins, (begins[..., :1] * 0) + (n - kernel)], -1)


def _fractional(
    name: str,
    input: Tensor,
    count: int,
    kernel_size: Numbers,
    output_size: Numbers | None,
    output_ratio: float | Sequence[float] | None,
    samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    size = windowed(name, input, count)
    kernel = per_axis(name, "kernel_size", kernel_size, count, 1)
    if (output_size is None) == (output_ratio is None):
        got = f"output_size={output_size} and output_ratio={output_ratio}"
        raise ArgumentError(message(name, got, "one of the two"))
    if output_ratio is not None:
        ratios = (output_ratio,) * count if isinstance(output_ratio, (int, float)) else tuple(output_ratio)
        if len(ratios) != count or not all(0 < r < 1 for r in ratios):
            raise ArgumentError(message(name, f"output_ratio={output_ratio}", "numbers between 0 and 1"))
        output_size = [int(n * r) for n, r in zip(size, ratios, strict=True)]
    places = per_axis(name, "output_size", output_size or 0, count, 1)
    if any(o + k - 1 > n for n, k, o in zip(size, kernel, places, strict=True)):
        got = f"{places} windows of {kernel} in sizes {size}"
        raise ShapeError(
            message(name, got, "room for a step of 1 at least", "Use smaller windows, or fewer.")
        )
    batch = input.shape[0] if input.ndim == count + 2 else 1
    if samples is None:
        samples = rand(batch, input.shape[-1 - count], count, dtype=input.dtype)
    if input.ndim == count + 1:
        samples = samples[0]
    # PyTorch's samples of planes begin with the last axis, those of volumes with the first.
    order = range(count) if count == 3 else reversed(range(count))
    index = []
    for n, k, o, which in zip(size, kernel, places, order, strict=True):
        begins = _begins(samples[..., which], n, k, o)
        index.append(begins.unsqueeze(-1) + arange(k))
    return largest_at(input, plane_index(index, size), count)


@autocasts("float32")
def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    output_size: Numbers | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest elements of windows over the last two axes of an input (N, C, H, W) or (C, H, W) that
    move by steps of two lengths, mixed at random (Graham, 2014): ``output_size`` windows, or
    ``output_ratio`` of the input's size, each of ``kernel_size``. With ``return_indices`` also where they
    stand in the flattened plane. ``_random_samples`` (N, C, 2) in [0, 1) are drawn if not given. Raises
    ShapeError without room.

    >>> import rushlight as rl
    >>> rl.nn.functional.fractional_max_pool2d(rl.ones(1, 1, 6, 6), 2, 3).shape
    Size([1, 1, 3, 3])
    """
    found = _fractional(
        "fractional_max_pool2d", input, 2, kernel_size, output_size, output_ratio, _random_samples
    )
    return found if return_indices else found[0]


@autocasts("float32")
def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    output_size: Numbers | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d`, and where in the flattened plane the largest elements stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.fractional_max_pool2d_with_indices(rl.ones(1, 1, 6, 6), 2, 3)[1].shape
    Size([1, 1, 3, 3])
    """
    return _fractional(
        "fractional_max_pool2d", input, 2, kernel_size, output_size, output_ratio, _random_samples
    )


@autocasts("float32")
def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    output_size: Numbers | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool2d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W).

    >>> import rushlight as rl
    >>> rl.nn.functional.fractional_max_pool3d(rl.ones(1, 1, 6, 6, 6), 2, 3).shape
    Size([1, 1, 3, 3, 3])
    """
    found = _fractional(
        "fractional_max_pool3d", input, 3, kernel_size, output_size, output_ratio, _random_samples
    )
    return found if return_indices else found[0]


@autocasts("float32")
def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    output_size: Numbers | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d`, and where in the flattened plane the largest elements stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.fractional_max_pool3d_with_indices(rl.ones(1, 1, 6, 6, 6), 2, 3)[1].shape
    Size([1, 1, 3, 3, 3])
    """
    return _fractional(
        "fractional_max_pool3d", input, 3, kernel_size, output_size, output_ratio, _random_samples
    )


def _unpool(
    name: str,
    input: Tensor,
    indices: Tensor,
    count: int,
    kernel_size: Numbers,
    stride: Numbers | None,
    padding: Numbers,
    output_size: Sequence[int] | None,
) -> Tensor:
    refuse_dtype(name, "indices", indices.dtype, "int64")
    places = windowed(name, input, count)
    kernel = per_axis(name, "kernel_size", kernel_size, count, 1)
    stride = per_axis(name, "stride", kernel if stride is None else stride, count, 1)
    padding = per_axis(name, "padding", padding, count, 0)
    if indices.shape != input.shape:
        got = f"indices of shape {indices.shape} for an input of shape {input.shape}"
        raise ShapeError(message(name, got, "the same shape"))
    size = tuple((n - 1) * s + k - 2 * p for n, k, s, p in zip(places, kernel, stride, padding, strict=True))
    if output_size is not None:
        wanted = tuple(output_size)[-count:]
        if len(wanted) != count or any(abs(w - n) >= s for w, n, s in zip(wanted, size, stride, strict=True)):
            got = f"output_size={tuple(output_size)}"
            raise ArgumentError(message(name, got, f"sizes less than the stride {stride} away from {size}"))
        size = wanted
    lead = input.shape[: input.ndim - count]
    flat = input.new_full((*lead, math.prod(size)), 0)
    elements = (*lead, math.prod(places))
    return flat.scatter(-1, indices.reshape(elements), input.reshape(elements)).reshape(*lead, *size)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The inverse of `max_pool1d` as far as there is one: zeros, with the elements of an input (N, C, L) or
    (C, L) where ``indices`` of its shape say, as max pooling with ``return_indices`` gave them.

    The result has (L - 1) stride - 2 padding + kernel_size elements along the last axis, or those of
    ``output_size``, for several sizes are pooled to one. Raises IndexingError for indices beyond it.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_unpool1d(rl.tensor([[3.0, 5.0]]), rl.tensor([[1, 2]]), 2)
    tensor([[0., 3., 5., 0.]])
    """
    return _unpool("max_unpool1d", input, indices, 1, kernel_size, stride, padding, output_size)


@autocasts("float32")
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """`max_unpool1d` over the last two axes; indices are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_unpool2d(rl.ones(1, 1, 1), rl.tensor([[[3]]]), 2)
    tensor([[[0., 0.],
             [0., 1.]]])
    """
    return _unpool("max_unpool2d", input, indices, 2, kernel_size, stride, padding, output_size)


@autocasts("float32")
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """`max_unpool1d` over the last three axes; indices are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_unpool3d(rl.ones(1, 1, 1, 1), rl.tensor([[[[0]]]]), (1, 1, 2))
    tensor([[[[1., 0.]]]])
    """
    return _unpool("max_unpool3d", input, indices, 3, kernel_size, stride, padding, output_size)
