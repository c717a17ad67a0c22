"""Filling a tensor in place; gains and fans, which initialisers reckon with. ``nn.init`` offers it all."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message

__all__ = ["calculate_gain", "constant_", "fans", "normal_", "ones_", "uniform_", "zeros_"]

_CONVOLUTIONS = [f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)]
_GAINS = {
    **dict.fromkeys(["linear", *_CONVOLUTIONS], 1.0),
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """PyTorch's recommended factor on the standard deviation for what follows a layer.

    linear, convolutions, sigmoid 1; tanh 5/3; relu sqrt(2); leaky_relu sqrt(2 / (1 + slope²)) with slope
    ``param`` (0.01 if None); selu 3/4. Raises ArgumentError for another name.

    >>> import rushlight as rl
    >>> rl.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope * slope))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ArgumentError(
            message("calculate_gain", repr(nonlinearity), f"one of: {known}", "Pick a listed name.")
        )
    return _GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, *field): in and out, each times the size of the field.

    >>> import rushlight as rl
    >>> rl.nn.init.fans(rl.empty(6, 3, 5, 5))
    (75, 150)
    """
    if tensor.ndim < 2:
        raise ShapeError(
            message(
                "fan_in and fan_out",
                f"shape {tensor.shape}",
                "2 dimensions or more",
                "Use uniform_ or normal_.",
            )
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _check(name: str, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise DTypeError(
            message(name, f"a {type(tensor).__name__}", "a Tensor", "Wrap it with rl.tensor(...).")
        )


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fills with draws from the uniform distribution on [a, b), in place.

    >>> import rushlight as rl
    >>> bool((rl.nn.init.uniform_(rl.empty(3, 5), 2.0, 3.0) >= 2.0).all())
    True
    """
    _check("uniform_", tensor)
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fills with draws from the normal distribution N(mean, std²), in place.

    >>> import rushlight as rl
    >>> rl.nn.init.normal_(rl.empty(3, 5), std=0.0).sum().item()
    0.0
    """
    _check("normal_", tensor)
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with ``val``, in place.

    >>> import rushlight as rl
    >>> rl.nn.init.constant_(rl.empty(2), 3.0).tolist()
    [3.0, 3.0]
    """
    _check("constant_", tensor)
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with 0, in place.

    >>> import rushlight as rl
    >>> rl.nn.init.zeros_(rl.empty(2)).tolist()
    [0.0, 0.0]
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with 1, in place.

    >>> import rushlight as rl
    >>> rl.nn.init.ones_(rl.empty(2)).tolist()
    [1.0, 1.0]
    """
    return constant_(tensor, 1.0)
