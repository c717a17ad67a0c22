"""The Bernoulli distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.probability import OfProbability
from rushlight.distributions.utils import as_values
from rushlight.ops import arange, full_like, where
from rushlight.ops.loss import bce_with_logits
from rushlight.ops.random import uniform

__all__ = ["Bernoulli"]


class Bernoulli(OfProbability):
    """1 with probability p, else 0; ln p(x) = x ln p + (1 - x) ln(1 - p).

    >>> import rushlight as rl
    >>> rl.distributions.Bernoulli(rl.tensor([0.25])).log_prob(rl.tensor([1.0])).exp()
    tensor([0.25])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        (value,) = as_values(self._give(probs, logits))
        self._keep(value)
        super().__init__(value.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        one = (self.probs >= 0.5).to(self.probs.dtype)
        return where(self.probs == 0.5, full_like(one, float("nan")), one)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            return (uniform(shape, self.probs.dtype, None) < self.probs).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        return -bce_with_logits(self.logits, value)

    def entropy(self) -> Tensor:
        return bce_with_logits(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(arange(2, dtype=self._param.dtype), expand)
