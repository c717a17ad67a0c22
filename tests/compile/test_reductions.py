"""Reductions as native code: every op over dtypes, layouts and axes, equal to eager and the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import IndexingError, ShapeError
from tests.compile.lowered import check_lowered, kinds, threads

pytest.importorskip("llvmlite")

SUMS = ("sum", "mean", "prod")
EXTREMES = ("amax", "amin")
TESTS = ("any", "all")
POSITIONS = ("argmax", "argmin")
DTYPES = ("float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool")
AXES: list[Any] = [None, 0, 1, -1, (0, 2), (0, 1), (0, 1, 2)]
VIEWS = {"turned": lambda t: t.permute(1, 2, 0), "flipped": lambda t: t.flip(1)}
SIZES = {"small": (2, 3, 4), "wide": (3, 5, 150), "long": (37, 4, 3), "ones": (1, 6, 1)}


def _numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Any:
    """Few different numbers, so that there are ties; factors near 1, so that products stay finite."""
    r = np.random.default_rng(seed)
    if dtype == "bool":
        return r.random(shape) < 0.5
    if dtype.startswith("float"):
        return (r.choice([-1.0, 1.0], shape) * (1 + r.integers(-3, 4, shape) / 16)).astype(dtype)
    return r.integers(0 if dtype[0] == "u" else -3, 4, shape).astype(dtype)


def _layouts(array: Any) -> dict[str, rl.Tensor]:
    x = rl.from_numpy(array)
    wide = rl.from_numpy(np.ascontiguousarray(np.concatenate([array, array], -1)))
    return {"plain": x, "turned": x.permute(2, 0, 1), "strided": wide[..., ::2], "flipped": x.flip((0, 2))}


def _reduce(op: str, axes: Any, keepdim: bool) -> Any:
    if axes is None:
        return lambda x: getattr(x, op)()
    return lambda x: getattr(x, op)(axes, keepdim=keepdim)


def _each(functions: list[Any], view: Any = None) -> Any:
    """All of them on one tensor, or on a view of it."""

    def run(x: rl.Tensor) -> Any:
        seen = view(x) if view else x
        return tuple(f(seen) for f in functions)

    return run


def _takes(op: str, dtype: str, axes: Any) -> bool:
    if op == "mean" and not dtype.startswith("float"):
        return False
    if op in ("prod", *POSITIONS) and isinstance(axes, tuple):
        return False
    return not (op in SUMS and dtype == "float16")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", [*SUMS, *EXTREMES, *TESTS, *POSITIONS])
def test_every_dtype_and_axis(op: str, dtype: str) -> None:
    x = rl.from_numpy(_numbers(SIZES["small"], dtype))
    wide = rl.from_numpy(_numbers(SIZES["wide"], dtype, 1))
    todo = [_reduce(op, a, i % 2 == 0) for i, a in enumerate(AXES) if _takes(op, dtype, a)]
    check_lowered(_each(todo), x)
    check_lowered(_each(todo), wide, modes=["full"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("op", ["sum", "any", "argmax"])
def test_every_layout(op: str, size: str) -> None:
    for dtype in ("float32", "int64"):
        # Inside the program, too, it is a view that is read.
        for layout, x in _layouts(_numbers(SIZES[size], dtype)).items():
            todo = [_reduce(op, a, False) for a in AXES if _takes(op, dtype, a)]
            check_lowered(_each(todo, VIEWS.get(layout)), x, modes=["full"])


@pytest.mark.parametrize("op", [*SUMS[:2], *EXTREMES, *TESTS, *POSITIONS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_infinity(op: str, dtype: str) -> None:
    nan, inf = float("nan"), float("inf")
    rows = [[1.0, nan, inf, nan], [-inf, -inf, -inf, -inf], [inf, 1.0, inf, -inf], [0.0, -0.0, 0.0, -0.0]]
    x = rl.tensor(rows * 2, dtype=getattr(rl, dtype))
    wide = x.repeat(1, 9)
    for t in (x, wide, wide.T):
        check_lowered(_each([_reduce(op, a, False) for a in (None, 0, 1)]), t)


def test_the_first_of_equals() -> None:
    x = rl.zeros(3, 70)
    x[1, 33:] = 1.0
    x[2, 69] = -1.0

    def places(t: rl.Tensor) -> Any:
        return t.argmax(1), t.argmin(1), t.argmax(0), t.argmax(), t.argmin(), t.T.argmax()

    check_lowered(places, x)
    found = rl.compile(places)(x)
    assert [found[0].tolist(), found[1].tolist()] == [[0, 33, 0], [0, 0, 69]]


def test_wide_integers_wrap_as_eager() -> None:
    big = rl.tensor([2**62, 2**62, 2**62, -(2**63), 7])
    check_lowered(lambda t: (t.sum(), t.prod(0), t.amax(), t.amin(), t.argmin(), t[:3].sum()), big)
    small = rl.tensor([100, 100, 100, -7], dtype=rl.int8)
    check_lowered(lambda t: (t.sum(dtype=rl.int8), t.prod(dtype=rl.int8), t.sum(), t.amin()), small)
    check_lowered(lambda t: (t.sum(dtype=rl.bool), t.prod(dtype=rl.bool)), rl.tensor([True, False]))


def test_expanded_and_without_axes() -> None:
    x = rl.tensor([3, -1, 2])
    check_lowered(lambda t: (t.expand(4, 3).sum(0), t.expand(4, 3).sum(), t.expand(4, 3).argmax()), x)
    check_lowered(lambda t: (t[0].sum(), t[1].any(), t[2].amax(), t[0].prod(), (t[0] * 1.5).mean()), x)
    check_lowered(lambda t: (t * 0.5).logsumexp(0) + (t * 0.5).var() + (t[0] * 0.5).norm(), x)


def test_neighbours_join_the_loop() -> None:
    def program(x: rl.Tensor) -> Any:
        places = ((x * 3).argmax(1) + 1) * 2
        return (x > 0).sum(1) * 2, places, ~(x > 2).any(0), (x != 0).all(1, keepdim=True)

    x = rl.from_numpy(_numbers((5, 40), "float32"))
    check_lowered(program, x)
    compiled = rl.compile(program)
    compiled(x)
    assert set(kinds(compiled)) == {"reduce", "rows"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lanes_past_the_end_do_not_count(dtype: str) -> None:
    """In narrow columns they hold 0 / 0, or what else a function makes of zeros."""
    functions = [
        lambda a, b: a / b,
        lambda a, b: rl.fmod(a, b),
        lambda a, b: rl.remainder(a, b),
        lambda a, b: rl.floor_divide(a, b),
        lambda a, b: (a - a) / (b - b + 1e-9) + a.log() + b.rsqrt(),
    ]
    for rows in (7, 24, 100):
        for columns in (3, 4):
            a = rl.from_numpy(_numbers((rows, columns), dtype)).abs()
            b = rl.from_numpy(_numbers((rows, columns), dtype, 1)).abs() + 0.25

            def run(a: rl.Tensor, b: rl.Tensor) -> Any:
                return tuple(r for f in functions for r in (f(a, b).sum(0), f(a, b).amin(1), f(a, b).mean()))

            check_lowered(run, a, b, modes=("full",))


def test_gradients() -> None:
    def program(x: rl.Tensor) -> Any:
        y = x.prod(1).sum() + x.max(0).values.sum() + x.amin() + (x * (x > 0).sum()).logsumexp(0).sum()
        return (y.detach(), *rl.autograd.grad(y, [x]))

    for dtype in (rl.float32, rl.float64):
        x = rl.from_numpy(_numbers((4, 21), "float64")).to(dtype).requires_grad_()
        check_lowered(program, x)


def test_nothing_to_reduce() -> None:
    x = rl.zeros(0, 3)

    def program(t: rl.Tensor) -> Any:
        return t.sum(0), t.mean(0), t.prod(0), t.any(0), t.all(0), t.sum(1), t.amax(1), t.argmax(1), t.sum()

    check_lowered(program, x)
    with pytest.raises(IndexingError, match="argmax"):
        rl.compile(lambda t: t.argmax(0))(x)
    with pytest.raises(ShapeError, match="amax"):
        rl.compile(lambda t: t.amax())(x)


def test_scan_and_two_threads() -> None:
    @rl.compile
    def step(x: rl.Tensor) -> Any:
        return x.argmax(1), (x > 0).sum(), x.prod(0)

    xs = rl.from_numpy(_numbers((6, 5, 33), "float32"))
    places, counts, products = step.scan(xs)
    for i in range(6):
        assert places[i].tolist() == xs[i].argmax(1).tolist()
        assert int(counts[i]) == int((xs[i] > 0).sum())
        np.testing.assert_allclose(products[i].numpy(), xs[i].prod(0).numpy(), rtol=1e-5)
    with threads(2):
        again = step.scan(xs)
    assert all(bool((a == b).all()) for a, b in zip(again, (places, counts, products), strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "bool"])
@pytest.mark.parametrize("columns", [127, 256, 389, 1030])
def test_columns_that_lie_far_apart(columns: int, dtype: str) -> None:
    """Several vectors beside each other at a time, and a rest; with something computed first, and without."""
    x = rl.from_numpy(_numbers((90, columns), dtype))
    for op in ("sum", "amax", "amin", *(["mean"] if dtype.startswith("float") else [])):
        for step in (_reduce(op, 0, False), lambda x, op=op: getattr(x * x[0] + x, op)(0) * 2):
            compiled = rl.compile(step)
            got, expected = compiled(x), step(x)
            tolerance = {"float32": 1e-5, "float64": 1e-13, "float16": 2e-3}.get(dtype, 0)
            np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=tolerance, atol=40 * tolerance)
            ((entry,),) = compiled._entries.values()
            assert entry.proved
