"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

from rushlight.core.spec import normalize_axes, plain_number
from rushlight.core.tensor import Tensor, method
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.reduce import in_float32, root
from rushlight.ops.select import where

__all__ = ["norm"]


def _nuclear(input: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    if len(axes) != 2:
        got = f"p='nuc' over {len(axes)} axes"
        raise ShapeError(message("norm", got, "two axes", "Name them: dim=(0, 1)."))
    from rushlight.ops.factors import svdvals

    out = svdvals(input.movedim(axes, (-2, -1))).sum(-1)
    return out.reshape([1 if i in axes else n for i, n in enumerate(input.shape)]) if keepdim else out


@method()
@in_float32
def norm(
    input: Tensor, p: float | str = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """(Σ |x|^p)^(1/p) over the axes `dim` (all by default); p may be inf, -inf, 0, "fro", or, of matrices,
    "nuc", the sum of the singular values, which has a first derivative only.

    The gradient at 0 is 0.

    >>> import rushlight as rl
    >>> rl.norm(rl.tensor([3.0, 4.0]))
    tensor(5.)
    """
    input = input if dtype is None else input.to(dtype)
    p = 2 if isinstance(p, str) and p == "fro" else plain_number(p)
    axes = normalize_axes("norm", dim, input.ndim)
    if p == "nuc":
        return _nuclear(input, axes, keepdim)
    if isinstance(p, str):
        raise ArgumentError(message("norm", f"p={p!r}", "a number, inf, 'fro' or 'nuc'"))
    size = input.abs()
    if p == float("inf"):
        return size.amax(axes, keepdim)
    if p == -float("inf"):
        return size.amin(axes, keepdim)
    if p == 0:
        # The sign has a derivative, of 0 everywhere.
        return where(input != 0, 1.0, input.sign()).sum(axes, keepdim)
    if p == 1:
        return size.sum(axes, keepdim)
    if p == 2:
        return root((input * input).sum(axes, keepdim))
    # At 0 the derivative of a power below 2 is infinite, or that of the derivative is.
    zero = size == 0
    powers = size.masked_fill(zero, 1.0) ** p
    return root(powers.masked_fill(zero, 0.0 if p > 0 else float("inf")).sum(axes, keepdim), 1 / p)
