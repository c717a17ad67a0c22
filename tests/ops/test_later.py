"""Functions that load later: in-place twins, views by strides, memory made anew, NumPy's names, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import ArgumentError, DivisionError, DTypeError, GradError, IndexingError, ShapeError

# In place


def test_a_twin_writes_into_the_same_memory_and_its_views_see_it() -> None:
    x = rl.tensor([0.5, -0.5])
    view = x[:1]
    assert x.sin_() is x
    assert view.tolist() == x.tolist()[:1]


def test_operators_in_place() -> None:
    x = rl.tensor([6, 3])
    same = x
    x &= 3
    x |= 8
    x ^= 1
    x <<= 2
    x >>= 1
    assert x is same
    assert x.tolist() == [((6 & 3 | 8) ^ 1) << 2 >> 1, ((3 & 3 | 8) ^ 1) << 2 >> 1]


def test_a_twin_keeps_what_the_derivative_reads() -> None:
    x = rl.tensor([0.5, 2.0], requires_grad=True)
    y = x * 1.0
    y.log_().square_().sinh_()
    y.sum().backward()
    want = rl.tensor([0.5, 2.0], requires_grad=True)
    want.log().square().sinh().sum().backward()
    assert x.grad is not None
    assert want.grad is not None
    assert x.grad.tolist() == want.grad.tolist()


def test_a_twin_records_what_another_operand_needs() -> None:
    x, y = rl.tensor([3.0]), rl.tensor([4.0], requires_grad=True)
    x.hypot_(y)
    x.sum().backward()
    assert y.grad is not None
    np.testing.assert_allclose(y.grad.numpy(), [0.8], rtol=1e-6)


REFUSED: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: rl.tensor([1]).sin_(), DTypeError, "float32 into int64"),
    (lambda: rl.tensor([True]).cumsum_(0), DTypeError, "int64 into bool"),
    (lambda: rl.ones(1).hypot_(rl.ones(3)), ShapeError, "target's shape"),
    (lambda: rl.ones(2, requires_grad=True).sin_(), GradError, "no_grad"),
    (lambda: rl.ones(2, requires_grad=True).unsqueeze_(0), GradError, r"Use unsqueeze\(\)"),
    (lambda: rl.ones(2, requires_grad=True).resize_(1), GradError, "detach"),
    (lambda: (rl.ones(2, requires_grad=True) * 2)[:1].detach_(), GradError, "view"),
    (lambda: rl.as_strided(rl.ones(4), (3,), (2,)), ArgumentError, "within the tensor's memory"),
    (lambda: rl.diag(rl.ones(1, 1, 1)), ShapeError, "vector or a matrix"),
    (lambda: rl.ones(2, 3).diagonal(0, 1, 1), ArgumentError, "two different axes"),
    (lambda: rl.fmod(rl.tensor([1]), 0), DivisionError, "division by 0"),
    (lambda: rl.gcd(rl.ones(1), rl.ones(1)), DTypeError, "whole numbers"),
    (lambda: rl.ones(2) << 1, DTypeError, "whole numbers"),
    (lambda: rl.heaviside(rl.ones(1), rl.tensor([1])), DTypeError, "one dtype"),
    (lambda: rl.frexp(rl.tensor([1])), DTypeError, "float"),
    (lambda: rl.kthvalue(rl.ones(2), 3), ArgumentError, "from 1 to 2"),
    (lambda: rl.quantile(rl.ones(2), 1.5), ArgumentError, "from 0 to 1"),
    (lambda: rl.quantile(rl.tensor([1]), 0.5), DTypeError, "float"),
    (lambda: rl.searchsorted(rl.ones(2, 3), rl.ones(3)), ShapeError, "each row"),
    (lambda: rl.bincount(rl.tensor([-1])), ArgumentError, "0 or more"),
    (lambda: rl.bincount(rl.ones(2)), DTypeError, "whole numbers"),
    (lambda: rl.histc(rl.ones(2), 0), ArgumentError, "positive"),
    (lambda: rl.index_add(rl.ones(3), 0, rl.tensor([0]), rl.ones(2)), ShapeError, "slice for each index"),
    (lambda: rl.index_copy(rl.ones(3), 0, rl.ones(1), rl.ones(1)), IndexingError, "integers"),
    (lambda: rl.ones(2).scatter_reduce(0, rl.tensor([0]), rl.ones(1), "max"), ArgumentError, "amax"),
    (lambda: rl.put(rl.ones(2), rl.tensor([0]), rl.ones(2)), ShapeError, "as many"),
    (lambda: rl.roll(rl.ones(2, 2), (1, 2)), ArgumentError, "one shift"),
    (lambda: rl.hsplit(rl.ones(3), 2), ArgumentError, "divides"),
    (lambda: rl.meshgrid(rl.ones(2), indexing="ji"), ArgumentError, "'ij' or 'xy'"),
    (lambda: rl.tensordot(rl.ones(2, 3), rl.ones(2, 3), 1), ShapeError, "summed over"),
    (lambda: rl.cross(rl.ones(2), rl.ones(2), dim=0), ShapeError, "size 3"),
    (lambda: rl.cdist(rl.ones(2, 3), rl.ones(2, 4)), ShapeError, "as many"),
    (lambda: rl.cov(rl.ones(2, 3), fweights=rl.ones(2)), ShapeError, "one for each"),
    (lambda: rl.gradient(rl.ones(1)), ShapeError, "at least 2"),
    (lambda: rl.repeat_interleave(rl.ones(2), -1), ArgumentError, "0 or more"),
    (lambda: rl.frombuffer(bytearray(2), dtype=rl.float32), ArgumentError, "buffer"),
    (lambda: rl.hann_window(3, dtype=rl.int64), DTypeError, "floating"),
    (lambda: rl.finfo(rl.int64), DTypeError, "iinfo"),
    (lambda: rl.iinfo(rl.float32), DTypeError, "finfo"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_refused(case: int) -> None:
    call, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        call()


# Views by strides


def test_a_diagonal_writes_through() -> None:
    x = rl.zeros(3, 3)
    x.diagonal(1).fill_(5.0)
    rl.diagonal(x.T, 1).add_(1.0)
    assert x.tolist() == [[0.0, 5.0, 0.0], [1.0, 0.0, 5.0], [0.0, 1.0, 0.0]]


def test_as_strided_looks_at_the_memory_of_the_base() -> None:
    x = rl.arange(12).reshape(3, 4)
    part = x[1:, 1:]
    assert part.as_strided((2,), (5,)).tolist() == [5, 10]
    assert part.as_strided((2,), (1,), 0).tolist() == [0, 1]
    assert part.storage_offset() == 5
    rl.as_strided(x.T, (3,), (4,)).mul_(-1)
    assert x[:, 0].tolist() == [0, -4, -8]


def test_as_strided_with_a_history() -> None:
    x = rl.arange(4).float().requires_grad_()
    y = x * 1.0
    y.as_strided((2,), (2,)).mul_(3.0)
    (y.as_strided((2, 2), (1, 1)) * rl.tensor([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 110.0, 3000.0, 0.0]


# Memory


def test_resize() -> None:
    x = rl.arange(4)
    view = x[:2]
    x.resize_(3)
    x[0] = 7
    assert view.tolist() == [7, 1]
    assert x.resize_(2, 3).tolist() == [[7, 1, 2], [0, 0, 0]]


def test_set_shares_memory() -> None:
    x, y = rl.zeros(1), rl.ones(3)
    x.set_(y)
    x.mul_(2.0)
    assert y.tolist() == [2.0, 2.0, 2.0]
    assert x.is_set_to(y)
    assert x.set_().shape == (0,)


def test_shapes_change_in_place() -> None:
    x = rl.arange(6).reshape(2, 3)
    y = x.detach()
    y.t_()
    y.mul_(2)
    assert y.shape == (3, 2)
    assert x.tolist() == [[0, 2, 4], [6, 8, 10]]


# Names and options


def test_new() -> None:
    x = rl.zeros(1, dtype=rl.int64)
    assert x.new([1, 2]).tolist() == [1, 2]
    assert x.new(2, 3).shape == (2, 3)
    assert x.new(np.array([2.5])).dtype == rl.int64


def test_the_size_keyword() -> None:
    for name in ("zeros", "ones", "empty", "rand", "randn"):
        assert getattr(rl, name)(size=(2, 3)).shape == (2, 3)
        assert getattr(rl, name)(2, 3).shape == (2, 3)
    x = rl.ones(1)
    assert x.new_zeros(size=(2,)).shape == x.new_ones(size=[2]).shape == x.new_empty(size=(2,)).shape == (2,)


AXIS: dict[str, tuple[Any, ...]] = {
    "squeeze": (), "unsqueeze": (), "cumsum": (), "cumprod": (), "logcumsumexp": (), "cummax": (),
    "cummin": (),
    "softmax": (), "log_softmax": (), "logsumexp": (), "sort": (), "argsort": (), "topk": (1,), "chunk": (2,),
    "unbind": (), "count_nonzero": (), "median": (), "quantile": (0.5,), "kthvalue": (1,), "mode": (),
    "nansum": (),
}  # fmt: skip


@pytest.mark.parametrize("name", AXIS)
def test_numpys_name_of_the_axis(name: str) -> None:
    x = rl.tensor([[1.0, 5.0, 0.0], [7.0, 3.0, 2.0]])
    for function in (getattr(rl, name), getattr(rl.Tensor, name)):
        a, b = function(x, *AXIS[name], dim=1), function(x, *AXIS[name], axis=1)
        pairs = zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]
        assert all(u.tolist() == v.tolist() for u, v in pairs)
        with pytest.raises(TypeError, match=f"{name}.*'axes'"):
            function(x, *AXIS[name], axes=1)


def test_numpys_name_of_the_axis_of_a_join() -> None:
    x = rl.ones(2, 3)
    for join in (rl.cat, rl.concatenate, rl.stack):
        assert join([x, x], axis=1).shape == join([x, x], dim=1).shape


def test_repr_of_facts() -> None:
    assert repr(rl.iinfo(rl.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    assert repr(rl.finfo(rl.float32)).startswith("finfo(resolution=1e-06, min=-3.40282e+38")
