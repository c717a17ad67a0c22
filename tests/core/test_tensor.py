"""Tensor as a Python object: numbers in and out, text, protocols, copies."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, GradError, NotSupportedError


def test_facts() -> None:
    x = rl.zeros(2, 3, dtype=rl.float64)
    assert (x.shape, x.ndim, x.dim(), x.size(), x.size(-1), x.numel()) == ((2, 3), 2, 2, (2, 3), 3, 6)
    assert (x.dtype, x.device, x.element_size(), x.stride()) == (rl.float64, "cpu", 8, (3, 1))
    assert x.is_floating_point()
    assert x.is_contiguous()
    assert not x.T.is_contiguous()
    assert x.T.contiguous().is_contiguous()
    assert x.is_leaf


def test_default_dtypes() -> None:
    assert rl.tensor([1.0]).dtype == rl.float32
    assert rl.tensor([1]).dtype == rl.int64
    assert rl.tensor([True]).dtype == rl.bool
    assert rl.tensor(np.ones(1)).dtype == rl.float64
    assert rl.tensor(np.float64(1.0)).dtype == rl.float64
    assert rl.Tensor([1, 2]).dtype == rl.float32
    assert rl.tensor([rl.tensor(1.0), rl.tensor(2.0)]).tolist() == [1.0, 2.0]
    assert rl.tensor(rl.tensor([1.5])).tolist() == [1.5]


def test_numpy_shares_memory() -> None:
    x = rl.zeros(3)
    x.numpy()[1] = 5.0
    assert x.tolist() == [0.0, 5.0, 0.0]
    trained = rl.zeros(2, requires_grad=True)
    with pytest.raises(GradError, match=r"detach\(\)\.numpy\(\)"):
        trained.numpy()
    trained.numpy(force=True)[1] = 5.0
    assert trained.tolist() == [0.0, 5.0]
    a = np.zeros(3)
    rl.from_numpy(a).add_(1.0)
    rl.as_tensor(a).add_(1.0)
    assert a.tolist() == [2.0, 2.0, 2.0]
    rl.tensor(a).add_(1.0)
    assert a.tolist() == [2.0, 2.0, 2.0]
    y = rl.ones(2)
    assert rl.as_tensor(y) is y
    assert rl.as_tensor(y, dtype=rl.float64).dtype == rl.float64


def test_numpy_of_a_tensor_that_requires_grad() -> None:
    x = rl.ones(2, requires_grad=True)
    for convert in (lambda: x.numpy(), lambda: np.asarray(x), lambda: np.from_dlpack(x)):
        with pytest.raises(GradError, match=r"detach\(\)"):
            convert()
    assert x.detach().numpy().tolist() == [1.0, 1.0]
    assert x.tolist() == [1.0, 1.0]


def test_array_protocol() -> None:
    x = rl.arange(3)
    assert np.asarray(x) is x.array
    assert np.array(x) is not x.array
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.array(x, copy=True).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(x, [0, 1, 2])
    assert np.sum(rl.ones(3).numpy()) == 3.0
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype=np.float32, copy=False)


def test_dlpack_both_ways_without_a_copy() -> None:
    x = rl.arange(6).float().reshape(2, 3)
    there = np.from_dlpack(x)
    assert np.shares_memory(there, x.array)
    a = np.arange(4.0)
    back = rl.from_dlpack(a)
    assert np.shares_memory(back.array, a)
    assert x.__dlpack_device__() == a.__dlpack_device__()
    assert rl.from_dlpack(x.T).tolist() == x.T.tolist()


def test_item_tolist_and_numbers() -> None:
    x = rl.tensor([[2.5]])
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)
    assert type(rl.tensor(3).item()) is int
    assert type(rl.tensor(True).item()) is bool
    assert rl.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert rl.tensor(1.5).tolist() == 1.5
    assert [10, 20, 30][rl.tensor(1)] == 20
    assert list(range(5))[rl.tensor(1) : rl.tensor(3)] == [1, 2]
    with pytest.raises(ArgumentError, match=r"item: got a tensor of shape \(2,\)"):
        rl.ones(2).item()
    with pytest.raises(DTypeError, match=r"x.any\(\) or x.all\(\)"):
        bool(rl.ones(2))
    with pytest.raises(DTypeError, match="integer tensor"):
        [1, 2][rl.tensor(1.0)]


def test_len_iter_contains() -> None:
    x = rl.arange(6).reshape(3, 2)
    assert len(x) == 3
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]
    assert 4 in x
    assert 9 not in x
    a, b = rl.tensor([1.0, 2.0])
    assert (a.item(), b.item()) == (1.0, 2.0)
    for refuse in (len, iter):
        with pytest.raises(TypeError, match="0-d"):
            refuse(rl.tensor(1.0))  # type: ignore[operator]


def test_format() -> None:
    assert f"{rl.tensor(3.14159):.2f}" == "3.14"
    assert f"{rl.tensor(7):d}" == "7"
    assert f"{rl.tensor([1.0, 2.0])}" == "tensor([1., 2.])"


REPRS = {
    "tensor([1., 2.])": lambda: rl.tensor([1.0, 2.0]),
    "tensor([1, 2])": lambda: rl.tensor([1, 2]),
    "tensor([ True, False])": lambda: rl.tensor([True, False]),
    "tensor(3.)": lambda: rl.tensor(3.0),
    "tensor([1.], dtype=rushlight.float64)": lambda: rl.ones(1, dtype=rl.float64),
    "tensor([1], dtype=rushlight.int32)": lambda: rl.ones(1, dtype=rl.int32),
    "tensor([1.], requires_grad=True)": lambda: rl.ones(1, requires_grad=True),
    "tensor([2.], grad_fn=<MulBackward0>)": lambda: rl.ones(1, requires_grad=True) * 2.0,
    "tensor([])": lambda: rl.tensor([]),
    "tensor([], size=(0, 3))": lambda: rl.zeros(0, 3),
    "tensor([[1., 2.],\n        [3., 4.]])": lambda: rl.tensor([[1.0, 2.0], [3.0, 4.0]]),
    "tensor([nan, inf])": lambda: rl.tensor([float("nan"), float("inf")]),
    "Parameter containing:\ntensor([1.], requires_grad=True)": lambda: nn.Parameter(rl.ones(1)),
}


@pytest.mark.parametrize("text", REPRS)
def test_repr(text: str) -> None:
    assert repr(REPRS[text]()) == text


def test_long_tensors_are_summarised() -> None:
    assert "..." in repr(rl.zeros(2000))
    assert len(repr(rl.zeros(100, 100))) < 2000


def test_deepcopy() -> None:
    x = rl.ones(2, requires_grad=True)
    (x * 2.0).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.grad is not None
    assert y.grad.tolist() == [2.0, 2.0]
    with rl.no_grad():
        y.add_(1.0)
        y.grad.zero_()
    assert x.tolist() == [1.0, 1.0]
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]
    p = copy.deepcopy(nn.Parameter(rl.ones(1), requires_grad=False))
    assert isinstance(p, nn.Parameter)
    assert not p.requires_grad
    one = rl.ones(1)
    a, b = copy.deepcopy([one, one])
    assert a is b
    with pytest.raises(GradError, match="detach"):
        copy.deepcopy(x * 2.0)


def test_pickle() -> None:
    for x in (
        rl.arange(3),
        rl.ones(2, requires_grad=True),
        nn.Parameter(rl.zeros(2, 2)),
        rl.ones(2, 3).T[1:],
    ):
        y = pickle.loads(pickle.dumps(x))
        assert type(y) is type(x)
        assert y.tolist() == x.tolist()
        assert (y.requires_grad, y.spec) == (x.requires_grad, x.spec)
    with pytest.raises(GradError, match="detach"):
        pickle.dumps(rl.ones(1, requires_grad=True) * 2.0)


def test_hash_and_equality_are_pythons_and_numpys() -> None:
    a, b = rl.ones(2), rl.ones(2)
    assert len({a, b, a}) == 2
    assert (a == b).tolist() == [True, True]
    assert (a == None) is False  # noqa: E711
    assert (a != "text") is True
    assert (a == None) is False  # noqa: E711
    assert a in [None, a]


def test_numpy_arrays_on_either_side() -> None:
    a, x = np.array([1.0, 2.0], np.float32), rl.tensor([10.0, 20.0], requires_grad=True)
    for out in (a + x, x + a):
        assert isinstance(out, rl.Tensor)
        assert out.tolist() == [11.0, 22.0]
        assert out.requires_grad
    assert (a * x).tolist() == [10.0, 40.0]
    assert (a - x).tolist() == [-9.0, -18.0]
    assert (a / x).shape == (2,)
    assert (a**x).shape == (2,)
    assert (a < x).tolist() == [True, True]
    assert (x >= a).tolist() == [True, True]
    assert (np.ones((2, 2), np.float32) @ x).tolist() == [30.0, 30.0]
    assert (x @ np.ones((2, 2), np.float32)).tolist() == [30.0, 30.0]
    assert (np.float32(2.0) * x).tolist() == [20.0, 40.0]
    assert isinstance(np.float64(2.0) * x, rl.Tensor)
    assert (x * np.float32(2.0)).dtype == rl.float32


def test_python_numbers_are_weak() -> None:
    x = rl.ones(2)
    assert (x * 2).dtype == (x * 2.0).dtype == (x + True).dtype == rl.float32
    assert (rl.ones(2, dtype=rl.int32) + 1).dtype == rl.int32
    assert (rl.ones(2, dtype=rl.int64) * 0.5).dtype == rl.float32
    assert (rl.ones(2, dtype=rl.float64) * 0.1).tolist() == [0.1, 0.1]


def test_what_does_not_mix() -> None:
    for bad in ("text", None, [1.0], object()):
        with pytest.raises(TypeError):
            rl.ones(2) + bad
        with pytest.raises(TypeError):
            bad * rl.ones(2)  # type: ignore[operator]
    with pytest.raises(DTypeError, match="numbers or bools"):
        rl.tensor(["a"])
    with pytest.raises(ArgumentError, match="unequal lengths"):
        rl.tensor([[1, 2], [3]])
    with pytest.raises(DTypeError, match="complex"):
        rl.tensor([1j])
    with pytest.raises(NotSupportedError, match="cuda"):
        rl.zeros(2, device="cuda")
    with pytest.raises(NotSupportedError):
        rl.ones(1).to("cuda:0")
    with pytest.raises(DTypeError, match="NumPy array"):
        rl.from_numpy([1.0])  # type: ignore[arg-type]
    with pytest.raises(DTypeError):
        rl.zeros(2, dtype="complex64")
    with pytest.raises(IndexError):
        rl.ones(2)[5]
    with pytest.raises(DTypeError, match="a str"):
        rl.ones(2)["a"]


def test_parameter() -> None:
    p = nn.Parameter(rl.ones(2))
    assert isinstance(p, rl.Tensor)
    assert p.is_leaf
    assert p.requires_grad
    assert type(p * 2.0) is rl.Tensor
    assert type(p.detach()) is rl.Tensor
    with pytest.raises(DTypeError, match="Parameter"):
        nn.Parameter([1.0])  # type: ignore[arg-type]
