"""Learning-rate schedules: call ``scheduler.step()`` once an epoch, after the optimiser's steps."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rushlight.core.anomaly import warn
from rushlight.errors import ArgumentError, CheckpointError, DTypeError, NotSupportedError, message, namespace
from rushlight.optim.base import Optimizer

__all__ = ["CosineAnnealingLR", "LRScheduler", "LambdaLR", "StepLR"]

Factor = Callable[[int], float]


class LRScheduler:
    """Base of all schedules: one defines ``get_lr()``, the rate of each group at ``self.last_epoch``.

    Creating a schedule is its step 0. ``base_lrs`` are the rates that the groups had then ("initial_lr" in
    the group). As in PyTorch, ``get_lr`` of StepLR and CosineAnnealingLR goes on from the present rate, so
    that several schedules may work on one optimiser, and so may you. Raises ArgumentError when last_epoch is
    given for an optimiser that never had a schedule.
    """

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
        return self._last_lr

    def step(self) -> None:
        """Goes on to the next epoch and sets the learning rate of each group."""
        optimizer = self.optimizer
        if self._step_count == 1 and type(optimizer).step is Optimizer.step and not optimizer.stepped:
            warn(
                "scheduler.step() came before optimizer.step(), so the first learning rate is never used; "
                "call optimizer.step() first"
            )
        self._advance()

    def _advance(self) -> None:
        self._step_count += 1
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        self._last_lr = self._present()

    def _present(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser (and plain functions, which can't be saved)."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

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


class StepLR(LRScheduler):
    """Every ``step_size`` epochs the rate times ``gamma``: lr = base · gamma^floor(epoch / step_size).

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> scheduler = rl.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    >>> optimizer.step(); scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise ArgumentError(
                message("StepLR", f"step_size={step_size}", "1 or more epochs", "Use 10, for example.")
            )
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._present()
        return [lr * self.gamma for lr in self._present()]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the base rate down to ``eta_min`` in ``T_max`` epochs, and up again (Loshchilov,
    Hutter, 2017): lr = eta_min + (base - eta_min)(1 + cos(π epoch / T_max)) / 2.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> scheduler = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> optimizer.step(); scheduler.step()
    >>> round(optimizer.param_groups[0]["lr"], 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max < 1:
            raise ArgumentError(
                message("CosineAnnealingLR", f"T_max={T_max}", "1 or more epochs", "Pass the epochs.")
            )
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _shape(self, epoch: int) -> float:
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def get_lr(self) -> list[float]:
        epoch = self.last_epoch
        if epoch == 0:
            return self._present()
        spans = [base - self.eta_min for base in self.base_lrs]
        if self._step_count == 1:
            return [self.eta_min + span * self._shape(epoch) for span in spans]
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The rate was just eta_min, from which no factor leads up again.
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [lr + span * rise for lr, span in zip(self._present(), spans, strict=True)]
        factor = self._shape(epoch) / self._shape(epoch - 1)
        return [factor * (lr - self.eta_min) + self.eta_min for lr in self._present()]


class LambdaLR(LRScheduler):
    """lr = base · lr_lambda(epoch), with one function for all groups or a list of one for each.

    ``state_dict`` leaves functions out and keeps the attributes of callable objects.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> scheduler = rl.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1
    ) -> None:
        count = len(getattr(optimizer, "param_groups", ()))
        lambdas = [lr_lambda] * count if callable(lr_lambda) else list(lr_lambda)
        if len(lambdas) != count:
            got = f"{len(lambdas)} functions for {count} parameter groups"
            raise ArgumentError(
                message("LambdaLR", got, "one function, or one for each group", "Check the list.")
            )
        self.lr_lambdas = lambdas
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [
            base * factor(self.last_epoch)
            for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        plain = (types.FunctionType, types.BuiltinFunctionType)
        saved = [None if isinstance(f, plain) else dict(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": saved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        functions = self.lr_lambdas
        super().load_state_dict(state_dict)
        self.lr_lambdas = functions
        for function, saved in zip(functions, state_dict["lr_lambdas"], strict=False):
            if saved is not None:
                vars(function).update(saved)


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
