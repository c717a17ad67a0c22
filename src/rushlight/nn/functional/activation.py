"""Activations as functions."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.anomaly import warn
from rushlight.core.apply import apply, apply_
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message
from rushlight.ops.activation import GELU, SILU

__all__ = ["gelu", "leaky_relu", "log_softmax", "relu", "silu", "softmax", "softplus"]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x), element by element; the subgradient at 0 is 0. Any shape; ``inplace``: in its memory.

    >>> import rushlight as rl
    >>> rl.nn.functional.relu(rl.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return input.relu_() if inplace else ops.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else ``negative_slope`` * x, element by element. Any shape. ``inplace``: in the input's
    memory.

    >>> import rushlight as rl
    >>> rl.nn.functional.leaky_relu(rl.tensor([-1.0, 2.0]), 0.5).tolist()
    [-0.5, 2.0]
    """
    if inplace:  # a product, whose derivative needs the factors alone and not what is overwritten
        return input.mul_(ops.where(input.detach() > 0, 1.0, ops.full_like(input.detach(), negative_slope)))
    return ops.leaky_relu(input, negative_slope)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + exp(beta x)) / beta, and x itself where beta x > threshold. Any shape; never overflows.

    >>> import rushlight as rl
    >>> rl.nn.functional.softplus(rl.tensor([-1000.0, 1000.0])).tolist()
    [0.0, 1000.0]
    """
    scaled = input if beta == 1.0 else input * beta
    smooth = ops.softplus(scaled)
    return ops.where(scaled > threshold, input, smooth if beta == 1.0 else smooth * (1.0 / beta))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x), element by element, Φ the normal distribution's: x (1 + erf(x/sqrt(2))) / 2. Any shape.

    With ``approximate="tanh"`` x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))) / 2. Raises ArgumentError for
    another word. (Hendrycks and Gimpel, 2016.)

    >>> import rushlight as rl
    >>> rl.nn.functional.gelu(rl.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(message("gelu", f"approximate={approximate!r}", "'none' or 'tanh'"))
    return apply(GELU, input, tanh=approximate == "tanh")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x / (1 + exp(-x)), element by element, also known as swish. Any shape; ``inplace``: in its memory.

    >>> import rushlight as rl
    >>> rl.nn.functional.silu(rl.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """
    return apply_(SILU, input) if inplace else apply(SILU, input)


def _default_dim(name: str, input: Tensor) -> int:
    warn(f"{name}: without dim, dim is guessed from the number of dimensions; write dim=...")
    return 0 if input.ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x_i) / Σ_j exp(x_j) along ``dim``, without overflow. The result has the input's shape.

    >>> import rushlight as rl
    >>> rl.nn.functional.softmax(rl.tensor([[1000.0, 1000.0]]), dim=1).tolist()
    [[0.5, 0.5]]
    """
    if dim is None:
        dim = _default_dim("softmax", input)
    return ops.softmax(input, dim) if dtype is None else ops.softmax(input.to(dtype), dim)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """x_i - ln Σ_j exp(x_j) along ``dim``, without overflow or rounding to -inf; of the input's shape.

    >>> import rushlight as rl
    >>> rl.nn.functional.log_softmax(rl.tensor([0.0, -1000.0]), dim=0).tolist()
    [0.0, -1000.0]
    """
    if dim is None:
        dim = _default_dim("log_softmax", input)
    return ops.log_softmax(input, dim) if dtype is None else ops.log_softmax(input.to(dtype), dim)
