"""How far a regression is off. Sums are gathered, so that a result does not depend on batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.errors import ShapeError, message
from rushlight.train.metrics import Metric, host

__all__ = ["MAE", "R2", "RMSE"]

Array = np.ndarray[Any, Any]


class MAE(Metric):
    """Mean absolute error: the mean of |output - target| over all numbers.

    >>> import rushlight as rl
    >>> metric = rl.train.MAE()
    >>> metric.update(rl.tensor([[1.0], [2.0]]), rl.tensor([[1.0], [4.0]]))
    >>> metric.compute()
    1.0
    """

    name = "mae"
    better = "min"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.state = {"count": 0, "sum": 0.0}

    def update(self, output: Any, target: Any) -> None:
        found, true = _pair(self.name, output, target)
        self.state["count"] += true.size
        self.state["sum"] += float(self._each(found - true).sum())

    def _each(self, gap: Array) -> Array:
        return np.abs(gap)

    def compute(self) -> float:
        return self.state["sum"] / self.state["count"] if self.state["count"] else float("nan")


class RMSE(MAE):
    """Root of the mean squared error over all numbers, in the unit of the target.

    >>> import rushlight as rl
    >>> metric = rl.train.RMSE()
    >>> metric.update(rl.tensor([[1.0], [2.0]]), rl.tensor([[1.0], [4.0]]))
    >>> round(metric.compute(), 6)
    1.414214
    """

    name = "rmse"

    def _each(self, gap: Array) -> Array:
        return gap * gap

    def compute(self) -> float:
        return float(super().compute() ** 0.5)


class R2(Metric):
    """1 - Σ (target - output)² / Σ (target - mean)²: the share of the target's variance that is explained.

    1 is perfect, 0 as good as the mean. Of several outputs it is the mean of each one's; nan where the target
    is constant.

    >>> import rushlight as rl
    >>> metric = rl.train.R2()
    >>> metric.update(rl.tensor([1.0, 2.0, 4.0]), rl.tensor([1.0, 2.0, 3.0]))
    >>> metric.compute()
    0.5
    """

    name = "r2"
    better = "max"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.state = {"count": 0, "mean": [], "spread": [], "residual": []}

    def update(self, output: Any, target: Any) -> None:
        found, true = _pair(self.name, output, target)
        if not len(true):
            return
        found, true = found.reshape(len(true), -1), true.reshape(len(true), -1)
        state, count = self.state, len(true)
        before = state["count"]
        mean, spread, residual = (np.array(state[k] or 0.0) for k in ("mean", "spread", "residual"))
        # Means and sums of squares around them are merged (Chan et al., 1979): squares of large numbers,
        # subtracted from each other, would leave nothing.
        step = true.mean(axis=0) - mean
        spread = spread + ((true - true.mean(axis=0)) ** 2).sum(axis=0)
        spread = spread + step**2 * before * count / (before + count)
        state["count"] = before + count
        state["mean"] = (mean + step * count / (before + count)).tolist()
        state["spread"] = spread.tolist()
        state["residual"] = (residual + ((true - found) ** 2).sum(axis=0)).tolist()

    def compute(self) -> float:
        spread = np.array(self.state["spread"] or [0.0])
        if not (spread > 0).all():
            return float("nan")
        return float((1.0 - np.array(self.state["residual"]) / spread).mean())


def _pair(op: str, output: Any, target: Any) -> tuple[Array, Array]:
    found, true = host(output).astype(np.float64), host(target).astype(np.float64)
    if found.shape != true.shape:
        if found.size != true.size or len(found) != len(true):
            got = f"targets {true.shape} for outputs {found.shape}"
            raise ShapeError(message(op, got, "the same shape twice", "Reshape the targets."))
        found = found.reshape(true.shape)  # (N, 1) and (N,)
    return found, true
