"""A module's state as a dict, and back: `state_dict`, `load_state_dict`, and what may take part in them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rushlight.core.hooks import RemovableHandle
from rushlight.core.state import no_grad
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import CheckpointError, NotSupportedError, message

__all__ = ["IncompatibleKeys", "Saved"]

EXTRA = "_extra_state"
"""The name under which `get_extra_state` goes into a dict."""


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class IncompatibleKeys(_Keys):
    """What `load_state_dict` with ``strict=False`` passed over."""

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


class Saved:
    """What a module gives into a `state_dict`, and takes from one."""

    if TYPE_CHECKING:
        _buffers_kept: dict[str, bool]
        __dict__: dict[str, Any]

        @property
        def _parameters(self) -> dict[str, Parameter]: ...
        @property
        def _buffers(self) -> dict[str, Tensor]: ...
        @property
        def _modules(self) -> dict[str, Any]: ...
        def _held(self) -> Any: ...
        def named_modules(self, memo: Any = None, prefix: str = "", remove_duplicate: bool = True) -> Any: ...

    _saving_hooks: dict[str, tuple[Any, ...]] = {}  # noqa: RUF012  (a module gets its own with its first hook)

    # Out

    def state_dict(
        self,
        *args: Any,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> Any:
        """Name -> tensor for all parameters and persistent buffers; the tensors share the module's memory.

        destination  a dict to put them into.
        prefix       what stands before each name.
        keep_vars    give the parameters themselves, not what shares their memory.
        """
        if args:  # PyTorch's older order
            given = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
            options = {"destination": destination, "prefix": prefix, "keep_vars": keep_vars, **given}
            return self.state_dict(**options)
        out: dict[str, Any] = OrderedDict() if destination is None else destination
        for hook in self._saving_hooks.get("before saving", ()):
            hook(self, prefix, keep_vars)
        for name, tensor in self._own_state().items():
            out[prefix + name] = tensor if keep_vars else tensor.detach()
        if _has_extra(self):
            out[prefix + EXTRA] = self.get_extra_state()
        for name, child in self._held():
            child.state_dict(destination=out, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._saving_hooks.get("after saving", ()):
            hook(self, out, prefix, {})
        return out

    def _own_state(self) -> dict[str, Tensor]:
        """This module's own parameters and persistent buffers."""
        kept = {k: b for k, b in self._buffers.items() if self._buffers_kept[k]}
        return {**self._parameters, **kept}

    def get_extra_state(self) -> Any:
        """What else goes into `state_dict`, where a class writes this and `set_extra_state`."""
        raise NotSupportedError(
            message(f"{type(self).__name__}.get_extra_state", "a class without it", "one that writes it")
        )

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` gave."""
        raise NotSupportedError(
            message(f"{type(self).__name__}.set_extra_state", "a class without it", "one that writes it")
        )

    # In

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into parameters and buffers of the same names.

        strict   with False missing and unexpected names are returned instead of refused.
        assign   put the dict's tensors, with their dtypes, into the place of the module's.

        Raises CheckpointError that lists everything missing, unexpected and misshapen at once; then nothing
        has been changed.
        """
        state = dict(state_dict)
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []
        for path, module in self.named_modules(remove_duplicate=False):
            dot = f"{path}." if path else ""
            module._before_loading(state, dot)
            for hook in module._saving_hooks.get("before loading", ()):
                hook(module, state, dot, {}, strict, missing, unexpected, problems)
        own, extra = self._places()
        known = {**own, **extra}
        missing += [k for k in known if k not in state]
        unexpected += [k for k in state if k not in known]
        problems += [
            f"{k} is {_shape(state[k])} there and {tensor.shape} here"
            for k, (_, _, tensor) in own.items()
            if k in state and _shape(state[k]) != tensor.shape
        ]
        if strict:
            problems = [f"missing {k}" for k in missing] + [f"unexpected {k}" for k in unexpected] + problems
        if problems:
            raise CheckpointError(
                message(
                    f"{type(self).__name__}.load_state_dict",
                    "; ".join(problems),
                    "the names and shapes of this module",
                    "Build the module with the options it was saved with.",
                )
            )
        _put({place: state[k] for k, place in own.items() if k in state}, assign)
        for k, module in extra.items():
            if k in state:
                module.set_extra_state(state[k])
        result = IncompatibleKeys(missing, unexpected)
        for module in [m for _, m in self.named_modules()]:
            for hook in module._saving_hooks.get("after loading", ()):
                hook(module, result)
        return result

    def _before_loading(self, state: dict[str, Any], prefix: str) -> None:
        """What a layer does before `state` is looked at: it may change the dict, or itself."""

    def _places(self) -> tuple[dict[str, tuple[Any, str, Tensor]], dict[str, Any]]:
        """Name -> (module, attribute, tensor) of all that is saved, and the modules with an extra state."""
        own: dict[str, tuple[Any, str, Tensor]] = {}
        extra: dict[str, Any] = {}
        for path, module in self.named_modules(remove_duplicate=False):
            dot = f"{path}." if path else ""
            own.update({dot + k: (module, k, tensor) for k, tensor in module._own_state().items()})
            if _has_extra(module):
                extra[dot + EXTRA] = module
        return own, extra

    # Hooks

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before this module goes into a `state_dict`."""
        return self._register_saving("before saving", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after it: it may change the dict."""
        return self._register_saving("after saving", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)`` before this module takes its part of a dict: it may change the dict, which is a copy."""
        return self._register_saving("before loading", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after `load_state_dict`."""
        return self._register_saving("after loading", hook)

    def _register_saving(self, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
        hooks = self._saving_hooks
        self.__dict__["_saving_hooks"] = {**hooks, kind: (*hooks.get(kind, ()), hook)}

        def take_out() -> None:
            left = list(self._saving_hooks.get(kind, ()))
            if hook in left:
                left.remove(hook)
            self.__dict__["_saving_hooks"] = {**self._saving_hooks, kind: tuple(left)}

        return RemovableHandle(take_out)


def _has_extra(module: Any) -> bool:
    return type(module).get_extra_state is not Saved.get_extra_state


def _put(values: dict[tuple[Any, str, Tensor], Any], assign: bool) -> None:
    made = {
        place: value if isinstance(value, Tensor) else place[2].new_tensor(value)
        for place, value in values.items()
    }
    for (module, name, tensor), value in made.items():
        if not assign:
            with no_grad():
                tensor.copy_(value)
        elif isinstance(tensor, Parameter):
            setattr(module, name, Parameter(value.detach(), tensor.requires_grad))
        else:
            setattr(module, name, value)


def _shape(value: Any) -> Any:
    return tuple(getattr(value, "shape", ()))
