"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import lazy_property, one_of
from rushlight.errors import ArgumentError, message
from rushlight.linalg import cholesky, solve_triangular
from rushlight.ops import eye
from rushlight.ops.random import gaussian
from rushlight.ops.strided import diagonal

__all__ = [
    "MultivariateNormal",
    "factor_of_precision",
    "half_log_det",
    "inverse_of_factor",
    "mahalanobis",
    "turned",
]


def turned(matrix: Tensor) -> Tensor:
    """The transpose of the last two axes."""
    return matrix.transpose(-1, -2)


def half_log_det(lower: Tensor) -> Tensor:
    """ln det L, for a triangular L."""
    return diagonal(lower, dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(lower: Tensor, gap: Tensor) -> Tensor:
    """x' (L L')^-1 x for vectors x along the last axis."""
    n = gap.shape[-1]
    shape = broadcast("mahalanobis", [gap.shape[:-1], lower.shape[:-2]])
    lower = lower.expand((*shape, n, n))
    solved = solve_triangular(lower, gap.expand((*shape, n)).unsqueeze(-1), upper=False)
    return (solved * solved).sum(-1).sum(-1)


def _inverse(lower: Tensor) -> Tensor:
    unit = eye(lower.shape[-1], dtype=lower.dtype).expand(lower.shape)
    return solve_triangular(lower, unit, upper=False)


def inverse_of_factor(lower: Tensor) -> Tensor:
    """(L L')^-1."""
    inverse = solve_triangular(
        lower, eye(lower.shape[-1], dtype=lower.dtype).expand(lower.shape), upper=False
    )
    return turned(inverse) @ inverse


def factor_of_precision(precision: Tensor) -> Tensor:
    """The lower L with L L' = P^-1, by the factor of P turned around."""
    flipped = cholesky(precision.flip(-2, -1))
    inverse = turned(flipped.flip(-2, -1))
    return solve_triangular(
        inverse, eye(inverse.shape[-1], dtype=inverse.dtype).expand(inverse.shape), upper=False
    )


class MultivariateNormal(Distribution):
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
        if name == "scale_tril":
            self._unbroadcasted_scale_tril: Any = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = factor_of_precision(matrix)

    def _expanded(self, name: str, value: Any, batch_shape: Any) -> Any:
        return value if name == "_unbroadcasted_scale_tril" else super()._expanded(name, value, batch_shape)

    def _matrix(self, value: Tensor) -> Tensor:
        return value.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L with L L' = C."""
        return self._matrix(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """C."""
        lower = self._unbroadcasted_scale_tril
        return self._matrix(lower @ turned(lower))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """C^-1."""
        return self._matrix(inverse_of_factor(self._unbroadcasted_scale_tril))

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
