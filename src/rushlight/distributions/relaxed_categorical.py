"""The relaxed categorical distribution (Gumbel-softmax, Concrete)."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.categorical import OfCategorical
from rushlight.distributions.elementwise_transforms import ExpTransform
from rushlight.distributions.transformed_distribution import TransformedDistribution, of_base
from rushlight.distributions.utils import as_values
from rushlight.ops.gamma_draws import open_uniform

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(OfCategorical):
    """The logarithms of RelaxedOneHotCategorical's vectors.

    >>> import rushlight as rl
    >>> from rushlight.distributions.relaxed_categorical import ExpRelaxedCategorical
    >>> ExpRelaxedCategorical(rl.tensor(1.0), probs=rl.ones(2)).log_prob(rl.tensor([0.5, 0.5]).log()).exp()
    tensor(0.2500)
    """

    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        (self._temperature,) = as_values(temperature)
        super().__init__(probs, logits, validate_args)

    def _expanded(self, name: str, value: Any, batch_shape: Any) -> Any:
        return value if name == "_temperature" else super()._expanded(name, value, batch_shape)

    @property
    def temperature(self) -> Tensor:
        """How far the vectors may be from one-hot ones."""
        return self._temperature

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = open_uniform(self._extended_shape(sample_shape), self.logits.dtype)
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        k = self._event_shape[0]
        norm = math.lgamma(k) + self.temperature.log() * (k - 1)
        score = self.logits - value * self.temperature
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + norm


class RelaxedOneHotCategorical(TransformedDistribution):
    """Vectors of probabilities that the lower the temperature the nearer are one-hot, with derivatives.

    >>> import rushlight as rl
    >>> x = rl.distributions.RelaxedOneHotCategorical(rl.tensor(0.5), probs=rl.ones(3)).rsample()
    >>> round(x.sum().item(), 4)
    1.0
    """

    arg_constraints = OfCategorical.arg_constraints
    support = constraints.simplex
    has_rsample = True
    temperature = of_base("temperature", "How far the vectors may be from one-hot ones.")
    logits = of_base("logits", "Logarithms of the probabilities.")
    probs = of_base("probs", "The probabilities.")

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
