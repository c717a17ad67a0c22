"""Outside formats, one file each. Importing this package loads none of the libraries behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import namespace
from rushlight.interop.safetensors import load_file, load_metadata, save_file

__all__ = ["load_file", "load_metadata", "save_file"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
