"""Schedules along a cosine."""

from __future__ import annotations

import math

from rushlight.errors import ArgumentError, message
from rushlight.optim.base import Optimizer
from rushlight.optim.lr_scheduler.base import LRScheduler, check_epochs

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


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
        check_epochs("CosineAnnealingLR", T_max=T_max)
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

    def _get_closed_form_lr(self) -> list[float]:
        part = self._shape(self.last_epoch)
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the base rate down to ``eta_min`` in ``T_0`` epochs, again and again, each
    ``T_mult`` times as long as the one before (Loshchilov and Hutter, 2017).

    ``step(epoch)`` goes to any epoch, which may have a fraction: after each batch, say.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> scheduler = rl.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> optimizer.step(); scheduler.step(0.999999)
    >>> round(scheduler.get_last_lr()[0], 3)
    0.5
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        check_epochs("CosineAnnealingWarmRestarts", T_0=T_0, T_mult=T_mult)
        self.T_0, self.T_i, self.T_mult = T_0, T_0, T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        part = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        if epoch is None:
            super().step()
            return
        if epoch < 0:
            raise ArgumentError(message("CosineAnnealingWarmRestarts.step", f"epoch={epoch}", "0 or more"))
        self._go_to(epoch)
        self._step_count += 1
        self._set(self.get_lr())

    def begin(self) -> None:
        self._go_to(0)
        super().begin()

    def first_lr(self) -> list[float]:
        return self.get_lr()

    def _advance(self) -> None:
        self._go_to(self.last_epoch + 1, self.T_cur + 1)
        self._step_count += 1
        self._set(self.get_lr())

    def _go_to(self, epoch: float, since: float | None = None) -> None:
        """Set the length of the cosine that `epoch` lies in, and how far into it that is."""
        if since is not None:
            self.T_cur = since
            if since >= self.T_i:
                self.T_cur, self.T_i = since - self.T_i, self.T_i * self.T_mult
        elif epoch < self.T_0:
            self.T_cur, self.T_i = epoch, self.T_0
        elif self.T_mult == 1:
            self.T_cur, self.T_i = epoch % self.T_0, self.T_0
        else:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
        self.last_epoch = math.floor(epoch)
