"""What a compiled function owes its caller: the plain function's behaviour, call after call."""

from __future__ import annotations

import copy
import math
import threading
import warnings
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.trace import TraceError
from rushlight.compile.function import compile
from rushlight.compile.native import program
from rushlight.core.state import state

F = nn.functional
pytest.importorskip("llvmlite")

SCALE = 2.0
Pair = namedtuple("Pair", ["total", "twice"])


def entries(compiled: Any) -> int:
    """How many programs a compiled function has traced."""
    return sum(len(e) for e in compiled._entries.values())


def make(optimizer: Any = None) -> tuple[Any, Any, Any]:
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    chosen = (optimizer or (lambda p: rl.optim.SGD(p, 0.1, momentum=0.9)))(model.parameters())

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        chosen.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        chosen.step()
        return loss

    return model, chosen, step


def batch() -> tuple[rl.Tensor, rl.Tensor]:
    rl.manual_seed(1)
    return rl.rand(5, 3), rl.rand(5, 1)


def weights(model: Any) -> list[Any]:
    return [p.detach().numpy().copy() for p in model.parameters()]


def assert_same(a: list[Any], b: list[Any]) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


# What is read afresh


def test_a_changed_learning_rate_needs_no_new_trace() -> None:
    model, optimizer, step = make()
    twin, other, plain = make()
    compiled = compile(step)
    for lr in (0.1, 0.1, 0.5, 0.0, 0.2):
        optimizer.param_groups[0]["lr"] = other.param_groups[0]["lr"] = lr
        compiled(*batch())
        plain(*batch())
    assert_same(weights(model), weights(twin))
    assert entries(compiled) == 1


def test_a_scheduler_needs_no_new_trace() -> None:
    _, optimizer, step = make()
    scheduler = rl.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    compiled = compile(step)
    for _ in range(4):
        compiled(*batch())
        scheduler.step()
    assert entries(compiled) == 1


def test_loaded_weights_and_replaced_data_are_used() -> None:
    model, _, _ = make()
    compiled = compile(model)
    x, _ = batch()
    with rl.no_grad():
        compiled(x)
        model.load_state_dict({k: v * 2 for k, v in model.state_dict().items()})
        np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-6)
        model[0].weight.data = rl.ones(4, 3)
        np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-6)
        assert entries(compiled) == 1
        model.double()
        np.testing.assert_allclose(compiled(x.double()).numpy(), model(x.double()).numpy(), rtol=1e-6)
        model.float()
        np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-6)


def test_data_of_another_shape_is_traced_anew() -> None:
    p = nn.Parameter(rl.ones(3))
    compiled = compile(lambda: p.detach() * 2)
    assert compiled().shape == (3,)
    p.data = rl.ones(2, 2)
    assert compiled().shape == (2, 2)


# What freezes


def test_new_shapes_and_dtypes_are_traced_anew() -> None:
    compiled = compile(lambda x: x * 2)
    for x in (
        rl.ones(3),
        rl.ones(2),
        rl.ones(3, dtype=rl.float64),
        rl.ones(3).long(),
        rl.ones(0),
        rl.ones(()),
    ):
        found = compiled(x)
        assert (found.dtype, found.tolist()) == ((x * 2).dtype, (x * 2).tolist())
    assert entries(compiled) == 6


def test_train_and_eval_are_two_programs() -> None:
    model = nn.Sequential(nn.Dropout(0.5))
    compiled = compile(model)
    x = rl.ones(200)
    assert (compiled(x) == 0).any()
    model.eval()
    assert not (compiled(x) == 0).any()
    model.train()
    assert (compiled(x) == 0).any()
    assert entries(compiled) == 2


def test_grad_mode_is_part_of_the_program() -> None:
    def enabled(x: rl.Tensor) -> Any:
        return rl.is_grad_enabled(), x + 1

    compiled = compile(enabled)
    assert compiled(rl.ones(2))[0] is True
    with rl.no_grad():
        assert compiled(rl.ones(2))[0] is False


