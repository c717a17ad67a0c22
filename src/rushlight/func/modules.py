"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, message, nearest
from rushlight.nn.module import Module
from rushlight.ops.join import stack

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]

Tensors = Mapping[str, Tensor]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Tensors | Sequence[Tensors],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other tensors in the place of its parameters and buffers, by their
    names in ``state_dict``; the module itself stays as it is.

    args         the argument, or a tuple of them.
    tie_weights  a parameter that stands at several places is replaced at all of them.
    strict       every parameter and buffer must be given.

    Raises ArgumentError for names that the module has not, and with ``strict`` for missing ones.

    >>> import rushlight as rl
    >>> net = rl.nn.Linear(2, 1)
    >>> given = {"weight": rl.tensor([[1.0, 2.0]]), "bias": rl.tensor([0.5])}
    >>> rl.func.functional_call(net, given, rl.ones(1, 2)).tolist()
    [[3.5]]
    """
    dicts = (
        [parameter_and_buffer_dicts]
        if isinstance(parameter_and_buffer_dicts, Mapping)
        else parameter_and_buffer_dicts
    )
    given: dict[str, Tensor] = {}
    for part in dicts:
        given |= part
    places = _places(module)
    unknown = [name for name in given if name not in places]
    if unknown:
        near = nearest(unknown[0], places, 1)
        got, remedy = f"the name {unknown[0]!r}", f"Did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(message("functional_call", got, f"names of {type(module).__name__}", remedy))
    missing = [name for name in places if name not in given]
    if strict and missing:
        raise ArgumentError(message("functional_call", "strict=True", f"also {', '.join(missing)}"))
    before = [(owner, name, owner.__dict__[name]) for owner, name in places.values()]
    try:
        for owner, name, new in _replacements(places, given, tie_weights):
            owner.__dict__[name] = new
        return module(
            *(() if args is None else args if isinstance(args, tuple) else (args,)), **(kwargs or {})
        )
    finally:
        for owner, name, old in before:
            owner.__dict__[name] = old


def _places(module: Module) -> dict[str, tuple[Module, str]]:
    """Where each parameter and buffer stands, by its name."""
    found = {}
    for prefix, owner in module.named_modules(remove_duplicate=False):
        held = {**owner._parameters, **owner._buffers}
        found.update({f"{prefix}.{n}" if prefix else n: (owner, n) for n, t in held.items() if t is not None})
    return found


def _replacements(
    places: dict[str, tuple[Module, str]], given: Tensors, tie_weights: bool
) -> list[tuple[Module, str, Tensor]]:
    tied: dict[int, Tensor] = {}
    for name, new in given.items():
        owner, attribute = places[name]
        tied[id(owner.__dict__[attribute])] = new
    found = []
    for name, (owner, attribute) in places.items():
        other = tied.get(id(owner.__dict__[attribute])) if tie_weights else None
        new = given.get(name, other)  # type: ignore[arg-type]
        if new is not None:
            found.append((owner, attribute, new))
    return found


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of several equal modules, each stacked along a new first axis: with `vmap` and
    `functional_call` they run side by side.

    >>> import rushlight as rl
    >>> nets = [rl.nn.Linear(2, 1) for _ in range(5)]
    >>> params, buffers = rl.func.stack_module_state(nets)
    >>> run = rl.func.vmap(lambda p, x: rl.func.functional_call(nets[0], p, x), in_dims=(0, None))
    >>> run(params, rl.ones(3, 2)).shape == (5, 3, 1)
    True
    """
    if not models:
        raise ArgumentError(message("stack_module_state", "no modules", "one or more"))
    kinds = {type(m) for m in models}
    if len(kinds) > 1:
        names = ", ".join(sorted(k.__name__ for k in kinds))
        raise ArgumentError(message("stack_module_state", f"modules of kinds {names}", "modules of one kind"))
    params = {
        n: _stacked([dict(m.named_parameters())[n] for m in models]) for n, _ in models[0].named_parameters()
    }
    buffers = {
        n: _stacked([dict(m.named_buffers())[n] for m in models]) for n, _ in models[0].named_buffers()
    }
    return params, buffers


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """The module, whose batch norms keep no running statistics from now on, so that `vmap` and derivatives
    run through them: they use the batch's, in evaluation too.

    >>> import rushlight as rl
    >>> net = rl.func.replace_all_batch_norm_modules_(rl.nn.Sequential(rl.nn.BatchNorm1d(3)))
    >>> net[0].running_mean is None
    True
    """
    from rushlight.nn.normalization import BatchNorm

    for module in root.modules():
        if isinstance(module, BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def _stacked(tensors: list[Tensor]) -> Tensor:
    found = stack([t.detach() for t in tensors])
    return found.requires_grad_() if tensors[0].requires_grad else found
