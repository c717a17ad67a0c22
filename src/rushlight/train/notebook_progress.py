"""What a notebook shows while a model trains: a bar, figures and live curves, in one place of the cell."""

from __future__ import annotations

import time
from typing import Any

from rushlight.notebook.curves import curves_svg
from rushlight.notebook.kernel import Page, show
from rushlight.notebook.markup import escaped
from rushlight.train.progress import Progress, Status, line

__all__ = ["NotebookProgress"]

INTERVAL = 0.5
"""Seconds between two pictures at least: each is sent to the browser as a whole."""
WIDE = 200


class NotebookProgress(Progress):
    """The output of one cell, drawn again every half second and at the end.

    Curves are those of the epochs; while the first one runs, of what was measured so far.
    """

    interval = INTERVAL

    def __init__(self) -> None:
        self._curves: dict[str, list[tuple[float, float]]] = {}
        self._early: dict[str, list[tuple[float, float]]] = {}
        self._place: Any = None
        self._status: Status | None = None
        self._drawn = 0.0
        self._began = 0.0

    def start(self, status: Status) -> None:
        self._curves, self._early = {}, {}
        self._status, self._began = status, time.monotonic()
        self._place = show(self._page(status))
        self._drawn = time.monotonic()

    def update(self, status: Status) -> None:
        if not self._curves and status.batches:
            at = status.epoch - 1 + status.batch / status.batches
            _add(self._early, at, {n: v for n, v in status.values.items() if not n.startswith("validation_")})
        self._look(status)

    def epoch(self, status: Status) -> None:
        _add(self._curves, status.epoch, status.values)
        self._look(status)

    def note(self, text: str) -> None:
        print(text, flush=True)

    def stop(self) -> None:
        if self._place is not None and self._status is not None:
            self._place.update(self._page(self._status, over=True))
            self._place = None

    def _look(self, status: Status) -> None:
        self._status = status
        if self._place is not None and time.monotonic() - self._drawn >= INTERVAL:
            self._place.update(self._page(status))
            self._drawn = time.monotonic()

    def _page(self, status: Status, over: bool = False) -> Page:
        where, _, values, speed = line(status, WIDE)
        if over:
            speed = f"{time.monotonic() - self._began:.3g} s"
        text = "  ".join(part for part in (where, values, speed) if part)
        share = min(max(status.epoch / max(status.epochs, 1), 0.0), 1.0)
        bar = "" if over else f'<progress value="{share:.4f}" style="width:12em"></progress> '
        curves = curves_svg(self._curves or self._early, "per cent" if status.label else "epoch")
        return Page(f'<div style="font-size:90%">{bar}{escaped(text)}</div>{curves}', text)


def _add(curves: dict[str, list[tuple[float, float]]], at: float, values: Any) -> None:
    for name, value in values.items():
        curves.setdefault(name, []).append((at, float(value)))
