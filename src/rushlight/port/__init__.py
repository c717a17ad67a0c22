"""Will a program written for PyTorch run here? ``python -m rushlight.port FILE...`` says so, line by line."""

from typing import TYPE_CHECKING

from rushlight.errors import namespace
from rushlight.port.check import Finding, check
from rushlight.port.rewrite import rewrite
from rushlight.port.stand_in import stand_in

__all__ = ["Finding", "check", "rewrite", "stand_in"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
