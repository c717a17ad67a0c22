"""What a program takes for granted: what is read afresh at each call, and what is traced anew."""

from __future__ import annotations

import math
import sys
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import compile
from tests.compile.steps import assert_same, batch, entries, make, weights

pytest.importorskip("llvmlite")

SCALE = 2.0


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


def test_what_is_traced_again_and_again_runs_eager_and_says_why() -> None:
    names = ["0"]
    compiled = compile(lambda x: x + float(names[0]))

    def calls() -> list[float]:
        found = []
        for i in range(20):
            names[0] = str(i)
            found.append(compiled(rl.zeros(1)).item())
        return found

    with pytest.warns(UserWarning, match="eager.*again and again.*names, now") as given:
        found = calls()
    assert found == list(range(20))
    assert len(given) == 1


def test_a_hundred_calls_trace_once() -> None:
    _, _, step = make()
    compiled = compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = [compiled(*batch()).item() for _ in range(100)]
    assert entries(compiled) == 1
    assert all(math.isfinite(v) for v in losses)


def test_a_first_run_that_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing reads attributes by names that it computes, but does so once: the step is compiled."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    class Double(nn.Module):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            import colorsys

            return x * colorsys.ONE_THIRD * 6

    model = Double()

    @rl.compile
    def run(x: rl.Tensor) -> rl.Tensor:
        model.zero_grad()
        return model(x)

    assert run(rl.ones(2)).tolist() == [2.0, 2.0]
    assert len(run._entries) == 1


@pytest.mark.parametrize("kind", ["register_hook", "register_post_accumulate_grad_hook"])
@pytest.mark.parametrize("through", ["weight", "module", "history"])
def test_hooks_of_what_backward_reaches(kind: str, through: str) -> None:
    layer = rl.nn.Linear(2, 1, bias=False)
    rl.nn.init.ones_(layer.weight)
    doubled = layer.weight * 2

    def function(x):
        layer.weight.grad = None
        if through == "history":
            return rl.autograd.grad((x * doubled).sum(), [doubled], retain_graph=True)[0]
        out = layer(x) if through == "module" else x @ layer.weight.T
        return out.sum().backward()

    hooks = {
        "register_hook": lambda g: g * 10,
        "register_post_accumulate_grad_hook": lambda t: t.grad.mul_(10),
    }
    if (kind, through) == ("register_post_accumulate_grad_hook", "history"):
        return
    compiled, target = rl.compile(function), doubled if through == "history" else layer.weight

    def gradient():
        found = compiled(rl.ones(1, 2))
        return (layer.weight.grad if found is None else found).flatten().tolist()

    assert gradient() == [1.0, 1.0]
    handle = getattr(target, kind)(hooks[kind])
    assert gradient() == [10.0, 10.0]
    handle.remove()
    assert gradient() == [1.0, 1.0]


def test_hooks_of_arguments():
    compiled = rl.compile(lambda x: rl.autograd.grad((x * 2).sum(), [x])[0])
    x = rl.ones(2, requires_grad=True)
    for factor in (10, 3):
        assert compiled(x).tolist() == [2.0, 2.0]
        with x.register_hook(lambda g, factor=factor: g * factor):
            assert compiled(x).tolist() == [2.0 * factor] * 2
            assert compiled(rl.ones(2, requires_grad=True)).tolist() == [2.0, 2.0]

    @rl.compile
    def backward(x):
        (x * 2).sum().backward()

    x.register_post_accumulate_grad_hook(lambda t: t.grad.mul_(10))
    backward(x)
    assert x.grad.tolist() == [20.0, 20.0]


class Held:
    """An object with attributes, for what a function may read."""

    def __init__(self) -> None:
        self.factor = 2.0
        self.other = 1.0


def _rename(held: Any) -> None:
    held["b"] = held.pop("a")


def _reorder(held: Any) -> None:
    held["a"] = held.pop("a")


