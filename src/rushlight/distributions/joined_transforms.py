"""Transforms of parts of a tensor, of its shape, and by distribution functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.distributions import constraints
from rushlight.distributions.transform import Transform
from rushlight.distributions.utils import sum_rightmost
from rushlight.errors import ArgumentError, message
from rushlight.ops import cat, stack

__all__ = ["CatTransform", "CumulativeDistributionTransform", "ReshapeTransform", "StackTransform"]

Shape = tuple[int, ...]


class CatTransform(Transform):
    """Parts along the axis `dim`, of `lengths`, each with its own transform.

    >>> import rushlight as rl
    >>> t = rl.distributions.transforms
    >>> t.CatTransform([t.ExpTransform(), t.AbsTransform()], lengths=[1, 2])(rl.tensor([0.0, -1.0, -2.0]))
    tensor([1., 1., 2.])
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) if cache_size else t for t in tseq]
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            got = f"{len(self.lengths)} lengths and {len(self.transforms)} transforms"
            raise ArgumentError(message("CatTransform", got, "a length for each transform"))
        self.dim = dim

    @property
    def event_dim(self) -> int:
        """The most axes of one value."""
        return max(t.codomain.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The size of the axis."""
        return sum(self.lengths)

    @property
    def domain(self) -> Any:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    def _parts(self, x: Tensor) -> tuple[Tensor, ...]:
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] != self.length:
            got = f"shape {x.shape}"
            raise ArgumentError(message("CatTransform", got, f"{self.length} along the axis {self.dim}"))
        return x.split(self.lengths, self.dim)

    def _call(self, x: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(x), strict=True)
        return cat([t(part) for t, part in parts], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        parts = zip(self.transforms, self._parts(y), strict=True)
        return cat([t.inv(part) for t, part in parts], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        terms = []
        for t, a, b in zip(self.transforms, self._parts(x), self._parts(y), strict=True):
            terms.append(sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.domain.event_dim))
        dim = (self.dim - x.ndim if self.dim >= 0 else self.dim) + self.event_dim
        if dim < 0:
            return cat(terms, dim)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


class StackTransform(Transform):
    """Slices along the axis `dim`, each with its own transform.

    >>> import rushlight as rl
    >>> t = rl.distributions.transforms
    >>> t.StackTransform([t.ExpTransform(), t.AbsTransform()])(rl.tensor([0.0, -2.0]))
    tensor([1., 2.])
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms = [t.with_cache(cache_size) if cache_size else t for t in tseq]
        self.dim = dim

    @property
    def domain(self) -> Any:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    def _slices(self, x: Tensor) -> tuple[Tensor, ...]:
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] != len(self.transforms):
            got = f"shape {x.shape}"
            raise ArgumentError(
                message("StackTransform", got, f"{len(self.transforms)} along the axis {self.dim}")
            )
        return x.unbind(self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return stack([t(s) for t, s in zip(self.transforms, self._slices(x), strict=True)], self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return stack([t.inv(s) for t, s in zip(self.transforms, self._slices(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        slices = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        return stack([t.log_abs_det_jacobian(a, b) for t, a, b in slices], self.dim)


class ReshapeTransform(Transform):
    """The last axes of shape `in_shape` as `out_shape`.

    >>> import rushlight as rl
    >>> rl.distributions.transforms.ReshapeTransform((4,), (2, 2))(rl.zeros(3, 4)).shape
    Size([3, 2, 2])
    """

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            got = f"{self.in_shape} and {self.out_shape}"
            raise ArgumentError(message("ReshapeTransform", got, "as many elements"))

    @property
    def domain(self) -> Any:
        return constraints.independent(constraints.real, len(self.in_shape))

    @property
    def codomain(self) -> Any:
        return constraints.independent(constraints.real, len(self.out_shape))

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, ReshapeTransform) and self.in_shape == other.in_shape
        return same and self.out_shape == other.out_shape  # type: ignore[attr-defined]

    __hash__ = object.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def _swapped(self, shape: Shape, old: Shape, new: Shape) -> Shape:
        cut = len(shape) - len(old)
        if cut < 0 or shape[cut:] != old:
            raise ArgumentError(message("ReshapeTransform", f"shape {shape}", f"one that ends with {old}"))
        return (*shape[:cut], *new)

    def forward_shape(self, shape: Shape) -> Shape:
        return self._swapped(tuple(shape), self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Shape) -> Shape:
        return self._swapped(tuple(shape), self.out_shape, self.in_shape)


class CumulativeDistributionTransform(Transform):
    """y = P(X <= x) for X of a distribution: it makes its draws uniform.

    >>> import rushlight as rl
    >>> d = rl.distributions
    >>> d.transforms.CumulativeDistributionTransform(d.Normal(0.0, 1.0))(rl.zeros(1))
    tensor([0.5])
    """

    bijective = True
    codomain = constraints.unit_interval

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def sign(self) -> Any:
        return 1

    @property
    def domain(self) -> Any:
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)
