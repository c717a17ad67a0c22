"""Divergences of multivariate normal distributions."""

from __future__ import annotations

from typing import Any

from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.distributions.factored import half_log_det, mahalanobis
from rushlight.distributions.kl import register_kl
from rushlight.distributions.lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    low_rank_log_det,
    low_rank_mahalanobis,
)
from rushlight.distributions.multivariate_normal import MultivariateNormal
from rushlight.errors import ArgumentError, message
from rushlight.linalg import solve_triangular
from rushlight.ops.strided import diag_embed

__all__: list[str] = []


def _square_of(lower: Tensor, matrix: Tensor) -> Tensor:
    """The trace of (L L')^-1 M M', from L and M."""
    n = lower.shape[-1]
    shape = broadcast("kl_divergence", [lower.shape[:-2], matrix.shape[:-2]])
    solved = solve_triangular(
        lower.expand((*shape, n, n)), matrix.expand((*shape, *matrix.shape[-2:])), upper=False
    )
    return solved.square().sum(-1).sum(-1)


def _low_rank_square_of(q: LowRankMultivariateNormal, matrix: Tensor) -> Tensor:
    """The same with (W W' + D)^-1, by Woodbury's identity."""
    scaled = (q.cov_factor / q.cov_diag.unsqueeze(-1)).transpose(-1, -2)
    whole = (matrix.square() / q.cov_diag.unsqueeze(-1)).sum(-1).sum(-1)
    return whole - _square_of(q._capacitance_tril, scaled @ matrix)


def _log_det(p: Any) -> Tensor:
    if isinstance(p, MultivariateNormal):
        return 2 * half_log_det(p._unbroadcasted_scale_tril)
    return low_rank_log_det(p.cov_diag, p._capacitance_tril)


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _normal(p: Any, q: Any) -> Tensor:
    """(ln det Q - ln det P + tr Q^-1 P + (m - n)' Q^-1 (m - n) - size) / 2 for the covariances P and Q."""
    if p.event_shape != q.event_shape:
        got = f"events of shapes {p.event_shape} and {q.event_shape}"
        raise ArgumentError(message("kl_divergence", got, "one shape"))
    gap = q.loc - p.loc
    if isinstance(p, MultivariateNormal):
        parts = [p._unbroadcasted_scale_tril]
    else:
        parts = [p.cov_factor, diag_embed(p.cov_diag.sqrt())]
    if isinstance(q, MultivariateNormal):
        lower = q._unbroadcasted_scale_tril
        distance = mahalanobis(lower, gap)
        terms = [_square_of(lower, part) for part in parts]
    else:
        distance = low_rank_mahalanobis(q.cov_factor, q.cov_diag, gap, q._capacitance_tril)
        terms = [_low_rank_square_of(q, part) for part in parts]
    for term in terms:
        distance = distance + term
    return 0.5 * (_log_det(q) - _log_det(p) + distance - p.event_shape[0])
