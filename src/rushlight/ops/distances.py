"""Distances between points, and how coordinates vary together."""

from __future__ import annotations

import math
from typing import Any

from rushlight.core.autocast import autocasts
from rushlight.core.spec import default, normalize_axis
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, method
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.grids import triu_indices
from rushlight.ops.matmul import matmul
from rushlight.ops.norm import norm
from rushlight.ops.select import where

__all__ = ["cdist", "corrcoef", "cov", "dist", "pdist", "renorm"]


def _points(name: str, x: Tensor, least: int = 2) -> Tensor:
    if x.dtype.kind != "f" or x.ndim < least:
        raise DTypeError(
            message(name, f"{x.dtype} of shape {x.shape}", f"floats, with at least {least} axes")
        )
    return x


def _length(gap: Tensor, p: float) -> Tensor:
    """The p-norm along the last axis; of no elements 0."""
    return norm(gap, p, -1) if gap.shape[-1] else gap.sum(-1)


@autocasts("float32")
def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The distance of every point in x1 (..., P, M) from every point in x2 (..., R, M), (..., P, R): the
    p-norm of their difference. The gradient where two agree is 0.

    compute_mode  PyTorch's choice of a less exact way; here the differences are always taken.

    >>> import rushlight as rl
    >>> rl.cdist(rl.tensor([[0.0, 0.0]]), rl.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    _points("cdist", x1), _points("cdist", x2)
    if x1.shape[-1] != x2.shape[-1]:
        got = f"points of {x1.shape[-1]} and {x2.shape[-1]} coordinates"
        raise ShapeError(message("cdist", got, "as many"))
    if p < 0:
        raise ArgumentError(message("cdist", f"p={p}", "0 or more"))
    return _length(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distances of the rows of a matrix from each other, each pair once: the part of `cdist` above the
    diagonal, along one axis.

    >>> import rushlight as rl
    >>> rl.pdist(rl.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.ndim != 2:
        raise ShapeError(message("pdist", f"shape {input.shape}", "a matrix"))
    if p < 0:
        raise ArgumentError(message("pdist", f"p={p}", "0 or more"))
    first, second = triu_indices(input.shape[0], input.shape[0], 1)
    return _length(_points("pdist", input)[first] - input[second], p)


@method()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference of two tensors.

    >>> import rushlight as rl
    >>> rl.dist(rl.tensor([0.0, 0.0]), rl.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return norm(input - other, p)


@method()
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Each slice along `dim` whose p-norm is above `maxnorm` made shorter, to that norm.

    >>> import rushlight as rl
    >>> rl.renorm(rl.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    axis = normalize_axis("renorm", dim, _points("renorm", input).ndim)
    if maxnorm < 0 or p <= 0:
        raise ArgumentError(message("renorm", f"p={p}, maxnorm={maxnorm}", "p above 0, maxnorm of 0 or more"))
    length = norm(input, p, [i for i in range(input.ndim) if i != axis], True)
    return input * where(length > maxnorm, maxnorm / (length + 1e-7), 1.0)


@method()
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of variables, a row for each, whose observations stand in columns.

    correction  the sum of the weights less this is divided by.
    fweights    how often each observation was made: whole numbers.
    aweights    how much each observation counts.

    >>> import rushlight as rl
    >>> rl.cov(rl.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise ShapeError(message("cov", f"shape {input.shape}", "at most two axes"))
    x = input.reshape(1, -1) if input.ndim < 2 else input
    x = x if x.dtype.kind == "f" else x.to(default.dtype)
    weights = _weights(x, fweights, aweights)
    count = x.shape[1]
    total: Any = float(count) if weights is None else weights.sum()
    if weights is None:
        mean = x.sum(1, True) / total if total else x.sum(1, True) * math.nan
        free = total - correction
    else:
        mean = (x * weights).sum(1, True) / total
        free = total - correction
        if aweights is not None:
            squares = (weights * aweights.reshape(-1)).sum()
            free = total - correction * squares / total
    gap = x - mean
    product = matmul(gap if weights is None else gap * weights, gap.T)
    divisor: Any = max(free, 0.0) if not isinstance(free, Tensor) else free.clamp(min=0.0)
    if not isinstance(divisor, Tensor):
        divisor = x.new_full((), divisor)
    return (product / divisor).squeeze()


def _weights(x: Tensor, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    out = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        if given.ndim > 1 or given.numel() != x.shape[1]:
            got = f"{name} of shape {given.shape} for {x.shape[1]} observations"
            raise ShapeError(message("cov", got, "one for each"))
        if not state.tracing and bool((given < 0).any()):
            raise ArgumentError(message("cov", f"{name} below 0", "0 or more"))
        weight = given.reshape(-1)
        out = weight if out is None else out * weight
    return out


@method()
def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables, a row for each: their covariances over their deviations.

    >>> import rushlight as rl
    >>> rl.corrcoef(rl.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    covariance = cov(input)
    if not covariance.ndim:
        return covariance / covariance
    spread = covariance.diagonal().sqrt()
    return (covariance / spread.unsqueeze(1) / spread).clamp(-1, 1)
