"""What the distributions share: broadcasting of parameters, probabilities and logits, lazy values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.core.spec import as_dtype, broadcast
from rushlight.core.state import enable_grad
from rushlight.core.tensor import Tensor, check_dtype
from rushlight.device import xp
from rushlight.errors import ArgumentError, message
from rushlight.nn.functional import softplus
from rushlight.ops import arange, cat, full, randn, stack
from rushlight.ops.exponential import logit

__all__ = [
    "as_values",
    "broadcast_all",
    "clamp_probs",
    "euler_constant",
    "lazy_property",
    "logits_to_probs",
    "one_hot",
    "one_of",
    "probs_to_logits",
    "softplus",
    "sum_rightmost",
    "tiny",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060


def as_values(*values: Any) -> tuple[Tensor, ...]:
    """`values` as tensors of floats: numbers take the dtype of the first floating tensor."""
    floats = [v.dtype for v in values if isinstance(v, Tensor) and v.is_floating_point()]
    dtype = floats[0] if floats else check_dtype(None)
    for v in values:
        if not isinstance(v, (Tensor, int, float)):
            raise ArgumentError(message("broadcast_all", f"a {type(v).__name__}", "tensors or numbers"))
    return tuple(v if isinstance(v, Tensor) else full((), v, dtype=dtype) for v in values)


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """`values`, tensors or numbers, as tensors of one shape.

    >>> import rushlight as rl
    >>> a, b = rl.distributions.utils.broadcast_all(rl.zeros(2), 1.0)
    >>> b
    tensor([1., 1.])
    """
    tensors = as_values(*values)
    shape = broadcast("broadcast_all", [t.shape for t in tensors])
    return tuple(t if t.shape == shape else t.expand(shape) for t in tensors)


def one_of(name: str, **given: Any) -> str:
    """The name of the only argument that is not None; ArgumentError where there is another count."""
    found = [key for key, value in given.items() if value is not None]
    if len(found) != 1:
        got = " and ".join(found) or "none of them"
        raise ArgumentError(message(name, got, f"exactly one of {', '.join(given)}"))
    return found[0]


def tiny(dtype: Any) -> tuple[float, float]:
    """The smallest normal number of a floating dtype, and its step at 1."""
    facts = xp.finfo(as_dtype(dtype))
    return float(facts.tiny), float(facts.eps)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities held a step away from 0 and 1, so that their logarithms are finite."""
    eps = tiny(probs.dtype)[1]
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """sigmoid of binary logits, softmax over the last axis of others."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Its inverse: ln(p / (1 - p)) of binary probabilities, ln p of others, each held off 0 and 1."""
    clamped = clamp_probs(probs)
    return logit(clamped) if is_binary else clamped.log()


def one_hot(index: Tensor, classes: int, dtype: Any) -> Tensor:
    """One-hot vectors of classes that are known to be in range: no value is looked at."""
    return (index.unsqueeze(-1) == arange(classes)).to(dtype)


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last `dim` axes."""
    return value if dim == 0 else value.reshape((*value.shape[: value.ndim - dim], -1)).sum(-1)


class lazy_property:
    """A property that is computed when it is first asked for, with its history, and then kept."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__
        self.name = wrapped.__name__

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.name, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The lower triangle of (..., n, n), row by row, up to the diagonal `diag`."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ArgumentError(message("tril_matrix_to_vec", f"diag={diag}", f"one from {-n} to {n - 1}"))
    rows = [mat[..., i, : max(min(i + diag + 1, n), 0)] for i in range(n)]
    return cat(rows, -1)


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Its inverse: the matrix (..., n, n) whose lower triangle is `vec`."""
    length = vec.shape[-1]
    n = round((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * length + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    rows, start = [], 0
    for i in range(n):
        count = max(min(i + diag + 1, n), 0)
        row = vec[..., start : start + count]
        rows.append(cat([row, row.new_zeros((*vec.shape[:-1], n - count))], -1))
        start += count
    if start != length:
        raise ArgumentError(message("vec_to_tril_matrix", f"{length} numbers", "as many as a triangle has"))
    return stack(rows, -2)


_sum_rightmost = sum_rightmost


def _standard_normal(shape: Any, dtype: Any, device: Any = None) -> Tensor:
    """Draws of a normal distribution with mean 0 and variance 1, under PyTorch's name."""
    return randn(*shape, dtype=dtype, device=device)
