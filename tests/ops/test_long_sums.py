"""Sums of many terms: their error grows no faster than the logarithm of the count, along any axis."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as rl
from tests.sum_cases import EPS, HALVES, LAYOUTS, TENTH, USES, bound, far, half

F = rl.nn.functional


@pytest.mark.parametrize("count", [1000, 10_000, 300_000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_along_any_axis(layout: str, count: int) -> None:
    x, dim = LAYOUTS[layout](count)
    most = bound(layout, count)
    for keepdim in (False, True):
        assert far(x.sum(dim, keepdim), TENTH * count) < most
    assert far(x.mean(dim), TENTH) < most
    assert x.sum(dim, True).shape == np.add.reduce(x.numpy(), axis=dim, keepdims=True).shape
    assert x.sum(dim).shape == np.add.reduce(x.numpy(), axis=dim).shape


@pytest.mark.parametrize("shape", [(1,), (128, 3), (129, 3), (3, 130), (2, 257, 5), (4, 3, 16, 33)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int8", "bool"])
def test_sums_are_those_of_numpy(shape: tuple[int, ...], dtype: str) -> None:
    """Whole numbers, of which every order of adding makes the same; every set of axes, every layout."""
    r = np.random.default_rng(0)
    array = r.integers(0 if dtype == "bool" else -2, 2, shape).astype(dtype)
    for view in (array, array.T, array[::-1], array[..., ::2]):
        wide = view.astype(np.int64)
        for bits in range(1, 2**view.ndim):
            dim = tuple(d for d in range(view.ndim) if bits >> d & 1)
            assert np.array_equal(rl.from_numpy(view).sum(dim).numpy(), wide.sum(dim))


@pytest.mark.parametrize("count", [1000, 100_000])
@pytest.mark.parametrize("use", USES)
def test_what_is_made_of_sums(use: str, count: int) -> None:
    got, exact = USES[use](count)
    assert far(got, exact) < bound(use, count)


def test_every_running_total_is_right() -> None:
    x = rl.rand(5000, 2)
    exact = np.cumsum(x.numpy().astype(np.float64), 0)
    assert np.max(np.abs(x.cumsum(0).numpy() / exact - 1)) < EPS


@pytest.mark.parametrize("name", HALVES)
def test_float16_is_added_up_in_float32(name: str) -> None:
    made, exact = HALVES[name]
    got = made()
    assert got.dtype == rl.float16
    assert far(got, exact) < 1e-3


def test_the_gradient_of_float16_comes_back_in_it() -> None:
    x = half(4, value=200).requires_grad_()
    F.mse_loss(x, x.detach() * 0).backward()
    assert x.grad is not None
    assert x.grad.dtype == rl.float16
    assert x.grad.tolist() == [100.0] * 4


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32"])
@pytest.mark.parametrize("op", ["sum", "prod"])
def test_small_numbers_are_not_copied_to_larger_ones(op: str, dtype: str) -> None:
    import tracemalloc

    x = rl.ones(1000, 2000).to(getattr(rl, dtype))
    tracemalloc.start()
    try:
        found = [getattr(x, op)(), getattr(x, op)(0), getattr(x, op)(1)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500_000
    assert all(t.dtype == rl.int64 for t in found)
    assert [found[0].item(), found[1][0].item(), found[2][0].item()] == (
        [2_000_000, 1000, 2000] if op == "sum" else [1, 1, 1]
    )


def test_sums_of_small_numbers_in_other_dtypes() -> None:
    x = rl.full((300,), 200, dtype=rl.uint8)
    assert x.sum(dtype=rl.uint8).item() == 60000 % 256
    assert x.sum(dtype=rl.int16).dtype == rl.int16
    assert x.sum(dtype=rl.float32).item() == 60000.0
    assert x.cumsum(0)[-1].item() == 60000
    assert x.cumsum(0, dtype=rl.float64).dtype == rl.float64
    assert rl.tensor([True, True]).sum(dtype=rl.bool).item() is True
    assert rl.full((3,), 2, dtype=rl.int8).prod(dtype=rl.float32).item() == 8.0


def test_adding_at_indices_goes_one_by_one_and_in_float32_for_float16() -> None:
    x = rl.zeros(2, dtype=rl.float16).scatter_add(0, rl.zeros(3000).long(), half(3000, value=1))
    assert x.tolist() == [3000.0, 0.0]
    found = rl.zeros(1, dtype=rl.float16).scatter_add(0, rl.zeros(4096).long(), half(4096, value=0.1))
    assert found.dtype == rl.float16
    assert abs(found.item() - 409.4) < 0.3
