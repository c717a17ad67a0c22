"""The pooling functions that PyTorch has beside the tensors' own; nn.functional has all of them."""

from __future__ import annotations

from typing import Any

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.ops.adaptive import adaptive_avg_pool, adaptive_max_pool
from rushlight.ops.pool import Numbers, avg_pool, max_pool

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_max_pool1d",
    "avg_pool1d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
]


def max_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest element of each window along the last axis of an input (N, C, L) or (C, L).

    Windows of ``kernel_size`` elements, ``dilation`` apart, move by ``stride``, a whole window by default.
    What ``padding`` adds at both ends is never the largest. There are (L + 2 padding - dilation
    (kernel_size - 1) - 1) / stride + 1 of them, rounded down, or with ``ceil_mode`` up. Of equal elements
    the first gets the gradient. Raises ShapeError without room for a window, ArgumentError for padding over
    half a window.

    >>> import rushlight as rl
    >>> rl.max_pool1d(rl.tensor([[1.0, 3.0, 2.0, 0.0, 5.0]]), 2)
    tensor([[3., 2.]])
    """
    return max_pool("max_pool1d", input, 1, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool1d`, and where the largest elements stand.

    >>> import rushlight as rl
    >>> rl.max_pool1d_with_indices(rl.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    (tensor([[3., 2.]]), tensor([[1, 2]]))
    """
    name = "max_pool1d_with_indices"
    return max_pool(name, input, 1, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`max_pool1d` over the last two axes of an input (N, C, H, W) or (C, H, W); numbers may be pairs.

    >>> import rushlight as rl
    >>> rl.max_pool2d(rl.arange(8.0).reshape(1, 2, 4), 2)
    tensor([[[5., 7.]]])
    """
    return max_pool("max_pool2d", input, 2, kernel_size, stride, padding, dilation, ceil_mode)


@autocasts("float32")
def max_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`max_pool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W); numbers may be
    triples.

    >>> import rushlight as rl
    >>> rl.max_pool3d(rl.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return max_pool("max_pool3d", input, 3, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along the last axis of an input (N, C, L) or (C, L).

    The zeros that ``padding`` adds at both ends count as elements, unless ``count_include_pad`` is False; how
    many windows there are, and the errors, are those of `max_pool1d`.

    >>> import rushlight as rl
    >>> rl.avg_pool1d(rl.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return avg_pool("avg_pool1d", input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of ``output_size`` windows along the last axis of an input (N, C, L) or (C, L).

    Window i has the elements from floor(i L / output_size) to ceil((i + 1) L / output_size), without that.

    >>> import rushlight as rl
    >>> rl.adaptive_avg_pool1d(rl.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[2.0000, 2.5000]])
    """
    return adaptive_avg_pool("adaptive_avg_pool1d", input, 1, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """The largest elements of ``output_size`` windows along the last axis of an input (N, C, L) or (C, L),
    and where they stand; the windows are those of `adaptive_avg_pool1d`.

    >>> import rushlight as rl
    >>> rl.adaptive_max_pool1d(rl.tensor([[1.0, 3.0, 2.0]]), 2)
    (tensor([[3., 3.]]), tensor([[1, 1]]))
    """
    return adaptive_max_pool("adaptive_max_pool1d", input, 1, output_size, True)
