"""Layers and losses as plain functions, with PyTorch's names and signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushlight import ops
from rushlight.core.anomaly import warn
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, message, namespace
from rushlight.nn.loss_functions import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from rushlight.ops import linear, sigmoid, tanh
from rushlight.ops.random import keep_mask
from rushlight.ops.select import kept

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]


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


def check_probability(name: str, p: float) -> None:
    """Raises ArgumentError unless ``p`` is in [0, 1]."""
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(message(name, f"p={p}", "a probability between 0 and 1", "Use 0.5, for example."))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element zeroed with probability ``p``, else scaled by 1/(1 - p); x itself unless ``training``.

    The mask comes from the global generator: ``rl.manual_seed`` repeats it. Raises ArgumentError
    unless 0 <= p <= 1. ``inplace``: in the input's memory.

    >>> import rushlight as rl
    >>> _ = rl.manual_seed(0)
    >>> sorted(set(rl.nn.functional.dropout(rl.ones(100), 0.5).tolist()))
    [0.0, 2.0]
    """
    check_probability("dropout", p)
    if not training or p == 0.0:
        return input
    out = kept(keep_mask(input, p), input) * (1 / (1 - p)) if p < 1.0 else kept(False, input)
    return input.copy_(out) if inplace else out


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Classes (*) of an integer dtype to int64 indicators (*, num_classes): 1 at the class, 0 elsewhere.

    ``num_classes=-1`` takes the largest class + 1. Raises DTypeError for floating classes and ArgumentError
    for a class that is negative or not below num_classes.

    >>> import rushlight as rl
    >>> rl.nn.functional.one_hot(rl.tensor([0, 2]), 3).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    if tensor.dtype.kind not in "iu":
        remedy = "Convert the classes with .long()."
        raise DTypeError(message("one_hot", f"dtype {tensor.dtype}", "an integer dtype", remedy))
    if num_classes == 0 or (num_classes < 0 and tensor.numel() == 0):
        raise ArgumentError(message("one_hot", "no classes", "num_classes of 1 or more", "Pass num_classes."))
    top = int(tensor.max().item()) if tensor.numel() else -1
    low = int(tensor.min().item()) if tensor.numel() else 0
    if num_classes < 0:
        num_classes = top + 1
    if low < 0 or top >= num_classes:
        got = f"class {low if low < 0 else top}"
        raise ArgumentError(
            message("one_hot", got, f"classes from 0 to {num_classes - 1}", "Check the targets.")
        )
    return (tensor.unsqueeze(-1) == ops.arange(num_classes)).to("int64")


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
