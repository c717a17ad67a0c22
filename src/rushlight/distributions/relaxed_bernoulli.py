"""The relaxed Bernoulli distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.elementwise_transforms import SigmoidTransform
from rushlight.distributions.probability import OfProbability
from rushlight.distributions.transformed_distribution import TransformedDistribution, of_base
from rushlight.distributions.utils import broadcast_all, softplus
from rushlight.ops.gamma_draws import open_uniform

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(OfProbability):
    """The logits of RelaxedBernoulli: (logits + ln u - ln(1 - u)) / temperature, u uniform in (0, 1).

    >>> import rushlight as rl
    >>> from rushlight.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(rl.tensor(1.0), probs=rl.tensor([0.5])).log_prob(rl.zeros(1)).exp()
    tensor([0.25])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        value, self.temperature = broadcast_all(self._give(probs, logits), temperature)
        self._keep(value)
        super().__init__(value.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = open_uniform(self._extended_shape(sample_shape), self._param.dtype)
        return (u.log() - (-u).log1p() + self.logits) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        gap = self.logits - value * self.temperature
        return self.temperature.log() + gap - 2 * softplus(gap)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1 that the lower the temperature the nearer are Bernoulli's, with derivatives.

    >>> import rushlight as rl
    >>> x = rl.distributions.RelaxedBernoulli(rl.tensor(0.5), probs=rl.tensor([0.3])).rsample((4,))
    >>> bool(((x > 0) & (x < 1)).all())
    True
    """

    arg_constraints = LogitRelaxedBernoulli.arg_constraints
    support = constraints.unit_interval
    has_rsample = True
    temperature = of_base("temperature", "How far the numbers may be from 0 and 1.")
    logits = of_base("logits", "ln(p / (1 - p)).")
    probs = of_base("probs", "The probability of 1.")

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
