"""Random numbers as native code: bit for bit those of eager code, and so is the generator's state."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.core.random import Generator, default_generator
from tests.compile.lowered import kinds, threads

pytest.importorskip("llvmlite")

SHAPES = [(), (1,), (7,), (16,), (17,), (3, 5), (4, 1, 9), (2, 3, 4, 5), (100, 25)]
STATES = [(3, 0), (2**64 - 1, 17), (12345678901234567890, 2**64 - 2)]
"""Key and counter; at the end of its range the counter carries into the next word."""

DRAWS: dict[str, Callable[[tuple[int, ...], rl.Tensor], Any]] = {
    "rand": lambda shape, x: rl.rand(shape),
    "rand float64": lambda shape, x: rl.rand(shape, dtype=rl.float64),
    "rand float16": lambda shape, x: rl.rand(shape, dtype=rl.float16),
    "several": lambda shape, x: (rl.rand(shape) * 2 - 1, rl.rand(shape, dtype=rl.float64), rl.rand(3)),
    "randn": lambda shape, x: rl.randn(shape),
    "randn float64": lambda shape, x: rl.randn(shape, dtype=rl.float64),
    "normal": lambda shape, x: rl.normal(2.0, 0.5, shape, dtype=rl.float64),
    "randint": lambda shape, x: rl.randint(-5, 10**9 + 7, shape),
    "bernoulli": lambda shape, x: (x.sigmoid().bernoulli(), x.bernoulli(0.3)),
    "dropout": lambda shape, x: F.dropout(x, 0.3),
    "of a view": lambda shape, x: F.dropout(rl.stack([x, x * 2], -1)[..., 1], 0.3),
    "in place": lambda shape, x: x.clone().uniform_(-1, 2) + x.clone().normal_() + x.clone().bernoulli_(0.1),
}


def _from(key: int, counter: int) -> rl.Tensor:
    return rl.from_numpy(np.array([key, counter], np.uint64))


def _same(a: Any, b: Any) -> None:
    a, b = (r if isinstance(r, tuple) else (r,) for r in (a, b))
    for p, q in zip(a, b, strict=True):
        assert p.dtype == q.dtype
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


@pytest.mark.parametrize("mode", ["full", "nofuse"])
@pytest.mark.parametrize("name", DRAWS)
def test_the_same_bits_and_the_same_state(name: str, mode: str) -> None:
    shapes = SHAPES if mode == "full" else SHAPES[::4]
    inputs = [rl.from_numpy(np.random.default_rng(1).standard_normal(s).astype(np.float32)) for s in shapes]

    def draw(*given: rl.Tensor) -> Any:
        drawn = [DRAWS[name](x.shape, x) for x in given]
        return tuple(t for d in drawn for t in (d if isinstance(d, tuple) else (d,)))

    compiled: Any = rl.compile(draw, mode=mode)
    for state in STATES:
        rl.set_rng_state(_from(*state))
        expected, then = draw(*inputs), rl.get_rng_state()
        rl.set_rng_state(_from(*state))
        _same(compiled(*inputs), expected)
        _same(rl.get_rng_state(), then)
    assert "callback" not in kinds(compiled)


def test_words_in_every_order() -> None:
    def draw(x: rl.Tensor) -> Any:
        words = default_generator.bits(48)
        halves, pairs = words.reshape(2, 24), words.reshape(24, 2)
        return (
            *(words, words // 3, halves[1] // 7, halves.T // 5, words.flip(0) // 2),
            *(pairs[:, 1] // 7, pairs[:, 0].to(rl.float64), pairs[:, 0] + pairs[:, 1], pairs[::2, 0] * 3),
        )

    compiled: Any = rl.compile(draw)
    x = rl.zeros(1)
    for state in STATES:
        rl.set_rng_state(_from(*state))
        expected = draw(x)
        rl.set_rng_state(_from(*state))
        _same(compiled(x), expected)


def test_a_mask_is_made_and_used_in_one_loop() -> None:
    compiled: Any = rl.compile(lambda x: F.dropout(x, 0.2) + 1)
    compiled(rl.ones(40, 25))
    assert kinds(compiled) == ["random", "random"]  # the numbers, and the state that moves on
    nothing: Any = rl.compile(lambda x: (rl.rand(0, 3), rl.randn(0), x + 1))
    nothing(rl.ones(2))
    assert "callback" not in kinds(nothing)


def test_a_generator_of_ones_own() -> None:
    generator = Generator().manual_seed(9)
    compiled: Any = rl.compile(lambda x: x * rl.rand(5, generator=generator))
    found = [compiled(rl.ones(5)) for _ in range(3)]
    again = Generator().manual_seed(9)
    for f in found:
        _same(f, rl.rand(5, generator=again))
    _same(generator.get_state(), again.get_state())


def _net() -> tuple[nn.Module, Any]:
    rl.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 33), nn.Tanh(), nn.Dropout(0.3), nn.Linear(33, 8), nn.Dropout(0.5))
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


@pytest.mark.parametrize("count", [1, 2])
def test_training_with_dropout_is_eager_training(count: int) -> None:
    r = np.random.default_rng(2)
    xs, ys = (rl.from_numpy(r.standard_normal((6, 21, n)).astype(np.float32)) for n in (4, 8))
    _, plain = _net()
    losses = [plain(x, y).item() for x, y in zip(xs, ys, strict=True)]
    after = rl.get_rng_state()
    _, plain = _net()
    step: Any = rl.compile(plain)
    with threads(count):
        found = [step(xs[0], ys[0]).item(), *step.scan(xs[1:], ys[1:]).tolist()]
    np.testing.assert_allclose(found, losses, rtol=1e-4)
    _same(rl.get_rng_state(), after)
    assert "callback" not in kinds(step)


def test_a_long_draw_in_parts() -> None:
    compiled: Any = rl.compile(lambda x: (rl.rand(70001), rl.rand(300, 250, dtype=rl.float64) * x))
    expected = []
    for count in (1, 2):
        rl.manual_seed(4)
        with threads(count):
            found = compiled(rl.ones(1))
        rl.manual_seed(4)
        expected = [rl.rand(70001), rl.rand(300, 250, dtype=rl.float64)]
        _same(found, tuple(expected))


def test_many_callers_at_once_share_no_numbers() -> None:
    compiled: Any = rl.compile(lambda x: x + rl.rand(64))
    x = rl.zeros(64)
    compiled(x)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: tuple(compiled(x).tolist()), range(40)))
    assert len(set(drawn)) == 40
