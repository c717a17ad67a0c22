"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.distributions.location_scale import LocationScale
from rushlight.ops.erfs import ndtr, ndtri
from rushlight.ops.random import gaussian

__all__ = ["Normal"]


class Normal(LocationScale):
    """The normal distribution of mean `loc` and standard deviation `scale`.

    ln p(x) = -(x - loc)² / (2 scale²) - ln scale - ln sqrt(2 pi)

    >>> import rushlight as rl
    >>> rl.distributions.Normal(0.0, 1.0).log_prob(rl.tensor([0.0, 1.0]))
    tensor([-0.9189, -1.4189])
    """

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.loc + gaussian(shape, self.loc.dtype, None) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        z = (value - self.loc) / self.scale
        return z * z * -0.5 - self.scale.log() - math.log(2 * math.pi) / 2

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return ndtr((value - self.loc) / self.scale)

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * ndtri(value)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
