"""The multinomial distribution."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.binomial import Binomial
from rushlight.distributions.categorical import OfCategorical
from rushlight.distributions.utils import one_hot
from rushlight.errors import NotSupportedError, message
from rushlight.ops import full, where

__all__ = ["Multinomial"]


class Multinomial(OfCategorical):
    """How often each class comes in `total_count` draws from Categorical.

    >>> import rushlight as rl
    >>> rl.distributions.Multinomial(4, rl.tensor([1.0, 3.0])).mean
    tensor([1., 3.])
    """

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotSupportedError(message("Multinomial", "several total_count", "one whole number"))
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        return one_hot(drawn, self._event_shape[0], self.probs.dtype).sum(0)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        never = (value == 0) & (self.logits == -math.inf)
        return ways + (where(never, 0.0, self.logits) * value).sum(-1)

    def entropy(self) -> Tensor:
        n = full((), float(self.total_count), dtype=self.probs.dtype)
        each = Binomial(self.total_count, self.probs, validate_args=False)
        counts = each.enumerate_support(False)[1:]
        spread = (each.log_prob(counts).exp() * (counts + 1).lgamma()).sum(0).sum(-1)
        return n * self._categorical.entropy() - (n + 1).lgamma() + spread
