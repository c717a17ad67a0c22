"""What a function can read, to be put back when tracing it fails."""

from __future__ import annotations

import collections
import functools
import gc
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rushlight.compile.capture.makes import (
    MISSING,
    AttributesOf,
    class_dict,
    content,
    filled,
    in_slot,
    same,
    same_items,
)
from rushlight.compile.capture.number import is_number
from rushlight.compile.capture.placeholder import Placeholder
from rushlight.compile.capture.visible import Scope, given_names
from rushlight.core.tensor import Tensor
from rushlight.device import outside

__all__ = ["Handle", "Snapshot", "element", "handles", "memories"]


class Snapshot:
    """What a function can read, to be put back when tracing it fails."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        spaces: list[Any] = [*map(vars, scope.modules.values()), *map(vars, scope.optimizers.values())]
        states = [s for o in scope.optimizers.values() for s in memories(o)]
        spaces += [own for _, _, own, _ in scope.objects]
        self._classes = [(kind, dict(class_dict(kind))) for kind in scope.classes]
        self._given = [(own, {n: own[n] for n in given_names(own)}) for own in scope.given]
        self._functions = [(f, dict(vars(f))) for f in scope.functions]
        spaces += [vars(f) for f in scope.functions]
        # A traced step gives up packs; with the states as they were they are whole again.
        plans = [plan for o in scope.optimizers.values() for plan in getattr(o, "_plans", None) or ()]
        spaces += [vars(pack) for _, packs, _ in plans for pack in packs]
        self._caches = [
            (getter.args[0], held)
            for getter, _, held in scope.reads
            if type(getter) is functools.partial and getter.func is filled
        ]
        self._dicts = {id(d): (d, dict(d)) for d in [*spaces, *states]}
        groups = [g for o in scope.optimizers.values() for g in o.param_groups]
        self._options = [(g, dict(dict.items(g))) for g in groups]
        lists = [o.param_groups for o in scope.optimizers.values()] + [g["params"] for _, g in self._options]
        self._lists = [(held, tuple(held)) for held in lists if isinstance(held, list)]

    def held(self, space: Any) -> dict[Any, Any]:
        """What a dict held; nothing, if it was not there."""
        known = self._dicts.get(id(space))
        return {} if known is None else known[1]

    def clear_caches(self, everything: bool) -> None:
        """Empty the caches that something went into; or only those that got tensors without numbers."""
        for cache, held in self._caches:
            if same_items(filled(cache), held):
                continue
            if everything or _is_without_numbers(gc.get_referents(cache)):
                cache.cache_clear()

    def changed_attributes(self) -> Iterator[str]:
        """What functions, classes and objects of ours got or lost, in words."""
        for own, given in self._given:
            for name in set(given_names(own)) ^ given.keys():
                yield f"an attribute: {name}"
        functions = [(f.__name__, vars(f), then) for f, then in self._functions]
        for owner, now, then in (*functions, *[(k.__name__, class_dict(k), t) for k, t in self._classes]):
            for name in now.keys() ^ then.keys():
                if not name.startswith("__"):  # of Python's own some come when they are first asked for
                    yield f"{owner}.{name}"

    def moved_options(self) -> list[tuple[int, str, str]]:
        """The keys of the options of optimisers that are other numbers than before."""
        return [
            (id(group), "option", name)
            for group, options in self._options
            for name, now in dict.items(group)
            if is_number(now) and is_number(options.get(name)) and not same(now, options[name])
        ]

    def changed_options(self) -> Iterator[str]:
        """What of the options of optimisers is no longer as it was, in words."""
        if not all(same_items(held, items) for held, items in self._lists):
            yield "the parameters of an optimiser"
        for group, options in self._options:
            for name in dict.keys(group) | options.keys():
                then, now = options.get(name, MISSING), dict.get(group, name, MISSING)
                if not same(then, now):
                    yield f"an optimiser's {name}"

    def restore(self) -> None:
        """Make everything what it was."""
        scope = self._scope
        for group, options in self._options:
            if not same_items([*dict.items(group)], [*options.items()]):
                dict.clear(group)  # not by its own methods, which tell programs of a change
                dict.update(group, options)
        for held, items in self._dicts.values():
            if not same_items([*held, *held.values()], [*items, *items.values()]):
                held.clear()
                held.update(items)
        for cell, _, value in scope.cells:
            if not same(content(cell), value):
                put_in_cell(cell, value)
        for own, given in self._given:
            for name in set(given_names(own)) - given.keys():
                del own[name]
            own.update(given)
        for kind, attributes in self._classes:
            for name in class_dict(kind).keys() ^ attributes.keys():
                put(AttributesOf(kind), name, attributes.get(name, MISSING))
        for space, name, value in scope.names:
            if not same(space.get(name, MISSING), value):
                put(space, name, value)
        for getter, _, value in scope.reads:
            if type(getter) is functools.partial and not same(getter(), value):
                put_back(getter, value)
        lists = [(held, tuple, items) for held, items in self._lists]
        for container, reader, items in (*scope.containers, *lists):
            if not same_items(reader(container), items):
                refill(container, items)


def _is_without_numbers(value: Any) -> bool:
    """Whether a value of a cache is, or holds, a tensor that stands for one."""
    if isinstance(value, Tensor):
        return isinstance(value.array, Placeholder)
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, (tuple, list)) and any(map(_is_without_numbers, value))


def memories(optimizer: Any) -> list[Any]:
    """The dicts in which an optimiser remembers."""
    if not hasattr(optimizer, "state"):
        return []
    return [optimizer.state, *[held for held in optimizer.state.values() if isinstance(held, dict)]]


def put_in_cell(cell: Any, value: Any) -> None:
    """Give a closure's cell this content; none for MISSING."""
    if value is not MISSING:
        cell.cell_contents = value
    elif content(cell) is not MISSING:
        del cell.cell_contents


