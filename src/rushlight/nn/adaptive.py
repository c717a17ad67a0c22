"""Pooling to a given number of places as layers."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.nn.functional import adaptive as F
from rushlight.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
]


class _AvgPool(Module):
    _axes: int

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        function = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)[self._axes - 1]
        return function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class _MaxPool(_AvgPool):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        function = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)[self._axes - 1]
        return function(input, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AvgPool):
    """The means of ``output_size`` windows along the last axis of an input (N, C, L) or (C, L).

    Window i has the elements from floor(i L / output_size) to ceil((i + 1) L / output_size), without that.

    >>> import rushlight as rl
    >>> rl.nn.AdaptiveAvgPool1d(2)(rl.arange(4.0).reshape(1, 4))
    tensor([[0.5, 2.5]])
    """

    _axes = 1


class AdaptiveAvgPool2d(_AvgPool):
    """`AdaptiveAvgPool1d` over the last two axes of an input (N, C, H, W) or (C, H, W): ``output_size`` is
    a number for each axis or for all, None for as many as there are.

    >>> import rushlight as rl
    >>> rl.nn.AdaptiveAvgPool2d((1, 2))(rl.arange(8.0).reshape(1, 2, 4))
    tensor([[[2.5, 4.5]]])
    """

    _axes = 2


class AdaptiveAvgPool3d(_AvgPool):
    """`AdaptiveAvgPool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W):
    ``output_size`` is a number for each axis or for all, None for as many as there are.

    >>> import rushlight as rl
    >>> rl.nn.AdaptiveAvgPool3d(1)(rl.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[3.5]]]])
    """

    _axes = 3


class AdaptiveMaxPool1d(_MaxPool):
    """The largest elements of the windows of `AdaptiveAvgPool1d`; with ``return_indices`` also where they
    stand. Of equal elements the first gets the gradient.

    >>> import rushlight as rl
    >>> rl.nn.AdaptiveMaxPool1d(2)(rl.arange(4.0).reshape(1, 4))
    tensor([[1., 3.]])
    """

    _axes = 1


class AdaptiveMaxPool2d(_MaxPool):
    """The largest elements of the windows of `AdaptiveAvgPool2d`; with ``return_indices`` also where they
    stand in the flattened plane. Of equal elements the first gets the gradient.

    >>> import rushlight as rl
    >>> rl.nn.AdaptiveMaxPool2d((1, 2))(rl.arange(8.0).reshape(1, 2, 4))
    tensor([[[5., 7.]]])
    """

    _axes = 2


class AdaptiveMaxPool3d(_MaxPool):
    """The largest elements of the windows of `AdaptiveAvgPool3d`; with ``return_indices`` also where they
    stand in the flattened plane. Of equal elements the first gets the gradient.

    >>> import rushlight as rl
    >>> rl.nn.AdaptiveMaxPool3d(1)(rl.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[7.]]]])
    """

    _axes = 3
