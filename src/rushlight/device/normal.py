"""The steps of normalising to mean 0 and variance 1, in pieces that stay in the cache through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.device.sums import mean, sum

__all__ = [
    "affine",
    "affine_weight",
    "channel_standard",
    "channel_standard_grad",
    "inverse_deviation",
    "standard",
    "standard_grad",
]

PIECE = 32768
"""Elements of a piece; some of its size fit into a second cache."""
SAFE = 4.0
"""How many variances the square of a mean may be, so that their difference loses few digits."""

Axes = tuple[int, ...]


def inverse_deviation(x: Any, middle: Any, dim: Axes, eps: float, part: float) -> Any:
    """1 / sqrt(variance + eps) over the axes `dim`, around `middle`; `part` is 1 over how many there are."""
    variance = _mean_square(x, None, dim, part)
    if middle is not None:
        square = middle * middle
        variance -= square
        if not (square <= SAFE * variance).all():
            variance = _mean_square(x, middle, dim, part)
    variance += eps
    np.sqrt(variance, out=variance)
    return np.divide(1, variance, out=variance)


def _mean_square(x: Any, middle: Any, dim: Axes, part: float) -> Any:
    """The mean of (x - middle)² over the axes `dim`, which stay with size 1."""
    found = []
    for piece in _pieces(x.shape, dim):
        difference = x[piece] if middle is None else x[piece] - middle[piece]
        found.append(mean(difference * difference, dim, True, part))
    return found[0] if len(found) == 1 else np.concatenate(found)


def standard(x: Any, middle: Any, factor: Any) -> Any:
    """(x - middle) factor, or x factor where `middle` is None."""
    if middle is None:
        return x * factor
    out = np.empty(x.shape, x.dtype)
    whole = (0,) if middle.shape[0] != x.shape[0] else ()
    for piece in _pieces(x.shape, whole):
        y = out[piece]
        np.subtract(x[piece], middle[piece], out=y)
        np.multiply(y, factor[piece], out=y)
    return out


def standard_grad(g: Any, y: Any, factor: Any, dim: Axes, centred: bool, part: float) -> Any:
    """(g - mean(g) - y mean(g y)) factor; not centred without the mean of g."""
    out = np.empty(y.shape, y.dtype)
    for piece in _pieces(y.shape, dim):
        dx, h, hat = out[piece], g[piece], y[piece]
        np.multiply(h, hat, out=dx)
        slope = mean(dx, dim, True, part)
        np.multiply(hat, slope, out=dx)
        np.subtract(h, dx, out=dx)
        if centred:
            np.subtract(dx, mean(h, dim, True, part), out=dx)
        np.multiply(dx, factor[piece], out=dx)
    return out


def channel_standard(x: Any, middle: Any, factor: Any, weight: Any, bias: Any) -> Any:
    """(x - middle) factor weight + bias, of which only x has more than one element for a channel."""
    scale = factor * weight
    out = np.empty(x.shape, x.dtype)
    for piece in _pieces(x.shape, ()):
        y = out[piece]
        np.subtract(x[piece], middle, out=y)
        np.multiply(y, scale, out=y)
        np.add(y, bias, out=y)
    return out


def channel_standard_grad(
    g: Any, y: Any, factor: Any, weight: Any, of_weight: Any, of_bias: Any, part: float
) -> Any:
    """(g - part (of_bias + y of_weight)) factor weight, with y the standardised x."""
    scale, slope, level = factor * weight, of_weight * part, of_bias * part
    out = np.empty(y.shape, y.dtype)
    for piece in _pieces(y.shape, ()):
        dx = out[piece]
        np.multiply(y[piece], slope, out=dx)
        np.add(dx, level, out=dx)
        np.subtract(g[piece], dx, out=dx)
        np.multiply(dx, scale, out=dx)
    return out


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """x weight + bias, of fewer axes than x; bias may be None."""
    if x.size <= PIECE or x.shape[0] == 1:
        out = x * weight
        return out if bias is None else np.add(out, bias, out=out)
    out = np.empty(x.shape, x.dtype)
    pieces = list(_pieces(x.shape, ()))
    # Of one shape with a piece they are gone through in one loop, not in one for each row.
    shape = x[pieces[0]].shape
    weight, bias = (None if t is None else np.broadcast_to(t, shape).copy() for t in (weight, bias))
    for piece in pieces:
        y = out[piece]
        rows = slice(y.shape[0])
        np.multiply(x[piece], weight[rows], out=y)
        if bias is not None:
            np.add(y, bias[rows], out=y)
    return out


def affine_weight(g: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The weight's gradient, of `shape`: g x, summed over the axes along which the weight repeats."""
    lead = x.ndim - len(shape)
    dim = (*range(lead), *(lead + d for d, n in enumerate(shape) if n == 1))
    if not lead or x.size <= PIECE:
        return sum(g * x, dim).reshape(shape)
    found = [sum(g[piece] * x[piece], dim, True) for piece in _pieces(x.shape, ())]
    return sum(np.concatenate(found), (0,)).reshape(shape)


def _pieces(shape: tuple[int, ...], dim: Axes) -> Iterator[Any]:
    """Slices along the first axis; one for all where that is among `dim`."""
    size = 1
    for n in shape[1:]:
        size *= n
    step = max(PIECE // max(size, 1), 1)
    if not shape or 0 in dim or shape[0] <= step:
        yield slice(None) if shape else ()
        return
    for i in range(0, shape[0], step):
        yield slice(i, i + step)
