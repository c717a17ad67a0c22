"""Distributions with a positive definite matrix, of which the Cholesky factor is kept."""

from __future__ import annotations

from typing import Any

from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import lazy_property
from rushlight.linalg import cholesky, solve_triangular
from rushlight.ops import eye
from rushlight.ops.strided import diagonal

__all__ = ["Factored", "half_log_det", "mahalanobis", "turned"]


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


def _inverse_of_factor(lower: Tensor) -> Tensor:
    """(L L')^-1."""
    inverse = _inverse(lower)
    return turned(inverse) @ inverse


def _factor_of_precision(precision: Tensor) -> Tensor:
    """The lower L with L L' = P^-1, by the factor of P turned around."""
    flipped = cholesky(precision.flip(-2, -1))
    return _inverse(turned(flipped.flip(-2, -1)))


class Factored(Distribution):
    """What distributions share that are given one of `covariance_matrix`, its inverse `precision_matrix` and
    its Cholesky factor `scale_tril`, and compute from the last."""

    def _factor_from(self, name: str, matrix: Any) -> None:
        """Keep the factor of the matrix that was given by this name."""
        if name == "covariance_matrix":
            matrix = cholesky(matrix)
        elif name == "precision_matrix":
            matrix = _factor_of_precision(matrix)
        self._unbroadcasted_scale_tril: Any = matrix

    def _expanded(self, name: str, value: Any, batch_shape: Any) -> Any:
        return value if name == "_unbroadcasted_scale_tril" else super()._expanded(name, value, batch_shape)

    def _matrix(self, value: Tensor) -> Tensor:
        return value.expand((*self._batch_shape, *value.shape[-2:]))

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L with L L' the covariance matrix."""
        return self._matrix(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """L L'."""
        lower = self._unbroadcasted_scale_tril
        return self._matrix(lower @ turned(lower))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance matrix."""
        return self._matrix(_inverse_of_factor(self._unbroadcasted_scale_tril))
