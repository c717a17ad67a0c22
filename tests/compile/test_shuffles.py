"""Orders made in native code are those of the data layer."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.data.streams import Purpose, key_of, permutations

pytest.importorskip("llvmlite")

STREAMS = [(0, 0), (7, 3), (-1, 2), ((1 << 63) + 5, 41)]


@pytest.mark.parametrize("total", [1, 2, 3, 4, 5, 7, 8, 9, 100, 1000, 1025, 60_000])
def test_the_same_orders(total: int) -> None:
    from rushlight.compile.native.shuffles import shuffles

    keys = np.array([key_of(seed, Purpose.SHUFFLE, number) for seed, number in STREAMS], np.uint64)
    found = shuffles(keys, total)
    assert found.dtype == np.int64
    assert found.tolist() == permutations(STREAMS, Purpose.SHUFFLE, total).tolist()


def test_no_streams_and_no_numbers() -> None:
    from rushlight.compile.native.shuffles import shuffles

    assert shuffles(np.empty((0, 2), np.uint64), 10).shape == (0, 10)
    assert shuffles(np.zeros((2, 2), np.uint64), 0).shape == (2, 0)
