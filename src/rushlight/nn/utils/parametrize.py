"""Parameters that are functions of others: a weight that stays symmetric, orthogonal, or of norm 1."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from rushlight.core.state import no_grad
from rushlight.core.tensor import Parameter, Tensor
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.nn.buffer import Buffer
from rushlight.nn.containers import ModuleDict, ModuleList
from rushlight.nn.module import Module
from rushlight.nn.utils.derived import base_of, derive, derived, undo

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_kept: dict[tuple[int, str], Tensor] = {}
_depth = 0


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Within it each parametrized tensor is computed once.

    >>> import rushlight as rl
    >>> from rushlight.nn.utils import parametrize
    >>> layer = rl.nn.utils.parametrizations.weight_norm(rl.nn.Linear(2, 2))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _kept.clear()


class ParametrizationList(ModuleList):
    """The modules through which a tensor goes one after the other, and what it is made of: `original`, or
    `original0`, `original1`, ... where the first module makes it of several."""

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError(message("ParametrizationList", "no modules", "at least one"))
        super().__init__(modules)
        self.unsafe = unsafe
        parts: Any = original
        # One that has no inverse, or says so when it is asked, takes the tensor as it is.
        with no_grad(), contextlib.suppress(NotImplementedError):
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    parts = module.right_inverse(parts)
        self.is_tensor = isinstance(parts, Tensor)
        self.ntensors = 1 if self.is_tensor else len(parts)
        if self.is_tensor:
            _refill(original, parts)
            self.original = original
            return
        for i, part in enumerate(parts):
            kept = isinstance(original, Parameter)
            setattr(self, f"original{i}", Parameter(part, original.requires_grad) if kept else Buffer(part))

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        first, *rest = self
        x: Tensor = first(*self._originals())
        for module in rest:
            x = module(x)
        return x

    def right_inverse(self, value: Tensor) -> None:
        """Make the originals such that the result is `value`, as far as the modules say how.

        Raises NotSupportedError where one does not.
        """
        parts: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    got = f"{type(module).__name__}, which has no right_inverse"
                    raise NotSupportedError(message("assigning to a parametrized tensor", got, "one with it"))
                parts = module.right_inverse(parts)
            for held, part in zip(self._originals(), [parts] if self.is_tensor else parts, strict=True):
                _refill(held, part)


def _refill(held: Tensor, value: Tensor) -> None:
    """The tensor with other numbers; an optimiser that holds it goes on with those."""
    if value is not held:
        held.data = value.detach().clone()


def _compute(module: Module, name: str) -> Tensor:
    if not _depth:
        return module.parametrizations[name]()
    key = id(module), name
    if key not in _kept:
        _kept[key] = module.parametrizations[name]()
    return _kept[key]


def _assign(module: Module, value: Any, name: str) -> None:
    module.parametrizations[name].right_inverse(value)
    _kept.pop((id(module), name), None)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module, or its tensor of that name, is parametrized."""
    listed = module.__dict__.get("parametrizations")
    if not isinstance(listed, ModuleDict):
        return False
    return len(listed) > 0 if tensor_name is None else tensor_name in listed


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Have ``module.tensor_name`` be ``parametrization(original)``, where `original` is what it was.

    Registered again, what comes out goes through the new one too. If the parametrization has a method
    ``right_inverse(value)``, the original is what that gives, and may be assigned to; if it gives several
    tensors, forward takes these. The originals are at ``module.parametrizations.<name>``. `unsafe`: dtype and
    shape may change. Returns the module.

    Raises ArgumentError for a name that is no parameter or buffer, ShapeError where the result has another
    shape or dtype.

    >>> import rushlight as rl
    >>> class Symmetric(rl.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = rl.nn.Linear(3, 3)
    >>> _ = rl.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), list(layer.state_dict())
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        listed = module.parametrizations[tensor_name]
        if hasattr(parametrization, "right_inverse"):
            with no_grad():
                for held in listed._originals():
                    _check_same(tensor_name, held, parametrization.right_inverse(listed()), unsafe)
                listed.append(parametrization)
                listed.right_inverse(parametrization.right_inverse(listed()))
        else:
            listed.append(parametrization)
        return module
    if tensor_name not in {**module._parameters, **module._buffers}:
        got = f"the name {tensor_name!r}"
        raise ArgumentError(message("register_parametrization", got, "a parameter or buffer of the module"))
    original = module.__dict__[tensor_name]
    before = original.spec
    listed = ParametrizationList([parametrization], original, unsafe)
    with no_grad():
        made = listed()
    if not unsafe and made.spec != before:
        raise ShapeError(message("register_parametrization", f"a result {made.spec}", f"{before}"))
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = listed
    derive(
        module,
        tensor_name,
        partial(_compute, name=tensor_name),
        partial(_assign, name=tensor_name),
        "Parametrized",
    )
    return module


def _check_same(name: str, held: Tensor, value: Tensor, unsafe: bool) -> None:
    if not unsafe and value.spec != held.spec:
        raise ShapeError(message("register_parametrization", f"{name} of {value.spec}", f"{held.spec}"))


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the tensor a plain one again: with the numbers that it has now, or with its original.

    Raises ArgumentError for a tensor that is not parametrized, and without `leave_parametrized` for one that
    is made of several.

    >>> import rushlight as rl
    >>> layer = rl.nn.utils.parametrizations.weight_norm(rl.nn.Linear(2, 2))
    >>> list(rl.nn.utils.parametrize.remove_parametrizations(layer, "weight").state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        got = f"{tensor_name!r}, which is not parametrized"
        raise ArgumentError(message("remove_parametrizations", got, "a parametrized tensor"))
    listed = module.parametrizations[tensor_name]
    with no_grad():
        value = listed()
    originals = listed._originals()
    if leave_parametrized and listed.is_tensor:
        _refill(originals[0], value)
    elif not leave_parametrized and not listed.is_tensor:
        got = "leave_parametrized=False for a tensor made of several"
        raise ArgumentError(message("remove_parametrizations", got, "leave_parametrized=True"))
    plain = originals[0]
    if not listed.is_tensor:
        trained = any(t.requires_grad for t in originals)
        plain = Parameter(value, trained) if isinstance(plain, Parameter) else value
    undo(module, tensor_name)
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
    setattr(module, tensor_name, plain)
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class of the module before it was parametrized."""
    return base_of(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Parametrize `to_module` as `from_module` is, with the same modules and originals; returns it."""
    names = [n for n in derived(from_module) if tensor_name in (None, n) and is_parametrized(from_module, n)]
    for name in names:
        source = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization, unsafe=source.unsafe)
        target = to_module.parametrizations[name]
        for key, tensor in source._own_state().items():
            setattr(target, key, tensor)
    return to_module
