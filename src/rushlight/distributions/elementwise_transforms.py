"""Transforms of each number by itself."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.transform import Transform, widened
from rushlight.distributions.utils import as_values, softplus, sum_rightmost, tiny
from rushlight.ops.exponential import logit
from rushlight.ops.trigonometry import atanh

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "ExpTransform",
    "PowerTransform",
    "SigmoidTransform",
    "SoftplusTransform",
    "TanhTransform",
]

Shape = tuple[int, ...]


class _Elementwise(Transform):
    """A monotone function of each number by itself."""

    domain: Any = constraints.real
    codomain: Any = constraints.real
    bijective = True

    @property
    def sign(self) -> Any:
        return 1

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    __hash__ = object.__hash__


class ExpTransform(_Elementwise):
    """y = e^x.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.ExpTransform().inv(rl.ones(1))
    tensor([0.])
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(_Elementwise):
    """y = x^exponent, of positive numbers.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.PowerTransform(rl.tensor(2.0))(rl.tensor([3.0]))
    tensor([9.])
    """

    domain = constraints.positive
    codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        (self.exponent,) = as_values(exponent)

    @property
    def sign(self) -> Any:
        return self.exponent.sign()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Shape) -> Shape:
        return broadcast("PowerTransform", [shape, self.exponent.shape])

    inverse_shape = forward_shape


class SigmoidTransform(_Elementwise):
    """y = 1 / (1 + e^-x).

    >>> import rushlight as rl
    >>> rl.distributions.transforms.SigmoidTransform()(rl.zeros(1))
    tensor([0.5])
    """

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        least, step = tiny(x.dtype)
        return x.sigmoid().clamp(min=least, max=1.0 - step)

    def _inverse(self, y: Tensor) -> Tensor:
        least, step = tiny(y.dtype)
        return logit(y.clamp(min=least, max=1.0 - step))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class SoftplusTransform(_Elementwise):
    """y = ln(1 + e^x).

    >>> import rushlight as rl
    >>> rl.distributions.transforms.SoftplusTransform()(rl.zeros(1))
    tensor([0.6931])
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class TanhTransform(_Elementwise):
    """y = tanh(x). For draws that are to be scored, `cache_size=1` remembers x: artanh of a y near 1 would
    lose it.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.TanhTransform()(rl.tensor([0.5]))
    tensor([0.4621])
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return atanh(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Transform):
    """y = |x|; its inverse gives the positive x.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.AbsTransform()(rl.tensor([-2.0]))
    tensor([2.])
    """

    domain = constraints.real
    codomain = constraints.positive

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbsTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class AffineTransform(Transform):
    """y = loc + scale x.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.AffineTransform(1.0, 2.0)(rl.ones(1))
    tensor([3.])
    """

    bijective = True

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        """How many axes, from the last, are one value."""
        return self._event_dim

    @property
    def domain(self) -> Any:
        return widened(constraints.real, self._event_dim)

    codomain = domain

    @property
    def sign(self) -> Any:
        if isinstance(self.scale, Tensor):
            return self.scale.sign()
        return 1 if self.scale > 0 else -1 if self.scale < 0 else 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        return all(
            bool((a == b).all()) if isinstance(a, Tensor) or isinstance(b, Tensor) else a == b
            for a, b in ((self.loc, other.loc), (self.scale, other.scale))
        )

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if isinstance(self.scale, Tensor):
            out = self.scale.abs().log().expand(broadcast("AffineTransform", [x.shape, self.scale.shape]))
        else:
            out = x.new_full(x.shape, math.log(abs(self.scale)))
        return sum_rightmost(out, self._event_dim)

    def forward_shape(self, shape: Shape) -> Shape:
        tensors = [t for t in (self.loc, self.scale) if isinstance(t, Tensor)]
        return broadcast("AffineTransform", [shape, *(t.shape for t in tensors)])

    inverse_shape = forward_shape
