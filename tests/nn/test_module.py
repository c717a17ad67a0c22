"""Module: the tree of what is registered, saving and loading, hooks, copies, text."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, CheckpointError, DTypeError, NotSupportedError
from tests.nn.modules import Net, Scale

# The tree


def test_what_is_assigned_is_registered() -> None:
    net = Net()
    names = [n for n, _ in net.named_parameters()]
    assert names == ["first.weight", "first.bias", "scale.factor"]
    assert [n for n, _ in net.named_buffers()] == ["scale.count", "scale.scratch"]
    assert [n for n, _ in net.named_children()] == ["first", "scale", "again"]
    assert [n for n, _ in net.named_modules()] == ["", "first", "scale"]
    assert len(list(net.parameters())) == 3
    assert len(list(net.modules())) == 3
    assert net.again is net.first
    assert net.scale.bias is None


def test_shared_parameters_come_once() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)].count("1.weight") == 1
    (net(rl.ones(1, 2))).sum().backward()
    assert net[0].weight.grad is not None


def test_walks_can_stay_at_the_top() -> None:
    net = Net()
    assert list(net.named_parameters(recurse=False)) == []
    assert [n for n, _ in net.scale.named_parameters(prefix="p", recurse=False)] == ["p.factor"]


def test_getting_by_dotted_name() -> None:
    net = Net()
    assert net.get_submodule("scale") is net.scale
    assert net.get_submodule("") is net
    assert net.get_parameter("scale.factor") is net.scale.factor
    with pytest.raises(AttributeError):
        net.get_submodule("scale.nothing")


def test_deleting_and_replacing() -> None:
    net = Net()
    del net.again
    net.first = nn.Identity()  # type: ignore[assignment]
    assert [n for n, _ in net.named_parameters()] == ["scale.factor"]
    net.scale.factor = None  # type: ignore[assignment]
    assert list(net.parameters()) == []


def test_a_parameter_is_not_replaced_by_a_tensor() -> None:
    net = Scale()
    with pytest.raises(DTypeError, match=r"nn.Parameter\(tensor\)"):
        net.factor = rl.zeros(2)  # type: ignore[assignment]
    net.factor = nn.Parameter(rl.zeros(3))
    net.count = rl.tensor(5)
    assert net.state_dict()["count"].item() == 5


def test_wrong_registrations() -> None:
    net = nn.Module()
    with pytest.raises(DTypeError, match="Parameter or None"):
        net.register_parameter("w", rl.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="Tensor or None"):
        net.register_buffer("b", 3.0)  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match=r"forget the \(\)"):
        net.add_module("m", nn.ReLU)  # type: ignore[arg-type]
    for name in ("", "a.b", "forward"):
        with pytest.raises(ArgumentError, match="name"):
            net.add_module(name, nn.ReLU())


def test_an_unknown_attribute_names_the_nearest() -> None:
    net = Net()
    with pytest.raises(AttributeError, match=r"Net has no attribute 'frist'. Did you mean 'first'\?"):
        net.frist  # noqa: B018
    with pytest.raises(AttributeError, match="Linear has no attribute 'wieght'.*'weight'"):
        net.first.wieght  # noqa: B018
    assert not hasattr(net, "zzz")
    assert getattr(net, "zzz", 3) == 3


def test_a_module_without_super_init_works() -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            self.w = nn.Parameter(rl.ones(1))

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return x * self.w

    assert len(list(Lazy().parameters())) == 1
    assert Lazy()(rl.ones(1)).item() == 1.0


def test_a_module_without_forward() -> None:
    with pytest.raises(NotSupportedError, match="forward"):
        nn.Module()(rl.ones(1))


# All at once


def test_train_and_eval() -> None:
    net = Net()
    assert net.training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    assert nn.Linear(1, 1).training


def test_freezing() -> None:
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert not net(rl.ones(1, 2)).requires_grad
    net.requires_grad_()
    assert net(rl.ones(1, 2)).requires_grad


def test_apply_goes_children_first() -> None:
    seen: list[str] = []
    assert Net().apply(lambda m: seen.append(type(m).__name__)) is not None
    assert seen[-1] == "Net"
    assert set(seen) == {"Linear", "Scale", "Net"}


def test_conversion_keeps_parameters_and_integers() -> None:
    net = Scale()
    p = net.factor
    net(rl.ones(2)).sum().backward()
    assert net.double() is net
    assert net.factor is p
    assert (net.factor.dtype, net.scratch.dtype, net.count.dtype) == (rl.float64, rl.float64, rl.int64)
    assert p.grad is not None
    assert p.grad.dtype == rl.float64
    assert p.requires_grad
    net(rl.ones(2, dtype=rl.float64)).sum().backward()
    assert net.float().factor.dtype == rl.float32
    assert net.cpu() is net


def test_zero_grad() -> None:
    net = Scale()
    net(rl.ones(2)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.factor.grad is not None
    assert net.factor.grad.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert net.factor.grad is None


def test_reset_parameters_of_a_whole_net() -> None:
    rl.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 1)))
    before = [p.detach().numpy().copy() for p in net.parameters()]
    net.reset_parameters()
    assert all((p.detach().numpy() != b).any() for p, b in zip(net.parameters(), before, strict=True))
    rl.manual_seed(0)
    same = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 1)))
    rl.manual_seed(0)
    net.reset_parameters()
    for p, q in zip(net.parameters(), same.parameters(), strict=True):
        assert p.tolist() == q.tolist()
    mixed = nn.Sequential(nn.Linear(2, 2), Scale())
    old = mixed[0].weight.tolist()
    with pytest.raises(NotSupportedError, match="reset_parameters"):
        mixed.reset_parameters()
    assert mixed[0].weight.tolist() == old


# Saving and loading


def test_state_dict_round_trip() -> None:
    a, b = Net(), Net()
    state = a.state_dict()
    assert list(state) == [
        "first.weight",
        "first.bias",
        "scale.factor",
        "scale.count",
        "again.weight",
        "again.bias",
    ]
    assert not any(t.requires_grad for t in state.values())
    assert state["scale.factor"].array is a.scale.factor.array
    with rl.no_grad():
        a.scale.factor.mul_(5.0)
        a.scale.count.add_(3)
    parameter = b.scale.factor
    result = b.load_state_dict(state)
    assert result == ([], [])
    assert b.scale.factor is parameter
    assert b.scale.factor.tolist() == [10.0, 15.0]
    assert b.scale.count.item() == 3
    assert b.scale.factor.requires_grad
    b.load_state_dict({k: v.numpy() for k, v in state.items()})
    assert a.state_dict(prefix="net.", keep_vars=True)["net.first.weight"] is a.first.weight


def test_all_problems_in_one_error_and_nothing_changed() -> None:
    net = Net()
    before = {k: v.tolist() for k, v in net.state_dict().items()}
    bad = {k: v + 1 for k, v in net.state_dict().items()}
    del bad["first.bias"]
    bad["scale.factor"] = rl.zeros(7)
    bad["extra"] = rl.zeros(1)
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict(bad)
    text = str(caught.value)
    for part in ("missing first.bias", "unexpected extra", "scale.factor is (7,) there and (2,) here"):
        assert part in text
    with pytest.raises(CheckpointError, match=r"scale.factor is \(7,\)"):
        net.load_state_dict(bad, strict=False)
    with pytest.raises(DTypeError):
        net.load_state_dict({**net.state_dict(), "scale.count": np.array("text")})
    assert {k: v.tolist() for k, v in net.state_dict().items()} == before


def test_loading_what_fits() -> None:
    net = Net()
    result = net.load_state_dict({"scale.factor": rl.zeros(2), "other": rl.zeros(1)}, strict=False)
    assert net.scale.factor.tolist() == [0.0, 0.0]
    assert result.unexpected_keys == ["other"]
    assert "first.weight" in result.missing_keys


def test_loading_converts_to_the_modules_dtype() -> None:
    net = Scale()
    net.load_state_dict({"factor": rl.ones(2, dtype=rl.float64), "count": rl.tensor(4)})
    assert net.factor.dtype == rl.float32


# Hooks


def test_forward_hooks() -> None:
    net = Scale()
    seen: list[Any] = []
    watch = net.register_forward_hook(
        lambda m, inputs, out: seen.append((m, inputs[0].tolist(), out.tolist()))
    )
    double = net.register_forward_hook(lambda m, inputs, out: out * 2.0)
    halve = net.register_forward_pre_hook(lambda m, inputs: (inputs[0] * 0.5,))
    y = net(rl.tensor([2.0, 2.0]))
    assert y.tolist() == [4.0, 6.0]
    assert seen == [(net, [1.0, 1.0], [2.0, 3.0])]
    assert Scale()(rl.tensor([2.0, 2.0])).tolist() == [4.0, 6.0]
    for handle in (watch, double, halve):
        handle.remove()
        handle.remove()
    assert net(rl.ones(2)).tolist() == [2.0, 3.0]
    with net.register_forward_pre_hook(lambda m, inputs: inputs[0] * 3.0):
        assert net(rl.ones(2)).tolist() == [6.0, 9.0]
    assert net(rl.ones(2)).tolist() == [2.0, 3.0]


# Copies and text


def test_deepcopy_and_pickle() -> None:
    net = Net()
    y = net(rl.ones(1, 2))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.again is other.first
        assert other.first.weight is not net.first.weight
        assert other(rl.ones(1, 2)).tolist() == y.tolist()
        with rl.no_grad():
            other.first.weight.zero_()
        assert isinstance(other.first.weight, nn.Parameter)
    assert net(rl.ones(1, 2)).tolist() == y.tolist()


def test_repr_is_a_tree() -> None:
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n    (0): ReLU()\n  )\n)"
    )
    assert "first" in dir(Net())


def test_a_dtype_makes_other_buffers_and_keeps_parameters_and_gradients() -> None:
    """As in PyTorch: the optimiser's parameters are the model's still, views keep the old numbers."""
    model = nn.BatchNorm1d(2)
    model.twin = nn.Module()
    model.twin.register_buffer("mean", model.running_mean)
    weight, row, mean, count = model.weight, model.weight[:1], model.running_mean, model.num_batches_tracked
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    model(rl.rand(3, 2)).sum().backward()
    grad = weight.grad
    assert model.double() is model
    assert model.weight is weight
    assert optimizer.param_groups[0]["params"][0] is weight
    assert weight.grad is grad
    assert (weight.dtype, grad.dtype, row.dtype) == (rl.float64, rl.float64, rl.float32)
    assert (mean.dtype, model.running_mean.dtype) == (rl.float32, rl.float64)
    assert model.twin.mean is model.running_mean
    assert model.num_batches_tracked is count
    optimizer.step()
    assert list(model.state_dict()) == [
        "weight", "bias", "running_mean", "running_var", "num_batches_tracked", "twin.mean",
    ]  # fmt: skip
