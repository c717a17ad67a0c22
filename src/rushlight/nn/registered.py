"""A module's parameters, buffers or children as a dict, as PyTorch keeps them: writing goes to the module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rushlight.core.state import changes
from rushlight.core.tensor import Parameter, Tensor

__all__ = ["Registered", "replace"]

PARAMETERS, BUFFERS, MODULES = "_parameters", "_buffers", "_modules"


class Registered(dict[str, Any]):
    """Names and what stands under them in `owner`. Reading shows what was there when it was asked for.

    >>> import rushlight as rl
    >>> layer = rl.nn.Linear(2, 1)
    >>> layer._parameters["bias"] = None
    >>> layer.bias is None, list(layer.state_dict())
    (True, ['weight'])
    """

    __slots__ = ("kind", "owner")

    def __init__(self, owner: Any, kind: str, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self.owner = owner
        self.kind = kind

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        own = self.owner.__dict__
        held, own[name] = own.get(name), value
        if self.kind == BUFFERS:
            kept = self.owner._buffers_kept
            own["_buffers_kept"] = {**kept, name: kept.get(name, True)}
        elif self.kind == PARAMETERS:
            # Algorithms that learn to learn put results there, which then are the module's parameters.
            own["_results_kept"] = self.owner._results_kept - {name}
            if isinstance(value, Tensor) and not isinstance(value, Parameter):
                own["_results_kept"] |= {name}
        changes.note(self.owner, name, held)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        delattr(self.owner, name)

    def pop(self, name: str, *default: Any) -> Any:
        """Take `name` out of the module."""
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def clear(self) -> None:
        """Take all out of the module."""
        for name in list(self):
            del self[name]

    def setdefault(self, name: str, default: Any = None) -> Any:
        """What stands under `name`; where nothing does, `default` from now on."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *others: Mapping[str, Any] | Iterable[tuple[str, Any]], **named: Any) -> None:  # type: ignore[override]
        """Put all of these into the module."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def replace(owner: Any, kind: str, entries: Mapping[str, Any]) -> None:
    """Have `owner` hold these entries and no others of the kind."""
    there: Registered = getattr(owner, kind)
    for name in [name for name in there if name not in entries]:
        del there[name]
    there.update(entries)
