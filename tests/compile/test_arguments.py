"""Arguments and results of every kind; methods."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections import Counter, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.function import MOST, compile
from tests.compile.steps import entries

pytest.importorskip("llvmlite")

Pair = namedtuple("Pair", ["total", "twice"])


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


@pytest.mark.parametrize("asked", [True, False])
def test_an_argument_that_was_asked_for_its_gradient_still_is(asked: bool) -> None:
    @compile
    def slope(x: Any) -> Any:
        x.requires_grad_()
        (x * x).sum().backward()
        found = x.grad
        x.requires_grad_(asked)
        return found

    for k in (1.0, 2.0):
        x = rl.full((2,), k)
        assert slope(x).tolist() == [2 * k] * 2
        assert x.requires_grad is asked
        assert x.grad is not None
        assert x.grad.tolist() == [2 * k] * 2


def test_the_grad_mode_that_a_function_leaves_stays() -> None:
    @compile
    def stop(x: Any) -> Any:
        rl.set_grad_enabled(False)
        return x * 2

    try:
        with pytest.warns(UserWarning, match="set_grad_enabled"):
            stop(rl.ones(2))
        assert not rl.is_grad_enabled()
        rl.set_grad_enabled(True)
        stop(rl.ones(2))
        assert not rl.is_grad_enabled()
    finally:
        rl.set_grad_enabled(True)


def test_arrays_among_the_arguments_may_be_made_tensors() -> None:
    @compile
    def doubled(x: Any) -> Any:
        return rl.from_numpy(x) * 2

    x = np.arange(3, dtype=np.float32)
    for k in range(3):
        assert doubled(x + k).tolist() == (2 * (x + k)).tolist()


def zero() -> Any:
    return rl.zeros(2)


class Options(dict):
    """A dict whose items are attributes too."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def doubled_item(x: Any, d: Any) -> Any:
    d["x"] = d["x"] * 2
    return x * d["x"]


def popped(x: Any, d: Any) -> Any:
    found = d.pop("x", None)
    return x if found is None else x * found


def counted(x: Any, d: Any) -> Any:
    d["n"] = d.get("n", 0) + 1
    return x * d["n"]


def missing(x: Any, d: Any) -> Any:
    return x * d["x"] + d["no"]


def attributes(x: Any, d: Any) -> Any:
    return x * d.x


def appended(x: Any, d: Any) -> Any:
    d.append(1.0)
    return x * len(d)


def refilled(x: Any, d: Any) -> Any:
    d[:] = [x * 2, *d[1:]]
    return d[0]


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (doubled_item, lambda: {"x": rl.ones(2)}),
        (popped, lambda: {"x": rl.ones(2) * 3}),
        (counted, dict),
        (missing, lambda: Counter(x=2)),
        (missing, lambda: defaultdict(zero, x=rl.ones(2) * 3)),
        (attributes, lambda: Options(x=rl.ones(2) * 3)),
        (attributes, lambda: Options(x=3.0)),
        (appended, list),
        (refilled, lambda: [rl.ones(2), 3]),
    ],
)
def test_lists_and_dicts_that_are_given_are_changed_as_in_python(function: Any, given: Any) -> None:
    mine, plain, compiled = given(), given(), compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            x = rl.full((2,), k + 1.0)
            assert compiled(x, mine).tolist() == function(x, plain).tolist()
            assert repr(mine) == repr(plain)


@dataclasses.dataclass
class Batch:
    x: Any
    y: Any
    weight: float = 2.0

    def total(self) -> Any:
        return (self.x * self.y).sum() * self.weight


@dataclasses.dataclass(frozen=True)
class Fixed:
    x: Any


def test_dataclasses_numpy_numbers_and_slices_are_looked_into() -> None:
    total, double = compile(lambda batch: batch.total()), compile(lambda fixed: fixed.x * 2)
    times, part = compile(lambda x, k: x * k), compile(lambda x, s: x[s])
    for k in range(6):
        x = rl.full((3,), k + 1.0)
        assert total(Batch(x, x)).item() == 6.0 * (k + 1) ** 2
        assert double(Fixed(x)).tolist() == [2.0 * (k + 1)] * 3
        for number in (np.float64(k // 3), np.float32(k // 3)):
            assert times(x, number).tolist() == [(k + 1.0) * (k // 3)] * 3
        assert part(x, slice(1, None)).tolist() == [k + 1.0] * 2
    assert entries(total) == entries(double) == entries(part) == 1
    assert entries(times) == 4  # of two types, two numbers each


def test_a_dataclass_that_is_changed_is_changed_as_in_python() -> None:
    def step(batch: Batch) -> Any:
        batch.weight += 1.0
        batch.x = batch.x * 2
        return batch.total()

    mine, plain, compiled = Batch(rl.ones(2), rl.ones(2)), Batch(rl.ones(2), rl.ones(2)), compile(step)
    with pytest.warns(UserWarning, match="changes a Batch"):
        compiled(mine)
    step(plain)
    assert compiled(mine).item() == step(plain).item()
    assert mine.x.tolist() == plain.x.tolist()


def test_an_object_that_is_made_for_each_call_runs_as_python_in_the_end() -> None:
    class Given:
        def __init__(self, x: Any) -> None:
            self.x = x

    compiled = compile(lambda given: given.x * 2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for k in range(MOST + 10):
            assert compiled(Given(rl.full((1,), float(k)))).item() == 2.0 * k
    assert any("runs eager" in str(w.message) and "another Given object" in str(w.message) for w in told)
    assert entries(compiled) <= MOST


def test_shapes_that_change_are_no_reason_to_run_as_python() -> None:
    compiled = compile(lambda x: x * 2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for k in range(MOST + 5):
            compiled(rl.ones(k + 1))
    assert not any("runs eager" in str(w.message) for w in told)
