"""Transforms to triangular and positive definite matrices."""

from __future__ import annotations

import math

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.transform import Transform
from rushlight.distributions.utils import softplus, tril_matrix_to_vec, vec_to_tril_matrix
from rushlight.errors import ArgumentError, message
from rushlight.ops import cat, eye
from rushlight.ops.scans import cumprod
from rushlight.ops.strided import diag_embed, diagonal
from rushlight.ops.trigonometry import atanh

__all__ = ["CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform"]

Shape = tuple[int, ...]


class LowerCholeskyTransform(Transform):
    """The lower triangle of a matrix, with e^x on its diagonal.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.LowerCholeskyTransform()(rl.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + diag_embed(diagonal(x, dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + diag_embed(diagonal(y, dim1=-2, dim2=-1).log())


class PositiveDefiniteTransform(Transform):
    """L L' for the L of LowerCholeskyTransform.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.PositiveDefiniteTransform()(rl.zeros(1, 1))
    tensor([[1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.transpose(-1, -2)

    def _inverse(self, y: Tensor) -> Tensor:
        from rushlight.linalg import cholesky

        return LowerCholeskyTransform().inv(cholesky(y))


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers to the Cholesky factor of a correlation matrix, whose rows have length 1.

    Row by row: tanh(x) of what is left of the row's length, as in breaking a stick.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.CorrCholeskyTransform()(rl.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CorrCholeskyTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        step = 2.0**-23 if x.element_size() < 8 else 2.0**-52
        r = vec_to_tril_matrix(x.tanh().clamp(min=-1 + step, max=1 - step), diag=-1)
        left = cumprod((1 - r * r).sqrt(), -1)
        ones = r.new_ones((*r.shape[:-1], 1))
        return (r + eye(r.shape[-1], dtype=r.dtype)) * cat([ones, left[..., :-1]], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        ones = y.new_ones((*y.shape[:-1], 1))
        before = cat([ones, left[..., :-1]], -1)
        parts, rests = tril_matrix_to_vec(y, diag=-1), tril_matrix_to_vec(before, diag=-1)
        return atanh(parts / rests.sqrt())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # Of row i every part is tanh(x) times the root of what the parts before it left.
        left = 1 - (y * y).cumsum(-1)
        rest = tril_matrix_to_vec(left, diag=-2)
        scaled = 0.5 * rest.log().sum(-1)
        slopes = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return scaled + slopes

    def forward_shape(self, shape: Shape) -> Shape:
        n = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5) if shape else 0
        if not shape or n * (n - 1) // 2 != shape[-1]:
            raise ArgumentError(
                message(
                    "CorrCholeskyTransform", f"shape {shape}", "n (n - 1) / 2 numbers along the last axis"
                )
            )
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ArgumentError(message("CorrCholeskyTransform", f"shape {shape}", "square matrices"))
        n = shape[-1]
        return (*shape[:-2], n * (n - 1) // 2)
