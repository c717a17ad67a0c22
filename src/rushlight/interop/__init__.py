"""Outside formats, one file each. Importing this package loads none of the libraries behind them."""

from __future__ import annotations

from rushlight.interop.safetensors import load_file, load_metadata, save_file

__all__ = ["load_file", "load_metadata", "save_file"]
