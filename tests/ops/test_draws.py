"""Random numbers of further distributions: their statistics, choices, and the same ones compiled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, ShapeError

N = 20000


def drawn(function: Callable[[], rl.Tensor]) -> np.ndarray:
    rl.manual_seed(0)
    return function().numpy().astype(np.float64)


# Mean and deviation, or for Cauchy, which has neither, the quartiles.
DRAWS: dict[str, tuple[Callable[[], rl.Tensor], float, float]] = {
    "exponential": (lambda: rl.zeros(N).exponential_(2.0), 0.5, 0.5),
    "geometric": (lambda: rl.zeros(N).geometric_(0.25), 4.0, 12**0.5),
    "log_normal": (lambda: rl.zeros(N).log_normal_(0.0, 0.5), 1.1331, 0.6039),
    "poisson": (lambda: rl.poisson(rl.full((N,), 3.5)), 3.5, 3.5**0.5),
    "poisson of many": (lambda: rl.poisson(rl.full((N,), 900.0)), 900.0, 30.0),
    "binomial": (lambda: rl.binomial(rl.full((N,), 10.0), rl.tensor(0.3)), 3.0, 2.1**0.5),
    "random": (lambda: rl.zeros(N, dtype=rl.int64).random_(2, 12), 6.5, 8.25**0.5),
    "random bools": (lambda: rl.zeros(N, dtype=rl.bool).random_(), 0.5, 0.5),
    "normal of tensors": (lambda: rl.normal(rl.full((N,), 2.0), rl.full((N,), 3.0)), 2.0, 3.0),
    "normal of a mean": (lambda: rl.normal(rl.full((N,), 2.0)), 2.0, 1.0),
    "multinomial": (lambda: rl.multinomial(rl.tensor([1.0, 0.0, 3.0]), N, replacement=True), 1.5, 0.75**0.5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_mean_and_deviation(name: str) -> None:
    function, mean, deviation = DRAWS[name]
    x = drawn(function)
    assert abs(x.mean() - mean) < 5 * deviation / N**0.5
    assert abs(x.std() - deviation) < 0.05 * deviation
    np.testing.assert_array_equal(x, drawn(function))


def test_cauchy_has_its_quartiles() -> None:
    x = drawn(lambda: rl.zeros(N).cauchy_(1.0, 2.0))
    np.testing.assert_allclose(np.quantile(x, [0.25, 0.5, 0.75]), [-1.0, 1.0, 3.0], atol=0.1)


def test_without_replacement_each_is_drawn_once_and_heavy_ones_first() -> None:
    rl.manual_seed(0)
    weights = rl.tensor([8.0, 1.0, 0.0, 1.0]).expand(2000, 4)
    drawn = rl.multinomial(weights, 3)
    assert (drawn.sort(-1).values == rl.tensor([0, 1, 3])).all()
    assert 0.77 < (drawn[:, 0] == 0).float().mean().item() < 0.83


def test_what_has_no_weight_is_not_drawn() -> None:
    weights = rl.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1e-30]])
    drawn = rl.multinomial(weights, 50, replacement=True)
    assert (drawn == rl.tensor([[1], [2]])).all()


def test_compiled_draws_are_the_same() -> None:
    pytest.importorskip("llvmlite")

    def draw(rate: rl.Tensor) -> list[rl.Tensor]:
        waits = rl.zeros(7).exponential_()
        return [
            rl.poisson(rate),
            rl.multinomial(rate, 2),
            waits,
            rl.zeros(5).geometric_(0.3),
            rl.normal(rate, rate),
        ]

    rates, compiled = rl.tensor([0.5, 2.0, 40.0]), rl.compile(draw)
    for _ in range(2):
        rl.manual_seed(3)
        expected = [draw(rates) for _ in range(3)]
        rl.manual_seed(3)
        for a, b in zip([compiled(rates) for _ in range(3)], expected, strict=True):
            for x, y in zip(a, b, strict=True):
                np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-6)


BAD: list[tuple[Callable[[], object], type[Exception]]] = [
    (lambda: rl.multinomial(rl.tensor([0.0, 0.0]), 1), ArgumentError),
    (lambda: rl.multinomial(rl.tensor([-1.0, 2.0]), 1), ArgumentError),
    (lambda: rl.multinomial(rl.tensor([1.0, 2.0]), 3), ArgumentError),
    (lambda: rl.multinomial(rl.tensor([1.0, 0.0]), 2), ArgumentError),
    (lambda: rl.multinomial(rl.ones(2, 2, 2), 1), ShapeError),
    (lambda: rl.multinomial(rl.tensor([1.0, float("nan")]), 1), ArgumentError),
    (lambda: rl.poisson(rl.tensor([-1.0])), ArgumentError),
    (lambda: rl.binomial(rl.ones(1), rl.full((1,), 1.5)), ArgumentError),
    (lambda: rl.zeros(1).random_(3, 3), ArgumentError),
    (lambda: rl.zeros(1).geometric_(1.5), ArgumentError),
    (lambda: rl.zeros(1).cauchy_(0.0, -1.0), ArgumentError),
    (lambda: rl.zeros(1).log_normal_(0.0, 0.0), ArgumentError),
    (lambda: rl.zeros(1).exponential_(-1.0), ArgumentError),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input(case: int) -> None:
    call, error = BAD[case]
    with pytest.raises(error):
        call()
