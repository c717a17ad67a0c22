"""All steps that random programs are made of."""

from __future__ import annotations

from rushlight.compile.fuzz import elementwise, structure
from rushlight.compile.fuzz.pool import STEPS

__all__ = ["STEPS", "elementwise", "structure"]
