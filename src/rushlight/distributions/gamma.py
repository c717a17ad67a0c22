"""The gamma distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import broadcast_all, tiny
from rushlight.ops import where
from rushlight.ops.exponential import xlogy
from rushlight.ops.gamma_draws import log_gamma_draw
from rushlight.ops.gammas import igamma

__all__ = ["Gamma"]


class Gamma(Distribution):
    """The gamma distribution: p(x) = rate^a x^(a - 1) e^(-rate x) / Gamma(a), for a = `concentration`.

    >>> import rushlight as rl
    >>> rl.distributions.Gamma(rl.tensor([3.0]), rl.tensor([2.0])).mean
    tensor([1.5])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / (self.rate * self.rate)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = log_gamma_draw(self.concentration.expand(shape)).exp().to(self.rate.dtype) / self.rate
        # 0 is no value of it; the gradient is that of the draw.
        least, found = tiny(value.dtype)[0], value.detach()
        return value + where(found < least, least - found, 0.0)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return xlogy(a, rate) + xlogy(a - 1, value) - rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()
