"""Distributions of the sizes of numbers that lie around 0."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.location_scale import LocationScale
from rushlight.distributions.transformed_distribution import TransformedDistribution, of_base
from rushlight.distributions.transforms import AbsTransform
from rushlight.ops import where, zeros_like

__all__ = ["Half"]


class Half(TransformedDistribution):
    """|X| for X of a distribution that is symmetric around 0."""

    arg_constraints: ClassVar[dict[str, Any]] = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    scale = of_base("scale", "The width of X.")

    def __init__(self, whole: type[LocationScale], scale: Any, validate_args: bool | None) -> None:
        super().__init__(whole(0.0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return where(value >= 0, log_prob, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)
