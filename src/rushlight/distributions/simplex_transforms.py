"""Transforms to vectors of probabilities."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.transform import Transform
from rushlight.distributions.utils import softplus
from rushlight.errors import ArgumentError, message
from rushlight.ops import arange, cat
from rushlight.ops.scans import cumprod

__all__ = ["SoftmaxTransform", "StickBreakingTransform"]

Shape = tuple[int, ...]


class SoftmaxTransform(Transform):
    """y = softmax(x) along the last axis; its inverse is ln y. It is not one to one, and has no density.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.SoftmaxTransform()(rl.zeros(2))
    tensor([0.5, 0.5])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Shape) -> Shape:
        if not shape:
            raise ArgumentError(message("SoftmaxTransform", "shape ()", "at least one axis"))
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """K - 1 numbers to K probabilities: of what is left of a stick each breaks off the part
    sigmoid(x_i - ln(K - i)).

    >>> import rushlight as rl
    >>> rl.distributions.transforms.StickBreakingTransform()(rl.zeros(3))
    tensor([0.25, 0.25, 0.25, 0.25])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = object.__hash__

    def _offset(self, n: int, like: Tensor) -> Tensor:
        return arange(n, 0, -1, dtype=like.dtype)

    def _call(self, x: Tensor) -> Tensor:
        z = (x - self._offset(x.shape[-1], x).log()).sigmoid()
        left = cumprod(1 - z, -1)
        one = x.new_ones((*x.shape[:-1], 1))
        return cat([z, one], -1) * cat([one, left], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = y[..., :-1]
        left = (1 - parts.cumsum(-1)).clamp(min=1e-45 if y.element_size() > 4 else 1e-38)
        return parts.log() - left.log() + self._offset(parts.shape[-1], y).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._offset(x.shape[-1], x).log()
        return (y[..., :-1].log() - softplus(x)).sum(-1)  # y_i (1 - z_i)

    def forward_shape(self, shape: Shape) -> Shape:
        if not shape:
            raise ArgumentError(message("StickBreakingTransform", "shape ()", "at least one axis"))
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Shape) -> Shape:
        if not shape:
            raise ArgumentError(message("StickBreakingTransform", "shape ()", "at least one axis"))
        return (*shape[:-1], shape[-1] - 1)
