"""The few names of PyTorch's compiled core that programs call: they ask it whether something is going on."""

from __future__ import annotations

from typing import Any

from rushlight.core.random import Generator
from rushlight.errors import missing

__all__ = ["Generator", "_get_tracing_state", "_log_api_usage_once"]


def _log_api_usage_once(name: str) -> None:
    """Nothing: nobody counts what is used."""


def _get_tracing_state() -> None:
    """None: `torch.jit.trace` is not running."""


def __getattr__(name: str) -> Any:
    raise missing(__name__, name, __all__, "It is part of PyTorch's compiled core, which is not here.")
