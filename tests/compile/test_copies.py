"""Copies and pickles of compiled functions, and of what has compiled methods; and what they keep alive."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import CompiledFunction, compile
from tests.compile.steps import batch, entries, make

pytest.importorskip("llvmlite")

X = rl.ones(1, 2)


class Net(nn.Module):
    """A model with a compiled method."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2, 2)
        self.scale = 2.0

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.layer(x) * self.scale

    @compile
    def predict(self, x: rl.Tensor) -> rl.Tensor:
        return self.forward(x)


@compile
def doubled(x: rl.Tensor) -> rl.Tensor:
    return x * 2


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("again", [copy.deepcopy, pickled])
@pytest.mark.parametrize("called", [False, True])
def test_a_copied_model_has_a_compiled_method_of_its_own(again: Any, called: bool) -> None:
    model = Net()
    expected = model(X).flatten().tolist()
    if called:
        model.predict(X)
    twin = again(model)
    with rl.no_grad():
        twin.layer.weight.zero_()
        twin.layer.bias.fill_(1.0)
    twin.scale = 3.0
    assert twin.predict(X).tolist() == [[3.0, 3.0]]
    assert model.predict(X).flatten().tolist() == pytest.approx(expected)
    assert isinstance(twin.predict, CompiledFunction)
    assert not isinstance(twin.predict.function, CompiledFunction)
    assert twin.predict is twin.predict
    assert twin.state_dict().keys() == model.state_dict().keys()


@rl.no_grad()
def test_a_copied_compiled_model() -> None:
    model = Net()
    compiled = compile(model)
    compiled(X)
    for twin in (copy.deepcopy(compiled), pickled(compiled)):
        assert twin.function is not model
        twin.function.scale = 0.0
        assert twin(X).tolist() == [[0.0, 0.0]]
    assert compiled(X).flatten().tolist() == pytest.approx(model(X).flatten().tolist())


def test_a_decorated_function_is_pickled_by_its_name() -> None:
    assert pickled(doubled) is doubled
    assert copy.deepcopy(doubled)(X).tolist() == [[2.0, 2.0]]


def test_compiling_twice_is_compiling_once() -> None:
    assert compile(doubled).function is doubled.function


def test_nothing_dead_is_kept_alive() -> None:
    def use() -> list[weakref.ref[Any]]:
        model, optimizer, step = make()
        net = Net()
        net.predict(X)
        compiled = compile(step)
        compiled(*batch())
        compiled.scan(rl.rand(3, 5, 3), rl.rand(3, 5, 1))
        compiled.explain()
        assert entries(compiled) == 1
        return [weakref.ref(thing) for thing in (model, optimizer, compiled, net, net.predict)]

    dead = use()
    gc.collect()
    assert [ref() for ref in dead] == [None] * len(dead)


def test_arguments_are_not_kept_longer_than_the_next_call() -> None:
    """But for the first, which explain() measures with."""
    compiled = compile(lambda batch: batch["x"] * 2)
    compiled({"x": rl.ones(2)})
    given = rl.ones(2)
    array = weakref.ref(given.array)
    compiled({"x": given})
    del given
    compiled({"x": rl.zeros(2)})
    gc.collect()
    assert array() is None


def test_a_model_that_a_name_no_longer_means() -> None:
    """A program of another model does not outlive the function that has it."""
    model = nn.Linear(2, 2)
    compiled = compile(lambda x: model(x))
    compiled(X)
    old = weakref.ref(model)
    model = nn.Linear(2, 2)
    assert compiled(X).flatten().tolist() == pytest.approx(model(X).flatten().tolist())
    del compiled
    gc.collect()
    assert old() is None
