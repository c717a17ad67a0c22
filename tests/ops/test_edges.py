"""Right values at the edges, eager and compiled: signs of zero, infinite gradients, extreme whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

INF, NAN = float("inf"), float("nan")


def both(function: Callable[..., Any], *inputs: rl.Tensor) -> list[Any]:
    """The results of a call, eager and, where that can be, compiled."""
    results = [function(*inputs)]
    try:
        import llvmlite  # noqa: F401
    except ImportError:
        return results
    return [*results, rl.compile(function)(*inputs)]


def slope_of(function: Callable[..., Any]) -> Callable[[rl.Tensor], rl.Tensor]:
    """The gradient of the sum of a function's results."""

    def slope(x: rl.Tensor) -> rl.Tensor:
        (found,) = rl.autograd.grad(function(x).sum(), [x])
        assert found is not None
        return found

    return slope


ZERO = {
    "relu": (lambda x: x.relu().sqrt(), [-1.0, 4.0], [0.0, 0.25]),
    "clamp": (lambda x: x.clamp(min=0).sqrt(), [-1.0, 4.0], [0.0, 0.25]),
    "leaky_relu": (lambda x: rl.nn.functional.leaky_relu(x, 0.0).sqrt(), [-1.0, 4.0], [0.0, 0.25]),
    "amax": (lambda x: x.amax().sqrt(), [0.0, -1.0], [INF, 0.0]),
    "prod": (lambda x: x.prod().sqrt(), [0.0, 0.0], [0.0, 0.0]),
    "remainder": (lambda x: (5.0 % x - 5.0).sqrt(), [7.0, 9.0], [0.0, 0.0]),
    "floor": (lambda x: x.floor().sqrt(), [0.5, 1.5], [0.0, 0.0]),
    "norm": (lambda x: (x.norm(INF) - 2.0).sqrt(), [1.0, 2.0], [0.0, INF]),
    "pow": (lambda x: (1.0**x - 1.0).sqrt(), [1.0, 2.0], [0.0, 0.0]),
}


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64, rl.float16])
@pytest.mark.parametrize("name", ZERO)
def test_an_infinite_gradient_stops_where_nothing_depends_on_it(name: str, dtype: Any) -> None:
    function, values, expected = ZERO[name]
    for g in both(slope_of(function), rl.tensor(values, dtype=dtype, requires_grad=True)):
        assert g.tolist() == expected


def test_what_dropout_drops_gets_no_gradient_however_large() -> None:
    def slope(x: rl.Tensor) -> rl.Tensor:
        rl.manual_seed(0)
        dropped = rl.nn.functional.dropout(x, 0.5)
        return rl.stack([dropped, rl.autograd.grad(dropped.sqrt().sum(), [x])[0]])

    for found in both(slope, rl.zeros(100, requires_grad=True)):
        assert set(found[1].tolist()) == {0.0, INF}
    whole = rl.nn.functional.dropout(rl.ones(3, requires_grad=True), 1.0)
    assert whole.tolist() == [0.0, 0.0, 0.0]
    assert whole.requires_grad


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
def test_of_two_zeros_relu_and_clamp_keep_the_one_that_came_in(dtype: Any) -> None:
    zeros = rl.tensor([0.0, -0.0] * 20, dtype=dtype)
    for function in (rl.relu, lambda x: x.clamp(min=0), lambda x: x.clamp(max=0.0)):
        for found in both(function, zeros):
            np.testing.assert_array_equal(np.signbit(found.numpy()), np.signbit(zeros.numpy()))


def test_of_two_zeros_maximum_takes_the_second() -> None:
    zeros = rl.tensor([0.0, -0.0] * 20)
    for function in (lambda x: rl.maximum(x, 0.0), lambda x: rl.minimum(x, 0.0)):
        for found in both(function, zeros):
            assert not np.signbit(found.numpy()).any()
