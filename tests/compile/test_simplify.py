"""The simplified graph gives the same bits as the traced one, and has fewer nodes where it should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.capture.trace import TraceError, trace
from rushlight.compile.graph import Graph, Node, verify
from rushlight.compile.interpret import interpret
from rushlight.compile.simplify import simplify
from rushlight.errors import RushlightError
from tests.fuzz.programs import make

VALUES = [0.0, -0.0, 1.0, -1.5, 3e38, -3e38, 1e-42, float("inf"), float("-inf"), float("nan")]


def _in_rows(node: Node, operands: Any, result: Any) -> Any:
    """Sums and products depend on how their operands lie in memory: here all are C-contiguous."""
    return np.array(result, order="C")


def _results(graph: Graph, arrays: list[Any]) -> list[Any]:
    rows = [np.array(a, order="C") for a in arrays]
    outputs, updates = interpret(graph, rows, _in_rows)
    return [*outputs, *updates]


def _bits(array: Any) -> bytes:
    """All bits but those of nans, which have several."""
    array = np.ascontiguousarray(array)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return array.tobytes()


def _check(graph: Graph, arrays: list[Any]) -> Graph:
    simple = verify(simplify(graph))
    found, expected = _results(simple, arrays), _results(graph, arrays)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert _bits(a) == _bits(b), f"{graph}\n\n{simple}"
    return simple


def _simple(function: Callable[..., Any], *inputs: rl.Tensor) -> list[str]:
    """The ops that are left of a function, whose results are held against those of the traced graph."""
    traced = trace(function, inputs)
    return [n.op.name for n in _check(traced.graph, [t.array for t in traced.lifted]).nodes]


def test_random_programs_give_the_same_bits() -> None:
    fewer = 0
    for seed in range(200):
        program = make(seed)
        inputs, states = program.build()
        rl.manual_seed(program.seed)
        try:
            traced = trace(lambda *given, p=program, s=states: p.run(given, s), inputs)
            simple = _check(traced.graph, [t.array for t in traced.lifted])
        except (TraceError, RushlightError):
            continue
        fewer += len(simple.nodes) < len(traced.graph.nodes)
        again = simplify(simple)
        assert len(again.nodes) == len(simple.nodes), "one walk is enough"
    assert fewer > 20


RULES: dict[str, tuple[Callable[[rl.Tensor], Any], list[str]]] = {
    "x * 1": (lambda x: x * 1.0, []),
    "1 * x, a tensor": (lambda x: rl.ones(10) * x, []),
    "x * 1, spread": (lambda x: x * rl.ones(2, 10), ["full", "mul"]),
    "x * -1": (lambda x: x * -1, ["neg"]),
    "x / 1": (lambda x: x / 1, []),
    "x / 8": (lambda x: x / 8, ["mul"]),
    "x / 8, spread": (lambda x: x / rl.full((2, 10), 8.0), ["full", "div"]),
    "x / 3": (lambda x: x / 3, ["div"]),
    "x / 2^20": (lambda x: x / 2**20, ["div"]),
    "x - 0": (lambda x: x - 0.0, []),
    "x - -0": (lambda x: x - -0.0, ["sub"]),
    "x + -0": (lambda x: x + -0.0, []),
    "x + 0": (lambda x: x + 0.0, ["add"]),
    "int x + 0": (lambda x: (x > 0).long() + 0, ["gt", "to"]),
    "x * 0": (lambda x: x * 0.0, ["mul"]),
    "the negative of the negative": (lambda x: x.neg().neg(), []),
    "x + -y": (lambda x: x + -x.exp(), ["exp", "sub"]),
    "-x * -y": (lambda x: (-x) * (-x.exp()), ["exp", "mul"]),
    "x ** 1": (lambda x: x**1, []),
    "x ** 1.0, of an int": (lambda x: (x > 0).long() ** 1, ["gt", "to"]),
    "two transposes": (lambda x: x.reshape(2, 5).T.T.reshape(10), []),
    "reshaped twice": (lambda x: x.reshape(2, 5).reshape(5, 2), ["reshape"]),
    "expanded twice": (lambda x: (x.expand(3, 10) * 2, x.expand(1, 10).expand(3, 10) * 2), ["expand", "mul"]),
    "permuted twice": (
        lambda x: x.reshape(1, 2, 5).permute(1, 2, 0).permute(1, 0, 2),
        ["reshape", "permute"],
    ),
    "all of a slice": (lambda x: x[0:10], []),
    "a flip of a flip": (lambda x: x.flip(0).flip(0), []),
    "clone": (lambda x: x.clone(), []),
    "to a wider dtype and back": (lambda x: x.double().float(), []),
    "to a narrower dtype and back": (lambda x: x.half().float(), ["to", "to"]),
    "bool by way of int": (lambda x: (x > 0).int().double(), ["gt", "to"]),
    "float by way of double to int": (lambda x: x.double().int(), ["to", "to"]),
    "where": (lambda x: rl.where(rl.ones(10) > 0, x, -x), []),
    "where of the same": (lambda x: rl.where(x > 0, x * 2, x * 2), ["mul"]),
    "a mask of nothing": (lambda x: x.masked_fill(rl.zeros(10).bool(), 3.0), []),
    "a mask of all": (lambda x: x.masked_fill(rl.ones(10).bool(), 3.0), ["full"]),
    "constants": (lambda x: (rl.full((3, 3), 2.0) * 4 + 1).exp().T, ["full"]),
    "a sum of constants": (lambda x: rl.ones(4, 5).sum(1), ["full"]),
    "a long sum of zeros": (lambda x: rl.zeros(1 << 20).sum(), ["full"]),
    "a long sum of ones": (lambda x: rl.ones(1 << 20).sum(), ["full", "sum"]),
    "a running sum of ones": (lambda x: rl.ones(4).cumsum(0), ["full", "cumsum"]),
    "a sum of nothing": (lambda x: x[:0].sum(), ["full"]),
    "nothing": (lambda x: x[:0].exp(), ["full"]),
    "a dead node": (lambda x: (x.exp() * rl.zeros(10), x)[1], []),
    "what an index takes of a constant": (
        lambda x: rl.ones(10)[(x > 5).long()] + 1,
        ["full", "gt", "to", "index", "full"],
    ),
    "an index that may be wrong": (
        lambda x: rl.where(rl.ones(10) > 0, x, x[(x > 5).long()]),
        ["gt", "to", "index"],
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_rules(name: str) -> None:
    function, left = RULES[name]
    assert _simple(function, rl.tensor(VALUES)) == left


ZEROS: dict[str, Callable[[rl.Tensor], Any]] = {
    "times 1": lambda x: rl.full((10,), -0.0) * 1 + x,
    "1 through it": lambda x: 1 / rl.full((10,), -0.0),
    "added to itself": lambda x: rl.full((10,), -0.0) + rl.full((10,), -0.0),
    "the negative of 0": lambda x: -rl.zeros(10),
    "the negative of -0": lambda x: x + -rl.full((10,), -0.0),
    "its root": lambda x: rl.full((10,), -0.0).sqrt(),
    "the largest": lambda x: rl.full((4, 10), -0.0).amax(0),
    "a product": lambda x: rl.full((3,), -0.0).prod(),
    "side by side": lambda x: rl.cat([rl.full((2,), -0.0), rl.full((3,), -0.0)]),
}


@pytest.mark.parametrize("name", ZEROS)
def test_a_constant_keeps_the_sign_of_its_zero(name: str) -> None:
    traced = trace(ZEROS[name], [rl.tensor(VALUES)])
    _check(traced.graph, [t.array for t in traced.lifted])


def test_equal_nodes_are_computed_once() -> None:
    assert _simple(lambda x, y: (x * y).exp() + (x * y).exp() * 2, rl.rand(3), rl.rand(3)) == [
        "mul",
        "exp",
        "mul",
        "add",
    ]
    assert _simple(lambda x: x * 0.0 + x * -0.0, rl.rand(3)) == ["mul", "mul", "add"]
    assert _simple(lambda x: x.sum(0) + x.sum(1), rl.rand(3, 3)) == ["sum", "sum", "add"]


def test_numbers_are_drawn_as_often_as_the_program_draws() -> None:
    found = _simple(lambda: rl.rand(5) - rl.rand(5))
    assert found.count("philox") == 2
    assert found.count("philox_advance") == 2


def test_an_input_that_becomes_its_own_update() -> None:
    state = rl.tensor([1.0, 2.0])

    @rl.compile
    def step(x: rl.Tensor) -> rl.Tensor:
        state.mul_(1.0)
        state.add_(-0.0)
        return x * 1

    x = rl.tensor([3.0])
    for _ in range(2):
        found = step(x)
        assert found.tolist() == [3.0]
        assert found.array is not x.array
    assert state.tolist() == [1.0, 2.0]


def test_what_was_old_stays_old() -> None:
    """Results that are inputs as they were before their update, and two that swap."""
    a, b = rl.tensor([1.0, 2.0]), rl.tensor([3.0, 4.0])

    @rl.compile
    def step() -> tuple[rl.Tensor, rl.Tensor]:
        old = a.clone()
        kept = b * 1
        a.copy_(kept)
        b.copy_(old)
        return old, kept

    for first, second in (([1.0, 2.0], [3.0, 4.0]), ([3.0, 4.0], [1.0, 2.0])):
        assert [t.tolist() for t in step()] == [first, second]
        assert (a.tolist(), b.tolist()) == (second, first)


def test_an_update_by_a_view_of_itself() -> None:
    a, b = rl.tensor([[1.0, 2.0], [3.0, 4.0]]), rl.tensor([1.0, 2.0, 3.0])

    def step() -> rl.Tensor:
        before = b.flip(0)
        b.copy_(before)
        a.copy_(a.t().clone())
        return before

    for mode in ("full", "nofuse"):
        compiled = rl.compile(step, mode=mode)
        for sign in (-1, 1):
            expected = [3.0, 2.0, 1.0][::-sign], [[1.0, 2.0], [3.0, 4.0]]
            assert compiled().tolist() == expected[0]
            assert b.tolist() == expected[0]
            assert a.tolist() == (expected[1] if sign == 1 else [[1.0, 3.0], [2.0, 4.0]])
