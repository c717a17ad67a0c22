"""Pooling as layers: the largest element, the mean or the norm of each window."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.nn.functional import pooling as F
from rushlight.nn.module import Module
from rushlight.ops.pool import Numbers, per_axis

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


class _MaxPool(Module):
    _axes: int

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        dilation: Numbers = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self._axes - 1]
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window along the last axis of an input (N, C, L) or (C, L), as
    `rl.max_pool1d` finds it; with ``return_indices`` also where these stand.

    >>> import rushlight as rl
    >>> rl.nn.MaxPool1d(2)(rl.arange(4.0).reshape(1, 4))
    tensor([[1., 3.]])
    """

    _axes = 1


class MaxPool2d(_MaxPool):
    """`MaxPool1d` over the last two axes of an input (N, C, H, W) or (C, H, W); numbers may be pairs. Indices
    are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.MaxPool2d(2)(rl.arange(8.0).reshape(1, 2, 4))
    tensor([[[5., 7.]]])
    """

    _axes = 2


class MaxPool3d(_MaxPool):
    """`MaxPool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W); numbers may be
    triples. Indices are those in the flattened plane.

    >>> import rushlight as rl
    >>> rl.nn.MaxPool3d(2)(rl.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[7.]]]])
    """

    _axes = 3


class AvgPool1d(Module):
    """The mean of each window along the last axis of an input (N, C, L) or (C, L).

    The zeros that ``padding`` adds at both ends count as elements, unless ``count_include_pad`` is False;
    how many windows there are, and the errors, are those of `MaxPool1d`.

    >>> import rushlight as rl
    >>> rl.nn.AvgPool1d(2)(rl.arange(4.0).reshape(1, 4))
    tensor([[0.5, 2.5]])
    """

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = per_axis("AvgPool1d", "kernel_size", kernel_size, 1, 1)
        self.stride = per_axis("AvgPool1d", "stride", kernel_size if stride is None else stride, 1, 1)
        self.padding = per_axis("AvgPool1d", "padding", padding, 1, 0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    _axes: int

    def __init__(
        self,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        padding: Numbers = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        function = (F.avg_pool2d, F.avg_pool3d)[self._axes - 2]
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """`AvgPool1d` over the last two axes of an input (N, C, H, W) or (C, H, W); numbers may be pairs.
    ``divisor_override``: what sums are divided by, in the place of the number of elements.

    >>> import rushlight as rl
    >>> rl.nn.AvgPool2d(2)(rl.arange(8.0).reshape(1, 2, 4))
    tensor([[[2.5, 4.5]]])
    """

    _axes = 2


class AvgPool3d(_AvgPool):
    """`AvgPool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W); numbers may be
    triples. ``divisor_override``: what sums are divided by, in the place of the number of elements.

    >>> import rushlight as rl
    >>> rl.nn.AvgPool3d(2)(rl.arange(8.0).reshape(1, 2, 2, 2))
    tensor([[[[3.5]]]])
    """

    _axes = 3


class _LPPool(Module):
    _axes: int

    def __init__(
        self,
        norm_type: float,
        kernel_size: Numbers,
        stride: Numbers | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        function = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self._axes - 1]
        return function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The norm (Σ x^p)^(1/p), with p = ``norm_type``, of each window along the last axis of an input (N, C,
    L) or (C, L): the sum for p = 1, Euclid's length for 2. Windows are those of `MaxPool1d`.

    >>> import rushlight as rl
    >>> rl.nn.LPPool1d(2, 2)(rl.tensor([[3.0, 4.0, 0.0, 1.0]]))
    tensor([[5., 1.]])
    """

    _axes = 1


class LPPool2d(_LPPool):
    """`LPPool1d` over the last two axes of an input (N, C, H, W) or (C, H, W).

    >>> import rushlight as rl
    >>> rl.nn.LPPool2d(2, 2)(rl.ones(1, 2, 2))
    tensor([[[2.]]])
    """

    _axes = 2


class LPPool3d(_LPPool):
    """`LPPool1d` over the last three axes of an input (N, C, D, H, W) or (C, D, H, W).

    >>> import rushlight as rl
    >>> rl.nn.LPPool3d(2, (4, 2, 2))(rl.ones(1, 4, 2, 2))
    tensor([[[[4.]]]])
    """

    _axes = 3
