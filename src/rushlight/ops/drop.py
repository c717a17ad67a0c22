"""Dropping numbers, or whole channels, at random: to 0, or to what SELU gives far below 0."""

from __future__ import annotations

import math

from rushlight.core.apply import apply_
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ShapeError, message
from rushlight.ops.convert import COPY
from rushlight.ops.random import check_probability, keep_mask, uniform
from rushlight.ops.select import kept, where

__all__ = [
    "alpha_dropout",
    "alpha_dropout_",
    "dropout",
    "dropout_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
]

LOWEST = -1.7580993408473766
"""What SELU, lambda alpha (e^x - 1), tends to for small x."""


def _mask(name: str, input: Tensor, p: float, by_channel: bool) -> Tensor:
    """Where something is kept: of each number, or of each channel of (N, C, *)."""
    if not by_channel:
        return keep_mask(input, p)
    if input.ndim < 2:
        raise ShapeError(message(name, f"shape {input.shape}", "(N, C, *)"))
    return uniform((*input.shape[:2], *[1] * (input.ndim - 2)), xp.float32, None) >= p


def _to_zero(name: str, input: Tensor, p: float, train: bool, by_channel: bool) -> Tensor:
    check_probability(name, p)
    if not train or p == 0.0:
        return input
    if p == 1.0:
        return kept(False, input)
    keep = _mask(name, input, p, by_channel)
    return kept(keep.expand(input.shape) if by_channel else keep, input) * (1 / (1 - p))


def _to_lowest(name: str, input: Tensor, p: float, train: bool, by_channel: bool) -> Tensor:
    """What is dropped becomes `LOWEST`; then a scale and a shift bring mean 0 and variance 1 back."""
    check_probability(name, p)
    if not train or p == 0.0:
        return input
    if p == 1.0:
        return kept(False, input)
    scale = 1 / math.sqrt((1 - p) * (1 + p * LOWEST**2))
    keep = _mask(name, input, p, by_channel)
    return where(keep, input, LOWEST) * scale - scale * LOWEST * p


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Each number becomes 0 with probability `p`, else x / (1 - p); x itself unless `train`.

    Raises ArgumentError unless 0 <= p <= 1.

    >>> import rushlight as rl
    >>> sorted(set(rl.dropout(rl.ones(100), 0.5, True).tolist()))
    [0.0, 2.0]
    """
    return _to_zero("dropout", input, p, train, False)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """(N, C, *): each channel of each sample becomes 0 with probability `p`, else x / (1 - p).

    Raises ArgumentError unless 0 <= p <= 1, ShapeError for fewer than two axes. (Tompson et al., 2015.)

    >>> import rushlight as rl
    >>> y = rl.feature_dropout(rl.ones(8, 4, 3), 0.5, True)
    >>> bool((y == y[:, :, :1]).all())
    True
    """
    return _to_zero("feature_dropout", input, p, train, True)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Each number becomes SELU's lowest with probability `p`; scaled and shifted so that numbers of mean 0
    and variance 1 keep both.

    Raises ArgumentError unless 0 <= p <= 1. (Klambauer et al., 2017.)

    >>> import rushlight as rl
    >>> len(set(rl.alpha_dropout(rl.ones(100), 0.5, True).tolist()))
    2
    """
    return _to_lowest("alpha_dropout", input, p, train, False)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, *).

    Raises ArgumentError unless 0 <= p <= 1, ShapeError for fewer than two axes.

    >>> import rushlight as rl
    >>> y = rl.feature_alpha_dropout(rl.ones(8, 4, 3), 0.5, True)
    >>> bool((y == y[:, :, :1]).all())
    True
    """
    return _to_lowest("feature_alpha_dropout", input, p, train, True)


def _write(input: Tensor, out: Tensor) -> Tensor:
    return input if out is input else apply_(COPY, input, out)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` in the input's memory."""
    return _write(input, dropout(input, p, train))


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_dropout` in the input's memory."""
    return _write(input, feature_dropout(input, p, train))


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout` in the input's memory."""
    return _write(input, alpha_dropout(input, p, train))


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_alpha_dropout` in the input's memory."""
    return _write(input, feature_alpha_dropout(input, p, train))
