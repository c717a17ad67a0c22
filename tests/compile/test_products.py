"""Products written inline: however the factors and the result lie, and wherever the blocks end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.function import compile
from rushlight.compile.native.threads import get_num_threads, set_num_threads
from rushlight.compile.write import library
from rushlight.nn import functional as F

pytest.importorskip("llvmlite")

SHAPES = [(1, 40, 70), (70, 40, 1), (3, 2, 25), (25, 100, 25), (100, 25, 2), (130, 33, 90)]
CASES = [*[(shape, "float32") for shape in SHAPES], ((5, 17, 36), "float64")]


def run(function: Callable[..., Any], *tensors: rl.Tensor) -> tuple[np.ndarray, Any]:
    """The native result of the second call, and the plan; the first call compares with the interpreter."""
    compiled = compile(function)
    compiled(*tensors)
    (entry,) = next(iter(compiled._entries.values()))
    assert entry.proved
    return compiled(*tensors).numpy(), entry.program.plan


@pytest.mark.parametrize(("shape", "dtype"), CASES)
@pytest.mark.parametrize("turned", ["", "a", "b", "ab"])
def test_products_of_all_layouts(shape: tuple[int, int, int], turned: str, dtype: str) -> None:
    m, k, n = shape
    rng = np.random.default_rng(m + k + n)
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    left = rl.tensor(np.ascontiguousarray(a.T if "a" in turned else a))
    right = rl.tensor(np.ascontiguousarray(b.T if "b" in turned else b))

    def product(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        return (x.T if "a" in turned else x) @ (y.T if "b" in turned else y) + 1

    got, _ = run(product, left, right)
    exact = a.astype(np.float64) @ b.astype(np.float64) + 1
    np.testing.assert_allclose(got, exact, atol=(1e-5 if dtype == "float32" else 1e-13) * k)


def test_columns_that_jump_and_columns_that_run_backwards() -> None:
    rng = np.random.default_rng(0)
    x, y = (rl.tensor(rng.normal(size=s).astype(np.float32)) for s in ((20, 60), (60, 50)))
    for step in (2, 3, 7):
        got, _ = run(lambda x, y, step=step: x[:, ::step] @ y[::step, ::step], x, y)
        np.testing.assert_allclose(got, x.numpy()[:, ::step] @ y.numpy()[::step, ::step], atol=1e-4)
    got, _ = run(lambda x, y: x.flip(1) @ y.flip(0, 1), x, y)
    np.testing.assert_allclose(got, x.numpy()[:, ::-1] @ y.numpy()[::-1, ::-1], atol=1e-4)


def test_batches_with_panels() -> None:
    rng = np.random.default_rng(1)
    x, y = (rl.tensor(rng.normal(size=s).astype(np.float32)) for s in ((3, 9, 20), (3, 35, 20)))
    got, _ = run(lambda x, y: x @ y.transpose(1, 2), x, y)
    np.testing.assert_allclose(got, x.numpy() @ y.numpy().transpose(0, 2, 1), atol=1e-4)


def test_narrow_layers_lie_in_columns() -> None:
    rl.manual_seed(0)
    w, v, x = rl.rand(25, 2), rl.rand(25, 25), rl.rand(100, 2)

    def net(x: rl.Tensor) -> rl.Tensor:
        return ((x @ w.T).tanh() @ v).tanh().sum(0)

    got, plan = run(net, x)
    hidden = [v for kernel in plan.kernels for v in kernel.stores if v.spec.shape == (100, 25)]
    assert hidden
    assert all(plan.access[id(v)].strides[0] == 1 for v in hidden)
    np.testing.assert_allclose(got, net(x).numpy(), rtol=1e-5)


def test_results_and_what_others_read_lie_in_rows() -> None:
    w, x = rl.rand(25, 2), rl.rand(100, 2)
    given = rl.rand(100, 25)
    got, plan = run(lambda x: x @ w.T, x)
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, x.numpy() @ w.numpy().T, rtol=1e-5)
    # Beside a matrix that lies in rows, every element of the one or of the other would be fetched alone.
    _, plan = run(lambda x, given: ((x @ w.T).tanh() * given).sum(0), x, given)
    assert all(plan.access[id(v)].strides[-1] == 1 for k in plan.kernels for v in k.stores)


def test_threads_share_a_product_and_change_no_bit() -> None:
    before = get_num_threads()
    rl.manual_seed(0)
    x, w, target = rl.rand(128, 300), rl.rand(100, 300), rl.rand(128, 100)
    index = rl.stack([rl.randperm(128)[:96] for _ in range(4)])

    def loss(x: rl.Tensor, y: rl.Tensor) -> rl.Tensor:
        return F.mse_loss(F.relu(x @ w.T), y)

    found = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            compiled = compile(loss)
            found.append(compiled.scan(x, target, index=index).numpy())
            (entry,) = next(iter(compiled._entries.values()))
            assert entry.program._parts > 1
    finally:
        set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_threads_share_a_stack_of_products_and_change_no_bit() -> None:
    before = get_num_threads()
    x, y = rl.rand(3, 4, 96, 80), rl.rand(3, 4, 80, 90)
    compiled = compile(lambda x, y: (x @ y).tanh())
    found = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found.append(
                compiled.scan(x[None].expand(4, 3, 4, 96, 80), y[None].expand(4, 3, 4, 80, 90)).numpy()
            )
    finally:
        set_num_threads(before)
    (entry,) = next(iter(compiled._entries.values()))
    assert entry.program._parts > 1
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(found[0][1], (x @ y).tanh().numpy(), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("turned", ["", "a", "b", "ab"])
def test_products_by_openblas(turned: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy_openblas32")
    monkeypatch.setattr(library, "LARGE", 0)
    rng = np.random.default_rng(4)
    for m, k, n in ((150, 70, 90), (9, 8200, 11)):
        a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
        left = rl.tensor(np.ascontiguousarray(a.T if "a" in turned else a))
        right = rl.tensor(np.ascontiguousarray(b.T if "b" in turned else b))
        got, plan = run(
            lambda x, y: ((x.T if "a" in turned else x) @ (y.T if "b" in turned else y)).relu(), left, right
        )
        assert plan.kernels[0].kind == "library"
        exact = np.maximum(a.astype(np.float64) @ b.astype(np.float64), 0)
        np.testing.assert_allclose(got, exact, atol=(1e-5 if dtype == "float32" else 1e-13) * k)


def test_a_constant_is_in_memory_for_all_who_read_it() -> None:
    """A product reads it from there, and so does whoever came before the product."""

    def both(x: rl.Tensor) -> rl.Tensor:
        c = rl.full((9,), 3.0).clamp(max=2.0)
        return rl.cat([c + x, (c @ x)[None]])

    x = rl.arange(9).float()
    for mode in ("full", "nofuse"):
        compiled = compile(both, mode=mode)
        for _ in range(2):
            np.testing.assert_array_equal(compiled(x).numpy(), both(x).numpy())
        (entry,) = next(iter(compiled._entries.values()))
        assert entry.proved


@pytest.mark.parametrize(
    "shape",
    [(300, 700, 20), (521, 131, 33), (257, 385, 130), (512, 300, 40), (1152, 260, 20), (640, 131, 170)],
)
def test_long_sums_over_rows_that_lie_far_apart(shape: tuple[int, int, int]) -> None:
    """Gradients of weights: the sum is cut into pieces, and threads change no bit."""
    m, k, n = shape
    rng = np.random.default_rng(3)
    a, b = (rng.normal(size=(k, size)).astype(np.float32) for size in (m, n))
    before, found = get_num_threads(), []
    try:
        for threads in (1, 2):
            set_num_threads(threads)
            found.append(run(lambda x, y: (x.T @ y).relu(), rl.tensor(a), rl.tensor(b))[0])
    finally:
        set_num_threads(before)
    assert (found[0] == found[1]).all()
    np.testing.assert_allclose(found[0], np.maximum(a.T.astype(np.float64) @ b, 0), atol=1e-3)


def test_sums_longer_than_a_panel_may_be() -> None:
    """They are cut into pieces: with panels of columns that lie apart, and without."""
    rng = np.random.default_rng(2)
    for m, k, n, turned in (
        (30, 5003, 20, True),
        (30, 5003, 20, False),
        (1, 9000, 3, True),
        (600, 1100, 7, True),
    ):
        a, b = rng.normal(size=(m, k)).astype(np.float32), rng.normal(size=(k, n)).astype(np.float32)
        y = rl.tensor(np.ascontiguousarray(b.T) if turned else b)
        got, _ = run(lambda x, y, turned=turned: (x @ (y.T if turned else y)) * 2, rl.tensor(a), y)
        np.testing.assert_allclose(got, 2 * (a.astype(np.float64) @ b), atol=1e-3)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (2, 1), (1, 3), (3, 5), (20, 1)])
def test_a_long_sum_of_products_is_accurate(m: int, n: int) -> None:
    """Of equal numbers, whose errors all go one way, along rows of both factors."""
    a, b = np.ones((m, 200_003), np.float32), np.full((n, 200_003), 0.1, np.float32)
    compiled = compile(lambda x, y: x @ y.T)
    got = compiled(rl.tensor(a), rl.tensor(b)).numpy()
    (entry,) = next(iter(compiled._entries.values()))
    assert entry.proved
    np.testing.assert_allclose(got, a.astype(np.float64) @ b.astype(np.float64).T, rtol=2e-5)
