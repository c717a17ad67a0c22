"""What is seen while a model trains: live curves in a notebook, a live bar on a terminal, or plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["LiveProgress", "PlainProgress", "Progress", "Status", "make_progress"]

INTERVAL = 0.1
"""Seconds between two refreshes of the live bar."""
BAR, ROOM = "\u2501" * 8, 3
"""The bar, and how many characters of a line stay free, for the ``^C`` that a terminal writes itself: if that
made a second line, the first one would stay where it is."""


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
    """A line of rich's, refreshed by the training loop itself: a thread would take time from small nets."""

    interval = INTERVAL

    def __init__(self) -> None:
        from rich.progress import Progress as Bar

        self._bar = Bar(_line_column(), auto_refresh=False)
        self._task: Any = None

    def start(self, status: Status) -> None:
        self._task = self._bar.add_task("", total=_steps(status)[1], status=status)
        self._bar.start()
        self._show(status)

    def update(self, status: Status) -> None:
        self._show(status)

    def epoch(self, status: Status) -> None:
        if status.epoch == status.epochs:
            self._show(status)

    def note(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        self._bar.stop()

    def _show(self, status: Status) -> None:
        self._bar.update(self._task, completed=_steps(status)[0], refresh=True, status=status)


def _line_column() -> Any:
    """The line as the one column of a rich Progress; it leaves room for the ``^C`` of a terminal."""
    from rich import get_console
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    console = get_console()

    class Line(ProgressColumn):
        def render(self, task: Task) -> Text:
            room = console.width - ROOM
            where, bar, values, speed = line(task.fields["status"], room)
            text = Text(where, no_wrap=True)
            if bar:
                done = round(len(bar) * min(max(task.completed / task.total, 0.0), 1.0)) if task.total else 0
                text.append(" " + ("-" * done if console.options.ascii_only else bar[:done]), "bar.complete")
                text.append(
                    " " * (len(bar) - done) if console.color_system is None else bar[done:], "bar.back"
                )
            text.append(f" {values}" if values else "").append(f"  {speed}" if speed else "", "dim")
            text.truncate(room, overflow="ellipsis")  # and no wider: a wider one would be padded
            return text

    return Line()


def line(status: Status, width: int) -> tuple[str, str, str, str]:
    """Where the run stands, bar, values and speed, in `width` characters if they can be had.

    What matters least goes first: samples a second, the bar, what is measured on the training data besides
    the loss, the time that is left, then the training loss.
    """
    where = status.label or f"epoch {status.epoch}/{status.epochs}"
    every, left = _values(status), _left(status)
    validated = {name: value for name, value in status.values.items() if name.startswith("validation_")}
    losses = {name: value for name, value in status.values.items() if name == "train_loss"}
    last = dict(list((validated or losses).items())[-1:])
    choices = [(BAR, every, _speed(status)), (BAR, every, left), ("", every, left)]
    for some in (losses | validated, validated or losses, last):
        values = _values(replace(status, values=some))
        choices += [("", values, left), ("", values, "")]
    for bar, values, speed in choices:
        if len(" ".join(part for part in (where, bar, values, speed and f" {speed}") if part)) <= width:
            break
    return where, bar, values, speed


def make_progress(progress: bool | Progress | None) -> Progress:
    """None: live curves in a notebook, a live bar on a terminal if rich is there, else plain lines. True: the
    same. False: nothing. A Progress is taken as it is.
    """
    if isinstance(progress, Progress):
        return progress
    if progress is False:
        return Progress()
    if "IPython" in sys.modules:
        from rushlight.notebook.kernel import in_notebook
        from rushlight.train.notebook_progress import NotebookProgress

        if in_notebook():
            return NotebookProgress()
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


def _rate(status: Status) -> str:
    return f"{_short(status.samples_per_second)} {status.unit}/s" if status.samples_per_second else ""


def _left(status: Status) -> str:
    if not status.samples_per_second or status.seconds_left is None:
        return ""
    return f"{_duration(status.seconds_left)} left"


def _speed(status: Status) -> str:
    return "  ".join(part for part in (_rate(status), _left(status)) if part)


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
