"""Derivatives on request: `grad`, `backward`, user-defined operations, and checks against differences."""

from typing import TYPE_CHECKING

from rushlight.core.anomaly import detect_anomaly, set_detect_anomaly
from rushlight.core.autograd import backward, grad
from rushlight.core.state import enable_grad, inference_mode, no_grad, set_grad_enabled
from rushlight.errors import names_of, namespace

__all__ = [
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

if TYPE_CHECKING:
    from rushlight.autograd.differences import *
    from rushlight.autograd.variable import Variable as Variable
    from rushlight.core.function import Function as Function
else:
    LATER = {
        "differences": "gradcheck gradgradcheck",
        "function": "Function",
        "functional": "",
        "variable": "Variable",
    }
    __all__ += names_of(LATER)  # noqa: PLE0605
    __getattr__, __dir__ = namespace(__name__, __all__, LATER)
