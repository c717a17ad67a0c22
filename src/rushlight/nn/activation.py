"""Activation functions as modules, and their names for the command line and for MLP."""

from __future__ import annotations

from collections.abc import Callable

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, in_pytorch, message, nearest
from rushlight.nn import functional as F
from rushlight.nn.module import Module

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "InPlace",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "activation_from_name",
]


class InPlace(Module):
    """``inplace``: the result is written into the input's memory."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(InPlace):
    """max(0, x), element by element; the subgradient at 0 is 0. Any shape.

    >>> import rushlight as rl
    >>> rl.nn.ReLU()(rl.tensor([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class LeakyReLU(InPlace):
    """x where x > 0, else ``negative_slope`` * x (0.01 by default). Any shape.

    >>> import rushlight as rl
    >>> rl.nn.LeakyReLU(0.5)(rl.tensor([-1.0, 2.0])).tolist()
    [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class Tanh(Module):
    """tanh(x), element by element, with derivative 1 - tanh(x)². Any shape.

    >>> import rushlight as rl
    >>> rl.nn.Tanh()(rl.zeros(2)).tolist()
    [0.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x)), element by element, with derivative y(1 - y); exact at both ends. Any shape.

    >>> import rushlight as rl
    >>> rl.nn.Sigmoid()(rl.tensor([0.0, 1000.0])).tolist()
    [0.5, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class GELU(Module):
    """x Φ(x), element by element, Φ the normal distribution's; ``approximate="tanh"`` as in `F.gelu`. Of any
    shape.

    >>> import rushlight as rl
    >>> rl.nn.GELU()(rl.zeros(2)).tolist()
    [0.0, 0.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(InPlace):
    """x / (1 + exp(-x)), element by element. Any shape.

    >>> import rushlight as rl
    >>> rl.nn.SiLU()(rl.zeros(2)).tolist()
    [0.0, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Softplus(Module):
    """ln(1 + exp(beta x)) / beta, and x itself where beta x > threshold. Any shape.

    >>> import rushlight as rl
    >>> rl.nn.Softplus()(rl.tensor([100.0])).tolist()
    [100.0]
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """exp(x_i) / Σ_j exp(x_j) along ``dim``, without overflow: the maximum is taken away first.

    >>> import rushlight as rl
    >>> rl.nn.Softmax(dim=1)(rl.tensor([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """x_i - ln Σ_j exp(x_j) along ``dim``: the logarithm of Softmax, exact where Softmax rounds to 0.

    >>> import rushlight as rl
    >>> rl.nn.LogSoftmax(dim=0)(rl.tensor([0.0, -1000.0])).tolist()
    [0.0, -1000.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


def _last(module: Callable[[int], Module]) -> Callable[[], Module]:
    return lambda: module(-1)


ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "gelu": GELU,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "softplus": Softplus,
    "softmax": _last(Softmax),
    "log_softmax": _last(LogSoftmax),
}
"""The names that ``nn.MLP`` and the command line understand; the softmaxes work along the last dimension."""


def activation_from_name(name: str) -> Module:
    """A new activation module for a name of ``ACTIVATIONS``; case, "-" and "_" don't matter.

    Raises ArgumentError for an unknown name and proposes the nearest known one.

    >>> import rushlight as rl
    >>> rl.nn.activation_from_name("LeakyReLU")
    LeakyReLU(negative_slope=0.01)
    """
    plain = {key.replace("_", ""): make for key, make in ACTIVATIONS.items()}
    key = name.lower().replace("_", "").replace("-", "")
    if key not in plain:
        near = [] if in_pytorch("rushlight.nn.functional", name.lower()) else nearest(name, ACTIVATIONS, 1)
        remedy = f"Did you mean {near[0]!r}?" if near else "Pass a Module for one of your own."
        raise ArgumentError(message("activation", repr(name), "one of: " + ", ".join(ACTIVATIONS), remedy))
    return plain[key]()
