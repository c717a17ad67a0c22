from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.data.streams import Purpose, permutation, uniform, words

SEEDS = st.integers(-(2**63), 2**64 - 1)


@given(SEEDS, st.sampled_from(Purpose), st.integers(0, 300), st.integers(0, 2**40))
def test_a_permutation_holds_every_index_once(seed: int, purpose: Purpose, count: int, number: int) -> None:
    order = permutation(seed, purpose, count, number)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(count))
    np.testing.assert_array_equal(order, permutation(seed, purpose, count, number))


def test_permutations_are_fair() -> None:
    found = np.array([permutation(seed, Purpose.SHUFFLE, 3) for seed in range(6000)])
    counts = np.unique(found, axis=0, return_counts=True)[1]
    assert len(counts) == 6
    # Chi-squared with 5 degrees of freedom; 20.5 is its 99.9 % quantile.
    assert ((counts - 1000.0) ** 2 / 1000).sum() < 20.5


def test_streams_do_not_meet() -> None:
    drawn = [
        words(seed, purpose, 100, number)
        for seed in (0, 1, -1)
        for purpose in Purpose
        for number in (0, 1, 2**47)
    ]
    assert len(np.unique(np.concatenate(drawn))) == 100 * len(drawn)


def test_the_numbers_never_change() -> None:
    # A shuffle is part of a checkpoint: another version must draw the same one.
    assert words(0, Purpose.SHUFFLE, 2, 1).tolist() == [8374373634582469819, 13904994263008145178]
    assert permutation(7, Purpose.SHUFFLE, 10, 3).tolist() == [4, 9, 1, 3, 7, 5, 6, 0, 2, 8]


@pytest.mark.parametrize("shape", [(1,), (50, 2), (0, 2)])
def test_uniform(shape: tuple[int, ...]) -> None:
    numbers = uniform(3, Purpose.DISK_TRAIN, shape)
    assert numbers.shape == shape
    np.testing.assert_array_equal(numbers, numbers.astype(np.float32))
    assert ((numbers >= 0) & (numbers < 1)).all()
