"""What a person sees while a model trains: a live bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LiveProgress", "PlainProgress", "Progress", "Status", "make_progress"]

INTERVAL = 0.1
"""Seconds between two refreshes of the live bar."""


@dataclass
class Status:
    """Where a run stands. `values` are the running loss and metrics, and the last epoch's validation; `label`
    takes the place of the number of the epoch, and `unit` that of samples."""

    epoch: int
    epochs: int
    batch: int
    batches: int | None
    samples_per_second: float
    seconds_left: float | None
    values: Mapping[str, float] = field(default_factory=dict)
    label: str = ""
    unit: str = "samples"


class Progress:
    """Shows nothing; the base of what shows something. Pass a subclass to Trainer to show it your way.

    `interval` is the number of seconds between two calls of `update`, or None for none at all.
    """

    interval: float | None = None

    def start(self, status: Status) -> None:
        """Training begins, or goes on, at `status`."""

    def update(self, status: Status) -> None:
        """Called between batches, once every `interval` seconds at most."""

    def epoch(self, status: Status) -> None:
        """An epoch is over."""

    def note(self, text: str) -> None:
        """Say something to the user."""

    def stop(self) -> None:
        """Training is over, or was broken off."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PlainProgress(Progress):
    """A line of text an epoch; where epochs fly by, for every 20th of the run and at least every second."""

    LINES = 20

    def __init__(self) -> None:
        self._said = 0.0

    def start(self, status: Status) -> None:
        self._said = time.monotonic()

    def epoch(self, status: Status) -> None:
        step = -(-status.epochs // self.LINES)
        if status.epoch % step and status.epoch != status.epochs and time.monotonic() - self._said < 1.0:
            return
        self._said = time.monotonic()
        width = len(str(status.epochs))
        where = status.label or f"epoch {status.epoch:>{width}}/{status.epochs}"
        self.note(f"{where}  {_values(status)}  {_speed(status)}")

    def note(self, text: str) -> None:
        print(text, flush=True)


class LiveProgress(Progress):
    """A bar of rich's, refreshed by the training loop itself: a thread would take time from small nets."""

    interval = INTERVAL

    def __init__(self) -> None:
        from rich.progress import BarColumn, ProgressColumn, TextColumn
        from rich.progress import Progress as Bar

        columns: list[ProgressColumn] = [
            TextColumn("{task.fields[epoch]}"),
            BarColumn(bar_width=8),
            TextColumn("{task.fields[text]}", table_column=_flexible()),
            TextColumn("[dim]{task.fields[speed]}[/dim]"),
        ]
        self._bar = Bar(*columns, auto_refresh=False, expand=True)
        self._task: Any = None

    def start(self, status: Status) -> None:
        self._task = self._bar.add_task("", total=_steps(status)[1], **_fields(status))
        self._bar.start()
        self._show(status)

    def update(self, status: Status) -> None:
        self._show(status)

    def epoch(self, status: Status) -> None:
        if status.epoch == status.epochs:
            self._show(status)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        self._bar.stop()

    def _show(self, status: Status) -> None:
        self._bar.update(self._task, completed=_steps(status)[0], refresh=True, **_fields(status))


def make_progress(progress: bool | Progress | None) -> Progress:
    """None: a live bar on a terminal if rich is there, else plain lines. True: plain lines at least.
    False: nothing. A Progress is taken as it is.
    """
    if isinstance(progress, Progress):
        return progress
    if progress is False:
        return Progress()
    return LiveProgress() if _can_draw() else PlainProgress()


def _can_draw() -> bool:
    if not sys.stdout.isatty():
        return False
    try:
        from rich import get_console
    except ImportError:
        return False
    return not get_console().is_dumb_terminal


def _steps(status: Status) -> tuple[float, float]:
    """Batches done and batches in all; epochs where an epoch's length is not known."""
    if status.batches is None:
        return status.epoch - 1, status.epochs
    return (status.epoch - 1) * status.batches + status.batch, status.epochs * status.batches


def _fields(status: Status) -> dict[str, str]:
    where = status.label or f"epoch {status.epoch}/{status.epochs}"
    return {"epoch": where, "text": _values(status), "speed": _speed(status)}


def _values(status: Status) -> str:
    names = {"train_": "", "validation_": "val "}
    parts = []
    for name, value in status.values.items():
        for prefix, short in names.items():
            if name.startswith(prefix):
                name = short + name.removeprefix(prefix)
                break
        parts.append(f"{name} {value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{name} {value:.3g}")
    return "  ".join(parts)


def _speed(status: Status) -> str:
    if not status.samples_per_second:
        return ""
    left = "" if status.seconds_left is None else f"  {_duration(status.seconds_left)} left"
    return f"{_short(status.samples_per_second)} {status.unit}/s{left}"


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}" if number < 999.5 * size else f"{number / size:.0f}{letter}"
    return f"{number:.0f}"


def _duration(seconds: float) -> str:
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def _flexible() -> Any:
    from rich.table import Column

    return Column(ratio=1, no_wrap=True, overflow="ellipsis")
