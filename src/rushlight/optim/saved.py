"""An optimiser's state as a plain dict, in PyTorch's layout, and back with everything checked first."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.errors import CheckpointError, RushlightError, message
from rushlight.optim.group import ParamGroup

if TYPE_CHECKING:
    from rushlight.optim.base import Optimizer

__all__ = ["read_state", "write_state"]


def write_state(optimizer: Optimizer) -> dict[str, Any]:
    """See ``Optimizer.state_dict``; the Tensors are the optimiser's own, not copies."""
    numbers: dict[int, int] = {}
    groups = []
    for group in optimizer.param_groups:
        for param in group["params"]:
            numbers.setdefault(id(param), len(numbers))
        saved = {key: value for key, value in group.items() if key != "params"}
        groups.append({**saved, "params": [numbers[id(p)] for p in group["params"]]})
    state: dict[Any, Any] = {}
    for key, value in optimizer.state.items():
        if not isinstance(key, Tensor):
            state[key] = value
        elif id(key) in numbers:
            state[numbers[id(key)]] = dict(value)
    return {"state": state, "param_groups": groups}


def read_state(optimizer: Optimizer, saved: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[Any, Any]]:
    """The options of each group and the state of each parameter; CheckpointError lists all faults."""
    wrong = [f"the key {key!r} is missing" for key in ("state", "param_groups") if key not in saved]
    if not wrong:
        wrong += _group_faults(optimizer, saved["param_groups"])
    if wrong:
        raise _refusal(optimizer, wrong)
    params: dict[int, Tensor] = {}
    options = []
    for group, kept in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        params.update(zip(kept["params"], group["params"], strict=True))
        options.append({key: copy.deepcopy(value) for key, value in kept.items() if key != "params"})
        wrong += _option_faults(optimizer, group, options[-1])
    unusable = bool(wrong)
    states: dict[Any, Any] = {}
    expected = {
        p: (group, kept)
        for group, kept in zip(optimizer.param_groups, options, strict=True)
        for p in group["params"]
    }
    for number, state in saved["state"].items():
        if isinstance(number, str) and not number.isdecimal():  # what concerns no single parameter
            states[number] = copy.deepcopy(state)
            continue
        param = params.get(int(number))
        if param is None:
            wrong.append(f"state of parameter {number}, which is in no group")
            continue
        group, kept = expected[param]
        given = {k: v for k, v in state.items() if v is not None}
        now = ParamGroup({**group, **kept})
        needed = {} if unusable else optimizer.init_state(param, now)
        shapes = {k: v.shape for k, v in needed.items() if isinstance(v, Tensor)}
        # What a step of one's own remembers beside its rule may be anything, such as LBFGS's lists.
        free = given.keys() - needed.keys() if optimizer.has_own_step and not unusable else ()
        states[param] = {
            k: _copied(param, v) if k in free else _fit(param, k, v, shapes.get(k), number, wrong)
            for k, v in given.items()
        }
        optimizer.complete_state(states[param], now)
        wrong += [f"{key} of parameter {number} is missing" for key in needed if key not in states[param]]
    if wrong:
        raise _refusal(optimizer, wrong)
    return options, states


def _refusal(optimizer: Optimizer, wrong: list[str]) -> CheckpointError:
    remedy = "Load it into an optimiser of the same kind over the same model."
    name = f"{type(optimizer).__name__}.load_state_dict"
    return CheckpointError(message(name, "; ".join(wrong), "a state that fits this optimiser", remedy))


def _group_faults(optimizer: Optimizer, groups: Any) -> list[str]:
    own = optimizer.param_groups
    if len(groups) != len(own):
        return [f"{len(groups)} parameter groups instead of {len(own)}"]
    sizes = [
        (len(saved.get("params", ())), len(group["params"])) for saved, group in zip(groups, own, strict=True)
    ]
    return [f"group {i} has {n} parameters instead of {m}" for i, (n, m) in enumerate(sizes) if n != m]


def _option_faults(optimizer: Optimizer, group: ParamGroup, options: dict[str, Any]) -> list[str]:
    try:
        optimizer.check_options(ParamGroup({**group, **options}))
    except (RushlightError, TypeError, ValueError) as error:
        return [str(error)]
    return []


def _fit(param: Tensor, key: str, value: Any, shape: Any, number: Any, wrong: list[str]) -> Any:
    """A copy of one entry of the state: moments in the parameter's dtype, a step count in its own. `shape`:
    what it has in a state that is made anew; the parameter's for None."""
    tensor = value.detach() if isinstance(value, Tensor) else ops.as_tensor(value, dtype=None)
    if tensor.ndim == 0 and (key == "step" or param.ndim):
        return tensor.to("float64") if key == "step" else tensor.clone()
    shape = param.shape if shape is None else shape
    if tensor.shape != shape:
        wrong.append(f"{key} of parameter {number} has shape {tensor.shape} instead of {shape}")
        return None
    return ops.clone(tensor.to(param.dtype))


def _copied(param: Tensor, value: Any) -> Any:
    """A copy of whatever it is; floating Tensors in it get the parameter's dtype, as in PyTorch."""
    if isinstance(value, Tensor):
        return ops.clone(value.detach().to(param.dtype) if value.is_floating_point() else value)
    if isinstance(value, dict):
        return {key: _copied(param, held) for key, held in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_copied(param, held) for held in value)
    return copy.deepcopy(value)
