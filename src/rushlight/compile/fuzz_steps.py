"""All steps that random programs are made of."""

from __future__ import annotations

from rushlight.compile import fuzz_elementwise, fuzz_structure
from rushlight.compile.fuzz_pool import STEPS

__all__ = ["STEPS", "fuzz_elementwise", "fuzz_structure"]
