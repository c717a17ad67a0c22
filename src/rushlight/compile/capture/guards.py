"""Guards: what a traced program took for granted, and must be traced anew for when it changes.

Numbers that live in Python freeze into a program, and so does which tensors, modules and functions a name
stands for. Guards look whether all that the function can read is as it was: globals, closures, attributes,
what containers hold, options of optimisers (but not learning rates, which are read from tensors).
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from rushlight.compile.capture.glance import at_a_glance
from rushlight.compile.capture.gradients import was_used_up
from rushlight.compile.capture.makes import (
    MISSING,
    PLAIN,
    AttributesOf,
    content,
    in_slot,
    own_dict,
    same,
    same_items,
)
from rushlight.compile.capture.number import is_number
from rushlight.compile.capture.visible import PASSING, Scope
from rushlight.core.state import changes
from rushlight.core.tensor import Tensor
from rushlight.device import outside

if TYPE_CHECKING:
    from rushlight.compile.capture.trace import Traced

__all__ = ["Guards", "moved"]

DEFAULTS = {"training": True}
SOON = 4
"""Looks, a power of two, after which they are written as one function: that takes as long as a hundred."""


class Guards:
    """Things to look at, and what they were before the program was traced."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._count = changes.count
        self._before = {id(m): (vars(m), dict(vars(m))) for m in scope.modules.values()}
        self._hooked = {id(m): [(h, list(h.items())) for h in _hooks(m)] for m in scope.modules.values()}
        self._chosen = {id(o): (o, _options(o)) for o in scope.optimizers.values()}
        self._modules = list(self._before.values())
        self._states: list[tuple[Any, list[Any]]] = []
        groups = [g for o in scope.optimizers.values() for g in o.param_groups if hasattr(g, "moved")]
        self._numbers = [(g, {n: v for n, v in dict.items(g) if is_number(v)}) for g in groups]
        self._fresh: list[Tensor] = []
        self._taken: list[Tensor] = []
        self._relies: list[Tensor] = []
        self._sharing: list[tuple[Tensor, Tensor]] = []
        self._lifted: list[tuple[Tensor, Any]] = []
        self._waiting: list[tuple[Any, tuple[Any, ...]]] = []
        self.take(scope)

    def take(self, scope: Scope, moving: Collection[Any] = ()) -> None:
        """Look at the places of this scope, but for those of numbers that are read in each call."""
        self.scope = scope
        self._moving = moving
        self._cells = [c for c in scope.cells if id(c[0]) not in moving]
        self._names = [(_reader(s), n, held) for s, n, held in scope.names if (_owner(s), n) not in moving]
        self._reads = [r for r in scope.reads if _slot_key(r[0]) not in moving]
        self._containers = [_but(c, moving) for c in scope.containers]
        self._objects = scope.objects
        self._pairs = [k for k in moving if type(k) is tuple and len(k) == 2]
        self._modules = [self._before[k] for k in scope.modules]
        self._hooks = [pair for k in scope.modules for pair in self._hooked[k]]
        self._optimizers = [self._chosen[k] for k in scope.optimizers]
        self._note()

    def _note(self) -> None:
        """Note whether modules alone are looked at, as for a network: they count their changes."""
        others = (self._cells, self._names, self._reads, self._containers, self._objects, self._optimizers)
        self._modules_alone = not any((*others, self._fresh, self._taken, self._sharing))
        self._glance: Callable[[], bool] | None = None
        self._held = 0

    def watch(self, lifted: list[Any], traced: Traced) -> None:
        """Also look whether tensors still have their shapes and require grad or not, whether the optimisers'
        states hold the same tensors, whether tensors that shared their memory still do, and at the gradients
        that the program takes to be None, or to be there."""
        self._sharing = traced.sharing
        self._fresh, self._taken, self._relies = traced.fresh, traced.taken, traced.relies
        # No program holds a step that looks at numbers, or what it remembers; its closure may be one.
        stepped = [o for o in self.scope.optimizers.values() if not getattr(o, "looks_at_numbers", False)]
        self._states = [(o, _memory(o)) for o in stepped]
        tensors = {id(t): t for t in (*self.scope.parameters(), *lifted) if isinstance(t, Tensor)}
        self._lifted = [(t, _facts(t)) for t in tensors.values()]
        self._waiting = [(node, node.hooks) for node in _histories(tensors.values())]
        self._note()

    def watch_numbers(self, tensors: list[Tensor]) -> None:
        """Also look whether these hold the same numbers."""
        for tensor in tensors:
            self._containers.append((tensor, _numbers, _numbers(tensor)))
        self._note()

    def hold(self) -> bool:
        """Whether everything is still as it was."""
        if self._modules_alone:
            return changes.count == self._count or self._modules_hold()
        if self._glance is not None and self._glance():
            return True
        if not self._all_hold():
            return False
        self._held += 1
        if self._held >= SOON and self._held & (self._held - 1) == 0:
            # Where something is another object from then on, it is written again, later and later.
            self._glance = at_a_glance(self, _options)
        return True

    def _all_hold(self) -> bool:
        for cell, _, held in self._cells:
            try:
                if cell.cell_contents is not held and not same(cell.cell_contents, held):
                    return False
            except ValueError:  # an empty cell
                if held is not MISSING:
                    return False
        for get, name, held in self._names:
            now = get(name, MISSING)
            if now is not held and not same(now, held):
                return False
        for optimizer, options in self._optimizers:
            if _options(optimizer) != options:
                return False
        for getter, _, held in self._reads:
            now = getter()
            if now is not held and not same(now, held):
                return False
        for value, kind, own, names in self._objects:
            if type(value) is not kind or own_dict(value) is not own or not same_items(tuple(own), names):
                return False
        for container, reader, items in self._containers:
            if not same_items(reader(container), items):
                return False
        for t in self._fresh:
            if t._grad is not None:
                return False
        for t in self._taken:
            if t._grad is None:
                return False
        if any(map(was_used_up, self._relies)) or any(a.array is not b.array for a, b in self._sharing):
            return False
        return changes.count == self._count or self._modules_hold()

    def broken(self) -> str:
        """What is no longer as it was, in words."""
        return next(self.differences(), "an optimiser's options, a gradient, or a tensor's shape")

    def differences(self) -> Any:
        """All that is no longer as it was, in words."""
        for cell, name, held in self._cells:
            if not same(content(cell), held):
                yield f"{name} was {_short(held)} and is {_short(content(cell))}"
        for get, name, held in self._names:
            if not same(get(name, MISSING), held):
                yield f"{name} was {_short(held)} and is {_short(get(name, MISSING))}"
        for getter, name, held in self._reads:
            if not same(getter(), held):
                yield f"{name} was {_short(held)} and is {_short(getter())}"
        for value, kind, own, names in self._objects:
            if type(value) is not kind or own_dict(value) is not own or not same_items(tuple(own), names):
                yield f"a {kind.__name__} got another class or other attributes"
        for container, reader, items in self._containers:
            if not same_items(reader(container), items):
                name = self.scope.called.get(id(container), f"a {type(container).__name__}")
                yield f"{name}, now {_short(container)}"
        for module, (now, then) in zip(self.scope.modules.values(), self._modules, strict=False):
            for name in now:
                if name not in PASSING and not same(now[name], then.get(name, DEFAULTS.get(name))):
                    yield f"{type(module).__name__}.{name}, now {_short(now[name])}"

    def moved(self) -> set[Any]:
        """The places of numbers that are others than before, as keys."""
        found: set[Any] = set()
        for cell, _, held in self._cells:
            if is_number(held) and is_number(content(cell)) and not same(content(cell), held):
                found.add(id(cell))
        for space, name, held in self.scope.names:
            now = _reader(space)(name, MISSING)
            if is_number(held) and is_number(now) and not same(now, held):
                found.add((_owner(space), name))
        for getter, _, held in self._reads:
            key = _slot_key(getter)
            if key is not None and is_number(held) and is_number(getter()) and not same(getter(), held):
                found.add(key)
        for group, then in self._numbers:
            found.update((id(group), "option", n) for n in group.moved if n in then and group[n] != then[n])
        for container, reader, held in self._containers:
            found.update(moved(container, held, reader(container)) or ())
        return found

    def _modules_hold(self) -> bool:
        """The attributes of modules and the states of optimisers, looked at only when some changed."""
        count = changes.count
        for now, then in self._modules:
            if not _same_attributes(
                now, then, {w for o, w in self._pairs if o == id(now)} if self._pairs else set()
            ):
                return False
        for hooks, before in self._hooks:
            if list(hooks.items()) != before:
                return False
        if any(_facts(t) != facts for t, facts in self._lifted):
            return False
        if not all(same_items(node.hooks, then) for node, then in self._waiting):
            return False
        if not all(same_items(_memory(o), then) for o, then in self._states):
            return False
        self._count = count
        return True


