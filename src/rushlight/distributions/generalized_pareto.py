"""The generalized Pareto distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import broadcast_all
from rushlight.ops import where
from rushlight.ops.gamma_draws import open_uniform

__all__ = ["GeneralizedPareto"]


def _near_one(u: Tensor, function: Any, terms: tuple[float, ...]) -> Tensor:
    """function(u) / u, which is 1 at 0; `terms` are its Taylor series."""
    small = u.abs() < 1e-3
    series: Any = terms[-1]
    for term in terms[-2::-1]:
        series = series * u + term
    other = where(small, 1.0, u)
    return where(small, series, function(other) / other)


_LOG1P = tuple((-1.0) ** k / (k + 1) for k in range(6))
_EXPM1 = tuple(1 / math.factorial(k + 1) for k in range(6))


class GeneralizedPareto(Distribution):
    """The generalized Pareto distribution: P(X > x) = (1 + c z)^(-1/c) with z = (x - loc) / scale and
    c = `concentration`; e^-z for c = 0. It reaches from loc on, and for c < 0 up to loc - scale / c. Where
    c is too large for them, mean and variance are nan, as in PyTorch.

    >>> import rushlight as rl
    >>> tail = rl.distributions.GeneralizedPareto(0.0, 2.0, 0.5)
    >>> tail.mean, tail.cdf(rl.tensor(4.0))
    (tensor(4.), tensor(0.7500))
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(open_uniform(self._extended_shape(sample_shape), self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -self.scale.log() - (1 + self.concentration) * self._depth(value)

    def _depth(self, value: Tensor) -> Tensor:
        """-ln P(X > x) = ln(1 + c z) / c."""
        z = (value - self.loc) / self.scale
        return z * _near_one(self.concentration * z, lambda u: u.log1p(), _LOG1P)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """ln P(X > x)."""
        self._validate_sample(value)
        return -self._depth(value)

    def log_cdf(self, value: Tensor) -> Tensor:
        """ln P(X <= x)."""
        return self.cdf(value).log()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -(-self._depth(value)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        depth = -(-value).log1p()
        return self.loc + self.scale * depth * _near_one(
            self.concentration * depth, lambda u: u.expm1(), _EXPM1
        )

    @property
    def mean(self) -> Tensor:
        rest = 1 - self.concentration
        return where(rest > 0, self.loc + self.scale / where(rest > 0, rest, 1.0), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        c = where(self.concentration < 0.5, self.concentration, 0.0)
        found = (self.scale / (1 - c)).square() / (1 - 2 * c)
        return where(self.concentration < 0.5, found, math.nan)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        bounded = self.concentration < 0
        end = self.loc - self.scale / where(bounded, self.concentration, -1.0)
        return constraints.interval(self.loc, where(bounded, end, math.inf))
