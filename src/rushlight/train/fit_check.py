"""Whether a saved state fits the object that is to take it: all faults, before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rushlight.errors import CheckpointError

__all__ = ["problems_of"]

SHOWN = 20


def problems_of(name: str, part: Any, kind: str, state: Any) -> list[str]:
    """What keeps `part` from loading `state`, saved from an object of class `kind`; empty if it fits."""
    from rushlight.nn import Module
    from rushlight.optim import Optimizer

    if not hasattr(part, "load_state_dict"):
        return [f"{name}: {type(part).__name__} has no load_state_dict"]
    if not isinstance(state, Mapping):
        return [f"{name}: the saved state is a {type(state).__name__}, not a table"]
    if isinstance(part, Module):
        return _shorten(name, _module_problems(part, state))
    if type(part).__name__ != kind:
        return [f"{name}: saved from {kind}, to be loaded into {type(part).__name__}"]
    if isinstance(part, Optimizer):
        return _shorten(name, _optimizer_problems(part, state))
    own = part.state_dict()
    found = [f"{key} is missing in the file" for key in own if key not in state]
    if kind == "MetricSet":
        found += [f"{key} is in the file but was not given" for key in state if key not in own]
    return _shorten(name, found + _other_kinds(own, state))


def _other_kinds(own: Any, saved: Any, path: str = "") -> list[str]:
    """Where `saved` holds another kind of value than `own`; what is None in `own` may be anything."""
    if isinstance(own, Mapping) and isinstance(saved, Mapping):
        return [
            problem
            for key in own
            if key in saved
            for problem in _other_kinds(own[key], saved[key], f"{path}.{key}" if path else str(key))
        ]
    if _kind(own) == _kind(saved) or own is None or (isinstance(own, float) and type(saved) is int):
        return []
    return [f"{path} is of type {type(saved).__name__} in the file, {type(own).__name__} here"]


def _kind(value: Any) -> type:
    """The type, where a number of NumPy's counts as one of Python's, and a tuple as a list."""
    if getattr(value, "shape", None) == ():
        value = value.item()
    return list if isinstance(value, tuple) else type(value)


def _module_problems(module: Any, state: Mapping[str, Any]) -> list[str]:
    own = module.state_dict()
    found = [f"{key} is missing in the file" for key in own if key not in state]
    found += [f"{key} is in the file but not in the model" for key in state if key not in own]
    for key, tensor in own.items():
        if key in state:
            found += _misfit(key, state[key], tensor)
    return found


def _misfit(key: str, saved: Any, own: Any) -> list[str]:
    if not hasattr(saved, "shape"):
        return [f"{key} is a {type(saved).__name__} in the file, not a tensor"]
    if tuple(saved.shape) != tuple(own.shape):
        return [f"{key} has shape {tuple(saved.shape)} in the file, {tuple(own.shape)} in the model"]
    if saved.dtype != own.dtype:
        return [f"{key} has dtype {saved.dtype} in the file, {own.dtype} in the model"]
    return []


def _optimizer_problems(optimizer: Any, state: Mapping[str, Any]) -> list[str]:
    from rushlight.optim.saved import read_state

    try:
        read_state(optimizer, state)  # reads and checks, and leaves the optimizer alone
    except (CheckpointError, KeyError, TypeError, ValueError, AttributeError) as error:
        return [str(error)]
    return []


def _shorten(name: str, found: list[str]) -> list[str]:
    more = [f"{name}: and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return [f"{name}: {text}" for text in found[:SHOWN]] + more
