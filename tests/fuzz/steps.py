"""All steps that random programs are made of."""

from __future__ import annotations

from tests.fuzz import elementwise, long, loops, structure
from tests.fuzz.pool import LONG_STEPS, STEPS

__all__ = ["LONG_STEPS", "STEPS", "elementwise", "long", "loops", "structure"]
