"""Small functions with state, identity, exceptions and objects in them: compiled, each call gives what Python
gives, whether a program stands for it or it runs as Python."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from tests.compile.steps import entries

pytest.importorskip("llvmlite")

Make = Callable[[Any], Callable[[int], Any]]
"""Takes what compiles, or nothing that does, and gives what the k-th call does and shows."""


@dataclasses.dataclass
class Record:
    x: Any
    weight: float = 1.0
    factor = 1.0


@dataclasses.dataclass(slots=True)
class Slotted:
    s: float


@dataclasses.dataclass
class Below(Slotted):
    x: Any


class Plain:
    def __init__(self, k: Any) -> None:
        self.k = k


def ones() -> Any:
    return rl.ones(2)


def class_attributes_of_records(c: Any) -> Any:
    kind: Any = dataclasses.make_dataclass("Made", ["x"], namespace={"factor": 1.0})
    function = c(lambda r: r.x * r.factor)

    def call(k: int) -> Any:
        found = function(kind(ones())).tolist()
        kind.factor += 1.0
        return found

    return call


def records_below_one_with_slots(c: Any) -> Any:
    def step(r: Any) -> Any:
        r.s += 1.0
        return r.x * r.s

    function, given = c(step), Below(1.0, ones())
    return lambda k: (function(given).tolist(), given.s)


def identity(make: Callable[[], Any], x: Callable[[Any], Any]) -> Make:
    def made(c: Any) -> Any:
        function = c(lambda a, b: x(a) * (3 if a is b else 2))
        a, b = make(), make()
        return lambda k: function(a, a if k % 2 else b).tolist()

    return made


def a_record_that_is_global_too(c: Any) -> Any:
    held = Record(ones())

    def step(r: Any) -> Any:
        held.weight += 1.0
        return r.x * r.weight

    function = c(step)
    return lambda k: (function(held).tolist(), held.weight)


def numpy_numbers(c: Any) -> Any:
    function = c(lambda x, k: x * (2 if isinstance(k, np.floating) else 3) * k.item())
    return lambda k: function(ones(), np.float32(k) if k % 2 else np.int64(k)).tolist()


def numpy_truth(c: Any) -> Any:
    function = c(lambda x, k: x if ~k else x * 2)
    return lambda k: function(ones(), np.bool_(k % 2)).tolist()


def errors_of_numbers(c: Any) -> Any:
    def divided(x: Any, k: Any) -> Any:
        try:
            return x * (1 / k)
        except ZeroDivisionError:
            return x * 100

    function = c(divided)
    return lambda k: function(ones(), [1, 0, 2, 4, 0, 8][k]).tolist()


def numbers_in_objects_that_are_returned(c: Any) -> Any:
    function = c(lambda x, k: (x, Plain(k)))
    return lambda k: function(ones(), k)[1].k


def records_that_are_returned(c: Any) -> Any:
    function = c(lambda x, k: Record(x * k, k))

    def call(k: int) -> Any:
        found = function(ones(), k)
        return type(found), found.x.tolist(), found.weight

    return call


def sets_that_are_returned(c: Any) -> Any:
    function = c(lambda x: ({1}, x))

    def call(k: int) -> Any:
        function(ones())[0].add(9)
        return function(ones())[0]

    return call


def keys_that_are_numbers(c: Any) -> Any:
    function = c(lambda x, k: {k: x})
    return lambda k: [(type(key), key) for key in function(ones(), k)]


def order_of_names(c: Any) -> Any:
    function = c(lambda x, **named: x * next(iter(named.values())))
    return lambda k: (function(ones(), b=2, a=3) if k % 2 else function(ones(), a=3, b=2)).tolist()


def tables_that_are_cached(cache: Any) -> Make:
    def made(c: Any) -> Any:
        @cache
        def table(n: int) -> Any:
            return (rl.ones(n) * 2,)

        function = c(lambda x: x * table(2)[0])
        return lambda k: function(ones()).tolist()

    return made


def options_that_come_later(c: Any) -> Any:
    optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=0.1)
    group = optimizer.param_groups[0]
    function = c(lambda x: x * group.get("boost", 1.0))

    def call(k: int) -> Any:
        found = function(ones()).tolist()
        group["boost"] = k + 2.0
        return found

    return call


class Lists(rl.optim.Optimizer):
    def update(self, param: Any, grad: Any, state: Any, group: Any) -> Any:
        state.setdefault("seen", []).append(1.0)
        return group["lr"] * grad * len(state["seen"])


def lists_in_the_state_of_an_optimiser(c: Any) -> Any:
    w = rl.ones(1, requires_grad=True)
    optimizer = Lists([w], {"lr": 0.1})

    def step() -> None:
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    function = c(step)
    return lambda k: (function(), w.tolist(), len(optimizer.state[w]["seen"]))


CASES: dict[str, Make] = {
    "class attributes of records": class_attributes_of_records,
    "records below one with slots": records_below_one_with_slots,
    "identity of records": identity(lambda: Record(ones()), lambda r: r.x),
    "identity of dicts": identity(lambda: {"x": ones()}, lambda d: d["x"]),
    "identity of lists": identity(lambda: [ones()], lambda v: v[0]),
    "a record that is global too": a_record_that_is_global_too,
    "numbers of NumPy": numpy_numbers,
    "truth values of NumPy": numpy_truth,
    "errors of numbers": errors_of_numbers,
    "numbers in objects that are returned": numbers_in_objects_that_are_returned,
    "records that are returned": records_that_are_returned,
    "sets that are returned": sets_that_are_returned,
    "keys that are numbers": keys_that_are_numbers,
    "order of names": order_of_names,
    "a cache": tables_that_are_cached(functools.cache),
    "a small cache": tables_that_are_cached(functools.lru_cache(4)),
    "options that come later": options_that_come_later,
    "lists in the state of an optimiser": lists_in_the_state_of_an_optimiser,
}


@pytest.mark.parametrize("name", CASES)
def test_each_call_gives_what_python_gives(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some run as Python, and say so
        compiled, plain = CASES[name](compile), CASES[name](lambda f: f)
        for k in range(6):
            assert compiled(k) == plain(k), k


def test_learning_rates_of_optimisers_as_they_are_written_for_pytorch() -> None:
    """Their step reads ``group["lr"]`` as a number, which a schedule moves between the calls."""

    class Descent(rl.optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            with rl.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.add_(p.grad, alpha=-group["lr"])

    found = []
    for compiles in (False, True):
        w = rl.ones(1, requires_grad=True)
        optimizer = Descent([w], {"lr": 0.1})
        schedule = rl.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

        def step() -> None:
            optimizer.zero_grad()  # noqa: B023
            (w * w).sum().backward()  # noqa: B023
            optimizer.step()  # noqa: B023

        run = compile(step) if compiles else step
        for _ in range(12):
            run()
            schedule.step()
        found.append(w)
        if compiles:
            assert entries(run) == 2
    rl.testing.assert_close(*found)
