"""The base of all schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.core.anomaly import warn
from rushlight.errors import ArgumentError, CheckpointError, DTypeError, NotSupportedError, message
from rushlight.optim.base import Optimizer

__all__ = ["LRScheduler", "check_epochs", "warn_of_epoch"]


def check_epochs(name: str, **counts: int) -> None:
    """Raises ArgumentError unless every one of the numbers is 1 or more."""
    for option, value in counts.items():
        if not value >= 1:
            raise ArgumentError(
                message(name, f"{option}={value}", "1 or more epochs", "Use 10, for example.")
            )


def warn_of_epoch() -> None:
    """That scheduler.step() was told the epoch."""
    warn(
        "scheduler.step(epoch) is deprecated, as in PyTorch: call scheduler.step() after each epoch, and "
        "load the schedule's state to go on from another."
    )


class LRScheduler:
    """Base of all schedules: one defines ``get_lr()``, the rate of each group at ``self.last_epoch``.

    Creating a schedule is its step 0. ``base_lrs`` are the rates that the groups had then ("initial_lr" in
    the group). As in PyTorch, ``get_lr`` of StepLR and CosineAnnealingLR goes on from the present rate, so
    that several schedules may work on one optimiser, and so may you. Raises ArgumentError when last_epoch is
    given for an optimiser that never had a schedule.
    """

    _last_lr: list[float]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(
                message(
                    type(self).__name__, type(optimizer).__name__, "an Optimizer", "Pass the optimiser first."
                )
            )
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                got = f"last_epoch={last_epoch} and a parameter group without 'initial_lr'"
                remedy = "Load the optimiser's state first, or leave last_epoch out."
                raise ArgumentError(
                    message(type(self).__name__, got, "a group that had a schedule before", remedy)
                )
        self.optimizer = optimizer
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._advance()

    def __repr__(self) -> str:
        general = ("optimizer", "base_lrs", "last_epoch", "lr_lambdas")
        given = [f"{k}={v!r}" for k, v in vars(self).items() if k not in general and k[0] != "_"]
        rates = ", ".join(f"{lr:g}" for lr in self._last_lr)
        return f"{type(self).__name__}({', '.join([*given, f'epoch={self.last_epoch}', f'lr={rates}'])})"

    def get_lr(self) -> list[float]:
        """The learning rate of each group at ``last_epoch``."""
        raise NotSupportedError(
            message(type(self).__name__, "a schedule without get_lr", "a method get_lr(self)", "Write it.")
        )

    def get_last_lr(self) -> list[float]:
        """The learning rates that the last step set."""
        return list(self._last_lr)

    def step(self, epoch: int | None = None) -> None:
        """Goes on to the next epoch and sets the learning rate of each group.

        ``epoch`` goes to that one instead, which is deprecated as in PyTorch: then the rates follow from the
        base rates (``_get_closed_form_lr``, where the schedule has one), not from the present ones.
        """
        optimizer = self.optimizer
        if self._step_count == 1 and type(optimizer).step is Optimizer.step and not optimizer.stepped:
            warn(
                "scheduler.step() came before optimizer.step(), so the first learning rate is never used; "
                "call optimizer.step() first"
            )
        if epoch is None:
            self._advance()
            return
        warn_of_epoch()
        self._step_count += 1
        self.last_epoch = epoch
        self._set(getattr(self, "_get_closed_form_lr", self.get_lr)())

    def _advance(self) -> None:
        self._step_count += 1
        self.last_epoch += 1
        self._set(self.get_lr())

    def _set(self, rates: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._show(self._present())

    def _show(self, rates: list[float]) -> None:
        """Have these be the last rates: in the same list, so that a compiled step writes numbers alone."""
        if "_last_lr" in vars(self):
            self._last_lr[:] = rates
        else:
            self._last_lr = rates

    def begin(self) -> None:
        """Go back to epoch 0 and set its rates, whatever others have set: `SequentialLR` does so when it is
        this schedule's turn."""
        self.last_epoch = 0
        self._step_count += 1
        self._set(self.first_lr())

    def first_lr(self) -> list[float]:
        """The rates at epoch 0, from the base rates."""
        return self.base_lrs

    def _present(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser (and plain functions, which can't be saved)."""
        held = {key: value for key, value in vars(self).items() if key != "optimizer"}
        return {**held, "_last_lr": self.get_last_lr()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what ``state_dict()`` gave. The learning rate itself is the optimiser's: load its state
        too.

        Raises CheckpointError, and changes nothing, for the state of another schedule.
        """
        own, given = set(self.state_dict()), set(state_dict)
        if own != given:
            got = f"missing {sorted(own - given)}, unexpected {sorted(given - own)}"
            remedy = "Load it into a schedule of the same kind."
            raise CheckpointError(
                message(f"{type(self).__name__}.load_state_dict", got, "its own state", remedy)
            )
        vars(self).update(state_dict)
