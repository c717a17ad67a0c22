"""Rushlight's operations as nodes of ONNX: a family a file, all entered into one table."""

from rushlight.onnx.writers import elementwise, layers, moving, random, recurrent, reductions  # noqa: F401
from rushlight.onnx.writers.table import WRITERS

__all__ = ["WRITERS"]
