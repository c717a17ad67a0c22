"""Linear, Identity and Flatten: layers that move values without bending them."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, message
from rushlight.nn import functional as F
from rushlight.nn.init import Initializer, PyTorchDefault, as_initializer
from rushlight.nn.module import Module

__all__ = ["Flatten", "Identity", "Linear"]


def _check_width(name: str, width: object) -> None:
    if isinstance(width, bool) or not hasattr(width, "__index__") or width.__index__() < 0:
        raise ArgumentError(
            message("Linear", f"{name}={width!r}", "a whole number, 0 or more", f"Check {name}.")
        )


class Linear(Module):
    """y = x Wᵀ + b with x (*, in_features), W (out_features, in_features), b (out_features,).

    ``init`` (an Initializer or its name) draws the weight. The bias follows ``bias_init`` if given, else what
    ``init`` does with biases (zero, except for PyTorchDefault). Without ``init`` both are uniform in
    ±1/sqrt(in_features), as in PyTorch. Raises ShapeError when the input's last dimension isn't in_features.

    >>> import rushlight as rl
    >>> layer = rl.nn.Linear(3, 2, init="xavier_uniform")
    >>> layer(rl.ones(5, 3)).shape, layer
    (Size([5, 2]), Linear(in_features=3, out_features=2, bias=True))
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        init: Initializer | str | None = None,
        bias_init: Initializer | str | None = None,
    ) -> None:
        super().__init__()
        _check_width("in_features", in_features)
        _check_width("out_features", out_features)
        check_device(device)
        self.in_features = in_features
        self.out_features = out_features
        self.init = as_initializer(init) if init is not None else PyTorchDefault()
        self.bias_init = None if bias_init is None else as_initializer(bias_init)
        self.weight = Parameter(ops.empty(out_features, in_features, dtype=dtype))
        if bias:
            self.bias = Parameter(ops.empty(out_features, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew by the layer's initialiser."""
        self.init(self.weight, self.in_features, self.out_features)
        if self.bias is None:
            return
        if self.bias_init is not None:
            self.bias_init(self.bias, self.in_features, self.out_features)
        else:
            self.init.bias(self.bias, self.in_features, self.out_features)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Identity(Module):
    """y = x. Takes and ignores any arguments, so that it can stand in for another layer.

    >>> import rushlight as rl
    >>> rl.nn.Identity()(rl.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """Joins the dimensions from ``start_dim`` to ``end_dim``: by default (N, a, b, ...) becomes (N, a*b*...).

    >>> import rushlight as rl
    >>> rl.nn.Flatten()(rl.zeros(8, 28, 28)).shape
    Size([8, 784])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
