"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.factored import Factored, half_log_det, mahalanobis
from rushlight.distributions.utils import one_of
from rushlight.errors import ArgumentError, message
from rushlight.ops.random import gaussian

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Factored):
    """The normal distribution of vectors, of mean `loc` and one of `covariance_matrix`, its inverse
    `precision_matrix`, and its Cholesky factor `scale_tril`, from which it computes.

    ln p(x) = -(x - m)' C^-1 (x - m) / 2 - ln det C / 2 - n/2 ln 2 pi

    >>> import rushlight as rl
    >>> rl.distributions.MultivariateNormal(rl.zeros(2), rl.eye(2)).log_prob(rl.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ArgumentError(message("MultivariateNormal", "loc without axes", "at least one axis"))
        given = {
            "covariance_matrix": covariance_matrix,
            "scale_tril": scale_tril,
            "precision_matrix": precision_matrix,
        }
        name = one_of("MultivariateNormal", **given)
        matrix: Any = given[name]
        if matrix.ndim < 2:
            raise ArgumentError(
                message("MultivariateNormal", f"{name} of {matrix.ndim} axes", "at least two")
            )
        batch = broadcast("MultivariateNormal", [matrix.shape[:-2], loc.shape[:-1]])
        setattr(self, name, matrix.expand((*batch, *matrix.shape[-2:])))
        self.loc = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._factor_from(name, matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        total = self._unbroadcasted_scale_tril.square().sum(-1)
        return total.expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = gaussian(self._extended_shape(sample_shape), self.loc.dtype, None)
        return self.loc + (self._unbroadcasted_scale_tril @ z.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        lower = self._unbroadcasted_scale_tril
        norm = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (norm + mahalanobis(lower, value - self.loc)) - half_log_det(lower)

    def entropy(self) -> Tensor:
        spread = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return (spread + half_log_det(self._unbroadcasted_scale_tril)).expand(self._batch_shape)
