"""Training: Trainer, and the pieces it is made of, each of use in a loop written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import namespace
from rushlight.train import callbacks
from rushlight.train.callbacks import Callback
from rushlight.train.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from rushlight.train.early_stopping import EarlyStopping
from rushlight.train.history import History
from rushlight.train.interrupt import Interrupted, InterruptGuard
from rushlight.train.lr_finder import LRFinder, find_lr
from rushlight.train.metrics import (
    Accuracy,
    ConfusionMatrix,
    ErrorRate,
    MeanOf,
    Metric,
    accuracy,
    confusion_matrix,
    error_rate,
    predicted_classes,
)
from rushlight.train.progress import LiveProgress, PlainProgress, Progress, Status, make_progress
from rushlight.train.ranking import AUC, F1, TopKAccuracy
from rushlight.train.regression import MAE, R2, RMSE
from rushlight.train.summary import Summary, summary
from rushlight.train.trainer import Trainer

__all__ = [
    "AUC",
    "F1",
    "MAE",
    "R2",
    "RMSE",
    "Accuracy",
    "Callback",
    "ConfusionMatrix",
    "EarlyStopping",
    "ErrorRate",
    "History",
    "InterruptGuard",
    "Interrupted",
    "LRFinder",
    "LiveProgress",
    "MeanOf",
    "Metric",
    "PlainProgress",
    "Progress",
    "Status",
    "Summary",
    "TopKAccuracy",
    "Trainer",
    "accuracy",
    "callbacks",
    "confusion_matrix",
    "error_rate",
    "find_lr",
    "load_checkpoint",
    "make_progress",
    "predicted_classes",
    "read_checkpoint",
    "save_checkpoint",
    "summary",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
