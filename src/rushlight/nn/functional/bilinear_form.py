"""The bilinear form as a function."""

from rushlight.ops.bilinear_form import bilinear

__all__ = ["bilinear"]
