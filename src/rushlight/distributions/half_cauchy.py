"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.distributions.cauchy import Cauchy
from rushlight.distributions.half import Half
from rushlight.ops import full_like

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """|X| for X of the Cauchy distribution at 0 with the width `scale`.

    >>> import rushlight as rl
    >>> rl.distributions.HalfCauchy(rl.tensor([1.0])).cdf(rl.tensor([1.0]))
    tensor([0.5])
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy, scale, validate_args)

    @property
    def mean(self) -> Tensor:
        return full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance
