"""How pixels between pixels are found."""

from __future__ import annotations

from enum import Enum
from typing import Any

from rushlight.errors import ArgumentError, message

__all__ = ["InterpolationMode", "interpolation_mode", "pillow_mode"]


class InterpolationMode(Enum):
    """How pixels between pixels are found; "box", "hamming" and "lanczos" for Pillow's pictures only."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_NUMBERS = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.NEAREST_EXACT: 0,
}
"""Pillow's numbers of them, which old programs pass."""


def interpolation_mode(op: str, value: Any) -> InterpolationMode:
    """The mode that `value`, a mode, its text or Pillow's number, names; raises ArgumentError for others."""
    if isinstance(value, InterpolationMode):
        return value
    for mode, number in _NUMBERS.items():
        if value == mode.value or (type(value) is not bool and value == number):
            return mode
    names = ", ".join(f"InterpolationMode.{mode.name}" for mode in InterpolationMode)
    raise ArgumentError(message(op, f"interpolation={value!r}", f"one of {names}"))


def pillow_mode(mode: InterpolationMode) -> int:
    """Pillow's number of a mode."""
    return _NUMBERS[mode]
