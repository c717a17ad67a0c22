"""The multivariate normal distribution whose covariance is of low rank and a diagonal."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.factored import half_log_det, mahalanobis, turned
from rushlight.distributions.utils import lazy_property
from rushlight.errors import ArgumentError, message
from rushlight.linalg import cholesky, solve_triangular
from rushlight.ops import eye
from rushlight.ops.random import gaussian
from rushlight.ops.strided import diag_embed

__all__ = ["LowRankMultivariateNormal", "capacitance_of", "low_rank_log_det", "low_rank_mahalanobis"]


def capacitance_of(factor: Tensor, diagonal: Tensor) -> Tensor:
    """The Cholesky factor of I + W' D^-1 W."""
    inner = turned(factor) @ (factor / diagonal.unsqueeze(-1))
    return cholesky(inner + eye(factor.shape[-1], dtype=factor.dtype))


def low_rank_log_det(diagonal: Tensor, capacitance: Tensor) -> Tensor:
    """ln det(W W' + D), by the determinant lemma."""
    return 2 * half_log_det(capacitance) + diagonal.log().sum(-1)


def low_rank_mahalanobis(factor: Tensor, diagonal: Tensor, gap: Tensor, capacitance: Tensor) -> Tensor:
    """x' (W W' + D)^-1 x, by Woodbury's identity."""
    projected = (turned(factor / diagonal.unsqueeze(-1)) @ gap.unsqueeze(-1)).squeeze(-1)
    return (gap.square() / diagonal).sum(-1) - mahalanobis(capacitance, projected)


class LowRankMultivariateNormal(Distribution):
    """MultivariateNormal of covariance W W' + D, for W = `cov_factor` (n, m) and the diagonal D = `cov_diag`.

    Only matrices of m rows are factored.

    >>> import rushlight as rl
    >>> factor = rl.tensor([[1.0], [0.0]])
    >>> rl.distributions.LowRankMultivariateNormal(rl.zeros(2), factor, rl.ones(2)).variance
    tensor([2., 1.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        event = loc.shape[-1:]
        if (
            loc.ndim < 1
            or cov_factor.ndim < 2
            or cov_factor.shape[-2:-1] != event
            or cov_diag.shape[-1:] != event
        ):
            got = f"loc {loc.shape}, cov_factor {cov_factor.shape} and cov_diag {cov_diag.shape}"
            raise ArgumentError(
                message("LowRankMultivariateNormal", got, "(..., n), (..., n, m) and (..., n)")
            )
        batch = broadcast(
            "LowRankMultivariateNormal", [loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]]
        )
        self.loc = loc.expand((*batch, *event))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        self.cov_diag = cov_diag.expand((*batch, *event))
        super().__init__(batch, event, validate_args=validate_args)
        self._capacitance_tril = capacitance_of(self.cov_factor, self.cov_diag)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.cov_factor.square().sum(-1) + self.cov_diag

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L with L L' = W W' + D."""
        return cholesky(self.covariance_matrix)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """W W' + D."""
        return self.cov_factor @ turned(self.cov_factor) + diag_embed(self.cov_diag)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        scaled = turned(self.cov_factor / self.cov_diag.unsqueeze(-1))
        a = solve_triangular(self._capacitance_tril, scaled, upper=False)
        return diag_embed(self.cov_diag.reciprocal()) - turned(a) @ a

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        w = gaussian((*shape[:-1], self.cov_factor.shape[-1]), self.loc.dtype, None)
        z = gaussian(shape, self.loc.dtype, None)
        return self.loc + (self.cov_factor @ w.unsqueeze(-1)).squeeze(-1) + self.cov_diag.sqrt() * z

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        gap = value - self.loc
        distance = low_rank_mahalanobis(self.cov_factor, self.cov_diag, gap, self._capacitance_tril)
        norm = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (norm + low_rank_log_det(self.cov_diag, self._capacitance_tril) + distance)

    def entropy(self) -> Tensor:
        spread = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return 0.5 * (spread + low_rank_log_det(self.cov_diag, self._capacitance_tril))
