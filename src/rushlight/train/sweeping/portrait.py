"""Portraits: what a training step takes for granted about a trainer, and the tensors it works on.

Two trainers with equal facts have the same program; a tensor of one takes the place of the tensor that stands
at the same place in the other. What cannot be looked into counts as different unless it is the same object:
a portrait may separate trainers that are alike, but never joins those that are not.
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

__all__ = ["Portrait"]

PLAIN = (bool, int, float, complex, str, bytes, type(None))
CONTAINERS = (dict, list, tuple, OrderedDict, defaultdict)
PASSING = ("_last_call",)
"""Attributes of modules that every call writes, and that no program reads."""
OWN = ("param_groups", "state", "defaults", "stepped", "_plans")
"""Attributes of optimisers that are looked at in another way, or not read by a step."""


class Portrait:
    """What the training step of a trainer takes for granted.

    facts    everything but the values of the optimiser's options; hashable.
    tensors  in the order in which they are met.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.tensors: list[Tensor] = []
        self._facts: list[Any] = []
        self._seen: dict[int, int] = {}
        self._look(trainer.model)
        self._optimizer(trainer.optimizer)
        for part in (trainer.loss, trainer.clip_grad_norm, trainer.clip_grad_value):
            self._look(part)
        self._look(bool(trainer.metrics.items))
        self.facts = tuple(self._facts)

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
            self._tensor(value)
        elif kind in CONTAINERS or hasattr(kind, "_fields"):
            self._container(value)
        elif isinstance(value, Generator):
            self._tensor(value.state)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.MethodType):
            self._look(value.__self__)
            self._look(value.__func__)
        elif isinstance(value, functools.partial):
            self._container([value.func, value.args, value.keywords])
        elif _transparent(kind):
            self._object(value)
        else:
            self._facts.append(("thing", id(value)))

    def _tensor(self, tensor: Tensor) -> None:
        array = tensor.array
        made = tensor.requires_grad, tensor.is_leaf, tensor.grad is None
        self._facts.append((Tensor, array.shape, array.dtype.str, *made))
        self.tensors.append(tensor)

    def _container(self, value: Any) -> None:
        self._facts.append((type(value), len(value)))
        for item in value.items() if isinstance(value, dict) else value:
            if isinstance(value, dict):
                self._look(item[0])
                self._look(item[1])
            else:
                self._look(item)

    def _function(self, function: types.FunctionType) -> None:
        self._facts.append(("function", id(function.__code__), id(function.__globals__)))
        for cell in function.__closure__ or ():
            try:
                self._look(cell.cell_contents)
            except ValueError:  # empty
                self._facts.append("empty")
        for value in (function.__defaults__, function.__kwdefaults__, function.__dict__):
            if value:
                self._look(value)

    def _object(self, value: Any, leave: tuple[str, ...] = PASSING) -> None:
        own = {name: v for name, v in vars(value).items() if name not in leave}
        self._facts.append(("object", id(type(value)), *own))
        for v in own.values():
            self._look(v)

    def _optimizer(self, optimizer: Any) -> None:
        self._object(optimizer, OWN)
        for group in optimizer.param_groups:
            self._facts.append(("group", *sorted(group)))
            self._look(group["params"])
        self._container({k: v for k, v in vars(optimizer).get("state", {}).items() if v})


def _transparent(kind: type) -> bool:
    """Whether all that an instance holds is in its `__dict__`."""
    if not hasattr(kind, "__dict__") or kind.__module__ == "builtins" or kind.__basicsize__ > 32:
        return False
    return kind.__dictoffset__ != 0 and not any(vars(k).get("__slots__") for k in kind.__mro__)
