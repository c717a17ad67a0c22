"""Schedules made of others, and one that looks at a metric."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.optim.base import Optimizer
from rushlight.optim.lr_scheduler.base import LRScheduler, warn_of_epoch

__all__ = ["ChainedScheduler", "ReduceLROnPlateau", "SequentialLR"]


def _check_optimizer(name: str, schedulers: Sequence[Any], optimizer: Optimizer | None) -> Optimizer:
    """The optimiser that all the schedules work on."""
    if not schedulers:
        raise ArgumentError(message(name, "no schedules", "one or more"))
    found = schedulers[0].optimizer if optimizer is None else optimizer
    for i, scheduler in enumerate(schedulers):
        if scheduler.optimizer is not found:
            raise ArgumentError(message(name, f"another optimiser in schedule {i}", "the same one in all"))
    return found


class _Several(LRScheduler):
    """What holds schedules, whose states are part of its own."""

    _schedulers: list[Any]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        schedulers = self._schedulers
        super().load_state_dict(state_dict)
        self._schedulers = schedulers
        for scheduler, saved in zip(schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(saved)


class SequentialLR(_Several):
    """One schedule after the other: schedule i from epoch milestones[i - 1] on, which is its epoch 0.

    >>> import rushlight as rl
    >>> from rushlight.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> parts = [ConstantLR(optimizer, factor=0.1, total_iters=9), ExponentialLR(optimizer, gamma=0.5)]
    >>> scheduler = SequentialLR(optimizer, parts, milestones=[2])
    >>> rates = []
    >>> for _ in range(4):
    ...     optimizer.step(); scheduler.step(); rates += scheduler.get_last_lr()
    >>> rates
    [0.1, 1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        _check_optimizer("SequentialLR", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            got = f"{len(milestones)} milestones for {len(schedulers)} schedules"
            raise ArgumentError(message("SequentialLR", got, "one fewer than schedules"))
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self.optimizer, self.last_epoch = optimizer, last_epoch + 1
        self.base_lrs, self._step_count = schedulers[0].base_lrs, 1
        for scheduler in self._schedulers[1:]:  # their steps 0, when they were made, do not count
            scheduler.last_epoch -= 1
        self._schedulers[0].begin()
        self._show(self._schedulers[0].get_last_lr())

    def step(self) -> None:  # type: ignore[override]
        self.last_epoch += 1
        self._step_count += 1
        i = bisect.bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler.begin()
        else:
            scheduler.step()
        self._show(scheduler.get_last_lr())


class ChainedScheduler(_Several):
    """Several schedules at once: each multiplies the rate that the one before it made.

    >>> import rushlight as rl
    >>> from rushlight.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> scheduler = ChainedScheduler([ConstantLR(optimizer, factor=0.5), ExponentialLR(optimizer, gamma=0.5)])
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.optimizer = _check_optimizer("ChainedScheduler", schedulers, optimizer)
        self._schedulers = list(schedulers)
        self.base_lrs, self.last_epoch, self._step_count = schedulers[0].base_lrs, 0, 1
        self._show(self._present())

    def step(self) -> None:  # type: ignore[override]
        self.last_epoch += 1
        self._step_count += 1
        for scheduler in self._schedulers:
            scheduler.step()
        self._show(self._present())


class ReduceLROnPlateau(LRScheduler):
    """The rate times ``factor`` when the metric has not become better for more than ``patience`` epochs; call
    ``step(metric)``.

    mode            "min": smaller is better; "max": larger.
    threshold       what counts as better: by this part of the best ("rel"), or by this much ("abs").
    cooldown        epochs after a reduction in which none is counted as bad.
    min_lr, eps     the smallest rate, and the smallest change of it that is made.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0)
    >>> scheduler = rl.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(message("ReduceLROnPlateau", type(optimizer).__name__, "an Optimizer"))
        if factor >= 1.0 or mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            got = f"factor={factor}, mode={mode!r}, threshold_mode={threshold_mode!r}"
            raise ArgumentError(message("ReduceLROnPlateau", got, "a factor below 1, min or max, rel or abs"))
        count = len(optimizer.param_groups)
        self.optimizer = optimizer
        self.min_lrs = [float(v) for v in min_lr] if isinstance(min_lr, (list, tuple)) else [min_lr] * count
        if len(self.min_lrs) != count:
            raise ArgumentError(
                message("ReduceLROnPlateau", f"{len(self.min_lrs)} min_lrs", f"one for each of {count}")
            )
        self.mode, self.factor, self.patience, self.eps = mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.base_lrs, self.last_epoch, self._step_count = self._present(), 0, 1
        self._show(self._present())
        self._reset()

    def _reset(self) -> None:
        self.best = float("inf") if self.mode == "min" else -float("inf")
        self.cooldown_counter = self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction was made lately."""
        return self.cooldown_counter > 0

    def is_better(self, a: float, best: float) -> bool:
        """Whether `a` is better than `best` by the threshold."""
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            return sign * a > sign * best * (1.0 + sign * self.threshold)
        return sign * a > sign * best + self.threshold

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Count an epoch with this value of the metric, a number or a tensor of one; to name the epoch is
        deprecated."""
        current = float(metrics)
        if epoch is not None:
            warn_of_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._step_count += 1
        better = self.is_better(current, self.best)
        self.best = current if better else self.best
        self.num_bad_epochs = 0 if better else self.num_bad_epochs + 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._show(self._present())

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, least)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr
