"""Derivatives on request: `grad`, `backward`, user-defined operations, and checks against differences."""

from typing import TYPE_CHECKING

from rushlight.core.anomaly import detect_anomaly, set_detect_anomaly
from rushlight.core.autograd import backward, grad
from rushlight.core.function import Function
from rushlight.core.gradcheck import gradcheck, gradgradcheck
from rushlight.core.state import enable_grad, inference_mode, no_grad, set_grad_enabled
from rushlight.core.variable import Variable
from rushlight.errors import namespace

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

if not TYPE_CHECKING:
    __all__ += ["function", "functional"]
    __getattr__, __dir__ = namespace(__name__, __all__, {"functional": "", "function": ""})
