"""What an optimiser remembers: dicts that tell compiled steps when somebody changes them.

A compiled step takes the Tensors of the state for its inputs. Writing into them needs nothing; but when
others take their places, the step must be traced anew. So each change of these dicts counts as a change of
what a program takes for granted (`core.state.changes`), for which compiled functions look before they run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from rushlight.core.state import changes

__all__ = ["Entries", "State"]


def _counting(name: str, kind: type) -> Callable[..., Any]:
    """The method of that name, which counts as a change."""
    method = getattr(kind, name)

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        changes.note(self, "state", None)
        return method(self, *args, **options)

    counted.__name__ = name
    return counted


class _Counting:
    """What `Entries` and `State` share, over `dict`."""

    __delitem__ = _counting("__delitem__", dict)
    __setitem__ = _counting("__setitem__", dict)
    clear = _counting("clear", dict)
    pop = _counting("pop", dict)
    popitem = _counting("popitem", dict)
    setdefault = _counting("setdefault", dict)
    update = _counting("update", dict)
    __ior__ = _counting("__ior__", dict)


class Entries(_Counting, dict[str, Any]):
    """The state of one parameter: Tensors by their names.

    >>> import rushlight as rl
    >>> p = rl.nn.Parameter(rl.ones(1))
    >>> optimizer = rl.optim.SGD([p], momentum=0.9)
    >>> p.grad = rl.ones(1)
    >>> optimizer.step()
    >>> optimizer.state[p]
    {'momentum_buffer': tensor([1.])}
    """


class State(_Counting, defaultdict[Any, Any]):
    """The states of all parameters; a parameter that has none yet gets empty Entries."""

    def __init__(self, factory: Any = Entries, states: Any = ()) -> None:
        super().__init__(factory)
        self.update(states)

    def __setitem__(self, param: Any, entries: Any) -> None:
        super().__setitem__(param, _entries(entries))

    def setdefault(self, param: Any, entries: Any = ()) -> Any:
        return super().setdefault(param, _entries(entries))

    def update(self, *args: Any, **options: Any) -> None:
        super().update({param: _entries(entries) for param, entries in dict(*args, **options).items()})

    def __ior__(self, states: Any) -> State:  # type: ignore[misc]
        self.update(states)
        return self

    def __missing__(self, param: Any) -> Entries:
        self[param] = found = Entries()
        return found


def _entries(value: Any) -> Any:
    """Entries; what is no dict stays, for an optimiser may keep what concerns no single parameter."""
    return Entries(value) if isinstance(value, (dict, tuple)) and not isinstance(value, Entries) else value
