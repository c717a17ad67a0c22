"""What takes part in `state_dict` and `load_state_dict` beside tensors: extra states, hooks, options."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, CheckpointError, DTypeError


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def get_extra_state(self) -> Any:
        return {"steps": self.steps}

    def set_extra_state(self, state: Any) -> None:
        self.steps = state["steps"]


def test_extra_states_go_along() -> None:
    a, b = (nn.ModuleDict({"count": Counter(), "linear": nn.Linear(2, 1)}) for _ in range(2))
    a["count"].steps = 3  # type: ignore[assignment]
    state = a.state_dict()
    assert list(state) == ["count._extra_state", "linear.weight", "linear.bias"]
    b.load_state_dict(state)
    assert b["count"].steps == 3
    del state["count._extra_state"]
    with pytest.raises(CheckpointError, match="missing count._extra_state"):
        b.load_state_dict(state)


def test_prefix_and_destination() -> None:
    into = {"other": rl.zeros(1)}
    out = nn.Linear(2, 1).state_dict(destination=into, prefix="net.")
    assert out is into
    assert list(out) == ["other", "net.weight", "net.bias"]
    layer = nn.Linear(2, 1)
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_assign_takes_the_tensors_themselves() -> None:
    layer = nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    state = {"weight": rl.zeros(1, 2, dtype=rl.float64), "bias": rl.zeros(1, dtype=rl.float64)}
    layer.load_state_dict(state, assign=True)
    assert layer.weight.dtype == rl.float64
    assert (layer.weight.requires_grad, layer.bias.requires_grad) == (True, False)


def test_hooks_see_and_change_states() -> None:
    seen: list[Any] = []
    layer = nn.Linear(2, 1)
    handles = [
        layer.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append("saving")),
        layer.register_state_dict_post_hook(lambda module, state, prefix, meta: state.update(more=1)),
        layer.register_load_state_dict_pre_hook(lambda module, state, *rest: state.pop("more")),
        layer.register_load_state_dict_post_hook(lambda module, keys: seen.append(keys)),
    ]
    state = layer.state_dict()
    assert state["more"] == 1
    layer.load_state_dict(state)
    assert seen[0] == "saving"
    assert repr(seen[1]) == "<All keys matched successfully>"
    for handle in handles:
        handle.remove()
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert len(seen) == 2


def test_a_state_without_the_count_of_batches_is_taken() -> None:
    layer = nn.BatchNorm1d(2)
    state = layer.state_dict()
    del state["num_batches_tracked"]
    layer.load_state_dict(state)


def test_names_of_parts() -> None:
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    assert net.get_buffer("0.running_mean") is net[0].running_mean
    assert net.get_parameter("1.weight") is net[1].weight
    net.set_submodule("1", nn.Identity())
    assert isinstance(net[1], nn.Identity)
    for wrong in (
        lambda: net.get_buffer("0.weight"),
        lambda: net.get_parameter("0.running_mean"),
        lambda: net.set_submodule("2", nn.Identity(), strict=True),
    ):
        with pytest.raises(AttributeError):
            wrong()


def test_buffers_register_when_they_are_assigned() -> None:
    layer = nn.Identity()
    layer.kept = nn.Buffer(rl.ones(2))
    layer.passing = nn.Buffer(rl.ones(2), persistent=False)
    assert [name for name, _ in layer.named_buffers()] == ["kept", "passing"]
    assert list(layer.state_dict()) == ["kept"]
    with pytest.raises(DTypeError):
        nn.Buffer([1.0])  # type: ignore[arg-type]


def test_lists_and_dicts_of_parameters() -> None:
    weights = nn.ParameterList([rl.zeros(2), nn.Parameter(rl.ones(3))])
    weights += [rl.ones(1)]
    weights[0] = rl.ones(4)
    assert [p.numel() for p in weights] == [4, 3, 1]
    assert [p.numel() for p in weights[1:]] == [3, 1]
    assert list(weights.state_dict()) == ["0", "1", "2"]
    assert all(p.requires_grad for p in weights.parameters())
    with pytest.raises(IndexError):
        _ = weights[3]
    named = nn.ParameterDict({"a": rl.zeros(2)}) | nn.ParameterDict({"b": rl.ones(1)})
    assert list(named.keys()) == ["a", "b"]
    assert named.pop("a").numel() == 2
    assert named.setdefault("c", rl.ones(5)).numel() == 5
    assert named.get("z") is None
    assert list(named.state_dict()) == ["b", "c"]
    with pytest.raises(KeyError):
        _ = named["z"]
    with pytest.raises(ArgumentError):
        named["forward"] = rl.ones(1)
    named.clear()
    assert not len(named)
