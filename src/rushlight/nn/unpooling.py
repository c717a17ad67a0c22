"""Pooling by windows that are drawn, and the inverse of max pooling, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.nn.functional import unpooling as F
from rushlight.nn.module import Module
from rushlight.ops.pool import Numbers, per_axis

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxUnpool(Module):
    _axes: int

    def __init__(self, kernel_size: Numbers, stride: Numbers | None = None, padding: Numbers = 0) -> None:
        super().__init__()
        name, count = type(self).__name__, self._axes
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, count, 1)
        self.stride = per_axis(name, "stride", kernel_size if stride is None else stride, count, 1)
        self.padding = per_axis(name, "padding", padding, count, 0)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        function = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self._axes - 1]
        return function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The inverse of `MaxPool1d` as far as there is one: zeros, with the elements of an input (N, C, L) or
    (C, L) where ``indices`` of its shape say, as `MaxPool1d` with ``return_indices`` gave them.

    The result has (L - 1) stride - 2 padding + kernel_size elements along the last axis, or those of
    ``output_size``, for several sizes are pooled to one. Raises IndexingError for indices beyond it.

    >>> import rushlight as rl
    >>> rl.nn.MaxUnpool1d(2)(rl.tensor([[3.0, 5.0]]), rl.tensor([[1, 2]]))
    tensor([[0., 3., 5., 0.]])
    """

    _axes = 1


class MaxUnpool2d(_MaxUnpool):
    """`MaxUnpool1d` over the last two axes; indices are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.MaxUnpool2d(2)(rl.ones(1, 1, 1), rl.tensor([[[3]]]))
    tensor([[[0., 0.],
             [0., 1.]]])
    """

    _axes = 2


class MaxUnpool3d(_MaxUnpool):
    """`MaxUnpool1d` over the last three axes; indices are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.MaxUnpool3d((1, 1, 2))(rl.ones(1, 1, 1, 1), rl.tensor([[[[0]]]]))
    tensor([[[[1., 0.]]]])
    """

    _axes = 3


class _Fractional(Module):
    _axes: int

    def __init__(
        self,
        kernel_size: Numbers,
        output_size: Numbers | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            got = f"output_size={output_size} and output_ratio={output_ratio}"
            raise ArgumentError(message(type(self).__name__, got, "one of the two"))
        self.kernel_size = per_axis(type(self).__name__, "kernel_size", kernel_size, self._axes, 1)
        self.output_size = output_size
        self.output_ratio = output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        function = (F.fractional_max_pool2d, F.fractional_max_pool3d)[self._axes - 2]
        return function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
        )


class FractionalMaxPool2d(_Fractional):
    """The largest elements of windows over the last two axes of an input (N, C, H, W) or (C, H, W) that
    move by steps of two lengths, mixed at random (Graham, 2014): ``output_size`` windows, or
    ``output_ratio`` of the input's size, each of ``kernel_size``. With ``return_indices`` also where they
    stand in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.FractionalMaxPool2d(2, output_size=3)(rl.ones(1, 1, 6, 6)).shape
    Size([1, 1, 3, 3])
    """

    _axes = 2


class FractionalMaxPool3d(_Fractional):
    """`FractionalMaxPool2d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W).

    >>> import rushlight as rl
    >>> rl.nn.FractionalMaxPool3d(2, output_ratio=0.5)(rl.ones(1, 1, 6, 6, 6)).shape
    Size([1, 1, 3, 3, 3])
    """

    _axes = 3
