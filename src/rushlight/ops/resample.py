"""Weighted sums of picked elements along one axis: what interpolation is made of."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor
from rushlight.ops.index import INDEX, INDEX_ADD

__all__ = ["cubic_far", "cubic_near", "cubic_shares", "resample"]

# A tap is one element that goes into each place of the result: `index` (taps, places) names them, `weight`
# says with what share; without it there is one tap.


def _infer(x: Spec, index: Spec, weight: Spec | None = None, *, dim: int) -> Spec:
    return Spec((*x.shape[:dim], index.shape[1], *x.shape[dim + 1 :]), x.dtype)


def _infer_back(g: Spec, index: Spec, weight: Spec | None = None, *, dim: int, size: int) -> Spec:
    return Spec((*g.shape[:dim], size, *g.shape[dim + 1 :]), g.dtype)


def _pattern(dim: int) -> tuple[Any, ...]:
    return (*[("slice", None, None, None)] * dim, "positions")


def _shares(weight: Tensor, x: Tensor, dim: int) -> Tensor:
    """A tap's weights in the shape that broadcasts against x; as in the op no derivative goes to them."""
    return weight.detach().reshape(-1, *(1,) * (x.ndim - dim - 1))


def _in_ops(x: Tensor, index: Tensor, weight: Tensor | None = None, *, dim: int) -> Tensor:
    taps = [apply(INDEX, x, place, pattern=_pattern(dim)) for place in index.unbind()]
    if weight is None:
        return taps[0]
    shares = [tap * _shares(w, x, dim) for tap, w in zip(taps, weight.unbind(), strict=True)]
    return sum(shares[1:], shares[0])


def _back_in_ops(g: Tensor, index: Tensor, weight: Tensor | None = None, *, dim: int, size: int) -> Tensor:
    shape = (*g.shape[:dim], size, *g.shape[dim + 1 :])
    shares = [g] if weight is None else [g * _shares(w, g, dim) for w in weight.unbind()]
    parts = [
        apply(INDEX_ADD, share, place, pattern=_pattern(dim), shape=shape)
        for share, place in zip(shares, index.unbind(), strict=True)
    ]
    return sum(parts[1:], parts[0])


def _rest(*more: Any) -> list[None]:
    """Places are no numbers to differentiate by, and weights are computed from sizes alone."""
    return [None] * len(more)


RESAMPLE: Op = register(
    Op(
        "resample",
        lambda m, x, *taps, dim: m.resample(x, *taps, dim=dim),
        _infer,
        lambda g, out, x, *taps, dim: [
            apply(RESAMPLE_BACK, g, *taps, dim=dim, size=x.shape[dim]),
            *_rest(*taps),
        ],
        spare=(0,),
        decompose=_in_ops,
    )
)
RESAMPLE_BACK: Op = register(
    Op(
        "resample_back",
        lambda m, g, *taps, dim, size: m.resample_back(g, *taps, dim=dim, size=size),
        _infer_back,
        lambda h, out, g, *taps, dim, size: [apply(RESAMPLE, h, *taps, dim=dim), *_rest(*taps)],
        spare=(0,),
        decompose=_back_in_ops,
    )
)


def resample(x: Tensor, dim: int, index: Tensor, weight: Tensor | None = None) -> Tensor:
    """y[i] = Σ_k weight[k, i] x[index[k, i]] along `dim`; without weights x[index[0, i]]."""
    return (
        apply(RESAMPLE, x, index, dim=dim) if weight is None else apply(RESAMPLE, x, index, weight, dim=dim)
    )


# Keys' kernel (1981) in two pieces, up to a distance of 1 and of 2; it passes through the elements.


def cubic_near(t: Any, a: float) -> Any:
    return ((a + 2) * t - (a + 3)) * t * t + 1


def cubic_far(t: Any, a: float) -> Any:
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


def cubic_shares(t: Any) -> list[Any]:
    """The shares of the four elements around a place that is `t` behind the second, with PyTorch's a."""
    a = -0.75
    return [cubic_far(t + 1, a), cubic_near(t, a), cubic_near(1 - t, a), cubic_far(2 - t, a)]
