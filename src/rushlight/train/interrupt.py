"""Ctrl-C that waits for the batch to end."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["InterruptGuard", "Interrupted"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped the training between two batches. The message says where, and how to resume."""

    sweep: Any = None
    """The runs as far as they came, where a sweep was stopped."""


class InterruptGuard:
    """While active, the first Ctrl-C only sets `requested`; a second one interrupts at once, as ever.

    Python delivers signals to the main thread alone, so elsewhere the guard does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None
        self._active = False

    def __repr__(self) -> str:
        return f"InterruptGuard(requested={self.requested})"

    def __enter__(self) -> InterruptGuard:
        self.requested = False
        # A handler that is not Python's own belongs to the program around us: leave it alone.
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._before = signal.signal(signal.SIGINT, self._handle)
            self._active = True
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._before)
            self._active = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
