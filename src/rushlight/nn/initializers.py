"""Initialisers as classes, which layers and whole nets take. ``nn.init`` offers it all."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, NotSupportedError, message, nearest
from rushlight.nn.fill import calculate_gain, constant_, normal_, uniform_, zeros_

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
    "from_name",
]


class Initializer:
    """How a layer draws its parameters. Derive from it, fill the weight in ``__call__``, and pass it to a
    layer (``Linear(2, 25, init=MyInit())``) or to a whole net (``net.initialize(MyInit())``).

    ``__call__(tensor, fan_in, fan_out)`` fills a weight in place; the functions of this module do so.
    ``bias`` fills a bias: zero unless overridden.

    >>> import rushlight as rl
    >>> class Ramp(rl.nn.init.Initializer):
    ...     def __call__(self, tensor, fan_in, fan_out):
    ...         with rl.no_grad():
    ...             tensor.copy_(rl.arange(tensor.numel()).reshape(tensor.shape) / fan_in)
    >>> rl.nn.Linear(2, 2, init=Ramp()).weight.tolist()
    [[0.0, 0.5], [1.0, 1.5]]
    """

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        expected = "a method __call__(self, tensor, fan_in, fan_out)"
        raise NotSupportedError(
            message(type(self).__name__, "an initialiser without __call__", expected, "Write it.")
        )

    def bias(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        """Fills the bias that belongs to a weight of fan_in inputs and fan_out outputs."""
        zeros_(tensor)

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k != "generator")
        return f"{type(self).__name__}({inner})"


class Uniform(Initializer):
    """Uniform on [a, b); without arguments on [-0.1, 0.1)."""

    def __init__(self, a: float = -0.1, b: float = 0.1, generator: Any = None) -> None:
        self.a, self.b, self.generator = a, b, generator

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        uniform_(tensor, self.a, self.b, self.generator)


class Normal(Initializer):
    """N(mean, std²); R3's plain Gaussian has standard deviation 1."""

    def __init__(self, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> None:
        self.mean, self.std, self.generator = mean, std, generator

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        normal_(tensor, self.mean, self.std, self.generator)


class Constant(Initializer):
    """The same value everywhere, biases too."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        constant_(tensor, self.value)

    def bias(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        constant_(tensor, self.value)


class Zeros(Constant):
    """0 everywhere."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """1 everywhere."""

    def __init__(self) -> None:
        super().__init__(1.0)


class _Xavier(Initializer):
    def __init__(self, gain: float = 1.0, generator: Any = None) -> None:
        self.gain, self.generator = gain, generator

    def std(self, fan_in: int, fan_out: int) -> float:
        return self.gain * math.sqrt(2.0 / max(fan_in + fan_out, 1))


class XavierUniform(_Xavier):
    """Uniform on ±gain sqrt(6 / (fan_in + fan_out)): R4's Glorot."""

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        bound = math.sqrt(3.0) * self.std(fan_in, fan_out)
        uniform_(tensor, -bound, bound, self.generator)


class XavierNormal(_Xavier):
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)): R2's and R3's Xavier."""

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        normal_(tensor, 0.0, self.std(fan_in, fan_out), self.generator)


class _Kaiming(Initializer):
    def __init__(
        self, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
    ) -> None:
        if mode not in ("fan_in", "fan_out"):
            raise ArgumentError(
                message(type(self).__name__, f"mode={mode!r}", "'fan_in' or 'fan_out'", "Pick one.")
            )
        self.a, self.mode, self.nonlinearity, self.generator = a, mode, nonlinearity, generator
        calculate_gain(nonlinearity, a)

    def std(self, fan_in: int, fan_out: int) -> float:
        fan = fan_in if self.mode == "fan_in" else fan_out
        return calculate_gain(self.nonlinearity, self.a) / math.sqrt(max(fan, 1))


class KaimingUniform(_Kaiming):
    """Uniform on ±gain sqrt(3 / fan_in), which is ±sqrt(6 / fan_in) for ReLU: R4's Kaiming."""

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        bound = math.sqrt(3.0) * self.std(fan_in, fan_out)
        uniform_(tensor, -bound, bound, self.generator)


class KaimingNormal(_Kaiming):
    """Normal with standard deviation gain / sqrt(fan_in), which is sqrt(2 / fan_in) for ReLU: R3's He."""

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        normal_(tensor, 0.0, self.std(fan_in, fan_out), self.generator)


class PyTorchDefault(Initializer):
    """Weight and bias uniform on ±1 / sqrt(fan_in), as torch.nn.Linear does: R5's choice."""

    def __init__(self, generator: Any = None) -> None:
        self.generator = generator

    def __call__(self, tensor: Tensor, fan_in: int, fan_out: int) -> None:
        bound = 1.0 / math.sqrt(max(fan_in, 1))
        uniform_(tensor, -bound, bound, self.generator)

    bias = __call__


INITIALIZERS: dict[str, type[Initializer]] = {
    "uniform": Uniform,
    "normal": Normal,
    "zeros": Zeros,
    "ones": Ones,
    "xavier_uniform": XavierUniform,
    "xavier_normal": XavierNormal,
    "kaiming_uniform": KaimingUniform,
    "kaiming_normal": KaimingNormal,
    "pytorch": PyTorchDefault,
}
"""The names that ``init=`` and the command line understand."""
_ALIASES = {
    "glorot": "xavier_uniform",
    "xavier": "xavier_normal",
    "he": "kaiming_normal",
    "default": "pytorch",
}


def from_name(name: str) -> Initializer:
    """The initialiser of that name, with its default arguments; raises ArgumentError for an unknown one.

    >>> import rushlight as rl
    >>> rl.nn.init.from_name("xavier_uniform")
    XavierUniform(gain=1.0)
    """
    key = name.lower().replace("-", "_")
    key = _ALIASES.get(key, key)
    if key not in INITIALIZERS:
        near = nearest(key, [*INITIALIZERS, *_ALIASES], 1)
        remedy = f"Did you mean {near[0]!r}?" if near else "Or derive your own from nn.init.Initializer."
        raise ArgumentError(message("initializer", repr(name), "one of: " + ", ".join(INITIALIZERS), remedy))
    return INITIALIZERS[key]()


def as_initializer(init: Initializer | str | type[Initializer]) -> Initializer:
    """An Initializer from itself, its name or its class; raises ArgumentError for anything else."""
    if isinstance(init, str):
        return from_name(init)
    if isinstance(init, type) and issubclass(init, Initializer):
        return init()
    if callable(init):
        return init
    raise ArgumentError(
        message(
            "initializer",
            f"a {type(init).__name__}",
            "an Initializer or its name",
            "Try init='xavier_uniform'.",
        )
    )
