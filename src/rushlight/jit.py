"""The names of PyTorch's older compiler: they give back what they are given, which runs as it is.

`rl.compile` makes native code of a function or module.
"""

from __future__ import annotations

from typing import Any

from rushlight.errors import namespace
from rushlight.nn.module import Module

__all__ = [
    "ScriptModule",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "script",
    "script_method",
    "trace",
    "unused",
]


class ScriptModule(Module):
    """A base of modules, as `Module` is. What `script` and `trace` give is no such module, but as it was."""


def script(obj: Any, *args: Any, **options: Any) -> Any:
    """`obj`, a module, function or class, itself.

    >>> import rushlight as rl
    >>> @rl.jit.script
    ... def double(x):
    ...     return 2 * x
    >>> double(rl.ones(1))
    tensor([2.])
    """
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **options: Any) -> Any:
    """`func`, a module or function, itself: nothing is frozen to what the example inputs did."""
    return func


def script_method(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def export(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def ignore(drop: Any = False, **options: Any) -> Any:
    """A decorator, with parentheses or without, that gives back its function."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn: Any) -> Any:
    """`fn` itself."""
    return fn


def is_scripting() -> bool:
    """False.

    >>> is_scripting()
    False
    """
    return False


def is_tracing() -> bool:
    """False."""
    return False


__getattr__, __dir__ = namespace(__name__, __all__)