def _numbers(tensor: Tensor) -> tuple[Any, ...]:
    return outside.fingerprint(tensor.array)


def _owner(space: Any) -> int:
    return id(space.kind) if type(space) is AttributesOf else id(space)


def _slot_key(getter: Any) -> Any:
    if type(getter) is functools.partial and getter.func is in_slot:
        return id(getter.args[1]), getter.args[0].__name__
    return None


def _but(watched: tuple[Any, Any, Any], moving: Collection[Any]) -> tuple[Any, Any, Any]:
    """A container to be watched without those of its elements."""
    container, reader, held = watched
    places = [k[2] for k in moving if type(k) is tuple and len(k) == 3 and k[0] == id(container)]
    if not places:
        return watched
    base = dict if issubclass(type(container), dict) else None
    at = [positions(container, held, p, base) for p in places]

    def masked(value: Any) -> tuple[Any, ...]:
        found = list(reader(value))
        for i in at:
            if i < len(found):
                found[i] = None
        return tuple(found)

    return container, masked, tuple([None if i in at else v for i, v in enumerate(held)])


def positions(container: Any, held: tuple[Any, ...], place: Any, base: Any) -> int:
    """Where among what its reader gives an element of a container stands."""
    if base is None:
        return int(place)
    if issubclass(type(container), collections.OrderedDict):
        return 2 * next(i for i, k in enumerate(held[::2]) if k is place or k == place) + 1
    half = len(held) // 2
    return half + next(i for i, k in enumerate(held[:half]) if k is place or k == place)


