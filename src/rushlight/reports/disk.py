"""What the reports on the disk share: the data, figures of many networks, and how they were come by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import rushlight as rl
from rushlight.reports.page import duration, percent

if TYPE_CHECKING:
    from rushlight.data.disk import Targets
    from rushlight.nn import Module
    from rushlight.train.sweeping.result import Sweep

__all__ = [
    "at_chance",
    "classes",
    "cost",
    "disk",
    "errors",
    "inside",
    "rising",
    "statistics",
    "summary",
]

CHANCE = 0.5
"""The test error of a network that knows nothing; one that diverged is counted so where a mean is asked."""

Array = np.ndarray[Any, Any]


def disk(targets: Targets = "scalar", seed: int = 0) -> tuple[rl.data.Disk, rl.data.Disk]:
    """1000 points to train on and 1000 to test on, inputs normalised.

    >>> [len(part) for part in disk()]
    [1000, 1000]
    """
    return (
        rl.data.Disk(1000, seed=seed, targets=targets),
        rl.data.Disk(1000, seed=seed, split="test", targets=targets),
    )


def inside(data: rl.data.Disk) -> float:
    """The share of points inside the disk: the test error of a network that always says "outside"."""
    return data.labels.float().mean().item()


def classes(model: Module, inputs: Any, threshold: float = 0.5) -> Array:
    """The class that a network with one output gives each input: 1 above the threshold.

    >>> classes(rl.nn.Identity(), rl.tensor([[0.2], [0.7]]))
    array([0, 1])
    """
    with rl.no_grad():
        return (model(inputs).numpy().reshape(-1) > threshold).astype(np.int64)


def cost(*results: Sweep) -> str:
    """How many networks were trained for how long, and the time it took."""
    parts = dict.fromkeys(result.epochs for result in results)
    counts = [
        f"{sum(len(r) for r in results if r.epochs == epochs)} networks × {epochs} epochs" for epochs in parts
    ]
    return f"{' and '.join(counts)} in {duration(sum(result.seconds for result in results))}"


def errors(result: Sweep, column: str = "validation_error") -> Array:
    """The last test error of each run, (runs,); NaN for one that diverged."""
    values = [run.final.get(column, np.nan) if run.diverged is None else np.nan for run in result]
    return np.asarray(values, dtype=np.float64)


def at_chance(result: Sweep, above: float = 0.47) -> Array:
    """Which runs diverged, or classify hardly better than one that always gives the same answer, (runs,)."""
    found = errors(result)
    return ~np.isfinite(found) | (found > above)


def statistics(values: Any) -> tuple[float, float, float, float]:
    """Worst, best, mean and standard deviation of errors; those that are not finite count as chance.

    >>> [round(float(v), 3) for v in statistics([0.1, 0.2, float("nan")])]
    [0.5, 0.1, 0.267, 0.17]
    """
    array = np.asarray(values, dtype=np.float64)
    array = np.where(np.isfinite(array), array, CHANCE)
    return array.max(), array.min(), array.mean(), array.std()


def summary(figures: Sequence[float]) -> str:
    """Worst / best / mean / deviation in per cent, as R1 gives them.

    >>> summary((0.36, 0.195, 0.25, 0.04))
    '36.0 / 19.5 / 25.0 / 4.0 %'
    """
    return " / ".join(percent(figure).removesuffix(" %") for figure in figures) + " %"


def rising(curves: Array) -> float:
    """The share of epochs in which a loss rose, over curves (runs, epochs): 0 is a smooth descent.

    >>> rising(np.array([[3.0, 2.0, 2.5, 1.0]]))
    0.3333333333333333
    """
    steps = np.diff(np.atleast_2d(curves), axis=1)
    return float((steps[np.isfinite(steps)] > 0).mean())
