"""The LKJ distribution of correlation matrices, by their Cholesky factors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.beta import Beta
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.utils import as_values, tiny
from rushlight.errors import ArgumentError, message
from rushlight.ops import arange, cat
from rushlight.ops.gammas import mvlgamma
from rushlight.ops.random import gaussian
from rushlight.ops.strided import diag_embed, diagonal

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """The lower Cholesky factors L of correlation matrices L L' of `dim` rows, whose density is proportional
    to det(L L')^(concentration - 1) (Lewandowski, Kurowicka and Joe, 2009): with a concentration of 1 all
    correlation matrices are equally probable, and larger ones prefer small correlations.

    Draws are made row by row ("onion"), and have this density; PyTorch's have it for two rows
    only. Raises ArgumentError for a `dim` below 2.

    >>> import rushlight as rl
    >>> l = rl.distributions.LKJCholesky(3, 0.5).sample()
    >>> (l @ l.T).diagonal()
    tensor([1., 1., 1.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(
        self, dim: int, concentration: Tensor | float = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ArgumentError(message("LKJCholesky", f"dim={dim}", "a whole number of at least 2"))
        self.dim = dim
        (self.concentration,) = as_values(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)
        # The squared length of row i without its last number is Beta(i / 2, c + (dim - 1 - i) / 2).
        count = arange(dim - 1, dtype=self.concentration.dtype)
        count = cat([count.new_zeros((1,)), count])
        rest = self.concentration.unsqueeze(-1) + 0.5 * (dim - 2) - 0.5 * count
        self._beta = Beta((0.5 * (count + 1)).expand(rest.shape), rest, validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Factors of shape sample_shape + batch_shape + (dim, dim), without history."""
        length = self._beta.sample(sample_shape).unsqueeze(-1)
        ball = gaussian(self._extended_shape(sample_shape), self.concentration.dtype, None).tril(-1)
        norm = ball.square().sum(-1, keepdim=True).sqrt()
        rows = length.sqrt() * ball / norm.masked_fill(norm == 0, 1.0)
        rest = 1 - rows.square().sum(-1)
        return rows + diag_embed(rest.clamp(min=tiny(rest.dtype)[0]).sqrt())

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        n = self.dim
        row = arange(2, n + 1, dtype=self.concentration.dtype)
        power = 2 * (self.concentration - 1).unsqueeze(-1) + n - row
        density = (power * diagonal(value, dim1=-2, dim2=-1)[..., 1:].log()).sum(-1)
        top = self.concentration + 0.5 * (n - 1)
        volume = 0.5 * (n - 1) * math.log(math.pi) + mvlgamma(top - 0.5, n - 1) - (n - 1) * top.lgamma()
        return density - volume
