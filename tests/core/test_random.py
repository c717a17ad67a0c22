"""Random numbers: repeatable, counted, saved and restored, and distributed as they should be."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, DTypeError, RushlightError, ShapeError

DRAWS = {
    "rand": lambda g: rl.rand(3, 5, generator=g), "rand double": lambda g: rl.rand(7, dtype=rl.float64,
    generator=g),
    "randn": lambda g: rl.randn(9, generator=g), "randint": lambda g: rl.randint(0, 10, (8,), generator=g),
    "randperm": lambda g: rl.randperm(11, generator=g), "normal": lambda g: rl.normal(1.0, 2.0, (3,),
    generator=g),
    "bernoulli": lambda g: rl.bernoulli(rl.full((6,), 0.5), generator=g),
    "normal_": lambda g: rl.zeros(4).normal_(generator=g),
    "uniform_": lambda g: rl.zeros(4).uniform_(generator=g),
    "rand_like": lambda g: rl.rand_like(rl.zeros(2), generator=g),
    "randn_like": lambda g: rl.randn_like(rl.zeros(2), generator=g),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    draw = DRAWS[name]
    for generator in (None, rl.Generator()):
        seed = rl.manual_seed if generator is None else generator.manual_seed
        seed(5)
        first, second = draw(generator), draw(generator)
        seed(5)
        assert draw(generator).tolist() == first.tolist()
        assert draw(generator).tolist() == second.tolist()
        assert first.tolist() != second.tolist()
        seed(6)
        assert draw(generator).tolist() != first.tolist()


def test_known_numbers_stay_the_same() -> None:
    """The stream is part of the promise that a run can be repeated: Philox4x64-10 with key 0."""
    rl.manual_seed(0)
    words = np.random.Philox(key=0, counter=0).random_raw(2).view(np.uint32)
    assert rl.rand(4).tolist() == ((words >> 8) * 2.0**-24).tolist()


def test_a_generator_of_ones_own_leaves_the_default_alone() -> None:
    rl.manual_seed(1)
    want = rl.rand(3).tolist()
    rl.manual_seed(1)
    rl.rand(100, generator=rl.Generator())
    assert rl.rand(3).tolist() == want


def test_state_counts_and_can_be_restored() -> None:
    rl.manual_seed(3)
    start = rl.get_rng_state()
    assert start.tolist() == [3, 0]
    rl.rand(5)
    middle = rl.get_rng_state()
    assert middle.tolist() == [3, 1]
    want = rl.randn(4).tolist()
    rl.rand(1000)
    rl.set_rng_state(middle)
    assert rl.randn(4).tolist() == want
    rl.set_rng_state(start)
    assert rl.get_rng_state().tolist() == [3, 0]
    assert rl.initial_seed() == 3
    with pytest.raises(ShapeError, match="get_state"):
        rl.set_rng_state(rl.zeros(3))


def test_consecutive_draws_do_not_overlap() -> None:
    rl.manual_seed(0)
    both = [*rl.rand(8).tolist(), *rl.rand(8).tolist(), *rl.rand(3).tolist(), *rl.rand(1).tolist()]
    assert len(set(both)) == len(both)


def test_seeds() -> None:
    g = rl.Generator()
    assert g.manual_seed(-1) is g
    assert g.initial_seed() == 2**64 - 1
    assert g.seed() == g.initial_seed()
    assert rl.seed() == rl.initial_seed()
    with pytest.raises(RushlightError, match="cuda"):
        rl.Generator("cuda")


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
def test_uniform_numbers(dtype: np.dtype) -> None:
    rl.manual_seed(0)
    x = rl.rand(100_000, dtype=dtype).numpy()
    assert x.dtype == dtype
    assert x.min() >= 0.0
    assert x.max() < 1.0
    assert abs(x.mean() - 0.5) < 0.005
    assert abs(x.var() - 1 / 12) < 0.002
    counts, _ = np.histogram(x, 20, (0.0, 1.0))
    assert ((counts - 5000) ** 2 / 5000).sum() < 45  # chi-square with 19 degrees of freedom, p = 0.001
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.01


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
def test_normal_numbers(dtype: np.dtype) -> None:
    rl.manual_seed(0)
    x = rl.randn(100_001, dtype=dtype).numpy().astype(np.float64)
    assert x.shape == (100_001,)
    assert np.isfinite(x).all()
    assert abs(x.mean()) < 0.01
    assert abs(x.std() - 1) < 0.01
    assert abs((x**3).mean()) < 0.03
    assert abs((x**4).mean() - 3) < 0.1
    assert abs((np.abs(x) < 1.959964).mean() - 0.95) < 0.003
    y = rl.normal(3.0, 0.5, (50_000,)).numpy()
    assert abs(y.mean() - 3.0) < 0.01
    assert abs(y.std() - 0.5) < 0.01


def test_integers_cover_their_range_evenly() -> None:
    rl.manual_seed(0)
    x = rl.randint(-3, 4, (70_000,))
    assert x.dtype == rl.int64
    counts = np.bincount(x.numpy() + 3, minlength=7)
    assert len(counts) == 7
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 23
    assert rl.randint(5, (3,)).shape == (3,)
    assert rl.randint(0, 2, (3,), dtype=rl.int32).dtype == rl.int32
    for bad in ((3, 3, (1,)), (5, 2, (1,))):
        with pytest.raises(ArgumentError, match="high above low"):
            rl.randint(*bad)


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_randperm_is_a_permutation(n: int) -> None:
    p = rl.randperm(n)
    assert p.dtype == rl.int64
    assert sorted(p.tolist()) == list(range(n))
    if n > 2:
        assert p.tolist() != list(range(n))
    with pytest.raises(ArgumentError):
        rl.randperm(-1)


def test_every_permutation_is_as_likely() -> None:
    rl.manual_seed(0)
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(1200):
        order = tuple(rl.randperm(3).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert sum((n - 200) ** 2 / 200 for n in seen.values()) < 21


def test_bernoulli() -> None:
    rl.manual_seed(0)
    x = rl.bernoulli(rl.full((50_000,), 0.3))
    assert set(x.tolist()) == {0.0, 1.0}
    assert abs(x.mean().item() - 0.3) < 0.01
    assert rl.zeros(100).bernoulli_(1.0).sum().item() == 100.0
    assert rl.bernoulli(rl.tensor([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_in_place_draws_keep_dtype_and_range() -> None:
    x = rl.zeros(1000, dtype=rl.float64)
    assert x.uniform_(-2.0, 3.0) is x
    assert x.dtype == rl.float64
    assert -2.0 <= x.min().item() < -1.5
    assert 2.5 < x.max().item() < 3.0
    x.normal_(10.0, 0.1)
    assert abs(x.mean().item() - 10.0) < 0.05


def test_integers_are_no_floats() -> None:
    with pytest.raises(DTypeError, match="randint"):
        rl.rand(3, dtype=rl.int64)
    with pytest.raises(DTypeError):
        rl.zeros(3, dtype=rl.int64).normal_()


def test_empty_and_scalar_shapes() -> None:
    assert rl.rand(0, 3).shape == (0, 3)
    assert rl.randn(()).shape == ()
    assert rl.randn(0).shape == (0,)
    assert rl.rand([2, 3]).shape == (2, 3)
    assert rl.rand(2, requires_grad=True).requires_grad
