"""The protocol of callbacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from rushlight.errors import ArgumentError, DTypeError, message, nearest

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Callback", "Callbacks"]


class Callback:
    """What `Trainer.fit` and `rl.sweep` call while they train; override what you need.

    A callback may read whatever the trainer holds, change its learning rate or weights, and end the training
    by ``trainer.stop()``. Those that come with every epoch leave the compiled scan over its batches as it is;
    one with `on_batch_end` makes each batch a call of its own.

    What it keeps for a resumed run it gives by `state_dict`, as models do; then a checkpoint holds it too.

    >>> import rushlight as rl
    >>> class Halve(rl.train.Callback):
    ...     def on_epoch_end(self, trainer, row):
    ...         if row["epoch"] % 2 == 0:
    ...             trainer.optimizer.param_groups[0]["lr"] *= 0.5
    >>> model = rl.nn.Linear(1, 1)
    >>> optimizer = rl.optim.SGD(model.parameters(), lr=0.4)
    >>> options = {"progress": False, "callbacks": [Halve()]}
    >>> trainer = rl.train.Trainer(model, optimizer, rl.nn.MSELoss(), **options)
    >>> x = rl.linspace(-1, 1, 8).reshape(8, 1)
    >>> trainer.fit((x, x), epochs=4)["lr"]
    [0.4, 0.4, 0.2, 0.2]
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def by_batch(self) -> bool:
        """Whether it is to be called after each batch: where `on_batch_end` is overridden."""
        return type(self).on_batch_end is not Callback.on_batch_end

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first batch of a call of `fit` that has something to train."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first batch of an epoch."""

    def on_batch_end(self, trainer: Trainer, loss: float) -> None:
        """After a batch whose mean loss was `loss`; `trainer.position` counts it."""

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        """After an epoch, with its row of the history: epoch, losses, metrics, lr, seconds."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """At the end of the call, also of one that Ctrl-C or an error ended."""


HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


def _check_names(kind: type) -> None:
    """ArgumentError for a method that would never be called, as its name is nearly that of another."""
    for name in dir(kind):
        if name.startswith("on_") and name not in HOOKS and (near := nearest(name, HOOKS, 1)):
            got = f"{kind.__name__}.{name}, which nobody calls"
            raise ArgumentError(message("Trainer", got, ", ".join(HOOKS), f"Did you mean {near[0]!r}?"))


class Callbacks:
    """The callbacks of one trainer, called in their order."""

    def __init__(self, items: Iterable[Callback]) -> None:
        if isinstance(items, Callback) or not isinstance(items, Iterable):
            got = f"callbacks={items!r:.60}"
            raise DTypeError(message("Trainer", got, "a list of callbacks", "Write callbacks=[...]."))
        self.items = list(items)
        self.started: list[Callback] = []
        for item in self.items:
            if not isinstance(item, Callback):
                name = item.__name__ if isinstance(item, type) else type(item).__name__
                remedy = (
                    f"Make one: {name}(...)." if isinstance(item, type) else "Derive its class from Callback."
                )
                raise DTypeError(message("Trainer", f"the callback {name}", "a train.Callback", remedy))
            _check_names(type(item))

    @property
    def by_batch(self) -> bool:
        """Whether one of them is called after each batch."""
        return any(item.by_batch for item in self.items)

    def fit_start(self, trainer: Trainer) -> None:
        for item in self.items:
            self.started.append(item)
            item.on_fit_start(trainer)

    def epoch_start(self, trainer: Trainer) -> None:
        for item in self.items:
            item.on_epoch_start(trainer)

    def batch_end(self, trainer: Trainer, loss: float) -> None:
        for item in self.items:
            if item.by_batch:
                item.on_batch_end(trainer, loss)

    def epoch_end(self, trainer: Trainer, row: Mapping[str, Any]) -> None:
        for item in self.items:
            item.on_epoch_end(trainer, row)

    def fit_end(self, trainer: Trainer) -> None:
        """Tell all that were told of the start, whatever one of them raises."""
        with ExitStack() as rest:
            for item in reversed(self.started):
                rest.callback(item.on_fit_end, trainer)
            self.started = []

    @property
    def keeping(self) -> Sequence[Any]:
        """Those that a checkpoint keeps."""
        return [item for item in self.items if hasattr(item, "state_dict")]

    def state_dict(self) -> dict[str, Any]:
        """What each of those keeps, by its place and its class."""
        return {f"{i}.{type(item).__name__}": item.state_dict() for i, item in enumerate(self.keeping)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave. Raises KeyError where other callbacks were saved."""
        for i, item in enumerate(self.keeping):
            item.load_state_dict(state[f"{i}.{type(item).__name__}"])
