"""What each batch counts in the mean loss of an epoch: what its own mean divided by.

The mean over a batch divides by its samples, or, with class weights and ignored targets, by less. Only if the
batches' losses are weighed by that is the loss of an epoch the same for every size of batches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rushlight.nn import functional as F
from rushlight.nn.loss import CrossEntropyLoss, L1Loss, MSELoss, NLLLoss

__all__ = ["LossWeights", "of_batches"]

Array = np.ndarray[Any, Any]

_MODULES: dict[Any, Callable[..., Any]] = {
    F.cross_entropy: CrossEntropyLoss,
    F.nll_loss: NLLLoss,
    F.mse_loss: MSELoss,
    F.l1_loss: L1Loss,
}


class LossWeights:
    """What the batches of a loss count.

    A loss says it by ``sample_weights(target)``: one number for every sample, or a tensor (N,) of them. A
    loss without it counts its samples; one whose `reduction` is "sum" is divided by them at the end.

    >>> import rushlight as rl
    >>> weights = LossWeights(rl.nn.CrossEntropyLoss(weight=rl.tensor([1.0, 3.0])))
    >>> weights.of(rl.tensor([0, 1, -100]))
    4.0
    """

    def __init__(self, loss: Any) -> None:
        loss = _as_module(loss)
        self.sums = getattr(loss, "reduction", "mean") == "sum"
        self._rows = None if self.sums else getattr(loss, "sample_weights", None)

    def rows(self, target: Any) -> Array | float:
        """What the samples of `target` count: each, or all alike."""
        if self._rows is None:
            return 1.0
        found = self._rows(target)
        if found.__class__ is float:
            return found
        return found.detach().numpy().astype(np.float64) if hasattr(found, "detach") else float(found)

    def of(self, target: Any) -> float:
        """What the batch with this target counts."""
        rows = self.rows(target)
        return float(rows.sum()) if isinstance(rows, np.ndarray) else rows * len(target)

    def share(self, loss: float, weight: float) -> float:
        """The share of a batch in the sum of an epoch. One without weight has none: its loss is nan."""
        return loss if self.sums else loss * weight if weight else 0.0

    def shares(self, losses: Array, weights: Array) -> Array:
        """The shares of many batches."""
        return losses if self.sums else np.where(weights == 0.0, 0.0, losses * weights)


def of_batches(rows: Array | float, places: Array) -> Array:
    """What batches count whose samples stand in the lines of `places`, by what all samples count."""
    if not isinstance(rows, np.ndarray):
        return np.full(places.shape[:-1], rows * places.shape[-1])
    found: Array = rows[places].sum(axis=-1)
    return found


def _as_module(loss: Any) -> Any:
    """The module that is the same loss, for a function of `nn.functional` alone or in a `partial`."""
    if isinstance(loss, partial) and not loss.args and loss.func in _MODULES:
        try:
            return _MODULES[loss.func](**loss.keywords)
        except TypeError:  # an option that the module lacks
            return loss
    known = getattr(loss, "__hash__", None) is not None and loss in _MODULES
    return _MODULES[loss]() if known else loss
