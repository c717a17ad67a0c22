"""The Wishart distribution."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.chi2 import Chi2
from rushlight.distributions.factored import Factored, half_log_det, turned
from rushlight.distributions.kl import register_kl
from rushlight.distributions.utils import as_values, one_of, tiny
from rushlight.errors import ArgumentError, message
from rushlight.linalg import cholesky, solve_triangular
from rushlight.ops import arange, where
from rushlight.ops.gammas import mvlgamma
from rushlight.ops.random import gaussian
from rushlight.ops.strided import diag_embed, diagonal

__all__ = ["Wishart"]


def _digammas(x: Tensor, p: int) -> Tensor:
    """The derivative of `mvlgamma`: the sum of digamma(x - i / 2) for i from 0 to p - 1."""
    return (x.unsqueeze(-1) - 0.5 * arange(p, dtype=x.dtype)).digamma().sum(-1)


class Wishart(Factored):
    """The distribution of sums X of `df` products x x', of normal vectors x of mean 0 and covariance V
    (a number above p - 1 that is not whole has the same density). V is given as `covariance_matrix`, its
    inverse `precision_matrix` or its Cholesky factor `scale_tril`, from which it computes.

    ln p(X) = (df - p - 1)/2 ln det X - tr(V^-1 X)/2 - df/2 (p ln 2 + ln det V) - ln Gamma_p(df / 2)

    Draws are Bartlett's. Raises ArgumentError for a matrix of fewer than two axes, or for not exactly one.

    >>> import rushlight as rl
    >>> rl.distributions.Wishart(rl.tensor(4.0), rl.eye(2)).mean
    tensor([[4., 0.],
            [0., 4.]])
    """

    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Tensor | float,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        name = one_of("Wishart", **given)
        matrix: Any = given[name]
        if matrix.ndim < 2:
            raise ArgumentError(message("Wishart", f"{name} of {matrix.ndim} axes", "at least two"))
        df, matrix = as_values(df, matrix)
        batch, event = broadcast("Wishart", [matrix.shape[:-2], df.shape]), matrix.shape[-2:]
        setattr(self, name, matrix.expand((*batch, *event)))
        self.df = df.expand(batch)
        super().__init__(batch, event, validate_args=validate_args)
        self._factor_from(name, matrix)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must be: `df` more than p - 1."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    @property
    def _over(self) -> Tensor:
        """df with the event's axes."""
        return self.df.unsqueeze(-1).unsqueeze(-1)

    @property
    def mean(self) -> Tensor:
        return self._over * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        factor = where(factor > 0, factor, math.nan)
        return factor.unsqueeze(-1).unsqueeze(-1) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        own = diagonal(v, dim1=-2, dim2=-1)
        return self._over * (v.square() + own.unsqueeze(-1) * own.unsqueeze(-2))

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Tensor:
        """Draws; `max_try_correction` is without effect, for none is singular beyond rounding."""
        shape, p = self._extended_shape(sample_shape), self._event_shape[-1]
        squares = Chi2(self.df.unsqueeze(-1) - arange(p, dtype=self.df.dtype), validate_args=False)
        squares = squares.rsample(sample_shape).clamp(min=tiny(self.df.dtype)[0])
        below = gaussian(shape, self.df.dtype, None).tril(-1)
        factor = self._unbroadcasted_scale_tril @ (below + diag_embed(squares.sqrt()))
        return factor @ turned(factor)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        p, lower = self._event_shape[-1], self._unbroadcasted_scale_tril
        own = cholesky(value)
        shape = broadcast("Wishart", [own.shape[:-2], lower.shape[:-2]])
        ratio = solve_triangular(lower.expand((*shape, p, p)), own.expand((*shape, p, p)), upper=False)
        return (
            (self.df - p - 1) * half_log_det(own)
            - 0.5 * ratio.square().sum(-1).sum(-1)
            - self.df * (0.5 * p * math.log(2) + half_log_det(lower))
            - mvlgamma(self.df / 2, p)
        )

    def entropy(self) -> Tensor:
        p, df = self._event_shape[-1], self.df
        scale = 0.5 * p * math.log(2) + half_log_det(self._unbroadcasted_scale_tril)
        spread = mvlgamma(df / 2, p) - 0.5 * (df - p - 1) * _digammas(df / 2, p)
        return (p + 1) * scale + spread + 0.5 * df * p


@register_kl(Wishart, Wishart)
def _wishart(p: Wishart, q: Wishart) -> Tensor:
    n, a, b = p.event_shape[-1], p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    shape = broadcast("kl_divergence", [a.shape[:-2], b.shape[:-2]])
    ratio = solve_triangular(b.expand((*shape, n, n)), a.expand((*shape, n, n)), upper=False)
    norms = mvlgamma(q.df / 2, n) - mvlgamma(p.df / 2, n)
    return (
        q.df * (half_log_det(b) - half_log_det(a))
        + 0.5 * p.df * (ratio.square().sum(-1).sum(-1) - n)
        + norms
        + 0.5 * (p.df - q.df) * _digammas(p.df / 2, n)
    )
