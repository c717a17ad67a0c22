"""Compiled methods belong to their instance and their class, and a scan's results to their steps."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest

import rushlight as rl

pytest.importorskip("llvmlite")
ONE = rl.ones(1)


class Base:
    def __init__(self, factor: float = 2.0) -> None:
        self.factor = factor

    @rl.compile
    def f(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.factor


class Derived(Base):
    @rl.compile
    def f(self, x: rl.Tensor) -> rl.Tensor:
        return super().f(x) + 1


def test_super_finds_the_method_of_the_class_above() -> None:
    derived = Derived()
    assert [derived.f(ONE).item() for _ in range(3)] == [3.0] * 3


def test_a_copy_has_a_method_of_its_own() -> None:
    first = Base()
    assert first.f is first.f
    assert first.f(ONE).item() == 2.0
    second = copy.copy(first)
    second.factor = 5.0
    assert second.f(ONE).item() == 5.0
    assert first.f(ONE).item() == 2.0


def test_a_method_that_is_replaced() -> None:
    class Own(Base):
        @rl.compile
        def g(self, x: rl.Tensor) -> rl.Tensor:
            return x + 1

    own: Any = Own()
    assert own.g(ONE).item() == 2.0
    Own.g = rl.compile(lambda self, x: x + 5)  # type: ignore[assignment]
    Own.g.__set_name__(Own, "g")
    assert own.g(ONE).item() == 6.0


def test_each_step_of_a_scan_has_a_result_of_its_own() -> None:
    total, count = rl.zeros(1), itertools.count()

    @rl.compile
    def step(x: rl.Tensor) -> Any:
        next(count)
        total.add_(x)
        return {"total": total}

    with pytest.warns(UserWarning, match="eager"):
        found = step.scan(rl.ones(3, 1))
    assert found["total"].tolist() == [[1.0], [2.0], [3.0]]
