"""The handle of a registered hook, on a tensor or on a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["RemovableHandle"]


class RemovableHandle:
    """Given for a registered hook; `remove()`, or leaving a ``with``, takes the hook out again.

    >>> import rushlight as rl
    >>> x = rl.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10.0)
    >>> handle.remove()
    >>> x.sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """

    def __init__(self, take_out: Callable[[], Any]) -> None:
        self._take_out: Callable[[], Any] | None = take_out

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        take_out, self._take_out = self._take_out, None
        if take_out is not None:
            take_out()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()
