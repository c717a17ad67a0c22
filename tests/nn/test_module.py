"""Module: the tree of what is registered, saving and loading, hooks, copies, and the reports' protocol."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import (
    ArgumentError,
    CheckpointError,
    DTypeError,
    GradError,
    NotSupportedError,
    ShapeError,
)


class Scale(nn.Module):
    """A parameter, a buffer, a temporary buffer, and a missing parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(rl.tensor([2.0, 3.0]))
        self.register_buffer("count", rl.tensor(0))
        self.register_buffer("scratch", rl.zeros(2), persistent=False)
        self.register_parameter("bias", None)
        self.note = "plain"

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.factor


class Net(nn.Module):
    """Nested, with a layer that stands at two places."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.scale = Scale()
        self.again = self.first

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.again(rl.tanh(self.scale(self.first(x))))


class TwoWays(nn.Module):
    """Two inputs, two results, an option that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(rl.tensor([2.0, 3.0]))

    def forward(self, a: rl.Tensor, b: rl.Tensor, power: int = 1) -> tuple[rl.Tensor, rl.Tensor]:
        return a * self.w + b**power, a * b


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


# The reports' protocol


def autograd_of(
    module: nn.Module, inputs: list[np.ndarray], grads: list[np.ndarray], **options: Any
) -> list[Any]:
    leaves = [rl.from_numpy(x.copy()).requires_grad_() for x in inputs]
    out = module(*leaves, **options)
    outputs = list(out) if isinstance(out, tuple) else [out]
    wanted = [*leaves, *module.parameters()]
    found = rl.autograd.grad(outputs, wanted, [rl.from_numpy(g) for g in grads], materialize_grads=True)
    return [g.numpy() for g in found if g is not None]


def test_backward_and_param_equal_autograd_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((5, 2)).astype(np.float32), rng.standard_normal((5, 2)).astype(np.float32)
    net = Net()
    data = rl.from_numpy(x)
    out = net(data)
    grad_input = net.backward(rl.from_numpy(g))
    assert out.requires_grad
    want = autograd_of(net, [x], [g])
    assert np.array_equal(grad_input.numpy(), want[0])
    for (p, grad), parameter, expected in zip(net.param(), net.parameters(), want[1:], strict=True):
        assert p is parameter
        assert np.array_equal(grad.numpy(), expected)
    assert data.grad is None
    assert not data.requires_grad


@pytest.mark.parametrize("power", [1, 3])
def test_several_inputs_and_outputs(power: int) -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(2).astype(np.float32) for _ in range(4)]
    net = TwoWays()
    outs = net(rl.from_numpy(arrays[0]), rl.from_numpy(arrays[1]), power=power)
    grads = net.backward(rl.from_numpy(arrays[2]), rl.from_numpy(arrays[3]))
    assert isinstance(grads, tuple)
    assert len(outs) == len(grads) == 2
    want = autograd_of(net, arrays[:2], arrays[2:], power=power)
    for got, expected in zip([*grads, net.param()[0][1]], want, strict=True):
        assert np.array_equal(got.numpy(), expected)


def test_layer_by_layer_as_r1_does() -> None:
    """Each layer called by hand, then backward called on each in reverse, only gradients passed between."""
    rl.manual_seed(0)
    layers: list[nn.Module] = [
        nn.Linear(2, 5),
        nn.Tanh(),
        nn.Linear(5, 5),
        nn.ReLU(),
        Scale5(),
        nn.Linear(5, 1),
    ]
    net = nn.Sequential(*layers)
    x, target = rl.rand(7, 2), rl.rand(7, 1)
    outputs = [x]
    for layer in layers:
        outputs.append(layer(outputs[-1]))
    error = outputs[-1].detach() - target
    grad = error * (2.0 / error.numel())
    for layer in reversed(layers):
        grad = layer.backward(grad)
        assert isinstance(grad, rl.Tensor)
    by_hand = [g.numpy().copy() for _, g in net.param()]
    net.zero_grad()
    leaf = x.clone().requires_grad_()
    nn.functional.mse_loss(net(leaf), target).backward()
    assert leaf.grad is not None
    assert np.array_equal(grad.numpy(), leaf.grad.numpy())
    for (_, g), hand in zip(net.param(), by_hand, strict=True):
        assert np.array_equal(g.numpy(), hand)


