"""Schedules that go up and down, a batch at a time: CyclicLR and OneCycleLR."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.errors import ArgumentError, message
from rushlight.optim.base import Optimizer
from rushlight.optim.lr_scheduler.base import LRScheduler

__all__ = ["CyclicLR", "OneCycleLR"]

Rates = float | Sequence[float]


def _for_each_group(name: str, optimizer: Optimizer, value: Rates) -> list[float]:
    count = len(optimizer.param_groups)
    found: list[Any] = [float(v) for v in value] if isinstance(value, (list, tuple)) else [value] * count
    if len(found) != count:
        raise ArgumentError(
            message(name, f"{len(found)} values", f"one number, or one for each of {count} groups")
        )
    return found


def _momentum_of(name: str, group: dict[str, Any]) -> str:
    """The option that is the group's momentum."""
    for option in ("momentum", "betas"):
        if option in group:
            return option
    remedy = "Pass cycle_momentum=False."
    raise ArgumentError(message(name, "an optimiser without momentum", "one with momentum or betas", remedy))


def _set_momentum(group: dict[str, Any], option: str, value: float) -> None:
    group[option] = (value, *group["betas"][1:]) if option == "betas" else value


class CyclicLR(LRScheduler):
    """From ``base_lr`` to ``max_lr`` in ``step_size_up`` batches and back in ``step_size_down``, again and
    again (Smith, 2017); call ``step()`` after every batch.

    mode      "triangular": always the same; "triangular2": each half as high as the one before; "exp_range":
              higher by gamma^batch. Or give ``scale_fn``, a function of the cycle or, with
              scale_mode="iterations", of the batch.
    cycle_momentum  the momentum goes the other way, between ``max_momentum`` and ``base_momentum``.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0, momentum=0.9)
    >>> scheduler = rl.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=4)
    >>> optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Rates,
        max_lr: Rates,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.8,
        max_momentum: Rates = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ArgumentError(message("CyclicLR", f"mode={mode!r}", "triangular, triangular2 or exp_range"))
        base = _for_each_group("CyclicLR", optimizer, base_lr)
        for group, lr in zip(optimizer.param_groups, base, strict=True):
            if last_epoch == -1:
                group["lr"] = lr
                group.pop("initial_lr", None)
        self.max_lrs = _for_each_group("CyclicLR", optimizer, max_lr)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size, self.step_ratio = float(step_size_up + down), step_size_up / (step_size_up + down)
        self.mode, self.gamma, self.cycle_momentum = mode, gamma, cycle_momentum
        self._scale_fn, self._scale_mode = scale_fn, scale_mode if scale_fn is not None else ""
        self.base_momentums = _for_each_group("CyclicLR", optimizer, base_momentum)
        self.max_momentums = _for_each_group("CyclicLR", optimizer, max_momentum)
        for group, value in zip(optimizer.param_groups, self.max_momentums, strict=True):
            if cycle_momentum:
                _set_momentum(group, _momentum_of("CyclicLR", group), value)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base

    def _scale(self, cycle: float) -> float:
        if self._scale_fn is not None:
            return self._scale_fn(cycle if self._scale_mode == "cycle" else self.last_epoch)
        if self.mode == "triangular2":
            return 1.0 / 2.0 ** (cycle - 1)
        return self.gamma**self.last_epoch if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        at = 1.0 + self.last_epoch / self.total_size - cycle
        height = at / self.step_ratio if at <= self.step_ratio else (at - 1) / (self.step_ratio - 1)
        height *= self._scale(cycle)
        if self.cycle_momentum:
            for group, low, high in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                _set_momentum(group, _momentum_of("CyclicLR", group), high - (high - low) * height)
        return [base + (top - base) * height for base, top in zip(self.base_lrs, self.max_lrs, strict=True)]

    first_lr = get_lr

    def state_dict(self) -> dict[str, Any]:
        return {key: value for key, value in super().state_dict().items() if key != "_scale_fn"}


class OneCycleLR(LRScheduler):
    """Up to ``max_lr`` and down to almost nothing in the course of a whole training (Smith and Topin, 2018);
    call ``step()`` after every batch, ``total_steps`` (or epochs · steps_per_epoch) times at most.

    The rate begins at max_lr / div_factor, is highest after the part ``pct_start``, and ends at its beginning
    over final_div_factor; with ``three_phase`` it is back at its beginning after twice that part. The
    momentum goes the other way, between ``max_momentum`` and ``base_momentum``.

    anneal_strategy  "cos", a cosine, or "linear".

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.nn.Parameter(rl.zeros(1))], lr=1.0, momentum=0.9)
    >>> scheduler = rl.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=11, pct_start=0.3)
    >>> for _ in range(2):
    ...     optimizer.step(); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 3), round(optimizer.param_groups[0]["momentum"], 3)
    (1.0, 0.85)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Rates,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.85,
        max_momentum: Rates = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None and epochs is not None and steps_per_epoch is not None:
            total_steps = epochs * steps_per_epoch
        if total_steps is None or total_steps <= 0:
            got = f"total_steps={total_steps}, epochs={epochs}, steps_per_epoch={steps_per_epoch}"
            raise ArgumentError(message("OneCycleLR", got, "total_steps, or both of the others"))
        if not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            got = f"pct_start={pct_start}, anneal_strategy={anneal_strategy!r}"
            raise ArgumentError(message("OneCycleLR", got, "a part from 0 to 1, and 'cos' or 'linear'"))
        self.total_steps, self.anneal_strategy, self.cycle_momentum = (
            total_steps,
            anneal_strategy,
            cycle_momentum,
        )
        tops = _for_each_group("OneCycleLR", optimizer, max_lr)
        lows = _for_each_group("OneCycleLR", optimizer, base_momentum)
        highs = _for_each_group("OneCycleLR", optimizer, max_momentum)
        self._phases = _phases(total_steps, pct_start, three_phase)
        for group, top, low, high in zip(optimizer.param_groups, tops, lows, highs, strict=True):
            if last_epoch == -1:
                group["initial_lr"] = top / div_factor
                group["max_lr"], group["min_lr"] = top, top / div_factor / final_div_factor
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = high, low
                    _set_momentum(group, _momentum_of("OneCycleLR", group), high)
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[float]:
        step = self.last_epoch
        if step > self.total_steps:
            got = f"step {step} of {self.total_steps}"
            raise ArgumentError(message("OneCycleLR.step", got, "as many steps as were planned"))
        ends = [end for end, _, _ in self._phases]
        at = min(bisect.bisect_left(ends, step), len(ends) - 1)
        begin = ends[at - 1] if at else 0.0
        part = (step - begin) / (ends[at] - begin) if ends[at] > begin else 1.0
        _, rates, momenta = self._phases[at]
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            value = self._between(group[momenta[0]], group[momenta[1]], part)
            _set_momentum(group, _momentum_of("OneCycleLR", group), value)
        groups = self.optimizer.param_groups
        return [self._between(group[rates[0]], group[rates[1]], part) for group in groups]

    first_lr = get_lr


def _phases(total: int, part: float, three: bool) -> list[tuple[float, tuple[str, str], tuple[str, str]]]:
    """The last step of each phase, and between which options of the group the rate and the momentum go."""
    up = ("initial_lr", "max_lr"), ("max_momentum", "base_momentum")
    if not three:
        down = ("max_lr", "min_lr"), ("base_momentum", "max_momentum")
        return [(part * total - 1.0, *up), (total - 1.0, *down)]
    back, rest = ("max_lr", "initial_lr"), ("initial_lr", "min_lr")
    return [
        (part * total - 1.0, *up),
        (2 * part * total - 2.0, back, ("base_momentum", "max_momentum")),
        (total - 1.0, rest, ("max_momentum", "max_momentum")),
    ]
