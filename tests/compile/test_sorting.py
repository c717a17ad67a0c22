"""argsort, sort, topk and randperm as native code: stable, nan last, zeros equal, like eager."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.plan.kernels import SHORT
from tests.compile.lowered import check_lowered, kinds

pytest.importorskip("llvmlite")

SHAPES = [(1,), (10,), (16,), (37,), (5, 10), (2, 100), (3, 20, 4), (1, 17), (3, 1)]


def _numbers(shape: tuple[int, ...], dtype: str) -> Any:
    """Many equal ones, and of floats all that is special."""
    r = np.random.default_rng(len(shape))
    special = [0.0, -0.0, 1.0, 1.5, -1.0, -2.5, float("nan"), -float("nan"), float("inf"), -float("inf")]
    if dtype.startswith("float"):
        return r.choice(special, shape).astype(dtype)
    return r.integers(0 if dtype[0] in "ub" else -3, 4, shape).astype(dtype)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool"]
)
def test_every_dtype_axis_and_direction(dtype: str) -> None:
    for shape in SHAPES if dtype in ("float32", "int64") else SHAPES[3:5]:

        def program(x: rl.Tensor) -> Any:
            axes = [(d, falls) for d in range(x.ndim) for falls in (False, True)]
            found = [x.argsort(d, descending=falls) for d, falls in axes]
            return (*found, *[x.flip(0).argsort(d, descending=falls) for d, falls in axes])

        check_lowered(program, rl.from_numpy(_numbers(shape, dtype)))


def test_the_largest_integers() -> None:
    x = rl.tensor([2**62, -(2**63), 2**63 - 1, 0, -1, 2**62])
    check_lowered(lambda t: (t.argsort(), t.argsort(descending=True)), x)


def test_values_and_gradients() -> None:
    def program(x: rl.Tensor) -> Any:
        top, low = x.topk(3, 1), x.sort(0).values
        y = (top.values * rl.tensor([1.0, 2.0, 3.0])).sum() + (low[1] * 0.5).sum()
        return (top.indices, low.detach(), y.detach(), *rl.autograd.grad(y, [x]))

    check_lowered(program, rl.rand(4, 19).requires_grad_(), native=False)


def test_a_permutation_is_eagers() -> None:
    compiled: Any = rl.compile(lambda x: (rl.randperm(100), rl.randperm(7)))
    rl.manual_seed(3)
    expected = rl.randperm(100), rl.randperm(7)
    rl.manual_seed(3)
    found = compiled(rl.zeros(1))
    assert [a.tolist() for a in found] == [b.tolist() for b in expected]
    assert "callback" not in kinds(compiled)


def test_long_rows_are_numpys() -> None:
    compiled: Any = rl.compile(lambda x: x.argsort())
    for length, kind in ((SHORT, "sort"), (SHORT + 1, "callback")):
        x = rl.rand(length)
        np.testing.assert_array_equal(compiled(x).numpy(), x.numpy().argsort(kind="stable"))
        assert kinds(compiled) == [kind]
