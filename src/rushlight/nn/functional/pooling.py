"""Pooling as functions: the largest element, the mean or the norm of each window."""

from __future__ import annotations

from typing import Any

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.ops.pool import Numbers, avg_pool, max_pool, per_axis, windowed
from rushlight.ops.pools import avg_pool1d, max_pool1d_with_indices

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]


def max_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window along the last axis of an input (N, C, L) or (C, L), as
    `rl.max_pool1d` finds it; with ``return_indices`` also where these stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_pool1d(rl.arange(4.0).reshape(1, 4), 2)
    tensor([[1., 3.]])
    """
    name = "max_pool1d"
    return max_pool(name, input, 1, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d` over the last two axes of an input (N, C, H, W) or (C, H, W); numbers may be
    pairs. Indices are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_pool2d(rl.arange(8.0).reshape(1, 2, 4), 2)
    tensor([[[5., 7.]]])
    """
    name = "max_pool2d"
    return max_pool(name, input, 2, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d`, and where in the flattened plane the largest elements stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_pool2d_with_indices(rl.arange(8.0).reshape(1, 2, 4), 2)[1]
    tensor([[[5, 7]]])
    """
    name = "max_pool2d_with_indices"
    return max_pool(name, input, 2, kernel_size, stride, padding, dilation, ceil_mode, True)


def avg_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool1d` over the last two axes of an input (N, C, H, W) or (C, H, W); numbers may be
    pairs. ``divisor_override``: what sums are divided by, in the place of the number of elements.

    >>> import rushlight as rl
    >>> rl.nn.functional.avg_pool2d(rl.arange(8.0).reshape(1, 2, 4), 2)
    tensor([[[2.5000, 4.5000]]])
    """
    return avg_pool(
        "avg_pool2d", input, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@autocasts("float32")
def max_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W); numbers may be
    triples. Indices are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_pool3d(rl.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    name = "max_pool3d"
    return max_pool(name, input, 3, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@autocasts("float32")
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """`max_pool3d`, and where in the flattened plane the largest elements stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.max_pool3d_with_indices(rl.arange(8.0).reshape(1, 2, 2, 2), 2)[1]
    tensor([[[[7]]]])
    """
    name = "max_pool3d_with_indices"
    return max_pool(name, input, 3, kernel_size, stride, padding, dilation, ceil_mode, True)


@autocasts("float32")
def avg_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W); numbers may be
    triples. ``divisor_override``: what sums are divided by, in the place of the number of elements.

    >>> import rushlight as rl
    >>> rl.nn.functional.avg_pool3d(rl.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    return avg_pool(
        "avg_pool3d", input, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _lp_pool(
    name: str,
    input: Tensor,
    count: int,
    norm_type: float,
    kernel_size: Numbers,
    stride: Numbers | None,
    ceil_mode: bool,
) -> Tensor:
    if not norm_type:
        raise ArgumentError(message(name, "norm_type=0", "another number"))
    windowed(name, input, count)
    elements = 1
    for k in per_axis(name, "kernel_size", kernel_size, count, 1):
        elements *= k
    mean = avg_pool(name, input**norm_type, count, kernel_size, stride, 0, ceil_mode, True)
    # As PyTorch's: what an odd power left negative gives 0, and where the last windows are cut off, the mean
    # of the elements that are there counts for those that are not.
    return (mean.sign() * mean.abs().relu() * elements) ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The norm (Σ x^p)^(1/p), with p = ``norm_type``, of each window along the last axis of an input (N, C,
    L) or (C, L): the sum for p = 1, Euclid's length for 2. Windows are those of `max_pool1d`.

    >>> import rushlight as rl
    >>> rl.nn.functional.lp_pool1d(rl.tensor([[3.0, 4.0, 0.0, 1.0]]), 2, 2)
    tensor([[5., 1.]])
    """
    return _lp_pool("lp_pool1d", input, 1, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """`lp_pool1d` over the last two axes of an input (N, C, H, W) or (C, H, W).

    >>> import rushlight as rl
    >>> rl.nn.functional.lp_pool2d(rl.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    return _lp_pool("lp_pool2d", input, 2, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """`lp_pool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W).

    >>> import rushlight as rl
    >>> rl.nn.functional.lp_pool3d(rl.ones(1, 4, 2, 2), 2, (4, 2, 2))
    tensor([[[[4.]]]])
    """
    return _lp_pool("lp_pool3d", input, 3, norm_type, kernel_size, stride, ceil_mode)
