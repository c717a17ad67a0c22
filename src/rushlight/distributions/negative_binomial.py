"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.gamma import Gamma
from rushlight.distributions.probability import OfProbability
from rushlight.distributions.utils import broadcast_all, lazy_property, softplus
from rushlight.ops import where
from rushlight.ops.draws import poisson

__all__ = ["NegativeBinomial"]


class NegativeBinomial(OfProbability):
    """How many trials succeed, each with probability p, before `total_count` have failed.

    >>> import rushlight as rl
    >>> rl.distributions.NegativeBinomial(2.0, rl.tensor([0.5])).mean
    tensor([2.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        count, value = broadcast_all(total_count, self._give(probs, logits))
        self.total_count = count.to(value.dtype)
        self._keep(value)
        super().__init__(value.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self) -> Gamma:
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.total_count
        chances = -n * softplus(self.logits) - value * softplus(-self.logits)
        ways = (n + value).lgamma() - (value + 1.0).lgamma() - n.lgamma()
        return chances + where(n + value == 0.0, 0.0, ways)
