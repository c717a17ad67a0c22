"""Whether a trainer's steps can be compiled, and if not, why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.optional import install

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["frozen_state", "plain_state", "why_eager"]

Snapshot = list[tuple[str, Any]]


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Where a module keeps its hooks."""


def why_eager(trainer: Trainer) -> str | None:
    """What speaks against compiling the steps of `trainer`; None if nothing does, as far as one can see."""
    if trainer.compile is False:
        return "compile=False"
    if os.environ.get("RUSHLIGHT_COMPILE") == "off":
        return "RUSHLIGHT_COMPILE is off"
    if find_spec("llvmlite") is None:
        return f"llvmlite is not installed: {install('llvmlite')}"
    if trainer.has_own_step():
        return "train_step is overridden"
    if state.origin is not None or state.run is not None:
        return "detect_anomaly looks at every operation"
    return _hooks(trainer.model)


def _hooks(model: Any) -> str | None:
    for name, module in model.named_modules():
        if any(getattr(module, kind, None) for kind in HOOKS):
            return f"the module {name or type(module).__name__} has hooks, which are to run at every step"
    for name, parameter in model.named_parameters():
        if getattr(parameter.node, "hooks", None):
            return f"the parameter {name} has a hook, which is to run at every step"
    return None


def plain_state(trainer: Trainer) -> Snapshot:
    """The Python numbers and strings that model, loss and optimiser hold, and would freeze into a program."""
    parts = [*trainer.model.named_modules(), ("loss", trainer.loss), ("optimizer", trainer.optimizer)]
    found = [
        (f"{name or type(part).__name__}.{key}", value)
        for name, part in parts
        for key, value in getattr(part, "__dict__", {}).items()
        if isinstance(value, int | float | str) and key != "stepped"
    ]
    return found + list(_options(trainer.optimizer))


def frozen_state(trainer: Trainer, before: Snapshot) -> str | None:
    """The name of a number that one step changed, and that a compiled program would never change again."""
    was, now = dict(before), dict(plain_state(trainer))
    changed = [name for name in now if name not in was or was[name] != now[name]]
    changed += [f"optimizer.state[{key!r}]" for key in _numbers(trainer.optimizer)]
    return changed[0] if changed else None


def _options(optimizer: Any) -> Iterator[tuple[str, Any]]:
    for number, group in enumerate(getattr(optimizer, "param_groups", ())):
        for key, value in group.items():
            if isinstance(value, int | float | str):
                yield f"param_groups[{number}][{key!r}]", value


def _numbers(optimizer: Any) -> Iterator[str]:
    """Keys of the optimiser's state that hold Python numbers in the place of tensors."""
    for entries in getattr(optimizer, "state", {}).values():
        if isinstance(entries, dict):
            yield from (key for key, v in entries.items() if not isinstance(v, Tensor) and v is not None)
