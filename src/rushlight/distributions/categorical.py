"""The categorical distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from rushlight.core.spec import broadcast
from rushlight.core.state import no_grad
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.probability import OfProbability
from rushlight.distributions.utils import tiny
from rushlight.errors import ArgumentError, message
from rushlight.ops import arange, full
from rushlight.ops.gamma_draws import categories

__all__ = ["Categorical", "OfCategorical"]


class Categorical(OfProbability):
    """A class from 0 to K - 1, with the probabilities along the last axis of `probs`, or softmax of `logits`.

    `probs` need not add up to 1: they are divided by their sum; `logits` are shifted to add up to 1 as
    probabilities.

    >>> import rushlight as rl
    >>> policy = rl.distributions.Categorical(logits=rl.zeros(4))
    >>> policy.entropy().exp(), policy.log_prob(rl.tensor(2)).exp()
    (tensor(4.), tensor(0.25))
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        value = self._give(probs, logits)
        if not isinstance(value, Tensor) or value.ndim < 1:
            raise ArgumentError(message("Categorical", f"{self._given} without axes", "at least one axis"))
        if logits is None:
            value = value / value.sum(-1, keepdim=True)
        else:
            value = value - value.logsumexp(-1, keepdim=True)
        self._keep(value)
        self._num_events = value.shape[-1]
        super().__init__(value.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), float("nan"), dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return full(self._extended_shape(), float("nan"), dtype=self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return categories(self.probs, self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        index = value.long().unsqueeze(-1)
        shape = broadcast("Categorical", [index.shape[:-1], self.logits.shape[:-1]])
        logits = self.logits.expand((*shape, self._num_events))
        return logits.gather(-1, index.expand((*shape, 1))).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=-1 / tiny(self.logits.dtype)[0])
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(arange(self._num_events), expand)


class OfCategorical(Distribution):
    """A distribution of vectors with an element for each class of a categorical distribution."""

    arg_constraints: ClassVar[dict[str, Any]] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits, validate_args=validate_args)
        batch, event = self._categorical.batch_shape, self._categorical.param_shape[-1:]
        super().__init__(batch, event, validate_args=validate_args)

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the parameter."""
        return self._categorical.param_shape
