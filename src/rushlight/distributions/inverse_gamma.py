"""The inverse gamma distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.gamma import Gamma
from rushlight.distributions.transformed_distribution import TransformedDistribution, of_base
from rushlight.distributions.transforms import PowerTransform
from rushlight.ops import where

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """1 / X for X of the gamma distribution.

    >>> import rushlight as rl
    >>> rl.distributions.InverseGamma(rl.tensor([3.0]), rl.tensor([4.0])).mean
    tensor([2.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True
    concentration = of_base("concentration", "The gamma distribution's.")
    rate = of_base("rate", "The gamma distribution's.")

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        a = self.concentration
        return where(a > 1, self.rate / (a - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return where(a > 2, (self.rate / (a - 1)).square() / (a - 2), math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()
