"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.probability import OfProbability
from rushlight.distributions.utils import as_values, clamp_probs
from rushlight.ops import where
from rushlight.ops.loss import bce_with_logits
from rushlight.ops.random import uniform

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(OfProbability):
    """On [0, 1], p(x) proportional to p^x (1 - p)^(1 - x).

    lims  probabilities between these two, where the formulas are differences of nearly equal numbers, are
          treated by a series.

    >>> import rushlight as rl
    >>> rl.distributions.ContinuousBernoulli(rl.tensor([0.5])).log_prob(rl.tensor([0.3])).abs()
    tensor([0.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        (value,) = as_values(self._give(probs, logits))
        self._keep(value)
        self._lims = lims
        super().__init__(value.shape, validate_args=validate_args)
        if logits is None:
            self.probs = clamp_probs(value)

    def _near(self) -> tuple[Tensor, Tensor, Tensor]:
        """Whether p is near 1/2; p, or a bound where it is; and p - 1/2."""
        p = self.probs
        near = (p > self._lims[0]) & (p <= self._lims[1])
        return near, where(near, self._lims[0], p), p - 0.5

    def _log_norm(self) -> Tensor:
        near, p, gap = self._near()
        low, high = where(p <= 0.5, p, 0.0), where(p <= 0.5, 1.0, p)
        far = ((-p).log1p() - p.log()).abs().log()
        far = far - where(p <= 0.5, (-2.0 * low).log1p(), (2.0 * high - 1.0).log())
        square = gap * gap
        return where(near, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square, far)

    @property
    def mean(self) -> Tensor:
        near, p, gap = self._near()
        far = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        return where(near, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * gap * gap) * gap, far)

    @property
    def variance(self) -> Tensor:
        near, p, gap = self._near()
        far = p * (p - 1.0) / (1.0 - 2.0 * p).square() + 1.0 / ((-p).log1p() - p.log()).square()
        square = gap * gap
        return where(near, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square, far)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(uniform(self._extended_shape(sample_shape), self._param.dtype, None))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -bce_with_logits(self.logits, value) + self._log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        near, p, _ = self._near()
        far = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = where(near, value, far)
        return where(value <= 0.0, 0.0, where(value >= 1.0, 1.0, inside))

    def icdf(self, value: Tensor) -> Tensor:
        near, p, _ = self._near()
        far = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())
        return where(near, value, far)

    def entropy(self) -> Tensor:
        down, up = (-self.probs).log1p(), self.probs.log()
        return self.mean * (down - up) - self._log_norm() - down
