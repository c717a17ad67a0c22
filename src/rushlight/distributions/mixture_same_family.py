"""Mixtures of distributions of one family."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.categorical import Categorical
from rushlight.distributions.distribution import Distribution
from rushlight.errors import ArgumentError, message

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A draw of the component that `mixture_distribution` chooses: p(x) = sum of pi_k p_k(x).

    component_distribution  its last batch axis are the components.

    >>> import rushlight as rl
    >>> d = rl.distributions
    >>> two = d.MixtureSameFamily(
    ...     d.Categorical(rl.ones(2)), d.Normal(rl.tensor([-1.0, 3.0]), rl.ones(2))
    ... )
    >>> two.mean, two.variance
    (tensor(1.), tensor(5.))
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            got = f"a mixture_distribution that is a {type(mixture_distribution).__name__}"
            raise ArgumentError(message("MixtureSameFamily", got, "a Categorical"))
        batch, event = component_distribution.batch_shape, component_distribution.event_shape
        weights = mixture_distribution.param_shape
        if not batch or weights[-1] != batch[-1] or mixture_distribution.batch_shape not in ((), batch[:-1]):
            got = f"weights of shape {weights} and components of batch {batch}"
            raise ArgumentError(message("MixtureSameFamily", got, "the batch to end with the components"))
        self.mixture_distribution: Any = mixture_distribution.expand(batch[:-1])
        self.component_distribution = component_distribution
        super().__init__(batch[:-1], event, validate_args=validate_args)

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self.component_distribution.support)

    def _weights(self) -> Tensor:
        probs = self.mixture_distribution.probs
        return probs.reshape((*probs.shape, *(1 for _ in self._event_shape)))

    def _axis(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self.component_distribution.mean).sum(self._axis())

    @property
    def variance(self) -> Tensor:
        gap = self.component_distribution.mean - self.mean.unsqueeze(self._axis())
        return (self._weights() * (self.component_distribution.variance + gap * gap)).sum(self._axis())

    def cdf(self, value: Tensor) -> Tensor:
        parts = self.component_distribution.cdf(value.unsqueeze(self._axis()))
        return (parts * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        log_prob = self.component_distribution.log_prob(value.unsqueeze(self._axis()))
        return (log_prob + self.mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            choice = self.mixture_distribution.sample(sample_shape)
            parts = self.component_distribution.sample(sample_shape)
            index = choice.reshape((*choice.shape, *(1,) * (1 + len(self._event_shape))))
            shape = list(parts.shape)
            shape[len(choice.shape)] = 1
            return parts.gather(len(choice.shape), index.expand(shape)).squeeze(len(choice.shape))

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self.mixture_distribution}, {self.component_distribution})"
