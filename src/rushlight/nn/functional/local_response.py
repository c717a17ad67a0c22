"""Normalisation across neighbouring channels as a function."""

from __future__ import annotations

from rushlight.core.apply import apply
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.pool import SUM_POOL

__all__ = ["local_response_norm"]


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha/size Σ x²)^beta, the sum over ``size`` channels around each one (Krizhevsky et al.,
    2012).

    input (N, C, *). Raises ShapeError for fewer than three axes.

    >>> import rushlight as rl
    >>> rl.nn.functional.local_response_norm(rl.ones(1, 2, 1), 2, alpha=2.0, beta=1.0).flatten()
    tensor([0.5000, 0.3333])
    """
    if input.ndim < 3:
        raise ShapeError(message("local_response_norm", f"shape {input.shape}", "(N, C, *)"))
    if size < 1:
        raise ArgumentError(message("local_response_norm", f"size={size}", "at least 1"))
    if not input.numel():
        return input
    rest = input.ndim - 2
    ones, none = (1,) * rest, (0,) * rest
    total = apply(
        SUM_POOL,
        input * input,
        sizes=(size, *ones),
        steps=(1, *ones),
        spread=(1, *ones),
        low=(size // 2, *none),
        places=input.shape[1:],
    )
    return input / (total * (alpha / size) + k) ** beta
