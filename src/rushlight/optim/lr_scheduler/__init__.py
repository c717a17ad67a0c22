"""Learning-rate schedules: call ``scheduler.step()`` once an epoch, after the optimiser's steps."""

from typing import TYPE_CHECKING

from rushlight.errors import names_of, namespace
from rushlight.optim.lr_scheduler.base import LRScheduler
from rushlight.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from rushlight.optim.lr_scheduler.steps import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

if TYPE_CHECKING:
    from rushlight.optim.lr_scheduler.cycles import *
    from rushlight.optim.lr_scheduler.several import *

_LRScheduler = LRScheduler
"""PyTorch's older name, which programs still derive from."""

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]

LATER = {
    "cycles": "CyclicLR OneCycleLR",
    "several": "ChainedScheduler ReduceLROnPlateau SequentialLR",
}
"""Files that load when one of their names is asked for."""

if not TYPE_CHECKING:
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
