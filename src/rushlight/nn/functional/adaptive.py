"""Pooling to a given number of places as functions."""

from __future__ import annotations

from typing import Any

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.ops.adaptive import adaptive_avg_pool, adaptive_max_pool
from rushlight.ops.pools import adaptive_avg_pool1d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool1d`; with ``return_indices`` also where
    they stand. Of equal elements the first gets the gradient.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_max_pool1d(rl.arange(4.0).reshape(1, 4), 2)
    tensor([[1., 3.]])
    """
    return adaptive_max_pool("adaptive_max_pool1d", input, 1, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d`, and where the largest elements stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_max_pool1d_with_indices(rl.arange(4.0).reshape(1, 4), 2)[1]
    tensor([[1, 3]])
    """
    return adaptive_max_pool("adaptive_max_pool1d", input, 1, output_size, True)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows that cut the last two axes of an input (N, C, H, W) or (C, H, W)
    into ``output_size`` parts: a number for each axis or for all, None for as many as there are.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_avg_pool2d(rl.arange(8.0).reshape(1, 2, 4), (1, 2))
    tensor([[[2.5000, 4.5000]]])
    """
    return adaptive_avg_pool("adaptive_avg_pool2d", input, 2, output_size)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool2d`; with ``return_indices`` also where
    they stand in the flattened plane. Of equal elements the first gets the gradient.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_max_pool2d(rl.arange(8.0).reshape(1, 2, 4), (1, 2))
    tensor([[[5., 7.]]])
    """
    return adaptive_max_pool("adaptive_max_pool2d", input, 2, output_size, return_indices)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d`, and where the largest elements stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_max_pool2d_with_indices(rl.arange(8.0).reshape(1, 2, 4), (1, 2))[1]
    tensor([[[5, 7]]])
    """
    return adaptive_max_pool("adaptive_max_pool2d", input, 2, output_size, True)


@autocasts("float32")
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows that cut the last three axes of an input (N, C, D, H, W) or (C, D, H, W)
    into ``output_size`` parts: a number for each axis or for all, None for as many as there are.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_avg_pool3d(rl.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return adaptive_avg_pool("adaptive_avg_pool3d", input, 3, output_size)


@autocasts("float32")
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of the windows of `adaptive_avg_pool3d`; with ``return_indices`` also where
    they stand in the flattened plane. Of equal elements the first gets the gradient.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_max_pool3d(rl.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    return adaptive_max_pool("adaptive_max_pool3d", input, 3, output_size, return_indices)


@autocasts("float32")
def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d`, and where the largest elements stand.

    >>> import rushlight as rl
    >>> rl.nn.functional.adaptive_max_pool3d_with_indices(rl.arange(8.0).reshape(1, 2, 2, 2), 1)[1]
    tensor([[[[7]]]])
    """
    return adaptive_max_pool("adaptive_max_pool3d", input, 3, output_size, True)
