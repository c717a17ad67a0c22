"""Long sums as native code: as accurate as eager ones, and trusted by the self-check."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.capture.trace import trace
from rushlight.compile.function import compile
from rushlight.compile.interpret import interpret
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from rushlight.compile.proof.check import agrees
from rushlight.compile.write.totals import height
from tests.sum_cases import EPS, HALVES, LAYOUTS, TENTH, USES, bound, far

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def alarms_are_errors() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("count", [1000, 300_000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_along_any_axis(layout: str, count: int) -> None:
    x, dim = LAYOUTS[layout](count)
    total, mean = compile(lambda x: (x.sum(dim), x.mean(dim)))(x)
    assert far(total, TENTH * count) < bound(layout, count)
    assert far(mean, TENTH) < bound(layout, count)


@pytest.mark.parametrize("count", [1000, 100_000])
@pytest.mark.parametrize("use", USES)
def test_what_is_made_of_sums(use: str, count: int) -> None:
    wrong: list[float] = []

    def run() -> rl.Tensor:
        got, exact = USES[use](count)
        wrong[:] = [exact]
        return got

    got = compile(run)()
    assert far(got, wrong[0]) < bound(use, count)


@pytest.mark.parametrize("name", HALVES)
def test_float16_is_added_up_in_float32(name: str) -> None:
    made, exact = HALVES[name]
    got = compile(made)()
    assert got.dtype == rl.float16
    assert far(got, exact) < 1e-3


def test_running_totals() -> None:
    for dim, x in enumerate((rl.rand(5000, 3), rl.rand(3, 5000))):
        exact = np.cumsum(x.numpy().astype(np.float64), dim)
        assert np.max(np.abs(compile(lambda x, dim=dim: x.cumsum(dim))(x).numpy() / exact - 1)) < EPS


def test_a_scan_adds_up_as_one_call_does() -> None:
    x = rl.rand(2, 3000, 5)
    mean = compile(lambda x: x.mean(0))
    assert mean.scan(x).tolist() == [mean(x[0]).tolist(), mean(x[1]).tolist()]


def test_sums_do_not_depend_on_threads() -> None:
    before, x = get_num_threads(), rl.rand(70_000, 3)
    f = compile(lambda x: (x.mean(0), x.T @ x, (x * 2).sum()))
    try:
        found = []
        for threads in (1, 2, 3):
            set_num_threads(threads)
            f(x)
            found.append([t.tolist() for t in f(x)])
    finally:
        set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_a_sum_of_a_usual_batch_needs_no_tree() -> None:
    assert height(128, 4) == 32
    assert height(64, 1) == 64
    assert height(10**6, 1) <= 64
    assert height(10**9, 1, 40) <= 64


CANCELS = {
    "what is left of a mean": lambda x: (x - x.mean(0)).sum(0),
    "two halves": lambda x: rl.cat([x, -x]).sum(0) + rl.cat([x, -x], 1).sum(1).sum(),
    "two variances": lambda x: x.var(0) - ((x - x.mean(0)) ** 2).sum(0) / (len(x) - 1),
    "a product": lambda x: x.T @ (x - x.mean(0)),
    "two norms": lambda x: x.norm(dim=0) - (x * x).sum(0).sqrt(),
    "whether it is equal": lambda x: (x.std(0) == 0, (x - x.mean(0)).sign()),
}


@pytest.mark.parametrize("name", CANCELS)
def test_what_cancels_raises_no_alarm(name: str) -> None:
    for x in (rl.full((20_000, 3), 0.1), rl.rand(20_000, 3) - 0.5):
        compile(CANCELS[name])(x)


def test_a_wrong_sum_is_an_alarm() -> None:
    """A block that is left out, of numbers of one sign and of both."""
    for x in (rl.full((20_000, 3), 0.1), rl.rand(20_000, 3) * 2 - 1):
        graph = trace(lambda x: x.sum(0), [x]).graph
        expected = interpret(graph, [x.array])[0]
        lost = [np.add.reduce(x.numpy()[256:], 0)]
        assert agrees(graph, [x.array], expected, expected)
        assert not agrees(graph, [x.array], lost, expected)