def moved(container: Any, then: tuple[Any, ...], now: tuple[Any, ...]) -> list[Any] | None:
    """The keys of the elements that differ, if they are numbers and nothing else differs; else None."""
    if len(then) != len(now) or not issubclass(type(container), (list, dict, collections.deque)):
        return None
    at = [i for i, (a, b) in enumerate(zip(then, now, strict=True)) if not same(a, b)]
    if not all(is_number(then[i]) and is_number(now[i]) for i in at):
        return None
    if not issubclass(type(container), dict):
        return [(id(container), "at", i) for i in at]
    half = len(then) // 2
    ordered = issubclass(type(container), collections.OrderedDict)
    if any(not (i % 2 if ordered else i >= half) for i in at):
        return None
    return [(id(container), "at", then[i - 1] if ordered else then[i - half]) for i in at]


def _reader(space: Any) -> Callable[..., Any]:
    """`get` of a namespace, and of dict itself where a class of the user's may have written its own."""
    return space.get if type(space) in (dict, AttributesOf) else functools.partial(dict.get, space)


def _short(value: Any) -> str:
    plain = type(value) in (*PLAIN, list, dict, tuple) or value is MISSING
    text = repr(value) if plain else f"a {type(value).__name__}"
    return text if len(text) < 60 else f"{text[:57]}..."


def _facts(tensor: Tensor) -> Any:
    return tensor.array.shape, tensor.array.dtype, tensor.requires_grad, tensor._after_grad


def _histories(tensors: Iterable[Tensor]) -> list[Any]:
    """The nodes that a backward can come to from tensors."""
    todo = [t.node for t in tensors if t.node is not None]
    found: dict[int, Any] = {}
    while todo:
        node = todo.pop()
        if id(node) not in found:
            found[id(node)] = node
            todo.extend(p for p in node.parents if p is not None)
    return list(found.values())


def _hooks(module: Any) -> list[dict[int, Any]]:
    return [module._forward_hooks, module._forward_pre_hooks] if hasattr(module, "_forward_hooks") else []


def _same_attributes(now: dict[str, Any], then: dict[str, Any], moving: set[str]) -> bool:
    keys = (now.keys() | then.keys()) - set(PASSING) - moving
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
    dicts = [(p, held) for p, held in state.items() if isinstance(held, dict)]
    return [
        state,
        *[(p, held, *held, *[None if is_number(v) else v for v in held.values()]) for p, held in dicts],
    ]


def _plain(group: Any) -> tuple[Any, ...]:
    return tuple(v for k, v in sorted(group.items()) if k not in ("params", "lr") and isinstance(v, PLAIN))
