"""Fingerprints: what a training step takes for granted about a trainer, and the tensors it works on.

Two trainers with equal facts have the same program; a tensor of one takes the place of the tensor that stands
at the same place in the other. What cannot be looked into counts as different unless it is the same object:
a fingerprint may separate trainers that are alike, but never joins those that are not.
"""

from __future__ import annotations

import functools
import types
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any

from rushlight.core.random import Generator
from rushlight.core.tensor import Tensor

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Fingerprint"]

PLAIN = (bool, int, float, complex, str, bytes, type(None))
CONTAINERS = (dict, list, tuple, OrderedDict, defaultdict)
PASSING = ("_last_call",)
"""Attributes of modules that every call writes, and that no program reads."""
OWN = ("param_groups", "state", "defaults", "stepped", "_plans")
"""Attributes of optimisers that are looked at in another way, or not read by a step."""


class Fingerprint:
    """What the training step of a trainer takes for granted.

    facts    everything but the values of the optimiser's options; hashable.
    tensors  in the order in which they are met.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.tensors: list[Tensor] = []
        self._facts: list[Any] = []
        self._seen: dict[int, int] = {}
        optimizer = trainer.optimizer
        self._look(trainer.model)
        self._object(optimizer, OWN)
        for group in optimizer.param_groups:
            self._facts.append(("group", *sorted(group)))
            self._look(group["params"])
        held = [pair for pair in optimizer.state.items() if pair[1]]
        self._parts("state", [part for pair in held for part in pair])
        clip, keeps = (trainer.clip_grad_norm, trainer.clip_grad_value), bool(trainer.metrics.items)
        self._parts("step", (trainer.loss, *clip, keeps))
        self.facts = tuple(self._facts)
        del self._facts, self._seen  # of thousands of networks they would fill the memory

    def _look(self, value: Any) -> None:
        kind = type(value)
        if kind in PLAIN:
            # 1, 1.0 and True freeze differently, and so do 0.0 and -0.0.
            self._facts.append((kind, repr(value) if kind in (float, complex) else value))
            return
        if id(value) in self._seen:
            self._facts.append(("again", self._seen[id(value)]))
            return
        self._seen[id(value)] = len(self._seen)
        if isinstance(value, Tensor):
            made = value.requires_grad, value.is_leaf, value.grad is None
            self._facts.append((Tensor, value.array.shape, value.array.dtype.str, *made))
            self.tensors.append(value)
        elif isinstance(value, Generator):
            self._look(value.state)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.MethodType):
            self._parts("method", (value.__self__, value.__func__))
        elif isinstance(value, functools.partial):
            self._parts("partial", (value.func, value.args, value.keywords))
        elif kind in CONTAINERS or hasattr(kind, "_fields"):
            items = [part for pair in value.items() for part in pair] if isinstance(value, dict) else value
            self._parts(kind, items)
        elif _transparent(kind):
            self._object(value)
        else:
            self._facts.append(("thing", id(value)))

    def _parts(self, kind: Any, parts: Any) -> None:
        self._facts.append((kind, len(parts)))
        for part in parts:
            self._look(part)

    def _function(self, function: types.FunctionType) -> None:
        self._facts.append((id(function.__code__), id(function.__globals__)))
        for cell in function.__closure__ or ():
            try:
                self._look(cell.cell_contents)
            except ValueError:  # empty
                self._facts.append("empty")
        self._parts("function", (function.__defaults__, function.__kwdefaults__, function.__dict__))

    def _object(self, value: Any, leave: tuple[str, ...] = PASSING) -> None:
        own = {name: v for name, v in vars(value).items() if name not in leave}
        self._facts.append((id(type(value)), *own))
        self._parts("object", own.values())


def _transparent(kind: type) -> bool:
    """Whether all that an instance holds is in its `__dict__`."""
    if not hasattr(kind, "__dict__") or kind.__module__ == "builtins" or kind.__basicsize__ > 32:
        return False
    return kind.__dictoffset__ != 0 and not any(vars(k).get("__slots__") for k in kind.__mro__)
