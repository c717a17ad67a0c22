"""The names that formulas use, over Tensors.

With this module in the place of the device's namespace, the formula of an op is a composition of other ops.
So is it traced: the compiler sees reductions and elementwise ops, which it joins, and eager and compiled code
share one formula.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.ops import reduce
from rushlight.ops.activation import tanh
from rushlight.ops.creation import full
from rushlight.ops.elementwise import exp, isfinite, log
from rushlight.ops.extremes import amax
from rushlight.ops.join import cat as concatenate
from rushlight.ops.matmul import matmul
from rushlight.ops.movement import reshape
from rushlight.ops.reduce import sum
from rushlight.ops.select import kept, maximum, where

__all__ = [
    "amax",
    "concatenate",
    "exp",
    "full",
    "isfinite",
    "kept",
    "less_at",
    "log",
    "matmul",
    "maximum",
    "mean",
    "pick",
    "reshape",
    "sheet",
    "sum",
    "tanh",
    "turned",
    "where",
]


def mean(x: Tensor, axis: Any, keepdims: bool, part: float) -> Tensor:
    """The mean over `axis`; the device is told what part each element is."""
    return reduce.mean(x, axis, keepdims)


def turned(x: Tensor) -> Tensor:
    """The transposed matrix; how its numbers lie the compiler knows better."""
    return x.T


class sheet:
    """A matrix that is written some rows at a time, in any order, each once."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._parts: list[tuple[int, Tensor]] = []

    def write(self, first: int, rows: Tensor) -> None:
        """Write `rows` from the row `first` on."""
        self._parts.append((first, rows))

    def whole(self) -> Tensor:
        """The matrix, when all is written."""
        return concatenate([rows for _, rows in sorted(self._parts, key=lambda part: part[0])], 0)


def pick(x: Tensor, place: Tensor) -> Tensor:
    """x[n, place[n]] for each row n of a matrix, in a loop over the row like a softmax: the largest of that
    alone."""
    return amax(where(_at(x, place), x, -math.inf), 1)


def less_at(x: Tensor, place: Tensor, amount: Tensor) -> Tensor:
    """x with `amount`, (N, 1) or (1,), taken off x[n, place[n]] in each row n."""
    return x - where(_at(x, place), amount, 0.0)


def _at(x: Tensor, place: Tensor) -> Tensor:
    return place.unsqueeze(1) == _columns(x.shape[1])


@functools.lru_cache(maxsize=8)
def _columns(count: int) -> Tensor:
    """0, 1, ...: one tensor for all, so that a loss and its gradient compare once."""
    return wrap(xp.arange(count))
