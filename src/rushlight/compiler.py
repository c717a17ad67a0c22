"""What programs ask and tell PyTorch's compiler; `rl.compile` makes native code."""

from __future__ import annotations

from typing import Any

from rushlight.core.state import state
from rushlight.errors import namespace

__all__ = [
    "allow_in_graph", "assume_constant_result", "cudagraph_mark_step_begin", "disable", "is_compiling",
    "is_dynamo_compiling", "is_exporting", "reset", "substitute_in_graph",
]  # fmt: skip


def is_compiling() -> bool:
    """Whether `rl.compile` is tracing the function that asks.

    >>> is_compiling()
    False
    """
    return state.tracing


is_dynamo_compiling = is_compiling


def is_exporting() -> bool:
    """False."""
    return False


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A decorator, with parentheses or without, that gives back its function: what a compiled function calls
    is compiled with it.
    """
    return fn if callable(fn) else lambda fn: fn


def allow_in_graph(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def substitute_in_graph(original_fn: Any, **options: Any) -> Any:
    """A decorator that gives back its function."""
    return lambda fn: fn


def reset() -> None:
    """Nothing: a compiled function is traced anew when what it took for granted changes."""


def cudagraph_mark_step_begin() -> None:
    """Nothing: it is for GPUs."""


__getattr__, __dir__ = namespace(__name__, __all__)
