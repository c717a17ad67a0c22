"""Fences: strips of known bytes around the memory of programs, which show what was written past its end."""

from __future__ import annotations

from typing import Any

from rushlight.compile.native.program import Program
from rushlight.device import xp
from rushlight.device.memory import aligned_bytes, view_bytes

__all__ = ["Fences"]

WIDTH = 256
"""Bytes on each side, as many as four vectors."""
MARK = 0xAB


class Fences:
    """While it is open, programs that are made work in fenced memory: results, arena and trial copies."""

    def __init__(self) -> None:
        self._strips: list[Any] = []

    def __enter__(self) -> Fences:
        Program.new_array, Program.new_bytes = self._array, self._bytes
        return self

    def __exit__(self, *error: object) -> None:
        Program.new_array = staticmethod(xp.empty)
        Program.new_bytes = staticmethod(aligned_bytes)

    def broken(self) -> bool:
        """Whether somebody wrote to a strip."""
        return any((strip != MARK).any() for strip in self._strips)

    def _array(self, shape: tuple[int, ...], dtype: Any) -> Any:
        size = xp.dtype(dtype).itemsize
        for n in shape:
            size *= n
        return view_bytes(self._bytes(size), 0, shape, dtype)

    def _bytes(self, size: int) -> Any:
        whole = aligned_bytes(size + 2 * WIDTH)
        for strip in (whole[:WIDTH], whole[WIDTH + size :]):
            strip[:] = MARK
            self._strips.append(strip)
        return whole[WIDTH : WIDTH + size]
