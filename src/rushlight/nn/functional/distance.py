"""How far apart vectors are, and the losses of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight import ops
from rushlight.core.autocast import autocasts
from rushlight.core.spec import broadcast
from rushlight.core.tensor import Tensor
from rushlight.nn.functional.loss import reduced, reduction_of

__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "pairwise_distance",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x · y / (max(‖x‖, eps) max(‖y‖, eps)) along ``dim``; the other axes broadcast.

    >>> import rushlight as rl
    >>> rl.nn.functional.cosine_similarity(rl.tensor([[3.0, 4.0]]), rl.tensor([[6.0, 8.0]])).item()
    1.0
    """
    shape = broadcast("cosine_similarity", [tuple(x1.shape), tuple(x2.shape)])
    x1, x2 = x1.expand(shape), x2.expand(shape)
    return (_unit(x1, dim, eps) * _unit(x2, dim, eps)).sum(dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    return x / ops.norm(x, 2, dim, True).clamp(min=eps)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """(Σ \\|x - y + eps|^p)^(1/p) along the last axis; the others broadcast.

    >>> import rushlight as rl
    >>> round(rl.nn.functional.pairwise_distance(rl.zeros(1, 2), rl.tensor([[3.0, 4.0]])).item(), 4)
    5.0
    """
    return ops.norm(x1 - x2 + eps, p, -1, keepdim)


@autocasts("float32")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(x, y) for pairs that are alike (1), max(0, cos(x, y) - margin) for others (-1); inputs (N, D)
    or (D,).

    >>> import rushlight as rl
    >>> x = rl.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> rl.nn.functional.cosine_embedding_loss(x, x, rl.tensor([1.0, -1.0])).item()
    0.5
    """
    reduction = reduction_of("cosine_embedding_loss", size_average, reduce, reduction)
    eps = 1e-12
    product, sizes = (input1 * input2).sum(-1), [(x * x).sum(-1) + eps for x in (input1, input2)]
    cosine = product / ops.sqrt(sizes[0] * sizes[1])
    zero = ops.zeros_like(cosine)
    alike = ops.where(target == 1, 1.0 - cosine, zero)
    return reduced(alike + ops.where(target == -1, (cosine - margin).clamp(min=0.0), zero), reduction)


@autocasts("float32")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin) with the distances of `pairwise_distance`; with ``swap`` the nearer
    of d(a, n) and d(p, n).

    >>> import rushlight as rl
    >>> a, p, n = rl.zeros(1, 1), rl.tensor([[3.0]]), rl.tensor([[1.0]])
    >>> round(rl.nn.functional.triplet_margin_loss(a, p, n).item(), 4)
    3.0
    """
    reduction = reduction_of("triplet_margin_loss", size_average, reduce, reduction)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of your own.

    >>> import rushlight as rl
    >>> a, p, n = rl.zeros(1, 1), rl.tensor([[3.0]]), rl.tensor([[1.0]])
    >>> far = lambda x, y: ((x - y) ** 2).sum(-1)
    >>> rl.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=far).item()
    9.0
    """
    reduction = reduction_of("triplet_margin_with_distance_loss", None, None, reduction)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Any,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced((near - far + margin).clamp(min=0.0), reduction)
