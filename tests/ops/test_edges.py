"""Right values at the edges, eager and compiled: signs of zero, infinite gradients, extreme whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ShapeError

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


# Whole numbers

LOW = -(2**63)
QUOTIENTS = {
    "trunc": (
        lambda a, b: rl.div(a, b, rounding_mode="trunc"),
        lambda a, b: abs(a) // abs(b) * (1 if a * b >= 0 else -1),
    ),
    "floor": (lambda a, b: rl.div(a, b, rounding_mode="floor"), lambda a, b: a // b),
    "floor_divide": (rl.floor_divide, lambda a, b: a // b),
    "remainder": (rl.remainder, lambda a, b: a % b),
}
PAIRS = {
    "int64": [(2**31 + 5, 3), (LOW, 3), (2**63 - 1, -1), (-7, 2), (7, -2), (LOW, -1), (LOW, LOW), (5, LOW)],
    "int32": [(-(2**31), -1), (-7, 2), (7, -3), (2**31 - 1, 2)],
    "int8": [(-128, -1), (100, 7), (-100, 7)],
    "uint8": [(255, 2), (7, 200), (0, 3)],
}


@pytest.mark.parametrize("dtype", PAIRS)
@pytest.mark.parametrize("name", QUOTIENTS)
def test_whole_numbers_divide_exactly(name: str, dtype: str) -> None:
    function, expected = QUOTIENTS[name]
    kind = np.dtype(dtype)
    wanted = np.array([expected(a, b) for a, b in PAIRS[dtype]], object)
    wraps = (wanted - int(np.iinfo(kind).min)) % 2 ** (8 * kind.itemsize) + int(np.iinfo(kind).min)
    sides = [rl.tensor(list(side), dtype=kind) for side in zip(*PAIRS[dtype], strict=True)]
    for found in both(function, *sides):
        assert found.dtype == kind
        assert found.tolist() == wraps.tolist()
    for found in both(lambda x: function(x, 3), rl.tensor([2**31 + 5])):
        assert found.tolist() == [expected(2**31 + 5, 3)]


@pytest.mark.parametrize("name", QUOTIENTS)
@pytest.mark.parametrize("dtype", [rl.int64, rl.int32, rl.uint8])
def test_division_of_whole_numbers_by_0(name: str, dtype: Any) -> None:
    function = QUOTIENTS[name][0]
    x, y = rl.tensor([7, 1], dtype=dtype), rl.tensor([2, 0], dtype=dtype)
    for divide in (lambda: function(x, y), lambda: function(x, 0), lambda: function(7, y)):
        with pytest.raises(ZeroDivisionError, match="got a division by 0"):
            divide()
    assert function(x[:0], 0).shape == (0,)
    pytest.importorskip("llvmlite")
    assert rl.compile(function)(x, y).tolist() == [1 if name == "remainder" else 3, 0]


@pytest.mark.parametrize("name", QUOTIENTS)
def test_bools_do_not_divide(name: str) -> None:
    with pytest.raises(rl.errors.DTypeError, match="got bools"):
        QUOTIENTS[name][0](rl.tensor([True]), rl.tensor([True]))


def test_div_names_its_rounding_modes() -> None:
    with pytest.raises(rl.errors.ArgumentError, match="'floor' or 'trunc'"):
        rl.div(rl.ones(1), 2, rounding_mode="ceil")


U8 = rl.tensor([1, 44, 0], dtype=rl.uint8)
MASK = rl.tensor([True, False, True])


def written(index: Any, value: Any) -> rl.Tensor:
    out = U8.clone()
    out[index] = value
    return out


WRITES: dict[str, Callable[[int], rl.Tensor]] = {
    "where": lambda n: rl.where(MASK, U8, n),
    "where, first": lambda n: rl.where(MASK, n, U8),
    "masked_fill": lambda n: U8.masked_fill(MASK, n),
    "masked_fill, tensor": lambda n: U8.masked_fill(MASK, rl.tensor(n)),
    "masked_fill_": lambda n: U8.clone().masked_fill_(MASK, n),
    "tensor": lambda n: rl.tensor([[n], [0]], dtype=rl.uint8),
    "as_tensor": lambda n: rl.as_tensor(n, dtype=rl.uint8),
    "new_tensor": lambda n: U8.new_tensor([n]),
    "full": lambda n: rl.full((2,), n, dtype=rl.uint8),
    "full_like": lambda n: rl.full_like(U8, n),
    "new_full": lambda n: U8.new_full((2,), n),
    "fill_": lambda n: U8.clone().fill_(n),
    "index": lambda n: written(0, n),
    "mask": lambda n: written(MASK, n),
    "indices": lambda n: written(rl.tensor([0, 2]), n),
    "scatter": lambda n: U8.scatter(0, rl.tensor([0]), n),
    "randint": lambda n: rl.randint(n, n + 1, (3,), dtype=rl.uint8),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_number_that_a_dtype_cannot_hold_is_not_written(name: str) -> None:
    for number in (300, -256):
        with pytest.raises(rl.errors.ArgumentError, match=f"got {number} for uint8; expected a number from"):
            WRITES[name](number)
    assert 255 in WRITES[name](255).reshape(-1).tolist()
    assert 255 in WRITES[name](-1).reshape(-1).tolist() or name == "masked_fill, tensor"


def test_a_number_that_no_whole_number_is_makes_none() -> None:
    for number in (INF, -INF, NAN):
        with pytest.raises(rl.errors.ArgumentError, match="for int64"):
            rl.tensor([number], dtype=rl.int64)
    with pytest.raises(rl.errors.ArgumentError, match="9223372036854775808 for int64"):
        rl.tensor([2**63])
    assert rl.tensor([2.9, -2.9], dtype=rl.int64).tolist() == [2, -2]


def test_arithmetic_of_whole_numbers_is_modulo_their_range() -> None:
    def every(x: rl.Tensor) -> rl.Tensor:
        return rl.stack([x + 300, x + -1, 300 - x, x * -1, x & 300, rl.add(x, x, alpha=-3)])

    for found in both(every, U8):
        assert found.tolist() == [
            [45, 88, 44], [0, 43, 255], [43, 0, 44], [255, 212, 0], [0, 44, 0], [254, 168, 0],
        ]  # fmt: skip
    assert U8.clone().add_(300).tolist() == [45, 88, 44]
    assert [(U8 > -1).tolist(), (U8 == 300).tolist()] == [[True] * 3, [False] * 3]
    assert rl.add(MASK, MASK, alpha=3).dtype == rl.bool


# Logarithms


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
def test_logarithms_of_powers_are_whole(dtype: Any) -> None:
    whole = np.arange(-149, 128) if dtype == rl.float32 else np.arange(-1074, 1024)
    for found in both(rl.log2, rl.from_numpy(np.ldexp(np.ones(1, dtype), whole))):
        np.testing.assert_array_equal(found.numpy(), whole)
    count = 11 if dtype == rl.float32 else 23
    for found in both(rl.log10, rl.tensor([10.0**k for k in range(count)], dtype=dtype)):
        np.testing.assert_array_equal(found.numpy(), np.arange(count))


# Indices

GRID = rl.arange(6.0).reshape(2, 3)
FROM_FRONT: dict[str, Callable[[rl.Tensor], Any]] = {
    "gather": lambda i: GRID.gather(0, i),
    "scatter": lambda i: GRID.scatter(0, i, 1.0),
    "scatter_": lambda i: GRID.clone().scatter_(0, i, GRID),
    "scatter_add": lambda i: GRID.scatter_add(0, i, GRID),
    "index_select": lambda i: GRID.index_select(0, i[0]),
}


@pytest.mark.parametrize("name", FROM_FRONT)
def test_these_indices_count_from_the_front_only(name: str) -> None:
    FROM_FRONT[name](rl.tensor([[1, 0, 1], [0, 1, 1]]))
    for wrong in (-1, 2):
        index = rl.tensor([[1, 0, wrong], [0, 1, -5]])
        with pytest.raises(rl.errors.IndexingError, match=f"index {wrong} on axis 0 of size"):
            FROM_FRONT[name](index)
    assert GRID[rl.tensor([-1])].tolist() == [[3.0, 4.0, 5.0]]


def test_take_along_dim_broadcasts() -> None:
    wide, indices = rl.arange(25).reshape(5, 5), rl.tensor([[4, 0]])
    for found in both(lambda x, i: x.take_along_dim(i, 1), wide, indices):
        assert found.tolist() == [[5 * k + 4, 5 * k] for k in range(5)]
    for found in both(lambda x, i: rl.take_along_dim(x[:1], i.T, 1), wide, indices):
        assert found.tolist() == [[4], [0]]
    for found in both(rl.take_along_dim, wide, rl.tensor([[7], [24]])):
        assert found.tolist() == [7, 24]
    for found in both(lambda x, i: x.take_along_dim(i - 5, 1), wide, indices):
        assert found.tolist() == [[5 * k + 4, 5 * k] for k in range(5)]
    for wrong in (-6, 5):
        with pytest.raises(rl.errors.IndexingError, match="on axis 1 of size 5"):
            wide.take_along_dim(rl.tensor([[wrong]]), 1)
    with pytest.raises(rl.errors.ShapeError, match="as many axes"):
        wide.take_along_dim(rl.tensor([1]), 1)


def test_masked_select_broadcasts() -> None:
    mask = rl.tensor([[True, False], [True, True]])
    assert rl.masked_select(rl.tensor([1, 2]), mask).tolist() == [1, 1, 2]
    assert rl.masked_select(rl.tensor(7), mask).tolist() == [7, 7, 7]
    assert rl.masked_select(rl.tensor(7), rl.tensor(False)).tolist() == []


def test_a_single_number_has_an_axis_where_one_is_named() -> None:
    x, at = rl.tensor(3.0), rl.tensor(0)
    for found in both(
        lambda x, at: rl.stack([
            x.gather(0, at), x.index_select(0, at), x.scatter(0, at, 3.0), x.scatter(0, at, x),
            x.scatter_add(0, at, x) / 2, x.topk(1).values, x.clone().scatter_(0, at, x),
        ]), x, at,
    ):  # fmt: skip
        assert found.tolist() == [3.0] * 7


@pytest.mark.parametrize(
    ("given", "asked"), [((2, 3), (3, 2)), ((2, 16), (2, 1, 16)), ((4,), (2, 2)), ((0, 3), (3, 0))]
)
def test_expand_never_arranges_the_elements_anew(given: tuple[int, ...], asked: tuple[int, ...]) -> None:
    """Not even where there are as many of them."""
    for function in (lambda x: x.expand(asked), rl.compile(lambda x: x.expand(asked))):
        with pytest.raises(ShapeError, match="expand"):
            function(rl.zeros(*given))


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), np.int64(1)])
def test_numbers_of_numpy_do_not_widen(number: Any) -> None:
    def function(x: rl.Tensor) -> Any:
        clamped, leaky = x.clamp(min=number), rl.nn.functional.leaky_relu(x, number)
        return clamped, leaky, x.masked_fill(x > 0, number), x.norm(number), x * number, x + number

    x = rl.tensor([-1.0, 2.0])
    rl.compile(lambda x: (x * 0.5, x + 1))(x)
    for found, expected in zip(both(function, x), both(function, x), strict=True):
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == rl.float32
            assert a.tolist() == b.tolist()