def test_a_frozen_global_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile(lambda x: x * SCALE)
    assert compiled(rl.ones(1)).item() == 2.0
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert compiled(rl.ones(1)).item() == 3.0
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert compiled(rl.ones(1)).item() == 2.0
    assert entries(compiled) == 2


def test_a_frozen_number_in_a_closure_is_noticed() -> None:
    scale = 1.0
    options = {"shift": 1.0, "list": [1.0]}

    class Config:
        slope = 2.0

    config = Config()

    def inner(x: rl.Tensor) -> rl.Tensor:
        return x * config.slope

    compiled = compile(lambda x: inner(x) * scale + options["shift"] + options["list"][0])
    assert compiled(rl.ones(1)).item() == 4.0
    scale = 3.0
    assert compiled(rl.ones(1)).item() == 8.0
    config.slope = 1.0
    assert compiled(rl.ones(1)).item() == 5.0
    Config.slope, scale = 5.0, 1.0
    del config.slope
    assert compiled(rl.ones(1)).item() == 7.0
    options["shift"] = 0.0
    assert compiled(rl.ones(1)).item() == 6.0
    options["list"][0] = 10.0
    assert compiled(rl.ones(1)).item() == 15.0


def test_attributes_of_modules_are_noticed() -> None:
    leaky, dropout = nn.LeakyReLU(0.5), nn.Dropout(0.9)
    model = nn.Sequential(leaky, dropout)
    compiled = compile(model)
    x = -rl.ones(50)
    compiled(x)
    dropout.p = 0.0
    assert compiled(x).tolist() == [-0.5] * 50
    leaky.negative_slope = 0.25
    assert compiled(x).tolist() == [-0.25] * 50


def test_replaced_layers_and_hooks_are_noticed() -> None:
    model = nn.Sequential(nn.Identity(), nn.Identity())
    compiled = compile(lambda x: model(x))
    assert compiled(-rl.ones(1)).item() == -1.0
    model[1] = nn.ReLU()
    assert compiled(-rl.ones(1)).item() == 0.0
    handle = model.register_forward_hook(lambda m, i, o: o + 7)
    assert compiled(-rl.ones(1)).item() == 7.0
    handle.remove()
    assert compiled(-rl.ones(1)).item() == 0.0


def test_replaced_functions_and_tensors_are_noticed() -> None:
    weight = rl.ones(2)
    function = rl.exp
    compiled = compile(lambda x: function(x * weight))
    assert compiled(rl.zeros(2)).tolist() == [1.0, 1.0]
    function = rl.cos
    weight = rl.zeros(2)
    assert compiled(rl.ones(2)).tolist() == [1.0, 1.0]


def test_options_of_optimisers_are_noticed() -> None:
    model, optimizer, step = make()
    twin, other, plain = make()
    compiled = compile(step)
    for momentum in (0.9, 0.5):
        optimizer.param_groups[0]["momentum"] = other.param_groups[0]["momentum"] = momentum
        for _ in range(2):
            compiled(*batch())
            plain(*batch())
    assert_same(weights(model), weights(twin))


def test_a_frozen_parameter_is_noticed() -> None:
    model, _, step = make()
    compiled = compile(step)
    compiled(*batch())
    model[0].weight.requires_grad_(False)
    before = weights(model)
    compiled(*batch())
    after = weights(model)
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])


def test_numbers_as_arguments_freeze_by_value_and_type() -> None:
    compiled = compile(lambda x, n: x * n)
    assert compiled(rl.ones(1), 2).item() == 2.0
    assert compiled(rl.ones(1), 3).item() == 3.0
    assert compiled(rl.ones(1).long(), True).dtype == rl.int64
    assert compiled(rl.ones(1).long(), 1.0).dtype == rl.float32


def test_tracing_again_and_again_warns() -> None:
    box = [0]

    def count(x: rl.Tensor) -> rl.Tensor:
        box[0] += 1
        return x + box[0]

    compiled = compile(count)
    with pytest.warns(UserWarning, match="traced.*again"):
        found = [compiled(rl.zeros(1)).item() for _ in range(20)]
    assert found == [float(i) for i in range(1, 21)]


