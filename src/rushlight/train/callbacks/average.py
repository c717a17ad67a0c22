"""A moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from rushlight.errors import ArgumentError, message
from rushlight.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from rushlight.train.callbacks.base import Callback

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["EMA"]


class EMA(Callback):
    """Keeps the moving average decay · average + (1 - decay) · weights, in `model`.

    by  "batch": after each batch, as is usual; "epoch": after each epoch, which leaves compiled training its
        scans over many batches, with a `decay` that fits.

    Buffers, such as running statistics, are those of the last update.

    >>> import rushlight as rl
    >>> average = rl.train.callbacks.EMA(decay=0.9)
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    >>> options = {"progress": False, "callbacks": [average]}
    >>> x = rl.linspace(-1, 1, 64).reshape(64, 1)
    >>> _ = rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), **options).fit((x, 2 * x), epochs=50)
    >>> abs(average.model(rl.ones(1, 1)).item() - 2) < 0.2
    True
    """

    def __init__(self, decay: float = 0.999, by: Literal["batch", "epoch"] = "batch") -> None:
        if by not in ("batch", "epoch"):
            raise ArgumentError(message("EMA", f"by={by!r}", '"batch" or "epoch"'))
        self.decay, self.by = decay, by
        self._average = get_ema_multi_avg_fn(decay)
        self._averaged: AveragedModel | None = None
        self._loaded: Mapping[str, Any] | None = None

    @property
    def model(self) -> Any:
        """The model with the averaged weights. Raises ArgumentError before training began."""
        if self._averaged is None:
            raise ArgumentError(message("EMA.model", "no average yet", "a trainer that has begun to train"))
        return self._averaged.module

    @property
    def by_batch(self) -> bool:
        return self.by == "batch"

    def on_fit_start(self, trainer: Trainer) -> None:
        if self._averaged is None:
            self._averaged = AveragedModel(trainer.model, multi_avg_fn=self._average)
        if self._loaded is not None:
            self._averaged.load_state_dict(self._loaded)
            self._loaded = None

    def on_batch_end(self, trainer: Trainer, loss: float) -> None:
        self._update(trainer)

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        if self.by == "epoch":
            self._update(trainer)

    def _update(self, trainer: Trainer) -> None:
        assert self._averaged is not None
        self._averaged.update_parameters(trainer.model)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights, and of how many updates."""
        return {} if self._averaged is None else dict(self._averaged.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave, when training begins."""
        self._loaded = dict(state) or None
