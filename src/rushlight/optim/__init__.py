"""Optimisers: the shared loop in `base`, one file per rule, learning-rate schedules in `lr_scheduler`."""

from typing import TYPE_CHECKING

from rushlight.errors import namespace
from rushlight.optim import lr_scheduler
from rushlight.optim.adam import Adam, AdamW
from rushlight.optim.base import Optimizer
from rushlight.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
