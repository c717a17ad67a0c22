"""ONNX both ways: `export` writes a module as a graph of ONNX's operators, `load` makes a module of one."""

from rushlight.onnx.calls import TrainingMode as TrainingMode
from rushlight.onnx.exporting import ONNXProgram as ONNXProgram
from rushlight.onnx.exporting import export as export
from rushlight.onnx.loading import OnnxModule as OnnxModule
from rushlight.onnx.loading import load as load

__all__ = ["ONNXProgram", "OnnxModule", "TrainingMode", "export", "load"]
