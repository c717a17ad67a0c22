"""Bilinear forms."""

from __future__ import annotations

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor
from rushlight.errors import ShapeError, message
from rushlight.ops.einsum import einsum

__all__ = ["bilinear"]


@autocasts("as it is")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_k = x₁ᵀ A_k x₂ + b_k: (*, I) and (*, J) with weight A (K, I, J) and bias (K,) give (*, K).

    Raises ShapeError where the sizes do not agree.

    >>> import rushlight as rl
    >>> rl.bilinear(rl.tensor([[1.0, 2.0]]), rl.tensor([[3.0]]), rl.ones(2, 2, 1))
    tensor([[9., 9.]])
    """
    sizes = (input1.shape[-1:], input2.shape[-1:])
    if weight.ndim != 3 or sizes != (weight.shape[1:2], weight.shape[2:]):
        got = f"inputs {input1.shape} and {input2.shape} for a weight {weight.shape}"
        raise ShapeError(message("bilinear", got, "(*, I) and (*, J) for (K, I, J)"))
    if input1.shape[:-1] != input2.shape[:-1]:
        got = f"inputs {input1.shape} and {input2.shape}"
        raise ShapeError(message("bilinear", got, "the same axes but the last"))
    lead = input1.shape[:-1]
    a, b = input1.reshape(-1, input1.shape[-1]), input2.reshape(-1, input2.shape[-1])
    # First the sum over j, a product of matrices; then the one over i, row by row.
    out = einsum("nki,ni->nk", einsum("nj,kij->nki", b, weight), a)
    out = out if bias is None else out + bias
    return out.reshape(*lead, weight.shape[0])
