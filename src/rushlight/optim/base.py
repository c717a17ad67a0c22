"""The loop that all optimisers share: parameter groups, state, step, and saving both."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rushlight.core.autograd import forget_gradients
from rushlight.core.composite import Composite
from rushlight.core.state import enable_grad, made_ready, untraced
from rushlight.core.state import state as thread
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, message, refuse_options
from rushlight.optim.group import ParamGroup
from rushlight.optim.pack import Pack, part, plan
from rushlight.optim.saved import read_state, write_state
from rushlight.optim.state import State

__all__ = ["Optimizer", "check_at_least", "required"]


class _Required:
    """Stands in an optimiser's defaults for an option that every group of parameters must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def check_at_least(name: str, group: Mapping[str, Any], least: float, *options: str) -> None:
    """Raises ArgumentError unless every option of the group is a number of ``least`` or more."""
    for option in options:
        value = group[option]
        number = value.item() if isinstance(value, Tensor) else value
        if isinstance(number, str) or not number >= least:
            raise ArgumentError(
                message(name, f"{option}={value!r}", f"{option} of {least:g} or more", "Check it.")
            )


_OF_PYTORCH = ("foreach", "fused", "capturable")
"""Options that choose among PyTorch's implementations."""


class Optimizer:
    """Base of all optimisers. ``params`` is an iterable of Tensors, or of dicts with "params" and options of
    their own. ``others`` are options of PyTorch's that choose its implementation: foreach, fused and
    capturable change nothing, for small parameters are updated together anyway; differentiable raises
    NotSupportedError unless it is False.

    A rule defines ``update(param, grad, state, group)``, which returns what is to be subtracted from the
    parameter, and ``init_state(param, group)`` if it remembers anything. ``elementwise = True`` promises that
    the rule treats every element alike; small parameters are then updated together, which changes no result.

    ``sparse = True`` says that the rule takes sparse gradients, and may return a sparse change; others raise
    NotSupportedError for them.

    A class with a ``step`` of its own may remember what it likes: loading copies it. ``looks_at_numbers =
    True`` says that this step needs numbers, so that no compiled function holds it.

    Raises ArgumentError for no parameters, for one given twice, and for options out of range; DTypeError for
    parameters that are no Tensors.

    >>> import rushlight as rl
    >>> class SignSGD(rl.optim.Optimizer):
    ...     def update(self, param, grad, state, group):
    ...         return group["lr"] * rl.sign(grad)
    >>> p = rl.nn.Parameter(rl.tensor([1.0, -2.0]))
    >>> optimizer = SignSGD([p], {"lr": 0.5})
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.tolist()
    [0.5, -1.5]
    """

    elementwise = False
    sparse = False
    looks_at_numbers = False
    _inside = False
    """Whether a traced function made it: each call of that makes it anew, and so its state."""

    def __init__(
        self, params: Iterable[Any], defaults: Mapping[str, Any], others: Mapping[str, Any] | None = None
    ) -> None:
        if others:
            chosen = {name: value for name, value in others.items() if name not in _OF_PYTORCH}
            remedy = "Leave it out: a step is never part of a graph."
            refuse_options(type(self).__name__, chosen, {"differentiable": False}, remedy)
        if isinstance(params, (Tensor, str)) or not isinstance(params, Iterable):
            got = f"params of type {type(params).__name__}"
            remedy = "Pass model.parameters(), or put a single parameter into a list."
            raise DTypeError(message(type(self).__name__, got, "an iterable of parameters or groups", remedy))
        self._inside = thread.tracing
        self.defaults = dict(defaults)
        self.param_groups: list[ParamGroup] = []
        self.state = State()
        self.stepped = False
        self._plans: list[tuple[list[int], list[Pack], list[Tensor]]] | None = None
        groups = list(params)
        if not groups:
            remedy = (
                "Give the model its layers first, then pass model.parameters(). Layers in a Python list or "
                "dict are not seen: keep them in nn.ModuleList or nn.ModuleDict."
            )
            raise ArgumentError(message(type(self).__name__, "no parameters", "at least one", remedy))
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # The rule

    def update(self, param: Tensor, grad: Tensor, state: dict[str, Any], group: ParamGroup) -> Tensor:
        """What is to be subtracted from ``param``. Runs without recording; may write into ``state``."""
        got = "an optimiser without update"
        expected = "a method update(self, param, grad, state, group), or step(self)"
        raise NotSupportedError(message(type(self).__name__, got, expected, "Write it."))

    def init_state(self, param: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The state of a parameter before its first step; Tensors of the parameter's shape, or 0-d."""
        return {}

    def complete_state(self, state: dict[str, Any], group: ParamGroup) -> None:
        """Adds to a loaded state what the rule needs and PyTorch's does not hold."""

    def check_options(self, group: ParamGroup) -> None:
        """Raises ArgumentError for options that the rule cannot work with."""

    # The loop

    @property
    def has_own_step(self) -> bool:
        """Whether the class has a ``step`` of its own, in place of a rule for one parameter."""
        return type(self).step is not Optimizer.step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient. ``closure``, if given, computes the loss first and is
        returned.
        """
        self.stepped = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        plans = self._current_plans()
        before, thread.grad_enabled = thread.grad_enabled, False
        try:
            for group, (_, packs, single) in zip(self.param_groups, plans, strict=True):
                for pack in packs:
                    if not pack.step(self, group):
                        self._step_each(pack.members, group)
                self._step_each(single, group)
        finally:
            thread.grad_enabled = before
        return loss

    def _current_plans(self) -> list[tuple[list[int], list[Pack], list[Tensor]]]:
        """Which parameters of each group take their steps together, made anew when the groups have others."""
        ids = [list(map(id, group["params"])) for group in self.param_groups]
        if self._plans is None or [known for known, _, _ in self._plans] != ids:
            with untraced():
                for group in self.param_groups:
                    part(group["params"], self)
            self._plans = [
                (known, *plan(group["params"], self.elementwise))
                for known, group in zip(ids, self.param_groups, strict=True)
            ]
        return self._plans

    def _step_each(self, params: list[Tensor], group: ParamGroup) -> None:
        for param in params:
            grad = param.grad
            if grad is None:
                continue
            if isinstance(grad, Composite) and not self.sparse:
                got, expected = "a sparse gradient", "a dense one"
                remedy = "Use SparseAdam, SGD or Adagrad, or Embedding(sparse=False)."
                raise NotSupportedError(message(type(self).__name__, got, expected, remedy))
            change = self.update(param, grad, self.state_of(param, group), group)
            if isinstance(change, Composite):
                rows, values = change.parts()
                param.index_add_(0, rows[0], values, alpha=-1)
            else:
                param.sub_(change)

    def state_of(self, param: Tensor, group: ParamGroup) -> dict[str, Any]:
        """The state of ``param``, made by ``init_state`` at its first step."""
        found: dict[str, Any] | None = self.state.get(param)
        if found is None:
            # A traced step then takes the fresh state as an input, as it does with all state.
            with made_ready(self._inside):
                self.state[param] = self.init_state(param, group)
            found = self.state[param]
        return found

    def reads_params(self, group: ParamGroup) -> bool:
        """Whether ``update`` reads the values of ``param``, and not only its shape and dtype."""
        return True

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets every gradient, or with ``set_to_none=False`` fills it with 0."""
        for group in self.param_groups:
            forget_gradients(group["params"], set_to_none)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Adds parameters with options of their own; what is not given is taken from the defaults."""
        group = dict(param_group)
        params = group.get("params")
        if params is None:
            raise ArgumentError(
                message(type(self).__name__, f"keys {list(group)}", "a key 'params'", "Add it.")
            )
        group["params"] = [params] if isinstance(params, Tensor) else list(params)
        self._check_params(group["params"])
        made = ParamGroup({**self.defaults, **group})
        self.check_options(made)
        self.param_groups.append(made)
        self._plans = None

    def _check_params(self, params: list[Any]) -> None:
        name = type(self).__name__
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for param in params:
            if not isinstance(param, Tensor):
                remedy = "Pass model.parameters() (named_parameters() gives pairs)."
                raise DTypeError(message(name, f"a {type(param).__name__}", "Tensors", remedy))
            if not param.is_leaf:
                raise ArgumentError(
                    message(name, "the result of an operation", "leaf Tensors", "Pass parameters.")
                )
            if id(param) in seen:
                raise ArgumentError(message(name, "a parameter twice", "each one once", "Remove the second."))
            seen.add(id(param))

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """{"state": {index: {...}}, "param_groups": [...]}: parameters are counted through all groups, as in
        PyTorch.
        """
        return write_state(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over what ``state_dict()`` gave. Raises CheckpointError, naming all that doesn't fit, and
        changes nothing then."""
        groups, states = read_state(self, copy.copy(dict(state_dict)))
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update(saved)
            group.changes += 1  # compiled steps took the old state's Tensors for inputs
        self.state.clear()
        self.state.update(states)
        self._plans = None

    def __getstate__(self) -> dict[str, Any]:
        # A copied view is no longer part of its vector, and a step count shared by copies would run wild.
        state = {p: {k: _own(v) for k, v in entries.items()} for p, entries in self.state.items()}
        return {**self.__dict__, "state": State(states=state), "_plans": None, "_inside": thread.tracing}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _own(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
