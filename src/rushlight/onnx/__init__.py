"""ONNX both ways: `export` writes a module as a graph of ONNX's operators, `load` makes a module of one."""

from rushlight.errors import namespace
from rushlight.onnx.calls import TrainingMode, is_in_onnx_export
from rushlight.onnx.exporting import ONNXProgram, export
from rushlight.onnx.loading import OnnxModule, load

__all__ = ["ONNXProgram", "OnnxModule", "TrainingMode", "export", "is_in_onnx_export", "load"]

__getattr__, __dir__ = namespace(__name__, __all__)