# Gradients


def test_gradients_after_a_step_are_none() -> None:
    model, _, step = make()
    compile(step)(*batch())
    assert all(p.grad is None for p in model.parameters())


def test_gradients_that_are_left_behind_are_handed_over() -> None:
    model, optimizer, _ = make()
    twin, other, _ = make()

    def backward(net: Any, x: Any, y: Any) -> Any:
        loss = F.mse_loss(net(x), y)
        loss.backward()
        return loss

    compiled = compile(lambda x, y: backward(model, x, y))
    for i in range(6):
        compiled(*batch())
        backward(twin, *batch())
        for p, q in zip(model.parameters(), twin.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-4, atol=1e-6)
        if i % 3 == 2:
            optimizer.step(), other.step()
            optimizer.zero_grad(), other.zero_grad()
    assert entries(compiled) == 2  # with gradients to add to, and without


def test_a_step_that_clears_gradients_at_its_end() -> None:
    model, optimizer, _ = make()
    twin, other, _ = make()

    def step(net: Any, opt: Any, x: Any, y: Any) -> Any:
        loss = F.mse_loss(net(x), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
        return loss

    F.mse_loss(model(batch()[0]), batch()[1]).backward()
    F.mse_loss(twin(batch()[0]), batch()[1]).backward()
    compiled = compile(lambda x, y: step(model, optimizer, x, y))
    for _ in range(4):
        compiled(*batch())
        step(twin, other, *batch())
    assert_same(weights(model), weights(twin))


def test_the_gradient_of_an_argument_is_handed_over() -> None:
    compiled = compile(lambda x: (x * x).sum().backward())
    for value in (1.0, 2.0):
        x = rl.full((2,), value, requires_grad=True)
        assert compiled(x) is None
        assert x.grad is not None
        assert x.grad.tolist() == [2 * value] * 2


def test_results_have_no_history() -> None:
    model, _, _ = make()
    found = compile(model)(batch()[0])
    assert not found.requires_grad


# State


def test_a_kept_placeholder_is_refused() -> None:
    kept: list[Any] = []

    def keep(x: rl.Tensor) -> rl.Tensor:
        y = x * 2
        kept.append(y)
        return y

    with pytest.raises(TraceError, match=r"keeps a tensor.*test_semantics\.py"):
        compile(keep)(rl.ones(2))
    assert kept == []
    assert state.tracing is False


def test_a_rebound_attribute_is_refused_and_restored() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            self.mean = rl.zeros(2)

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            self.mean = 0.9 * self.mean + 0.1 * x
            return x - self.mean

    module = Mean()
    mean = module.mean
    with pytest.raises(TraceError, match="keeps a tensor"):
        compile(module)(rl.ones(2))
    assert module.mean is mean


def test_a_buffer_that_is_written_in_place() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            self.register_buffer("mean", rl.zeros(2))
            self.register_buffer("count", rl.tensor(0))

        def forward(self, x: rl.Tensor) -> rl.Tensor:
            with rl.no_grad():
                self.mean.mul_(0.9).add_(x, alpha=0.1)
                self.count += 1
            return x - self.mean

    module, twin = Mean(), Mean()
    compiled = compile(module)
    for i in range(3):
        x = rl.ones(2) * i
        np.testing.assert_allclose(compiled(x).numpy(), twin(x).numpy(), rtol=1e-6)
    assert module.count.item() == 3
    np.testing.assert_allclose(module.mean.numpy(), twin.mean.numpy(), rtol=1e-6)


def test_an_optimiser_that_makes_its_state_in_update() -> None:
    class Lazy(rl.optim.Optimizer):
        def update(self, param: Any, grad: Any, state: Any, group: Any) -> Any:
            if "seen" not in state:
                state["seen"] = rl.zeros_like(param)
            state["seen"].add_(grad)
            return group["lr"] * state["seen"]

    model, optimizer, step = make(lambda p: Lazy(p, {"lr": 0.1}))
    with pytest.raises(TraceError, match="keeps a tensor"):
        compile(step)(*batch())
    assert not any(s.get("seen") is not None for s in optimizer.state.values())
    step(*batch())  # eagerly once, and the state is there
    twin, _, plain = make(lambda p: Lazy(p, {"lr": 0.1}))
    plain(*batch())
    compiled = compile(step)
    for _ in range(3):
        compiled(*batch())
        plain(*batch())
    assert_same(weights(model), weights(twin))


def test_a_failure_leaves_everything_as_it_was() -> None:
    model, optimizer, _ = make(lambda p: rl.optim.Adam(p, 0.1))
    calls: list[int] = []
    x, y = batch()
    F.mse_loss(model(x), y).backward()
    grads = [p.grad for p in model.parameters()]
    before = weights(model)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        calls.append(1)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss if loss.item() > 0 else -loss

    with pytest.raises(TraceError, match=r"item.*test_semantics\.py:\d+ in step"):
        compile(step)(x, y)
    assert calls == []
    assert all(p.grad is g for p, g in zip(model.parameters(), grads, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(weights(model), before, strict=True))
    assert (state.run, state.write, state.tracing) == (None, None, False)


def test_a_failure_while_running_leaves_everything_as_it_was() -> None:
    total = rl.zeros(3)

    def pick(x: rl.Tensor, i: rl.Tensor) -> rl.Tensor:
        total.add_(x)
        return x[i] + total[0]

    compiled = compile(pick)
    compiled(rl.ones(3), rl.tensor([0, 1]))
    for _ in range(2):
        with pytest.raises(IndexError):
            compiled(rl.ones(3), rl.tensor([0, 7]))
        assert total.tolist() == [1.0] * 3
    assert compiled(rl.ones(3), rl.tensor([0, 1])).tolist() == [3.0, 3.0]
    fresh = compile(pick)
    with pytest.raises(IndexError):
        fresh(rl.ones(3), rl.tensor([0, 7]))
    assert total.tolist() == [2.0] * 3


def test_branching_on_numbers_names_the_line() -> None:
    def branch(x: rl.Tensor) -> rl.Tensor:
        return x if x.sum() > 0 else -x

    with pytest.raises(TraceError, match=r"test_semantics\.py:\d+ in branch.*rl\.where"):
        compile(branch)(rl.ones(2))
    for look in (float, int, bool, list, lambda t: t.tolist(), lambda t: t.numpy(), np.asarray):
        with pytest.raises(TraceError, match=r"test_semantics\.py"):
            compile(lambda x, look=look: look(x.sum() if look is not list else x[0].item()))(rl.ones(2))


# Inputs


def test_inputs_in_any_layout() -> None:
    compiled = compile(lambda x: (x * 2, x.sum(0), x @ x.T))
    whole = rl.rand(6, 8)
    for x in (
        whole[:3, :4],
        whole[::2, 1::2],
        whole[0:4, 2:5].T,
        whole[0, :4].expand(3, 4),
        whole[:3, :4].flip(0),
    ):
        for a, b in zip(compiled(x), (x * 2, x.sum(0), x @ x.T), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_a_state_tensor_in_any_layout() -> None:
    whole = rl.zeros(4, 6)
    part = whole[1:3, ::2]

    def add(x: rl.Tensor) -> rl.Tensor:
        part.add_(x)
        return part * 2

    compiled = compile(add)
    for i in range(1, 4):
        assert compiled(rl.ones(2, 3)).tolist() == [[2.0 * i] * 3] * 2
    assert whole.sum().item() == 18.0


def test_an_input_that_is_a_parameter() -> None:
    model, _, step = make()
    twin, _, plain = make()
    compiled = compile(step)
    y = rl.ones(4, 1)
    for _ in range(3):
        compiled(model[0].weight.detach(), y)
        plain(twin[0].weight.detach(), y)
    assert_same(weights(model), weights(twin))


def test_an_input_that_shares_memory_after_others_did_not() -> None:
    model, _, step = make()
    twin, _, plain = make()
    compiled = compile(step)
    y = rl.ones(4, 1)
    for m, s in ((model, compiled), (twin, plain)):
        s(rl.ones(4, 3), y)
        s(m[0].weight.detach(), y)
        s(m[0].weight.detach().flip(0), y)
    assert_same(weights(model), weights(twin))


def test_the_same_tensor_twice() -> None:
    x = rl.rand(3)
    compiled = compile(lambda a, b: a * b + a)
    np.testing.assert_allclose(compiled(x, x).numpy(), (x * x + x).numpy(), rtol=1e-6)
    np.testing.assert_allclose(compiled(x, x + 1).numpy(), (x * (x + 1) + x).numpy(), rtol=1e-6)


def test_the_same_tensor_twice_and_written() -> None:
    def both(a: rl.Tensor, b: rl.Tensor) -> rl.Tensor:
        a.add_(1.0)
        return a + b

    compiled = compile(both)
    assert compiled(rl.zeros(2), rl.zeros(2)).tolist() == [1.0, 1.0]
    for function in (compiled, compile(both)):
        x = rl.zeros(2)
        with pytest.raises(TraceError, match="shares memory"):
            function(x, x)
        assert x.tolist() == [0.0, 0.0]


def test_an_argument_that_is_written() -> None:
    compiled = compile(lambda a, b: a.copy_(b * 2) + 1)
    for i in (1.0, 2.0):
        x = rl.zeros(3)
        assert compiled(x, rl.full((3,), i)).tolist() == [2 * i + 1] * 3
        assert x.tolist() == [2 * i] * 3
    part = rl.zeros(2, 3)
    compiled(part[0], rl.ones(3))
    assert part.tolist() == [[2.0] * 3, [0.0] * 3]


def test_zero_rows() -> None:
    model, _, _ = make()
    compiled = compile(lambda x: (model(x), x.sum(), x.sum(0), x.T @ x, rl.cat([x, x])))
    x = rl.zeros(0, 3)
    for a, b in zip(compiled(x), (model(x), x.sum(), x.sum(0), x.T @ x, rl.cat([x, x])), strict=True):
        assert a.shape == b.shape
        assert a.tolist() == b.tolist()


def test_outputs_are_copies() -> None:
    weight = rl.ones(2)
    compiled = compile(lambda x: (x, x.T, weight, x[0]))
    for _ in range(2):
        x = rl.zeros(2, 2)
        outputs = compiled(x)
        for out in outputs:
            out.add_(5.0)
        assert x.tolist() == [[0.0, 0.0], [0.0, 0.0]]
        assert weight.tolist() == [1.0, 1.0]
        assert outputs[1].tolist() == [[5.0, 5.0]] * 2
    first = compiled(rl.zeros(2, 2))[0]
    compiled(rl.ones(2, 2))
    assert first.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_results_of_every_kind() -> None:
    def everything(x: rl.Tensor) -> Any:
        return {"a": x + 1, "b": [x, (x * 2, None)], "c": 3, "d": Pair(x.sum(), (x, "text"))}

    found = compile(everything)(rl.ones(2))
    assert found["a"].tolist() == [2.0, 2.0]
    assert found["b"][1][0].tolist() == [2.0, 2.0]
    assert found["b"][1][1] is None
    assert found["c"] == 3
    assert isinstance(found["d"], Pair)
    assert found["d"].total.item() == 2.0
    assert found["d"].twice[1] == "text"
    assert compile(lambda x: None)(rl.ones(2)) is None


def test_keyword_arguments() -> None:
    def scaled(x: rl.Tensor, *, scale: float = 1.0, shift: rl.Tensor | None = None) -> rl.Tensor:
        return x * scale if shift is None else x * scale + shift

    compiled = compile(scaled)
    assert compiled(rl.ones(1)).item() == 1.0
    assert compiled(rl.ones(1), scale=2.0).item() == 2.0
    assert compiled(x=rl.ones(1), shift=rl.ones(1)).item() == 2.0
    assert compiled(rl.ones(1), shift=rl.ones(1), scale=3.0).item() == 4.0
    assert compiled(rl.ones(1), scale=3.0, shift=rl.ones(1)).item() == 4.0


def test_lists_dicts_and_arrays_as_arguments() -> None:
    compiled = compile(lambda batch, more: batch["x"] * batch["n"] + more[0] + more[1])
    for n in (1, 2):
        assert compiled({"x": rl.ones(2), "n": n}, [rl.ones(2), 1.0]).tolist() == [n + 2.0] * 2
    array = compile(lambda x: x * 2)(np.ones(2, np.float32))
    assert np.asarray(array).tolist() == [2.0, 2.0]


def test_views_follow_what_is_written() -> None:
    state = rl.zeros(4)

    def through_views(x: rl.Tensor) -> Any:
        part, column, alias = state[1:], state.reshape(2, 2).T, state.detach()
        before = state * 1
        state.add_(x)
        middle = part * 2
        alias.mul_(2.0)
        return before, middle, part, column[0], state

    compiled = rl.compile(through_views)
    for _ in range(3):
        start = state.clone()
        found = compiled(rl.arange(4.0))
        after = state.clone()
        state.copy_(start)
        for a, b in zip(found, through_views(rl.arange(4.0)), strict=True):
            assert a.tolist() == b.tolist()
        assert state.tolist() == after.tolist()


def test_states_that_change_places() -> None:
    a, b = rl.ones(3), rl.zeros(3)

    def swap(x: rl.Tensor) -> rl.Tensor:
        old = a.clone()
        a.copy_(b)
        b.copy_(old.flip(0))
        return a + b * x

    compiled = rl.compile(swap)
    for i in range(4):
        assert compiled(rl.ones(3)).tolist() == [1.0] * 3
        assert a.tolist() == [float(i % 2)] * 3


def test_in_place_on_a_tensor_with_history() -> None:
    def square(x: rl.Tensor) -> Any:
        y = x * 2
        y.pow_(2)
        y.mul_(y.detach() + 1)
        (g,) = rl.autograd.grad(y.sum(), [x])
        return y.detach(), g

    x = rl.rand(5).requires_grad_()
    for a, b in zip(rl.compile(square)(x), square(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


def test_the_same_dict_with_other_tensors() -> None:
    compiled = rl.compile(lambda batch: batch["x"] * 2)
    given = {"x": rl.ones(2)}
    for i in range(3):
        given["x"] = rl.full((2,), float(i))
        assert compiled(given).tolist() == [2.0 * i] * 2
    assert entries(compiled) == 1


def test_a_module_as_an_argument() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    compiled = rl.compile(lambda net, x: net(x))
    x = rl.rand(3, 2)
    for net in (first, second, first):
        np.testing.assert_allclose(compiled(net, x).numpy(), net(x).detach().numpy(), rtol=1e-5)
    first.bias = None
    np.testing.assert_allclose(compiled(first, x).numpy(), first(x).detach().numpy(), rtol=1e-5)


def test_compiled_methods() -> None:
    class Scaler:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        @rl.compile
        def scaled(self, x: rl.Tensor) -> rl.Tensor:
            return x * self.factor

    two, three = Scaler(2.0), Scaler(3.0)
    assert two.scaled(rl.ones(1)).item() == 2.0
    assert three.scaled(rl.ones(1)).item() == 3.0
    two.factor = 5.0
    assert two.scaled(rl.ones(1)).item() == 5.0
    assert two.scaled.scan(rl.ones(3, 1)).tolist() == [[5.0]] * 3
    twin = copy.deepcopy(two)
    twin.factor = 7.0
    assert twin.scaled(rl.ones(1)).item() == 7.0
    assert two.scaled(rl.ones(1)).item() == 5.0


def test_the_reports_protocol_inside() -> None:
    model, optimizer, _ = make()
    twin, other, _ = make()
    criterion = nn.MSELoss()

    def step(net: Any, opt: Any, x: Any, y: Any) -> Any:
        opt.zero_grad()
        out = net(x)
        loss = criterion(out, y)
        gradient = net.backward(criterion.backward())
        opt.step()
        return loss, gradient

    compiled = rl.compile(lambda x, y: step(model, optimizer, x, y))
    for _ in range(3):
        for a, b in zip(compiled(*batch()), step(twin, other, *batch()), strict=True):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_anomalies_are_found_in_compiled_functions() -> None:
    compiled = rl.compile(lambda x: (x.log() * 0.0).sum())
    compiled(rl.ones(2))
    with rl.detect_anomaly(), pytest.raises(rl.errors.AnomalyError, match="log"):
        compiled(rl.zeros(2))


def test_a_graph_that_cannot_be_compiled_runs_on_numpy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(program, "render", lambda *args: 1 / 0)
    compiled = rl.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match="could not be compiled.*ZeroDivisionError"):
        assert compiled(rl.ones(2)).tolist() == [2.0, 2.0]
    assert compiled(rl.ones(2)).tolist() == [2.0, 2.0]


# Random numbers


def test_dropout_is_eagers_dropout() -> None:
    model = nn.Sequential(nn.Linear(8, 50), nn.Dropout(0.4), nn.Linear(50, 20), nn.Dropout(0.2))
    compiled = compile(model)
    x = rl.rand(7, 8)
    rl.manual_seed(5)
    expected = [model(x).detach().numpy() for _ in range(3)]
    rl.manual_seed(5)
    for e in expected:
        np.testing.assert_allclose(compiled(x).numpy(), e, rtol=1e-5, atol=1e-6)
    assert rl.rand(1).item() == (rl.manual_seed(5), [model(x) for _ in range(3)], rl.rand(1).item())[2]


def test_random_functions_are_eagers() -> None:
    def draw() -> Any:
        return (
            rl.rand(3, 5),
            rl.randn(7),
            rl.randint(0, 9, (4,)),
            rl.randperm(6),
            rl.bernoulli(rl.full((9,), 0.5)),
        )

    rl.manual_seed(2)
    expected = [draw() for _ in range(2)]
    rl.manual_seed(2)
    compiled = compile(draw)
    for e in expected:
        for a, b in zip(compiled(), e, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


# Nesting and threads


def test_one_compiled_function_inside_another() -> None:
    model, _, step = make()
    twin, _, plain = make()
    inner = compile(step)

    @compile
    def outer(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        return inner(x, y) + inner(x, y)

    for _ in range(3):
        found = outer(*batch())
        np.testing.assert_allclose(found.item(), (plain(*batch()) + plain(*batch())).item(), rtol=1e-5)
        np.testing.assert_allclose(inner(*batch()).item(), plain(*batch()).item(), rtol=1e-5)
    assert_same(weights(model), weights(twin))


def test_threads_that_call_at_once() -> None:
    model, _, _ = make()
    compiled = compile(model)
    inputs = [rl.rand(n % 3 + 1, 3) for n in range(6)]
    expected = [model(x).detach().numpy() for x in inputs]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(30):
                for x, e in zip(inputs, expected, strict=True):
                    np.testing.assert_allclose(compiled(x).numpy(), e, rtol=1e-5, atol=1e-6)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures[0]
    assert entries(compiled) == 3


def test_threads_with_state() -> None:
    total = rl.zeros(4)
    compiled = compile(lambda x: total.add_(x).sum())
    threads = [threading.Thread(target=lambda: [compiled(rl.ones(4)) for _ in range(50)]) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert total.tolist() == [200.0] * 4


def test_a_backward_through_overwritten_weights_is_refused() -> None:
    model, _, step = make()
    compiled = compile(step)
    compiled(*batch())
    loss = F.mse_loss(model(batch()[0]), batch()[1])
    compiled(*batch())
    with pytest.raises(rl.errors.GradError, match="overwritten"):
        loss.backward()


def test_a_hundred_calls_trace_once() -> None:
    _, _, step = make()
    compiled = compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = [compiled(*batch()).item() for _ in range(100)]
    assert entries(compiled) == 1
    assert all(math.isfinite(v) for v in losses)
