"""Initialisers: PyTorch's functions in place, and the Initializer classes that layers and whole nets take.

The names of the reports: R1 uniform weights with zero bias; R2 and R3 Xavier's Gaussian, sd sqrt(2/(n+m)); R3
also sd 1 and He's sqrt(2/n); R4 Glorot's uniform ±sqrt(6/(n+m)) with tanh and Kaiming's uniform ±sqrt(6/n)
with ReLU; R5 PyTorch's default. n is the number of inputs (fan_in), m of outputs (fan_out).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message, names_of, namespace
from rushlight.nn.fill import calculate_gain, constant_, fans, normal_, ones_, uniform_, zeros_
from rushlight.nn.initializers import (
    INITIALIZERS,
    Constant,
    Initializer,
    KaimingNormal,
    KaimingUniform,
    Normal,
    Ones,
    PyTorchDefault,
    Uniform,
    XavierNormal,
    XavierUniform,
    Zeros,
    as_initializer,
    from_name,
)

__all__ = [
    "INITIALIZERS",
    "Constant",
    "Initializer",
    "KaimingNormal",
    "KaimingUniform",
    "Normal",
    "Ones",
    "PyTorchDefault",
    "Uniform",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "as_initializer",
    "calculate_gain",
    "constant_",
    "fans",
    "from_name",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


_calculate_fan_in_and_fan_out = fans


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """The fan that `mode` names, under PyTorch's name."""
    modes = ("fan_in", "fan_out")
    if mode.lower() not in modes:
        raise ArgumentError(message("fan", repr(mode), "'fan_in' or 'fan_out'"))
    return fans(tensor)[modes.index(mode.lower())]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform on ±gain sqrt(6 / (fan_in + fan_out)), in place (Glorot and Bengio, 2010).

    >>> import rushlight as rl
    >>> bool((rl.nn.init.xavier_uniform_(rl.empty(3, 3)).abs() <= 1.0).all())
    True
    """
    fan_in, fan_out = fans(tensor)
    XavierUniform(gain, generator)(tensor, fan_in, fan_out)
    return tensor


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)), in place (Glorot and Bengio, 2010).

    >>> import rushlight as rl
    >>> rl.nn.init.xavier_normal_(rl.empty(3, 3), gain=0.0).sum().item()
    0.0
    """
    fan_in, fan_out = fans(tensor)
    XavierNormal(gain, generator)(tensor, fan_in, fan_out)
    return tensor


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform on ±gain sqrt(3 / fan), in place (He et al., 2015).

    The gain is that of ``nonlinearity``, with slope ``a`` for leaky_relu.

    >>> import rushlight as rl
    >>> bool((rl.nn.init.kaiming_uniform_(rl.empty(3, 6)).abs() <= 1.0).all())
    True
    """
    fan_in, fan_out = fans(tensor)
    KaimingUniform(a, mode, nonlinearity, generator)(tensor, fan_in, fan_out)
    return tensor


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan), in place (He et al., 2015).

    The gain is that of ``nonlinearity``, with slope ``a`` for leaky_relu.

    >>> import rushlight as rl
    >>> rl.nn.init.kaiming_normal_(rl.empty(3, 6)).shape
    Size([3, 6])
    """
    fan_in, fan_out = fans(tensor)
    KaimingNormal(a, mode, nonlinearity, generator)(tensor, fan_in, fan_out)
    return tensor


LATER: dict[str, str] = {
    "rushlight.nn.fillers": """constant dirac dirac_ eye eye_ kaiming_normal kaiming_uniform normal
        orthogonal orthogonal_ sparse sparse_ trunc_normal_ uniform xavier_normal xavier_uniform""",
}
"""The file that loads when one of its names is asked for."""

if not TYPE_CHECKING:
    __all__ += names_of(LATER)  # noqa: PLE0605
    _found, __dir__ = namespace(__name__, __all__)

    def __getattr__(name: str) -> object:
        for file, names in LATER.items():
            if name in names.split():
                return getattr(importlib.import_module(file), name)
        return _found(name)
