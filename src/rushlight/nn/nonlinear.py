"""More activations as modules."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ShapeError, message
from rushlight.nn.activation import InPlace
from rushlight.nn.functional import activation, nonlinear
from rushlight.nn.module import Module

__all__ = [
    "CELU",
    "ELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU6",
    "Softmax2d",
    "Softmin",
    "Softshrink",
    "Softsign",
    "Tanhshrink",
    "Threshold",
]


class _Function(Module):
    """A function with options, which are its attributes."""

    _options: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        given = [(name, getattr(self, name)) for name in self._options]
        return ", ".join(f"{name}={value}" for name, value in given if name != "inplace" or value)


class ELU(_Function):
    """x where x > 0, else alpha (exp(x) - 1), element by element; see `functional.elu`.

    >>> import rushlight as rl
    >>> rl.nn.ELU()(rl.tensor([-1000.0, 2.0])).tolist()
    [-1.0, 2.0]
    """

    _options = ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.elu(input, self.alpha, self.inplace)


class CELU(ELU):
    """x where x > 0, else alpha (exp(x / alpha) - 1); see `functional.celu`.

    >>> import rushlight as rl
    >>> rl.nn.CELU(0.5)(rl.tensor([-1000.0, 2.0])).tolist()
    [-0.5, 2.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.celu(input, self.alpha, self.inplace)


class SELU(InPlace):
    """The self-normalising exponential unit; see `functional.selu`.

    >>> import rushlight as rl
    >>> round(rl.nn.SELU()(rl.tensor(1.0)).item(), 4)
    1.0507
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.selu(input, self.inplace)


class Hardsigmoid(InPlace):
    """x / 6 + 1/2, held between 0 and 1.

    >>> import rushlight as rl
    >>> rl.nn.Hardsigmoid()(rl.tensor([-9.0, 0.0, 9.0])).tolist()
    [0.0, 0.5, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardswish(Hardsigmoid):
    """x times Hardsigmoid of x.

    >>> import rushlight as rl
    >>> rl.nn.Hardswish()(rl.tensor([-9.0, 0.0, 9.0])).tolist()
    [0.0, 0.0, 9.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.hardswish(input, self.inplace)


class Mish(InPlace):
    """x tanh(softplus(x)).

    >>> import rushlight as rl
    >>> round(rl.nn.Mish()(rl.tensor(1.0)).item(), 4)
    0.8651
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.mish(input, self.inplace)


class Hardtanh(_Function):
    """x, held between ``min_val`` and ``max_val``.

    >>> import rushlight as rl
    >>> rl.nn.Hardtanh()(rl.tensor([-2.0, 0.5, 2.0])).tolist()
    [-1.0, 0.5, 1.0]
    """

    _options = ("min_val", "max_val", "inplace")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.hardtanh(input, self.min_val, self.max_val, self.inplace)


class ReLU6(Hardtanh):
    """x, held between 0 and 6.

    >>> import rushlight as rl
    >>> rl.nn.ReLU6()(rl.tensor([-2.0, 3.0, 9.0])).tolist()
    [0.0, 3.0, 6.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Hardshrink(_Function):
    """x where \\|x| > lambd, else 0.

    >>> import rushlight as rl
    >>> rl.nn.Hardshrink()(rl.tensor([-2.0, 0.3])).tolist()
    [-2.0, 0.0]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(Hardshrink):
    """x brought nearer to 0 by lambd, and to 0 where it is nearer than that.

    >>> import rushlight as rl
    >>> rl.nn.Softshrink()(rl.tensor([-2.0, 0.3])).tolist()
    [-1.5, 0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.softshrink(input, self.lambd)


class Tanhshrink(Module):
    """x - tanh(x).

    >>> import rushlight as rl
    >>> rl.nn.Tanhshrink()(rl.zeros(1)).tolist()
    [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.tanhshrink(input)


class Softsign(Module):
    """x / (1 + \\|x|).

    >>> import rushlight as rl
    >>> rl.nn.Softsign()(rl.tensor([-3.0, 1.0])).tolist()
    [-0.75, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.softsign(input)


class LogSigmoid(Module):
    """ln sigmoid(x), exact for every x.

    >>> import rushlight as rl
    >>> rl.nn.LogSigmoid()(rl.tensor([-1000.0])).tolist()
    [-1000.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.logsigmoid(input)


class GLU(_Function):
    """a sigmoid(b), where a and b are the halves of the input along ``dim``.

    >>> import rushlight as rl
    >>> rl.nn.GLU()(rl.tensor([3.0, 0.0])).tolist()
    [1.5]
    """

    _options = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.glu(input, self.dim)


class Softmin(_Function):
    """softmax(-x) along ``dim``.

    >>> import rushlight as rl
    >>> rl.nn.Softmin(dim=0)(rl.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """

    _options = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.softmin(input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of pictures (N, C, H, W) or (C, H, W), at every pixel.

    >>> import rushlight as rl
    >>> rl.nn.Softmax2d()(rl.zeros(1, 2, 1, 1)).reshape(-1).tolist()
    [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            got = f"shape {tuple(input.shape)}"
            raise ShapeError(message("Softmax2d", got, "(N, C, H, W) or (C, H, W)"))
        return activation.softmax(input, -3)


class PReLU(Module):
    """x where x > 0, else weight · x, with a learned weight: one, or one for each of the channels (axis 1).

    >>> import rushlight as rl
    >>> rl.nn.PReLU()(rl.tensor([-2.0, 3.0])).tolist()
    [-0.5, 3.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        check_device(device)
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(ops.full((num_parameters,), float(init), dtype=dtype))

    def reset_parameters(self) -> None:
        """All weights as they were first."""
        self.weight.data = ops.full_like(self.weight.data, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(_Function):
    """Leaky ReLU with a slope drawn for each element between ``lower`` and ``upper`` in training, and their
    mean otherwise.

    >>> import rushlight as rl
    >>> rl.nn.RReLU(0.25, 0.75).eval()(rl.tensor([-2.0, 3.0])).tolist()
    [-1.0, 3.0]
    """

    _options = ("lower", "upper", "inplace")

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class Threshold(_Function):
    """x where x > ``threshold``, else ``value``.

    >>> import rushlight as rl
    >>> rl.nn.Threshold(1.0, 7.0)(rl.tensor([-2.0, 3.0])).tolist()
    [7.0, 3.0]
    """

    _options = ("threshold", "value", "inplace")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        return nonlinear.threshold(input, self.threshold, self.value, self.inplace)
