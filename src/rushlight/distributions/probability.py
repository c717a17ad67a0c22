"""Distributions that are given by probabilities or by their logits."""

from __future__ import annotations

from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import lazy_property, logits_to_probs, one_of, probs_to_logits

__all__ = ["OfProbability"]


class OfProbability(Distribution):
    """A distribution with `probs` and `logits`, of which one is given and the other made when asked for."""

    _binary = True

    def _give(self, probs: Any, logits: Any) -> Any:
        """The one that is given."""
        self._given = one_of(type(self).__name__, probs=probs, logits=logits)
        return probs if logits is None else logits

    def _keep(self, value: Tensor) -> None:
        setattr(self, self._given, value)

    @lazy_property
    def logits(self) -> Tensor:
        """ln(p / (1 - p)), or ln p of several classes."""
        return probs_to_logits(self.probs, self._binary)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, self._binary)

    @property
    def _param(self) -> Tensor:
        return getattr(self, self._given)

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the parameter."""
        return self._param.shape
