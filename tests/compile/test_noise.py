"""What the self-check takes for rounding, and what not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.graph import Graph
from rushlight.compile.interpret import interpret
from rushlight.compile.proof.check import agrees, close
from rushlight.compile.proof.noise import noise

pytest.importorskip("llvmlite")


def test_what_is_right_is_not_suspected() -> None:
    """Noise, which cancelling leaves, is no fault: these results are nothing else."""
    x = rl.rand(40, 30)

    def noise(x: rl.Tensor) -> Any:
        p = x.softmax(1)
        return (p - p * p.sum(1, keepdim=True)), x.var(0) - x.var(0), (x / 3 * 3 == x), (x * 7 / 7).floor()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(noise)(x)


def test_a_product_that_overflows_on_the_way() -> None:
    """With a factor 0 it is 0 in one order, and infinity times 0 in another; what cannot overflow is held."""
    x = rl.tensor([1e30, 1e30, 2.0, 0.0, 3.0])
    graph = trace(lambda x: (x.prod(), (x * 1e-20).prod()), [x]).graph
    right = interpret(graph, [x.array])[0]
    assert agrees(graph, [x.array], [np.float32(np.nan) + right[0], right[1]], right)
    assert not agrees(graph, [x.array], [right[0], right[1] + np.float32(1.0)], right)


def test_a_sum_that_overflows_in_some_order() -> None:
    """Of terms beyond the largest number and of both signs an infinity is left, or nan; what is infinite for
    another reason, and what cannot overflow, is held."""
    x = rl.tensor([[1e28, 1e28, -1e28], [1.0, 2.0, -3.0]])
    graph = trace(lambda x: (x @ x.T, (x * 1e-9) @ (x * 1e-9).T), [x]).graph
    right = interpret(graph, [x.array])[0]
    nan = np.float32(np.nan)
    assert agrees(graph, [x.array], [np.where(np.isfinite(right[0]), right[0], nan), right[1]], right)
    assert not agrees(graph, [x.array], [right[0] * np.float32(2.0), right[1]], right)
    assert not agrees(graph, [x.array], [right[0], right[1] / np.float32(2.0)], right)
    y = rl.tensor([float("inf"), 1.0, 2.0])
    graph = trace(lambda y: y.sum(), [y]).graph
    right = interpret(graph, [y.array])[0]
    assert not agrees(graph, [y.array], [np.full_like(right[0], nan)], right)


def test_an_infinity_and_a_product_that_overflows() -> None:
    """Their sum is nan, or infinite where the product is not rounded before it is added; the sum of two
    infinities is nan in any program."""
    infinity = np.float32(np.inf)
    for size, fused in ((1e30, True), (1.0, False)):
        x, y = (
            rl.tensor([[infinity, size, infinity]]),
            rl.tensor([[1.0, -size, -1.0 if size == 1.0 else 0.5]]),
        )
        graph = trace(lambda x, y: x @ y.T, [x, y]).graph
        right = interpret(graph, [x.array, y.array])[0]
        assert np.isnan(right[0]).all()
        for found in (infinity, -infinity):
            assert agrees(graph, [x.array, y.array], [np.full_like(right[0], found)], right) is fused


def test_noise_of_many_elements_has_no_gaps() -> None:
    """The moves of two operands cancel in some of many elements, in all of few runs: what is off by the
    rounding of a mean is right in every element, or in none."""
    x = rl.full((150464, 4), 0.1)
    graph = trace(lambda x: (lambda p: p - p.mean())(x.softmax(0)), [x]).graph
    right = interpret(graph, [x.array])[0]
    part = np.float32(1 / 150464)
    for ulps in (4, 16, 40):
        found = [a - np.float32(ulps) * np.spacing(part) for a in right]
        assert agrees(graph, [x.array], found, right)
    assert not agrees(graph, [x.array], [a + np.float32(1e-3) * part for a in right], right)


def test_what_rounding_decides_is_not_suspected() -> None:
    """Equal numbers whose mean is one of them or not, divided by how far they lie from it."""
    x = rl.full((7,), -2.2873849868774414)

    def spread(x: rl.Tensor) -> Any:
        apart = ((x - x.mean()) ** 2).sum()
        return apart == 0, apart.bool(), apart.sqrt().ceil(), rl.where(apart == 0, 5.0, apart), 0.0 / apart

    graph = trace(spread, [x]).graph
    for mean in (x[0].item(), np.nextafter(np.float32(x[0].item()), np.float32(0))):
        apart = np.float32(7 * (np.float64(x[0].item()) - mean) ** 2)
        none = apart == 0
        found = [none, not none, np.ceil(np.sqrt(apart)), 5 if none else apart, np.nan if none else 0]
        kinds = [np.bool_, np.bool_, np.float32, np.float32, np.float32]
        arrays = [np.asarray(f, k) for f, k in zip(found, kinds, strict=True)]
        assert agrees(graph, [x.array], arrays, interpret(graph, [x.array])[0])
    wrong = [np.asarray(f, k) for f, k in zip([True, False, 0, 40, np.nan], kinds, strict=True)]
    assert not agrees(graph, [x.array], wrong, interpret(graph, [x.array])[0])


def test_what_an_earlier_decision_makes_is_not_suspected() -> None:
    """Equal numbers, above their mean or not; then what was made of that, above its mean or not."""
    x = rl.full((126_946,), 1.5754731e-05)

    def twice(x: rl.Tensor) -> Any:
        first = rl.where(x > x.mean(), x, 0.5)
        return first, first > first.mean()

    graph = trace(twice, [x]).graph
    right = interpret(graph, [x.array])[0]
    same = np.ones(126_946, bool)
    for first, above in ((x.array, same), (x.array, ~same), (np.full_like(x.array, 0.5), ~same)):
        assert agrees(graph, [x.array], [first, above], right)
    assert not agrees(graph, [x.array], [np.full_like(x.array, 7.0), same], right)


def test_exact_numbers_leave_no_choice() -> None:
    """What is made of small whole numbers is the same in every program, and so is what it decides."""

    def decide(x: rl.Tensor, y: rl.Tensor) -> Any:
        a, b = (x * 2 + y) / 4, x @ y.T.flip(0)
        return a == y, a.floor(), b > 30, (a - y).sign(), x.cumsum(1).argmax(1), b.sum(0) <= 200

    rl.manual_seed(0)
    x, y = rl.randint(0, 6, (9, 9)).float(), rl.randint(0, 6, (9, 9)).float()
    graph = trace(decide, [x, y]).graph
    assert not any(np.any(n) for n in noise(graph, [x.array, y.array], graph.outputs))


def test_noise_where_a_bit_decides() -> None:
    def decide(x: rl.Tensor) -> Any:
        y = x / 3 * 3
        return y == x, ((x - 0.3) * 49 / 49).floor(), y > x, y.argmax(), (y - x).bool(), x > 2, y.abs() > 0.5

    x = rl.arange(1.0, 31.0) + 0.3
    graph = trace(decide, [x]).graph
    found = noise(graph, [x.array], graph.outputs)
    assert all(np.all(n > 0) for n in (found[0], found[1], found[2], found[4]))
    assert not any(np.any(n > 0) for n in (found[3], found[5], found[6]))


def test_a_flipped_bit_is_beyond_rounding() -> None:
    graph: Graph = trace(lambda x: (x > 0.5, x.argmax()), [rl.rand(30)]).graph
    x = np.random.default_rng(0).uniform(0, 1, 30).astype(np.float32)
    right = [x > 0.5, np.asarray(x.argmax())]
    assert agrees(graph, [x], right, right)
    wrong = right[0].copy()
    wrong[4] = not wrong[4]
    assert not agrees(graph, [x], [wrong, right[1]], right)
    assert not agrees(graph, [x], [right[0], np.asarray((x.argmax() + 1) % 30)], right)


def test_close_is_strict() -> None:
    a = np.linspace(-1, 1, 50, dtype=np.float32)
    assert close(a, a + np.float32(1e-6))
    assert not close(a, a + np.float32(1e-4))
    assert not close(a, np.where(a == a[3], np.nan, a).astype(np.float32))
    assert close(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]))
    assert not close(np.array([np.inf]), np.array([-np.inf]))
    assert not close(np.array([1, 2]), np.array([1, 3]))
    assert not close(np.array([1.0]), np.array([1.0, 1.0]))
    assert not close(np.array([1.0], np.float32), np.array([1.0]))
