"""The names of PyTorch's older compiler: they give back what they are given, which runs as it is.

`rl.compile` makes native code of a function or module.
"""

from __future__ import annotations

import builtins
from typing import Any, Final, NamedTuple, get_args, get_origin

from rushlight.errors import namespace
from rushlight.nn.module import Module

__all__ = [
    "Attribute",
    "Final",
    "ScriptModule",
    "annotate",
    "export",
    "freeze",
    "ignore",
    "interface",
    "isinstance",
    "is_scripting",
    "is_tracing",
    "script",
    "script_if_tracing",
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


class Attribute(NamedTuple):
    """A value, and the type that `script` would take it to be of."""

    value: Any
    type: Any


def annotate(the_type: Any, the_value: Any) -> Any:
    """`the_value` itself.

    >>> annotate(list[int], [])
    []
    """
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether `obj` is of the type, such as ``list[int]``, its parts included.

    >>> isinstance([1, 2], list[int]), isinstance([1, "a"], list[int])
    (True, False)
    """
    origin, parts = get_origin(target_type), get_args(target_type)
    if origin is None:
        return builtins.isinstance(obj, target_type)
    if not builtins.isinstance(origin, type):  # Union, Optional
        return any(isinstance(obj, part) for part in parts)
    if not builtins.isinstance(obj, origin):
        return False
    held: Any = obj
    if origin is dict:
        return all(isinstance(k, parts[0]) and isinstance(v, parts[1]) for k, v in held.items())
    if origin is tuple and Ellipsis not in parts:
        return len(held) == len(parts) and all(map(isinstance, held, parts))
    return all(isinstance(item, parts[0]) for item in held)


def interface(obj: Any) -> Any:
    """`obj`, a class, itself."""
    return obj


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """`mod` itself."""
    return mod


def script_if_tracing(fn: Any) -> Any:
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
