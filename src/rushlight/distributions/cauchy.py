"""The Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.distributions.location_scale import LocationScale
from rushlight.ops import full
from rushlight.ops.gamma_draws import open_uniform
from rushlight.ops.trigonometry import atan

__all__ = ["Cauchy"]


class Cauchy(LocationScale):
    """The Cauchy (Lorentz) distribution: p(x) = 1 / (pi scale (1 + ((x - loc) / scale)²)).

    >>> import rushlight as rl
    >>> rl.distributions.Cauchy(0.0, 1.0).cdf(rl.tensor([0.0, 1.0]))
    tensor([0.5000, 0.7500])
    """

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), math.nan, dtype=self.loc.dtype)

    @property
    def variance(self) -> Tensor:
        return full(self._extended_shape(), math.inf, dtype=self.loc.dtype)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(open_uniform(self._extended_shape(sample_shape), self.loc.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        z = (value - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (z * z).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return ((value - 0.5) * math.pi).tan() * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()
