"""The binomial distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.probability import OfProbability
from rushlight.distributions.utils import broadcast_all, softplus
from rushlight.errors import NotSupportedError, message
from rushlight.ops import arange, minimum
from rushlight.ops.draws import binomial

__all__ = ["Binomial"]


class Binomial(OfProbability):
    """How many of `total_count` trials succeed, each with probability p.

    >>> import rushlight as rl
    >>> rl.distributions.Binomial(4, rl.tensor([0.5])).log_prob(rl.tensor([2.0])).exp()
    tensor([0.375])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        count, value = broadcast_all(total_count, self._give(probs, logits))
        self.total_count = count.to(value.dtype)
        self._keep(value)
        super().__init__(value.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return ways + value * self.logits - n * softplus(self.logits)

    def _count(self) -> int:
        counts = self.total_count
        largest = int(counts.max().item())
        if int(counts.min().item()) != largest:
            got = "a batch of several total_count"
            raise NotSupportedError(message("Binomial", got, "one, where values are listed"))
        return largest

    def entropy(self) -> Tensor:
        self._count()
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(arange(1 + self._count(), dtype=self._param.dtype), expand)
