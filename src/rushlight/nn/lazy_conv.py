"""Convolutions that learn how many channels come in from their first input."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.nn.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from rushlight.nn.lazy import LazyModuleMixin
from rushlight.nn.uninitialized import Uninitialized

__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _LazyConv(LazyModuleMixin):
    """What they share: `in_channels` are the channels of the first input."""

    in_channels: int
    out_channels: int
    groups: int
    kernel_size: tuple[int, ...]
    weight: Parameter
    bias: Parameter | None
    _axes: int
    _transposed: bool

    def __init__(
        self, out_channels: int, kernel_size: Any, *args: Any, dtype: Any = None, **options: Any
    ) -> None:
        super().__init__(0, out_channels, kernel_size, *args, dtype=dtype, **options)  # type: ignore[call-arg]
        self._wait("weight", "bias", dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, once they have a shape."""
        if not self.has_uninitialized_params() and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **options: Any) -> None:
        """The weight becomes what the layer with so many channels has, the bias (out_channels,)."""
        name = type(self).__name__
        if not isinstance(self.weight, Uninitialized):
            inputs = self.weight.shape[0 if self._transposed else 1]
            self.in_channels = inputs if self._transposed else inputs * self.groups
            return
        if input.ndim not in (self._axes + 1, self._axes + 2):
            got = f"an input of {input.ndim} axes"
            raise ShapeError(message(name, got, f"{self._axes + 1} or {self._axes + 2}"))
        self.in_channels = input.shape[-self._axes - 1]
        if self.in_channels % self.groups:
            got = f"{self.in_channels} channels for groups={self.groups}"
            raise ArgumentError(message(name, got, "a multiple of the groups"))
        channels = (self.in_channels, self.out_channels)
        first, second = channels if self._transposed else channels[::-1]
        self.weight.materialize((first, second // self.groups, *self.kernel_size))
        if isinstance(self.bias, Uninitialized):
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that takes `in_channels` from its first input, and is a `Conv1d` from then on.

    >>> import rushlight as rl
    >>> layer = rl.nn.LazyConv1d(4, 3)
    >>> _ = layer(rl.rand(2, 3, 8))
    >>> layer.in_channels, type(layer).__name__
    (3, 'Conv1d')
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """`LazyConv1d` with a `Conv2d`."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """`LazyConv1d` with a `Conv3d`."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d):
    """A `ConvTranspose1d` that takes `in_channels` from its first input, and is one from then on.

    >>> import rushlight as rl
    >>> layer = rl.nn.LazyConvTranspose1d(4, 3)
    >>> _ = layer(rl.rand(2, 3, 8))
    >>> layer.in_channels, type(layer).__name__
    (3, 'ConvTranspose1d')
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d):
    """`LazyConvTranspose1d` with a `ConvTranspose2d`."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d):
    """`LazyConvTranspose1d` with a `ConvTranspose3d`."""

    cls_to_become = ConvTranspose3d
