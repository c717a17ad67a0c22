"""Guards: what a traced program took for granted, and must be traced anew for when it changes.

Numbers that live in Python freeze into a program, and so does which tensors, modules and functions a name
stands for. Guards look whether all that the function can see is as it was: globals, closure, attributes of
its object and of modules, options of optimisers (but not learning rates, which are read from tensors).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.compile.capture.visible import PLAIN, Scope, content, look
from rushlight.core.state import changes
from rushlight.core.tensor import Tensor

__all__ = ["Guards", "Snapshot", "collect"]

PASSING = ("_last_call",)
"""Attributes of modules that every call writes, and that no program reads."""
DEFAULTS = {"training": True}


class Guards:
    """Things to look at, and what they were before the program was traced."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._count = changes.count
        self._modules = [(vars(m), dict(vars(m))) for m in scope.modules.values()]
        self._hooks = [(h, list(h.items())) for m in scope.modules.values() for h in _hooks(m)]
        self._containers = [(c, _items(c)) for c in scope.containers]
        self._optimizers = [(o, _options(o)) for o in scope.optimizers.values()]
        self._states: list[tuple[Any, list[Any]]] = []
        self._fresh: list[Tensor] = []
        self._taken: list[Tensor] = []
        self._lifted: list[tuple[Tensor, Any]] = []

    def watch(self, lifted: list[Any], fresh: list[Tensor], taken: list[Tensor]) -> None:
        """Also look whether lifted tensors still have their shapes and require grad or not, whether the
        optimisers' states hold the same tensors, and at the parameters whose gradients the program takes to
        be None (`fresh`), or to be there (`taken`)."""
        self._fresh, self._taken = fresh, taken
        self._states = [(o, _memory(o)) for o in self.scope.optimizers.values()]
        self._lifted = [(t, _facts(t)) for t in lifted if isinstance(t, Tensor)]

    def hold(self) -> bool:
        """Whether everything is still as it was."""
        for cell, _, held in self.scope.cells:
            try:
                if cell.cell_contents is not held and not same(cell.cell_contents, held):
                    return False
            except ValueError:  # an empty cell
                if held is not None:
                    return False
        for space, name, held in self.scope.names:
            now = space.get(name)
            if now is not held and not same(now, held):
                return False
        for optimizer, options in self._optimizers:
            if _options(optimizer) != options:
                return False
        for container, items in self._containers:
            if not _same_items(_items(container), items):
                return False
        for t in self._fresh:
            if t.grad is not None:
                return False
        for t in self._taken:
            if t.grad is None:
                return False
        return changes.count == self._count or self._modules_hold()

    def broken(self) -> str:
        """What is no longer as it was, in words."""
        for cell, name, held in self.scope.cells:
            if not same(content(cell), held):
                return f"{name} was {_short(held)} and is {_short(content(cell))}"
        for space, name, held in self.scope.names:
            if not same(space.get(name), held):
                return f"{name} was {_short(held)} and is {_short(space.get(name))}"
        for container, items in self._containers:
            if not _same_items(_items(container), items):
                return f"a {type(container).__name__}, now {_short(container)}"
        for module, (now, then) in zip(self.scope.modules.values(), self._modules, strict=True):
            for name in now:
                if name not in PASSING and not same(now[name], then.get(name, DEFAULTS.get(name))):
                    return f"{type(module).__name__}.{name}, now {_short(now[name])}"
        return "an optimiser's options, a gradient, or a tensor's shape"

    def _modules_hold(self) -> bool:
        """The attributes of modules and the states of optimisers, looked at only when some changed."""
        count = changes.count
        for now, then in self._modules:
            if not _same_attributes(now, then):
                return False
        for hooks, before in self._hooks:
            if list(hooks.items()) != before:
                return False
        if any(_facts(t) != facts for t, facts in self._lifted):
            return False
        if not all(_same_items(_memory(o), then) for o, then in self._states):
            return False
        self._count = count
        return True


def same(a: Any, b: Any) -> bool:
    """Equal and of one type, for 1, 1.0 and True freeze differently; of other things the same one."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return isinstance(a, PLAIN) and a == b


def collect(function: Callable[..., Any], arguments: Any = ()) -> Guards:
    """The guards of everything that `function` can see, its arguments included."""
    return Guards(look(function, arguments))


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, (*PLAIN, list, dict, tuple)) else f"a {type(value).__name__}"
    return text if len(text) < 60 else f"{text[:57]}..."


def _facts(tensor: Tensor) -> Any:
    return tensor.array.shape, tensor.array.dtype, tensor.requires_grad


def _hooks(module: Any) -> list[dict[int, Any]]:
    return [module._forward_hooks, module._forward_pre_hooks] if hasattr(module, "_forward_hooks") else []


def _items(container: Any) -> list[Any]:
    return list(container.items()) if isinstance(container, dict) else list(container)


def _same_items(now: list[Any], then: list[Any]) -> bool:
    return len(now) == len(then) and all(same(a, b) for a, b in zip(now, then, strict=True))


def _same_attributes(now: dict[str, Any], then: dict[str, Any]) -> bool:
    keys = (now.keys() | then.keys()) - set(PASSING)
    return all(same(now.get(k, DEFAULTS.get(k)), then.get(k, DEFAULTS.get(k))) for k in keys)


def _options(optimizer: Any) -> list[Any]:
    """What of the options froze: a count of their changes, where the groups keep one. And which dict is the
    state; what that holds is looked at only when it counts a change."""
    return [
        id(getattr(optimizer, "state", None)),
        *[
            (len(g["params"]), g.changes if hasattr(g, "changes") else _plain(g))
            for g in optimizer.param_groups
        ],
    ]


def _memory(optimizer: Any) -> list[Any]:
    """What an optimiser remembers, and in which dicts."""
    state = getattr(optimizer, "state", {})
    return [state, *[(p, entries, tuple(entries.items())) for p, entries in state.items()]]


def _plain(group: Any) -> tuple[Any, ...]:
    return tuple(v for k, v in sorted(group.items()) if k not in ("params", "lr") and isinstance(v, PLAIN))


class Snapshot:
    """What a function can see, to be put back when tracing it fails."""

    def __init__(self, scope: Scope) -> None:
        self._grads = {id(t): (t, t.grad) for t in scope.parameters()}
        spaces = [*map(vars, scope.modules.values()), *map(vars, scope.optimizers.values())]
        states = [
            s for o in scope.optimizers.values() for s in [o.state, *o.state.values()] if hasattr(o, "state")
        ]
        objects = [s for s, _, _ in scope.names if type(s) is dict]
        unique = {id(c): c for c in [*spaces, *states, *objects, *scope.containers]}
        self._containers = [(c, _items(c)) for c in unique.values()]

    def gradients(self) -> dict[int, Tensor | None]:
        """The gradients of the parameters, by the parameters' ids."""
        return {key: grad for key, (_, grad) in self._grads.items()}

    def restore(self) -> None:
        """Make everything what it was."""
        for container, items in self._containers:
            if not _same_items(_items(container), items):
                container.clear()
                container.update(items) if isinstance(container, dict) else container.extend(items)
        for tensor, grad in self._grads.values():
            if tensor.grad is not grad:
                tensor.grad = grad
