"""Norms of vectors and matrices."""

from __future__ import annotations

from typing import Any

from rushlight.core.spec import normalize_axes
from rushlight.core.tensor import Tensor, method
from rushlight.errors import NotSupportedError, message

__all__ = ["norm"]


@method()
def norm(input: Tensor, p: float | str = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    """(Σ |x|^p)^(1/p) over the axes `dim` (all by default); p may be inf, -inf, 0 or "fro".

    The gradient at 0 is 0.

    >>> import rushlight as rl
    >>> rl.norm(rl.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if p == "fro":
        p = 2
    if isinstance(p, str):
        raise NotSupportedError(message("norm", f"p={p!r}", "a number, inf or 'fro'"))
    axes = normalize_axes("norm", dim, input.ndim)
    size = input.abs()
    if p == float("inf"):
        return size.amax(axes, keepdim)
    if p == -float("inf"):
        return size.amin(axes, keepdim)
    if p == 0:
        return (input != 0).to(input.dtype).sum(axes, keepdim)
    if p == 1:
        return size.sum(axes, keepdim)
    if p == 2:
        return _root((input * input).sum(axes, keepdim), 0.5)
    return _root((size**p).sum(axes, keepdim), 1 / p)


def _root(total: Tensor, power: float) -> Tensor:
    """total ** power with gradient 0, not infinity, where the total is 0."""
    zero = total == 0
    safe = total.masked_fill(zero, 1.0)
    out = safe.sqrt() if power == 0.5 else safe**power
    return out.masked_fill(zero, 0.0)