class Scale5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Parameter(rl.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.s + x


def test_ordinary_backward_neither_computes_nor_stores_the_gradient_of_data() -> None:
    seen: list[str] = []

    class Watch(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
            return x * 1.0

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            seen.append("computed")
            return g

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(rl.ones(2))

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return Watch.apply(x) * self.w

    layer, x = Layer(), rl.ones(2)
    layer(x).sum().backward()
    assert seen == []
    assert x.grad is None
    assert layer.w.grad is not None
    out = layer(x)
    assert layer.backward(rl.ones(2)).tolist() == [1.0, 1.0]
    assert seen == ["computed"]
    assert out.requires_grad


def test_gradients_accumulate_over_backwards() -> None:
    net = Scale()
    for _ in range(3):
        out = net(rl.ones(2))
        net.backward(rl.ones_like(out))
    assert net.param()[0][1].tolist() == [3.0, 3.0]


def test_param_gives_zeros_before_any_backward() -> None:
    ((p, g),) = Scale().param()
    assert p.tolist() == [2.0, 3.0]
    assert g.tolist() == [0.0, 0.0]


def test_an_input_with_a_history_gets_its_gradient_and_goes_no_further() -> None:
    x = rl.ones(2, requires_grad=True)
    h = x * 3.0
    net = Scale()
    y = net(h)
    assert net.backward(rl.ones(2)).tolist() == [2.0, 3.0]
    assert x.grad is None
    h.backward(rl.ones(2))
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]
    assert y.requires_grad


def test_an_input_that_is_not_used_gets_none() -> None:
    class First(nn.Module):
        def forward(self, a: rl.Tensor, b: rl.Tensor) -> rl.Tensor:
            return a * 2.0

    net = First()
    out = net(rl.ones(1), rl.ones(1))
    assert net.backward(rl.ones(1))[1] is None
    assert out.item() == 2.0


def test_integer_inputs_have_no_gradient() -> None:
    class Pick(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(rl.tensor([1.0, 2.0, 3.0]))

        def forward(self, i: rl.Tensor) -> rl.Tensor:
            return self.table[i]

    net = Pick()
    out = net(rl.tensor([0, 2, 2]))
    assert net.backward(rl.ones(3)) is None
    assert net.table.grad is not None
    assert net.table.grad.tolist() == [1.0, 0.0, 2.0]
    assert out.requires_grad


def test_the_remembered_call_keeps_no_graph_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        net = Net()
        out = net(rl.ones(3, 2))
        gone = weakref.ref(out.node)
        del out
        assert gone() is None
        out = net(rl.ones(3, 2))
        net.backward(rl.ones_like(out))
        gone = weakref.ref(out.node)
        del out
        assert gone() is None
    finally:
        gc.enable()


def test_backward_needs_a_recorded_call_whose_output_lives() -> None:
    net = Scale()
    with pytest.raises(GradError, match=r"Scale.backward: got a module that has not been called"):
        net.backward(rl.ones(2))
    net(rl.ones(2))
    with pytest.raises(GradError, match="output is gone"):
        net.backward(rl.ones(2))
    kept = net(rl.ones(2))
    with rl.no_grad():
        also = net(rl.ones(2))
    with pytest.raises(GradError, match="no_grad"):
        net.backward(rl.ones(2))
    assert kept.shape == also.shape


def test_backward_twice() -> None:
    net = Scale()
    out = net(rl.ones(2))
    net.backward(rl.ones(2))
    with pytest.raises(GradError, match="used up"):
        net.backward(rl.ones(2))
    assert out.requires_grad


def test_backward_with_a_wrong_gradient() -> None:
    net = TwoWays()
    out = net(rl.ones(2), rl.ones(2))
    with pytest.raises(GradError, match="1 gradients for 2 outputs"):
        net.backward(rl.ones(2))
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        net.backward(rl.ones(3), rl.ones(2))
    with pytest.raises(DTypeError, match="a list"):
        net.backward([1.0, 1.0], rl.ones(2))  # type: ignore[arg-type]
    with pytest.raises(GradError, match="gradients? for"):
        net.backward()
    assert net.w.grad is None
    net.backward(rl.ones(2, dtype=rl.float64), rl.ones(2))
    assert net.w.grad is not None
    assert len(out) == 2


def test_a_loss_needs_no_gradient() -> None:
    class Loss(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            return (x * x).sum()

    loss = Loss()
    value = loss(rl.tensor([1.0, 2.0]))
    assert loss.backward().tolist() == [2.0, 4.0]
    assert value.item() == 5.0


def test_a_frozen_net_still_passes_gradients_to_its_input() -> None:
    net = Net().requires_grad_(False)
    out = net(rl.ones(1, 2))
    assert not out.requires_grad
    assert out.numpy().shape == (1, 2)
    assert net.backward(rl.ones(1, 2)).shape == (1, 2)
    assert all(p.grad is None for p in net.parameters())


def test_data_may_be_written_in_place_inside_forward() -> None:
    class Centred(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            x -= x.mean()
            return x * 2.0

    net = Centred()
    x = rl.tensor([1.0, 3.0])
    out = net(x)
    assert out.tolist() == [-2.0, 2.0]
    assert net.backward(rl.tensor([1.0, 0.0])).tolist() == [1.0, -1.0]
