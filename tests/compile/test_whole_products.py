"""Matrix products of whole numbers as native code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from tests.compile.lowered import check_lowered, kinds

pytest.importorskip("llvmlite")


def _numbers(*shape: int, dtype: str = "int64") -> rl.Tensor:
    return rl.from_numpy(np.random.default_rng(sum(shape)).integers(-4, 5, shape).astype(dtype))


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "bool"])
def test_every_form(dtype: str) -> None:
    def program(a: rl.Tensor, b: rl.Tensor) -> Any:
        stack = a.expand(3, 4, 20)
        return (
            *(a @ b, a @ b[:, 0], a[0] @ b, a[0] @ b[:, 0], b.T @ a.T, a.flip(1) @ b[:, ::3]),
            *(stack @ b, a @ b.expand(2, 20, 33), stack[:, None] @ b.expand(2, 20, 33), stack @ b[:, 0]),
        )

    check_lowered(program, _numbers(4, 20, dtype=dtype), _numbers(20, 33, dtype=dtype))


def test_with_constants_and_nothing() -> None:
    ones = rl.ones(2, 3, dtype=rl.int64)
    check_lowered(
        lambda x: (x @ rl.ones(3, 2, dtype=rl.int64), ones @ x[:3, :0], x[:, :0] @ x[:0]), _numbers(5, 3)
    )


def test_what_follows_joins() -> None:
    compiled: Any = rl.compile(lambda a, b: (a @ b) * 2 + 1)
    a, b = _numbers(5, 7), _numbers(7, 18)
    np.testing.assert_array_equal(compiled(a, b).numpy(), a.numpy() @ b.numpy() * 2 + 1)
    assert kinds(compiled) == ["integer matmul"]
