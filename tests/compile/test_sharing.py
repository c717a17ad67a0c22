"""Memory: inputs in any layout, inputs that share it, state that is written, outputs that are copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.capture.trace import TraceError
from rushlight.compile.function import compile
from tests.compile.steps import assert_same, make, weights

pytest.importorskip("llvmlite")


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


def test_zero_rows() -> None:
    model, _, _ = make()
    compiled = compile(lambda x: (model(x), x.sum(), x.sum(0), x.T @ x, rl.cat([x, x])))
    x = rl.zeros(0, 3)
    for a, b in zip(compiled(x), (model(x), x.sum(), x.sum(0), x.T @ x, rl.cat([x, x])), strict=True):
        assert a.shape == b.shape
        assert a.tolist() == b.tolist()


def test_scans_of_no_rows_and_of_no_steps() -> None:
    compiled = compile(lambda x: x * 2)
    assert compiled.scan(rl.zeros(3, 0, 2)).shape == (3, 0, 2)
    assert compiled.scan(rl.zeros(4, 2), index=rl.zeros(3, 0).long()).shape == (3, 0, 2)
    for mode in ("full", "off"):
        with pytest.raises(rl.errors.ShapeError, match="scan: got no steps"):
            compile(lambda x: x * 2, mode=mode).scan(rl.zeros(0, 2))


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


@pytest.mark.parametrize("mode", ["full", "interpret"])
@pytest.mark.parametrize("first", [True, False])
def test_a_scan_reads_what_its_steps_wrote_through_another_tensor(first: bool, mode: str) -> None:
    whole = rl.ones(3)
    part = whole[:2]

    @compile(mode=mode)
    def step(x: rl.Tensor) -> rl.Tensor:
        found = part.sum() if first else whole.sum() * 0.0 + part.sum()
        whole.add_(x)
        return found

    for _ in range(2):
        whole.fill_(1.0)
        assert step.scan(rl.ones(4, 3)).tolist() == [2.0, 4.0, 6.0, 8.0]
        assert whole.tolist() == [5.0] * 3
        assert step(rl.ones(3)).item() == 10.0


def test_arguments_that_are_updated_may_change_places() -> None:
    @compile
    def step(x: Any, y: Any) -> Any:
        x.add_(1)
        y.add_(2)
        return x * y

    a, b = rl.zeros(2), rl.zeros(2)
    for given in ((a, b), (b, a), (a, b), (a, b), (b, a)):
        step(*given)
    assert (a.tolist(), b.tolist()) == ([7.0, 7.0], [8.0, 8.0])


def test_updated_tensors_may_change_memory_outside() -> None:
    a, b = rl.zeros(2), rl.ones(2)

    @compile
    def step(x: Any) -> Any:
        a.add_(x)
        b.mul_(2)
        return a + b

    step(rl.ones(2))
    a.data, b.data = b.data, a.data
    assert step(rl.ones(2)).tolist() == [5.0, 5.0]
    assert (a.tolist(), b.tolist()) == ([3.0, 3.0], [2.0, 2.0])


def test_an_input_has_the_memory_of_an_argument_that_was_updated_before() -> None:
    kept = rl.zeros(2)

    @compile
    def step(x: Any) -> Any:
        x.add_(1)
        return x + kept

    first = rl.zeros(2)
    step(first)
    kept.data = first
    assert step(rl.ones(2)).tolist() == [3.0, 3.0]
    with pytest.raises(TraceError, match="shares memory"):
        step(kept.data)


@pytest.mark.parametrize("written", [False, True])
def test_tensors_that_shared_memory_may_part_and_meet_again(written: bool) -> None:
    w = rl.ones(2)
    alias, other = w.detach(), rl.zeros(2)

    @compile
    def look(x: Any) -> Any:
        if written:
            w.add_(x)
        return alias * x, w * x, other * x

    def seen(x: Any) -> list[Any]:
        return [t.tolist() for t in look(x)]

    def expected(x: Any) -> list[Any]:
        return [(t * x).tolist() for t in (alias, w, other)]

    x = rl.full((2,), 2.0)
    assert seen(x) == expected(x)
    w.data = rl.zeros(2)
    assert seen(x) == expected(x)
    other.data = alias
    assert seen(x) == expected(x)
    if not written:  # one of them would have to be read where the other is written
        alias.add_(1.0)
        w.data = alias.data
        assert seen(x) == expected(x)


def test_weights_that_were_tied_when_it_was_traced() -> None:
    a, b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    b.weight.data = a.weight.data
    net, x = nn.Sequential(a, b), rl.rand(3, 2)
    compiled = compile(lambda x: net(x))
    with rl.no_grad():
        for _ in range(2):
            rl.testing.assert_close(compiled(x), net(x))
            b.weight.data = b.weight.data * 2
