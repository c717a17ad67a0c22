"""The older `weight_norm` and `spectral_norm`, which keep the parts of a weight beside it."""

from __future__ import annotations

from functools import partial
from typing import Any

from rushlight import ops
from rushlight.core.state import no_grad
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, message
from rushlight.nn.functional.normalization import normalize
from rushlight.nn.module import Module
from rushlight.nn.utils.derived import derive, derived, undo
from rushlight.nn.utils.parametrizations import as_matrix, default_dim, iterate, norm_except, scaled_to

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


def _parameter(where: str, module: Module, name: str) -> Parameter:
    value = module._parameters.get(name)
    if value is None:
        got = f"the name {name!r} of {type(module).__name__}"
        raise ArgumentError(message(where, got, "a parameter", "It may have been registered before."))
    return value


def _plain_again(where: str, module: Module, name: str, parts: list[str]) -> Module:
    if name not in derived(module) or parts[0] not in module.__dict__:
        got = f"{name!r} of {type(module).__name__}, which has none"
        raise ArgumentError(message(where, got, "what was registered"))
    with no_grad():
        value = getattr(module, name).detach().clone()
    undo(module, name)
    for part in parts:
        delattr(module, part)
    setattr(module, name, Parameter(value))
    return module


def _weight(module: Any, name: str, dim: int) -> Tensor:
    return scaled_to(getattr(module, f"{name}_v"), getattr(module, f"{name}_g"), dim)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g v / ‖v‖ with the parameters ``<name>_g`` and ``<name>_v`` in the place of the weight; returns the
    module. `nn.utils.parametrizations.weight_norm` is the newer one.

    >>> import rushlight as rl
    >>> sorted(rl.nn.utils.weight_norm(rl.nn.Linear(20, 40)).state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    weight = _parameter("weight_norm", module, name)
    axis = -1 if dim is None else dim
    with no_grad():
        size = norm_except(weight.detach(), axis)
    delattr(module, name)
    setattr(module, f"{name}_g", Parameter(size))
    setattr(module, f"{name}_v", Parameter(weight.detach().clone()))
    derive(module, name, partial(_weight, name=name, dim=axis))
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again, with the numbers that it has; returns the module.

    Raises ArgumentError where there is none.

    >>> import rushlight as rl
    >>> layer = rl.nn.utils.weight_norm(rl.nn.Linear(20, 40))
    >>> sorted(rl.nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _plain_again("remove_weight_norm", module, name, [f"{name}_g", f"{name}_v"])


class _PowerIteration:
    """Before each forward in training: some steps towards the first singular vectors."""

    def __init__(self, name: str, times: int, dim: int, eps: float) -> None:
        self.name, self.times, self.dim, self.eps = name, times, dim, eps

    def __call__(self, module: Any, inputs: Any) -> None:
        if module.training:
            weight = getattr(module, f"{self.name}_orig").detach()
            u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
            # The newer one begins with the other vector.
            iterate(as_matrix(weight, self.dim).T, v, u, self.times, self.eps)


def _divided(module: Any, name: str, dim: int) -> Tensor:
    weight = getattr(module, f"{name}_orig")
    # Copies: the next call writes these.
    u, v = getattr(module, f"{name}_u").clone(), getattr(module, f"{name}_v").clone()
    return weight / (u * (as_matrix(weight, dim) @ v)).sum()


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """w / σ(w) with the parameter ``<name>_orig`` and the buffers ``<name>_u`` and ``<name>_v`` in the place
    of the weight; returns the module. `nn.utils.parametrizations.spectral_norm` is the newer one.

    >>> import rushlight as rl
    >>> sorted(rl.nn.utils.spectral_norm(rl.nn.Linear(20, 40)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if n_power_iterations <= 0:
        got = f"n_power_iterations={n_power_iterations}"
        raise ArgumentError(message("spectral_norm", got, "a number above 0"))
    weight = _parameter("spectral_norm", module, name)
    axis = default_dim(module) if dim is None else dim
    shape = as_matrix(weight.detach(), axis).shape
    delattr(module, name)
    setattr(module, f"{name}_orig", weight)
    for letter, size in zip("uv", shape, strict=True):
        start = normalize(ops.randn(size, dtype=weight.dtype), dim=0, eps=eps)
        module.register_buffer(f"{name}_{letter}", start)
    derive(module, name, partial(_divided, name=name, dim=axis))
    module.register_forward_pre_hook(_PowerIteration(name, n_power_iterations, axis, eps))
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again, with the numbers that it has; returns the module.

    Raises ArgumentError where there is none.

    >>> import rushlight as rl
    >>> layer = rl.nn.utils.spectral_norm(rl.nn.Linear(20, 40))
    >>> sorted(rl.nn.utils.remove_spectral_norm(layer).state_dict())
    ['bias', 'weight']
    """
    _plain_again("remove_spectral_norm", module, name, [f"{name}_{k}" for k in ("orig", "u", "v")])
    for number, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, _PowerIteration) and hook.name == name:
            del module._forward_pre_hooks[number]
    return module