GLANCES: dict[str, tuple[Callable[[], Any], Callable[[Any], float], Callable[[Any], None]]] = {
    "a value of a dict": (
        lambda: {"a": 2.0, "b": 3.0},
        lambda d: d["a"],
        lambda d: d.__setitem__("a", 5.0),
    ),
    "a key of a dict": (lambda: {"a": 2.0, "b": 2.0}, lambda d: float(len(d)), _rename),
    "the order of a dict": (lambda: {"a": 2.0, "b": 3.0}, lambda d: next(iter(d.values())), _reorder),
    "an item more in a dict": (lambda: {"a": 2.0}, lambda d: sum(d.values()), lambda d: d.update(c=1.0)),
    "an item of a list": (lambda: [2.0, 3.0], lambda v: v[0], lambda v: v.__setitem__(0, 5.0)),
    "an item more in a list": (lambda: [2.0, 3.0], sum, lambda v: v.append(1.0)),
    "an item of an OrderedDict": (
        lambda: OrderedDict(a=2.0, b=3.0),
        lambda d: d["a"],
        lambda d: d.__setitem__("a", 5.0),
    ),
    "an item of a deque": (lambda: deque([2.0, 3.0]), lambda v: v[0], lambda v: v.rotate()),
    "an attribute": (Held, lambda o: o.factor, lambda o: setattr(o, "factor", 5.0)),
    "an attribute less": (
        Held,
        lambda o: float(len(vars(o))),
        lambda o: delattr(o, "other"),
    ),
    "a set": (lambda: {2.0}, sum, lambda s: s.add(3.0)),
}


@pytest.mark.parametrize("what", GLANCES)
@pytest.mark.parametrize("calls", [1, 10], ids=["looked at one by one", "at a glance"])
def test_what_changes_after_some_calls_is_noticed(what: str, calls: int) -> None:
    make, read, change = GLANCES[what]
    held = make()

    def scaled(x: rl.Tensor) -> rl.Tensor:
        return x * read(held)

    compiled = rl.compile(scaled)
    for _ in range(calls):
        assert compiled(rl.ones(2)).tolist() == [read(held)] * 2
    change(held)
    for _ in range(calls):
        assert compiled(rl.ones(2)).tolist() == [read(held)] * 2


def test_a_global_that_is_gone_after_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "passing", 2.0)

    def scaled(x: rl.Tensor) -> rl.Tensor:
        return x * passing  # type: ignore[name-defined]  # noqa: F821

    compiled = rl.compile(scaled)
    for _ in range(10):
        assert compiled(rl.ones(2)).tolist() == [2.0, 2.0]
    monkeypatch.delitem(globals(), "passing")
    with pytest.raises(NameError):
        compiled(rl.ones(2))


def test_shapes_that_take_turns_are_compared_by_what_was_written_once() -> None:
    double = compile(lambda x: x * 2)
    seen = set()
    for _ in range(4):
        for count in (2, 3):
            assert double(rl.ones(count)).tolist() == [2.0] * count
            assert double._latest is not None
            seen.add(double._latest[0])
    assert len(seen) == 2


def test_arguments_where_autocast_is_off_inside_autocast() -> None:
    double = compile(lambda x: x @ x)
    x = rl.ones(2, 2)
    with rl.autocast("cpu", dtype=rl.bfloat16), rl.autocast("cpu", enabled=False):
        assert double(x).dtype == rl.float32
        assert double._latest is not None
        assert double._latest[0]((x,))
    assert double._latest[0]((x,))
    with rl.autocast("cpu", dtype=rl.bfloat16):
        assert not double._latest[0]((x,))
        assert double(x).dtype == rl.bfloat16


def test_a_global_that_was_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled(x: rl.Tensor) -> rl.Tensor:
        try:
            return x * to_come  # type: ignore[name-defined]
        except NameError:
            return x * 3

    compiled = compile(scaled)
    for _ in range(10):
        assert compiled(rl.ones(2)).tolist() == [3.0, 3.0]
    monkeypatch.setitem(globals(), "to_come", 5.0)
    assert compiled(rl.ones(2)).tolist() == [5.0, 5.0]


def test_a_dict_that_another_thread_makes_longer_during_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    def grows(*_: object) -> bool:
        raise RuntimeError("dictionary changed size during iteration")

    held = {"a": 1.5}
    compiled = compile(lambda x: x * held["a"])
    compiled(rl.ones(2))
    held["a"] = float("1.5")  # another object, so that a glance compares the numbers
    monkeypatch.setattr(sys.modules["rushlight.compile.capture.glance"], "same_items", grows)
    for _ in range(10):
        assert compiled(rl.ones(2)).tolist() == [1.5, 1.5]
