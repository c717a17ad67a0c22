"""Attributes of one module that are computed when asked for: the module gets a class of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.core.state import changes
from rushlight.nn.module import Module

__all__ = ["base_of", "derive", "derived", "undo"]

Access = tuple[Callable[[Any], Any], Callable[[Any, Any], None] | None]
"""How an attribute is computed, and what assigning to it does."""


class _Derived:
    """Stands before a class among the bases of a module whose attributes are derived."""

    _derived: dict[str, Access] = {}  # noqa: RUF012  (each class has its own)
    _base: type[Module]

    def __reduce_ex__(self, protocol: Any) -> Any:
        kind = type(self)
        return _again, (self._base, self._derived, kind.__name__), self.__getstate__()


def _again(base: type[Module], attributes: dict[str, Access], name: str) -> Any:
    return (module := base.__new__(base)) and _change(module, attributes, name)


def _change(module: Any, attributes: dict[str, Access], name: str) -> Any:
    base = base_of(module)
    parts: dict[str, Any] = {k: property(get, put) for k, (get, put) in attributes.items()}
    parts |= {"_derived": dict(attributes), "_base": base, "__module__": base.__module__}
    object.__setattr__(module, "__class__", type(name, (_Derived, base), parts) if attributes else base)
    changes.count += 1
    return module


def base_of(module: Any) -> type[Module]:
    """The class of the module before attributes of it were derived."""
    return getattr(type(module), "_base", type(module))


def derived(module: Any) -> dict[str, Access]:
    """The attributes that are derived."""
    return getattr(type(module), "_derived", {})


def derive(
    module: Module,
    name: str,
    get: Callable[[Any], Any],
    put: Callable[[Any, Any], None] | None = None,
    kind: str = "",
) -> None:
    """Have ``module.name`` give ``get(module)``; `kind` stands before the name of the module's class.

    Both are functions of a file, or partial ones of such, so that the module can be copied and pickled.
    """
    base = base_of(module)
    _change(module, {**derived(module), name: (get, put)}, f"{kind}{base.__name__}")


def undo(module: Module, name: str) -> None:
    """Let the attribute be none that is derived."""
    left = {k: v for k, v in derived(module).items() if k != name}
    _change(module, left, type(module).__name__)
