"""The shortcuts of finding the largest and of adding slices give the bits of the long ways."""

import numpy as np
import pytest

from rushlight.device import m

DTYPES = (np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), [((7, 40), 1), ((40,), 0), ((3, 40, 5), 1), ((0, 40), 1)])
def test_the_places_of_the_largest_are_the_first_of_those_in_order(shape, axis, dtype):
    draw = np.random.default_rng(0)
    for values in (3, 200):  # of few values many are equal
        x = draw.integers(0, values, shape).astype(dtype)
        if x.dtype.kind == "f" and values == 3:
            x = np.array([-np.inf, 0, np.inf], dtype)[x.astype(int)]
        for k in (0, 1, 2, 10, 11, 40):
            for largest in (True, False):
                want = m.stable_order(x, axis, largest).take(range(k), axis)
                np.testing.assert_array_equal(m.top_places(x, k, axis, largest), want)


def test_nan_counts_as_the_largest():
    x = np.arange(20, dtype=np.float32)
    x[7] = np.nan
    assert m.top_places(x, 2, 0, True).tolist() == [7, 19]
    assert m.top_places(x, 2, 0, False).tolist() == [0, 1]


@pytest.mark.parametrize("dtype", DTYPES[:2] + DTYPES[3:])
@pytest.mark.parametrize(
    ("shape", "count", "axis"),
    [((30, 64), (16, 32), 0), ((10, 4), (128,), 0), ((5, 3, 4), (7, 2), 1), ((5, 3, 4), (7,), 2)],
)
def test_slices_are_added_in_the_order_that_numpy_has(shape, count, axis, dtype):
    draw = np.random.default_rng(0)
    at = draw.integers(-shape[axis], shape[axis], count)
    values = (draw.standard_normal((*shape[:axis], *count, *shape[axis + 1 :])) * 9).astype(np.int64)
    values = (
        values.astype(dtype) / np.dtype(dtype).type(7) if np.dtype(dtype).kind == "f" else values % 2 == 1
    )
    values = values.astype(dtype)
    index = (*(slice(None),) * axis, at)
    want = np.zeros(shape, dtype)
    np.add.at(want, index, values)
    np.testing.assert_array_equal(m.add_at(shape, index, values), want)
