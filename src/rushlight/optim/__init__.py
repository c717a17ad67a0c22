"""Optimisers: the shared loop in `base`, a file a family of rules, learning-rate schedules in `lr_scheduler`.

What nearly every program uses loads with the package; a file of `LATER` when one of its names is asked for.
"""

from typing import TYPE_CHECKING

from rushlight.errors import names_of, namespace
from rushlight.optim import lr_scheduler
from rushlight.optim.adam import Adam, AdamW
from rushlight.optim.base import Optimizer
from rushlight.optim.sgd import SGD

if TYPE_CHECKING:
    from rushlight.optim.adam_kin import *
    from rushlight.optim.lbfgs import *
    from rushlight.optim.matrix import *
    from rushlight.optim.rmsprop import *
    from rushlight.optim.rprop import *
    from rushlight.optim.sparse_adam import *

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]

LATER = {
    "adam_kin": "Adamax Lion NAdam RAdam",
    "lbfgs": "LBFGS",
    "matrix": "Adafactor Muon",
    "rmsprop": "Adadelta Adagrad RMSprop",
    "rprop": "ASGD Rprop",
    "sparse_adam": "SparseAdam",
    "swa_utils": "",
}
"""Files that load when used, and their names; one without names is asked for by its own."""

if not TYPE_CHECKING:
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
