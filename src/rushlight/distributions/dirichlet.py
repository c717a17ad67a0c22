"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import one_hot
from rushlight.errors import ArgumentError, message
from rushlight.ops import where
from rushlight.ops.exponential import xlogy
from rushlight.ops.gamma_draws import log_gamma_draw

__all__ = ["Dirichlet"]


class Dirichlet(Distribution):
    """Vectors of probabilities: p(x) is proportional to the product of x_i^(a_i - 1), a = `concentration`.

    >>> import rushlight as rl
    >>> rl.distributions.Dirichlet(rl.tensor([1.0, 3.0])).mean
    tensor([0.25, 0.75])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "concentration": constraints.independent(constraints.positive, 1)
    }
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ArgumentError(message("Dirichlet", "concentration without axes", "at least one axis"))
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, keepdim=True)
        corner = one_hot(self.concentration.argmax(-1), self._event_shape[0], mode.dtype)
        return where((self.concentration < 1).all(-1, keepdim=True), corner, mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total * total * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return log_gamma_draw(self.concentration.expand(shape)).softmax(-1).to(self.concentration.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        a = self.concentration
        return xlogy(a - 1.0, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, k = self.concentration, self._event_shape[0]
        total = a.sum(-1)
        spread = a.lgamma().sum(-1) - total.lgamma() - (k - total) * total.digamma()
        return spread - ((a - 1.0) * a.digamma()).sum(-1)
