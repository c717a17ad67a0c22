"""Layers that few programs use: a bilinear form, and an axis made several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.nn.init import uniform_
from rushlight.nn.module import Module
from rushlight.ops.bilinear_form import bilinear

__all__ = ["Bilinear", "Unflatten"]


class Bilinear(Module):
    """y_k = x₁ᵀ A_k x₂ + b_k: (*, in1_features) and (*, in2_features) give (*, out_features).

    Weight and bias are uniform in ±1/sqrt(in1_features). Raises ShapeError for other inputs, ArgumentError
    unless `in1_features` is above 0.

    >>> import rushlight as rl
    >>> layer = rl.nn.Bilinear(2, 3, 4)
    >>> tuple(layer(rl.rand(5, 2), rl.rand(5, 3)).shape)
    (5, 4)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_device(device)
        if in1_features <= 0:
            raise ArgumentError(message("Bilinear", f"in1_features={in1_features}", "a number above 0"))
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(ops.empty(out_features, in1_features, in2_features, dtype=dtype))
        self.register_parameter("bias", Parameter(ops.empty(out_features, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Unflatten(Module):
    """The axis `dim` becomes axes of the sizes `unflattened_size`, one of which may be -1: undoes `Flatten`.

    Raises DTypeError for sizes that are no tuple or list of numbers, ShapeError where they do not fit.

    >>> import rushlight as rl
    >>> tuple(rl.nn.Unflatten(1, (2, -1))(rl.zeros(5, 6)).shape)
    (5, 2, 3)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        whole = isinstance(unflattened_size, (tuple, list))
        if not whole or not all(isinstance(n, int) for n in unflattened_size):
            got = f"unflattened_size={unflattened_size!r}"
            raise DTypeError(message("Unflatten", got, "a tuple of whole numbers", "Axes have no names."))
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