def put(space: Any, name: str, value: Any) -> None:
    """Give a name in a dict, or an attribute of a class, this value; take it out for MISSING."""
    if type(space) is AttributesOf:
        if value is MISSING:
            type.__delattr__(space.kind, name)
        else:
            type.__setattr__(space.kind, name, value)
    elif value is MISSING:
        dict.pop(space, name, None)
    else:
        dict.__setitem__(space, name, value)


def put_back(getter: functools.partial[Any], value: Any) -> None:
    """Make a getter of a scope's `reads` give this again."""
    if getter.func is in_slot:
        descriptor, owner = getter.args
        if value is not MISSING:
            descriptor.__set__(owner, value)
        else:
            descriptor.__delete__(owner)
    elif getter.func is getattr and type(getter.args[0]) is types.FunctionType:
        setattr(getter.args[0], getter.args[1], value)


def refill(container: Any, items: tuple[Any, ...]) -> None:
    """Make a container hold this again."""
    kind = type(container)
    if issubclass(kind, dict):
        half = len(items) // 2
        ordered = issubclass(kind, collections.OrderedDict)
        keys, values = (items[::2], items[1::2]) if ordered else (items[:half], items[half:])
        base: Any = collections.OrderedDict if ordered else dict
        base.clear(container)
        for key, value in zip(keys, values, strict=True):
            base.__setitem__(container, key, value)
    elif issubclass(kind, list):
        list.__setitem__(container, slice(None), items)
    elif issubclass(kind, set):
        set.clear(container)
        set.update(container, items)
    elif issubclass(kind, collections.deque):
        collections.deque.clear(container)
        collections.deque.extend(container, items)
    elif issubclass(kind, outside.ARRAY) and type(items[-1]) is bytes:
        outside.restore(container, items)
    elif issubclass(kind, bytearray):
        container[:] = items[0]


class Handle(NamedTuple):
    """A place that holds a number: how to read and how to put it; how to write it after a call, if that is
    more than to put it there."""

    get: Callable[[], Any]
    put: Callable[[Any], None]
    write: Callable[[Any], None] | None = None


def handles(scope: Scope) -> dict[Any, Handle]:
    """The places of a scope that hold numbers, by their keys in `scope.places`; of an element of a container
    the key is `element`'s."""
    found: dict[Any, Handle] = {}
    for cell, _, held in scope.cells:
        if type(held) in (int, float):
            found[id(cell)] = Handle(
                functools.partial(getattr, cell, "cell_contents"),
                functools.partial(setattr, cell, "cell_contents"),
            )
    for space, name, held in scope.names:
        if type(held) in (int, float):
            owner = space.kind if type(space) is AttributesOf else space
            found[id(owner), name] = Handle(
                functools.partial(space.get, name), functools.partial(put, space, name)
            )
    for getter, _, held in scope.reads:
        if type(held) in (int, float) and type(getter) is functools.partial and getter.func is in_slot:
            descriptor, owner = getter.args
            found[id(owner), descriptor.__name__] = Handle(
                getter, functools.partial(descriptor.__set__, owner)
            )
    return found


def element(container: Any, place: Any) -> Handle:
    """An element of a list, a deque or a dict."""
    base = next(
        b for b in (collections.OrderedDict, dict, list, collections.deque) if issubclass(type(container), b)
    )
    return Handle(
        functools.partial(base.__getitem__, container, place),
        functools.partial(base.__setitem__, container, place),
    )
