"""What a program does between the steps of training: one small protocol, and callbacks for what many do.

Loggers import the library behind them when training starts, not before.
"""

from rushlight.train.callbacks.average import EMA
from rushlight.train.callbacks.base import Callback
from rushlight.train.callbacks.checkpoint import ModelCheckpoint
from rushlight.train.callbacks.gradients import GradientNorms
from rushlight.train.callbacks.loggers import MLflow, TensorBoard, WandB

__all__ = ["EMA", "Callback", "GradientNorms", "MLflow", "ModelCheckpoint", "TensorBoard", "WandB"]
