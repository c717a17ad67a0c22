"""ONNX's operators as functions of tensors: a family a file, all entered into one table."""

from rushlight.onnx.readers import (  # noqa: F401
    classic,
    control,
    elementwise,
    losses,
    moving,
    normalizing,
    products,
    quantizing,
    recurrences,
    reductions,
    regions,
    resizing,
    signals,
    windows,
)
from rushlight.onnx.readers.table import READERS, Reader, find

__all__ = ["READERS", "Reader", "find"]
