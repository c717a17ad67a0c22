"""Hooks on modules: what is called before and after forward, and when the gradients pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from rushlight.core.hooks import RemovableHandle
from rushlight.core.state import changes, state

if TYPE_CHECKING:
    pass

__all__ = ["Hooked"]

_numbers = itertools.count()
Hooks = dict[int, Callable[..., Any]]


class _Special(NamedTuple):
    """A forward hook that also gets the options, or is called where forward raised an error too."""

    hook: Callable[..., Any]
    with_kwargs: bool
    always: bool


class Hooked:
    """A module's hooks, their registering and calling."""

    _forward_hooks: Hooks = {}  # noqa: RUF012  (a module gets its own with its first hook)
    _forward_pre_hooks: Hooks = {}  # noqa: RUF012
    _backward_hooks: Hooks = {}  # noqa: RUF012
    _backward_pre_hooks: Hooks = {}  # noqa: RUF012

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, inputs, output)`` after each forward; what it returns replaces the output.

        prepend      before the hooks that are there.
        with_kwargs  ``hook(module, inputs, options, output)``, with the keyword arguments.
        always_call  also where forward raised an error; then the output is None.
        """
        plain = not with_kwargs and not always_call
        return self._register(
            "_forward_hooks", hook if plain else _Special(hook, with_kwargs, always_call), prepend
        )

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, inputs)`` before each forward; what it returns replaces the inputs.

        prepend      before the hooks that are there.
        with_kwargs  ``hook(module, inputs, options)``, which may return both.
        """
        return self._register(
            "_forward_pre_hooks", _Special(hook, True, False) if with_kwargs else hook, prepend
        )

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs are known.

        Both are tuples with None where nothing requires grad. What the hook returns replaces `grad_input`.
        The module must not change its inputs or outputs in place.

        >>> import rushlight as rl
        >>> layer = rl.nn.Tanh()
        >>> _ = layer.register_full_backward_hook(lambda module, grad_in, grad_out: (grad_in[0] * 10,))
        >>> x = rl.zeros(2, requires_grad=True)
        >>> layer(x).sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        return self._register("_backward_hooks", hook, prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the gradients go through the module; what it returns
        replaces them."""
        return self._register("_backward_pre_hooks", hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The older name of `register_full_backward_hook`."""
        return self.register_full_backward_hook(hook)

    def _register(self, kind: str, hook: Any, prepend: bool) -> RemovableHandle:
        hooks: Hooks = self.__dict__.setdefault(kind, {})
        number = next(_numbers)
        before = {} if prepend else dict(hooks)
        after = dict(hooks) if prepend else {}
        hooks.clear()
        hooks.update({**before, number: hook, **after})
        changes.count += 1
        return RemovableHandle(lambda: _remove(hooks, number))

    def _before_forward(
        self, inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if state.hooked is not None:
            state.hooked()
        for hook in tuple(self._forward_pre_hooks.values()):
            if isinstance(hook, _Special):
                changed = hook.hook(self, inputs, options)
                inputs, options = (inputs, options) if changed is None else changed
            else:
                changed = hook(self, inputs)
                if changed is not None:
                    inputs = changed if isinstance(changed, tuple) else (changed,)
        return inputs, options

    def _after_forward(self, inputs: tuple[Any, ...], options: dict[str, Any], output: Any) -> Any:
        for hook in tuple(self._forward_hooks.values()):
            changed = self._call_after(hook, inputs, options, output)
            output = output if changed is None else changed
        return output

    def _call_after(self, hook: Any, inputs: tuple[Any, ...], options: dict[str, Any], output: Any) -> Any:
        if not isinstance(hook, _Special):
            return hook(self, inputs, output)
        return (
            hook.hook(self, inputs, options, output) if hook.with_kwargs else hook.hook(self, inputs, output)
        )

    def _after_error(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Forward raised an error: the hooks that are always called are called."""
        for hook in tuple(self._forward_hooks.values()):
            if isinstance(hook, _Special) and hook.always:
                self._call_after(hook, inputs, options, None)


def _remove(hooks: Hooks, number: int) -> None:
    hooks.pop(number, None)
    changes.count += 1
