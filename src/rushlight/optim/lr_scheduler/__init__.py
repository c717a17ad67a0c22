"""Learning-rate schedules: call ``scheduler.step()`` once an epoch, after the optimiser's steps."""

from typing import TYPE_CHECKING

from rushlight.errors import names_of, namespace
from rushlight.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from rushlight.optim.lr_scheduler.cosine import *
    from rushlight.optim.lr_scheduler.cycles import *
    from rushlight.optim.lr_scheduler.several import *
    from rushlight.optim.lr_scheduler.steps import *

_LRScheduler = LRScheduler
"""PyTorch's older name, which programs still derive from."""

__all__ = ["LRScheduler"]

LATER = {
    "cosine": "CosineAnnealingLR CosineAnnealingWarmRestarts",
    "cycles": "CyclicLR OneCycleLR",
    "several": "ChainedScheduler ReduceLROnPlateau SequentialLR",
    "steps": "ConstantLR ExponentialLR LambdaLR LinearLR MultiStepLR MultiplicativeLR PolynomialLR StepLR",
}
"""Files that load when one of their names is asked for."""

if not TYPE_CHECKING:
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
