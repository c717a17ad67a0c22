"""Ctrl-C that waits for the batch to end."""

from __future__ import annotations

import signal
import sys
import threading
from types import CodeType, FrameType, TracebackType
from typing import Any

from rushlight.core.atomic import Undo
from rushlight.core.state import state

__all__ = ["InterruptGuard", "Interrupted", "grad_mode_kept"]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped the training between two batches. The message says where, and how to resume."""

    where: str = ""
    """The epoch and batch, in words, where one network was stopped."""
    sweep: Any = None
    """The runs as far as they came, where a sweep was stopped."""
    keep: Any = None
    """Of a sweep without a folder: ``keep(out)`` writes them into one, with which ``rl.sweep(..., out=out,
    resume=True)`` goes on."""


def grad_mode_kept() -> Undo:
    """Puts the present gradient mode back when an exception leaves it: one that came in the middle of leaving
    a ``no_grad()`` would have it stay off."""
    before = state.grad_enabled
    return Undo(lambda: setattr(state, "grad_enabled", before), failed=True)


class InterruptGuard:
    """While active, the first Ctrl-C only sets `requested`; a second one interrupts at once, as ever.

    Python delivers signals to the main thread alone, so elsewhere the guard does nothing. It is active while
    the function that entered it runs: an exception may come when it is being left, and its handler stay.
    """

    def __init__(self) -> None:
        self.requested = False
        self._user: CodeType | None = None

    def __repr__(self) -> str:
        return f"InterruptGuard(requested={self.requested})"

    def __enter__(self) -> InterruptGuard:
        self.requested = False
        # A handler that is not Python's own belongs to the program around us: leave it alone.
        if threading.current_thread() is threading.main_thread() and _is_free():
            self._user = sys._getframe(1).f_code
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._user is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._user = None

    def in_use(self, frame: FrameType | None) -> bool:
        """Whether the function that entered the guard still runs, seen from a frame."""
        while frame is not None and frame.f_code is not self._user:
            frame = frame.f_back
        return frame is not None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self.in_use(frame):
            raise KeyboardInterrupt
        self.requested = True


def _is_free() -> bool:
    """Whether Ctrl-C is handled by Python itself, or by a guard that was left behind."""
    handler = signal.getsignal(signal.SIGINT)
    guard = getattr(handler, "__self__", None)
    if isinstance(guard, InterruptGuard):
        return not guard.in_use(sys._getframe())
    return handler is signal.default_int_handler
