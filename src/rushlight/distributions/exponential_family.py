"""Exponential families: entropy and divergence from the derivative of the normaliser."""

from __future__ import annotations

from rushlight.core.autograd import grad
from rushlight.core.state import enable_grad
from rushlight.core.tensor import Tensor
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.kl import register_kl
from rushlight.distributions.utils import sum_rightmost
from rushlight.errors import NotSupportedError, message

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Base of distributions p(x) = exp(t(x)·n - F(n) + k(x)), with natural parameters n: who derives from it
    has `entropy` and `kl_divergence` without a formula of their own.

    A subclass gives the property `_natural_params`, a tuple of tensors; `_log_normalizer(*n)`, which is F;
    and the mean of k in `_mean_carrier_measure`, unless that is 0. The distributions of this package have
    formulas, and do not derive from it.

    >>> import rushlight as rl
    >>> class Waiting(rl.distributions.ExponentialFamily):
    ...     def __init__(self, rate):
    ...         self.rate = rate
    ...         super().__init__(rate.shape)
    ...     @property
    ...     def _natural_params(self):
    ...         return (-self.rate,)
    ...     def _log_normalizer(self, x):
    ...         return -(-x).log()
    >>> Waiting(rl.tensor([1.0, 2.0])).entropy()
    tensor([1.0000, 0.3069])
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise self._missing("natural parameters")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise self._missing("normaliser")

    @property
    def _mean_carrier_measure(self) -> Tensor | float:
        return 0.0

    def entropy(self) -> Tensor:
        natural, means = _means(self)
        found = self._log_normalizer(*natural) - self._mean_carrier_measure
        for n, mean in zip(natural, means, strict=True):
            found = found - sum_rightmost(n * mean, n.ndim - len(self._batch_shape))
        return found


def _means(p: ExponentialFamily) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The natural parameters, and the means of what they are multiplied by: the derivatives of F."""
    natural = p._natural_params
    asked = any(n.requires_grad for n in natural)
    with enable_grad():
        at = tuple(n if n.requires_grad else n.detach().requires_grad_() for n in natural)
        means = grad(p._log_normalizer(*at).sum(), at, create_graph=asked)
    return natural, means


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    if type(p) is not type(q):
        got = f"{type(p).__name__} and {type(q).__name__}"
        raise NotSupportedError(message("kl_divergence", got, "two of one family", "register_kl enters one."))
    natural, means = _means(p)
    other = q._natural_params
    found = q._log_normalizer(*other) - p._log_normalizer(*natural)
    for n, o, mean in zip(natural, other, means, strict=True):
        found = found - sum_rightmost((o - n) * mean, n.ndim - len(p.batch_shape))
    return found
