"""The geometric distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.probability import OfProbability
from rushlight.distributions.utils import as_values
from rushlight.ops import where, zeros_like
from rushlight.ops.gamma_draws import open_uniform
from rushlight.ops.loss import bce_with_logits

__all__ = ["Geometric"]


class Geometric(OfProbability):
    """How many trials fail before the first that succeeds: P(k) = (1 - p)^k p.

    >>> import rushlight as rl
    >>> rl.distributions.Geometric(rl.tensor([0.25])).mean
    tensor([3.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        (value,) = as_values(self._give(probs, logits))
        self._keep(value)
        super().__init__(value.shape, validate_args=validate_args)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_one("probs", self.probs, constraints.greater_than(0.0))

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            u = open_uniform(self._extended_shape(sample_shape), self.probs.dtype)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        probs = self.probs
        never = where((probs == 1) & (value == 0), 0.0, probs)
        return value * (-never).log1p() + probs.log()

    def entropy(self) -> Tensor:
        return bce_with_logits(self.logits, self.probs) / self.probs
