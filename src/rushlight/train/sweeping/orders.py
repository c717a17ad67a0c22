"""The orders in which networks see their samples; those that are equal are made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.train.sweeping.course import Course
from rushlight.train.sweeping.group import Member

__all__ = ["Orders"]

WINDOW = 1 << 26
"""How many bytes the orders made in advance may take."""


class Orders:
    """The row numbers of every epoch, for each different order: int64 (orders, window, samples).

    Epoch e stands at place e % window, and may be overwritten when the epochs before are over.
    """

    def __init__(self, course: Course, members: list[Member], epochs: int) -> None:
        self.course = course
        self._loaders: dict[Any, Any] = {}
        self._place: dict[int, int] = {}
        for member in members:
            loader = member.loader
            iter(loader)  # which of the loader's epochs is next, the loader decides as for a loop
            key = (loader.seed if loader.shuffle else None, loader.epoch)
            self._loaders.setdefault(key, loader)
            self._place[id(member)] = list(self._loaders).index(key)
        shuffled = any(loader.shuffle for loader in self._loaders.values())
        most = WINDOW // (8 * course.samples * len(self._loaders))
        self.window = max(2, min(epochs, most)) if shuffled else 1
        self.rows = np.empty((len(self._loaders), self.window, course.samples), np.int64)
        self.ready = 0
        """The first epoch whose orders are still to be made."""

    def of(self, members: list[Member]) -> np.ndarray[Any, Any]:
        """Which of the orders each member has."""
        return np.array([self._place[id(m)] for m in members], dtype=np.int64)

    def at(self, first: int, epochs: int) -> np.ndarray[Any, Any]:
        """Where in the window these epochs stand; they are made now if they are not yet."""
        self.ahead(first + epochs, lambda: False)
        return (first + np.arange(epochs)) % self.window

    def ahead(self, stop: int, enough: Callable[[], bool]) -> None:
        """Make the epochs before `stop`, as long as it is not enough."""
        while self.ready < stop and not enough():
            if self.window > 1 or self.ready == 0:
                for line, loader in zip(self.rows, self._loaders.values(), strict=True):
                    line[self.ready % self.window] = self.course.rows(loader, loader.epoch + self.ready)
            self.ready += 1
