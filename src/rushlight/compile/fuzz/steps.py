"""All steps that random programs are made of."""

from __future__ import annotations

from rushlight.compile.fuzz import elementwise, long, structure
from rushlight.compile.fuzz.pool import LONG_STEPS, STEPS

__all__ = ["LONG_STEPS", "STEPS", "elementwise", "long", "structure"]
