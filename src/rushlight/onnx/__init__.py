"""ONNX both ways: `export` writes a module as a graph of ONNX's operators, `load` makes a module of one."""

from rushlight.onnx.loading import OnnxModule as OnnxModule
from rushlight.onnx.loading import load as load

__all__ = ["OnnxModule", "load"]
