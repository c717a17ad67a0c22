"""Running sums as native code: any axis, layout and dtype, with their neighbours in the same loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.compile.lowered import check_lowered, kinds, threads

pytest.importorskip("llvmlite")

SHAPES = [(1,), (16,), (53,), (2, 5), (5, 37), (40, 3), (1, 4), (6, 1), (2, 3, 4), (3, 17, 18), (4, 1, 33)]


def _numbers(shape: tuple[int, ...], dtype: str = "float64") -> Any:
    r = np.random.default_rng(sum(shape))
    return (r.standard_normal(shape) if dtype.startswith("float") else r.integers(-9, 9, shape)).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_axis_and_layout(shape: tuple[int, ...]) -> None:
    def program(x: rl.Tensor) -> Any:
        sums = [x.cumsum(d) for d in range(x.ndim)]
        turned = x.permute(*reversed(range(x.ndim))).flip(0)
        return (*sums, *[turned.cumsum(d) for d in range(x.ndim)], x[..., ::2].cumsum(-1))

    check_lowered(program, rl.from_numpy(_numbers(shape)), modes=["full"])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int8", "uint8", "bool"])
def test_every_dtype(dtype: str) -> None:
    x = rl.from_numpy(_numbers((4, 35), dtype))
    own = getattr(rl, dtype)
    check_lowered(lambda t: (t.cumsum(0), t.cumsum(1), t.cumsum(1, dtype=own), t.T.cumsum(0, dtype=own)), x)


def test_what_is_no_number_stays_none() -> None:
    nan, inf = float("nan"), float("inf")
    rows = [[1.0, nan] + [2.0] * 18, [inf] * 3 + [-inf] + [1.0] * 16, [-0.0] * 20, [3e38] * 20]
    x = rl.tensor(rows)
    check_lowered(lambda t: (t.cumsum(1), t.T.cumsum(0), t.cumsum(0), 1 / t[2].cumsum(0)), x)


def test_neighbours_join_the_loop() -> None:
    def program(x: rl.Tensor) -> Any:
        return ((x * 2).cumsum(1) + 1).relu(), (x > 0).cumsum(0) * 3

    x = rl.from_numpy(_numbers((9, 40), "float32"))
    check_lowered(program, x)
    compiled = rl.compile(program)
    compiled(x)
    assert kinds(compiled) == ["cumulative"] * 2


def test_of_constants_nothing_and_a_number() -> None:
    x = rl.tensor(2.0)
    check_lowered(
        lambda t: (
            rl.ones(3, 20).cumsum(1),
            t.expand(4, 5).cumsum(0),
            rl.zeros(0, 2).cumsum(0),
            t.cumsum(0),
            t.reshape(1, 1).cumsum(1),
        ),
        x,
    )


def test_gradients() -> None:
    def program(x: rl.Tensor) -> Any:
        y = (x.cumsum(0) * x.cumsum(1).tanh()).sum()
        return (y.detach(), *rl.autograd.grad(y, [x]))

    for dtype in ("float32", "float64"):
        check_lowered(program, rl.from_numpy(_numbers((6, 21), dtype)).requires_grad_())


def test_scan_with_threads_and_an_update_in_place() -> None:
    total = rl.zeros(5, 19, dtype=rl.int64)

    @rl.compile
    def step(x: rl.Tensor) -> rl.Tensor:
        total.copy_((total + x).cumsum(1))
        return total.cumsum(0)

    xs = rl.from_numpy(_numbers((4, 5, 19), "int64"))
    expected, held = [], np.zeros((5, 19), np.int64)
    for x in xs.numpy():
        held = np.cumsum(held + x, 1)
        expected.append(np.cumsum(held, 0))
    for count in (1, 2):
        total.zero_()
        with threads(count):
            found = step.scan(xs)
        np.testing.assert_array_equal(found.numpy(), np.stack(expected))
        np.testing.assert_array_equal(total.numpy(), held)
