"""Sparse tensors, as in ``torch.sparse``: products, sums and softmax of tensors in coordinate form.

`rl.sparse_coo_tensor` and `Tensor.to_sparse` make them; see `SparseTensor` for what they can do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushlight.core.spec import as_dtype
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import DTypeError, message, missing
from rushlight.ops.coo import SparseTensor
from rushlight.ops.coo_making import sparse_coo_tensor
from rushlight.ops.coo_rules import normalized, total
from rushlight.ops.matmul import addmm as _addmm
from rushlight.ops.matmul import mm as _mm

__all__ = [
    "BFloat16Tensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "SparseTensor",
    "addmm",
    "log_softmax",
    "mm",
    "softmax",
    "sum",
]


def mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices: sparse if both are, else dense. Gradients flow to the values
    of a sparse one.

    Raises ShapeError for inner sizes that differ, DTypeError for two dtypes.

    >>> import rushlight as rl
    >>> rl.sparse.mm(rl.eye(2).to_sparse(), rl.tensor([[1.0], [2.0]]))
    tensor([[1.],
            [2.]])
    """
    return _mm(mat1, mat2)


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * mat + alpha * (mat1 @ mat2), with `mat1` sparse.

    >>> import rushlight as rl
    >>> rl.sparse.addmm(rl.ones(2, 1), rl.eye(2).to_sparse(), rl.ones(2, 1), alpha=3)
    tensor([[4.],
            [4.]])
    """
    return _addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum over the axes `dim`, all by default: sparse where a sparse axis remains, else dense.

    >>> import rushlight as rl
    >>> x = rl.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    >>> rl.sparse.sum(x), rl.sparse.sum(x, 1).to_dense()
    (tensor(12.), tensor([3., 9.]))
    """
    return total(_sparse("sum", input), dim, dtype=None if dtype is None else as_dtype(dtype))


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> SparseTensor:
    """Softmax along `dim` over the values that are there: all else counts as minus infinity.

    >>> import rushlight as rl
    >>> rl.sparse.softmax(rl.eye(2).to_sparse(), 1).values()
    tensor([1., 1.])
    """
    return normalized("softmax", _sparse("softmax", input), dim, dtype, log=False)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> SparseTensor:
    """The logarithm of `softmax`.

    >>> import rushlight as rl
    >>> rl.sparse.log_softmax(rl.eye(2).to_sparse(), 1).values()
    tensor([0., 0.])
    """
    return normalized("log_softmax", _sparse("log_softmax", input), dim, dtype, log=True)


def _sparse(name: str, input: Any) -> SparseTensor:
    if not isinstance(input, SparseTensor):
        remedy = f"rl.{name} is for dense ones."
        raise DTypeError(message(f"sparse.{name}", f"a {type(input).__name__}", "a sparse tensor", remedy))
    return input


class SparseType(type):
    """The type of the older constructors: its instances make sparse tensors of their dtype, which are in turn
    taken for their instances."""

    made_of: Any

    def __call__(cls, *data: Any, device: Any = None) -> SparseTensor:
        if all(hasattr(n, "__index__") and not isinstance(n, Tensor) for n in data):
            return sparse_coo_tensor(size=data or (0,), dtype=cls.made_of, device=device)
        made = sparse_coo_tensor(*data, device=device)
        if made.dtype != cls.made_of:
            remedy = "Convert the values first."
            got = f"values of {made.dtype}"
            raise DTypeError(message(f"sparse.{cls.__name__}", got, f"{cls.made_of}", remedy))
        return made

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, SparseTensor) and bool(value.dtype == cls.made_of)

    def __repr__(cls) -> str:
        return f"<class 'rushlight.sparse.{cls.__name__}'>"


class FloatTensor(SparseTensor, metaclass=SparseType):
    """PyTorch's older constructor of a sparse tensor of float32: of indices, values and size; or of sizes.

    All such tensors are its instances. The others are the same for their dtypes.

    >>> import rushlight as rl
    >>> x = rl.sparse.FloatTensor(rl.tensor([[0, 1], [1, 0]]), rl.tensor([2.0, 3.0]), rl.Size([2, 2]))
    >>> x.to_dense(), isinstance(x, rl.sparse.FloatTensor)
    (tensor([[0., 2.],
            [3., 0.]]), True)
    """

    made_of = xp.float32


class DoubleTensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of float64; see `FloatTensor`."""

    made_of = xp.float64


class HalfTensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of float16; see `FloatTensor`."""

    made_of = xp.float16


class BFloat16Tensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of bfloat16; see `FloatTensor`."""

    made_of = xp.bfloat16


class LongTensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of int64; see `FloatTensor`."""

    made_of = xp.int64


class IntTensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of int32; see `FloatTensor`."""

    made_of = xp.int32


class ShortTensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of int16; see `FloatTensor`."""

    made_of = xp.int16


class CharTensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of int8; see `FloatTensor`."""

    made_of = xp.int8


class ByteTensor(SparseTensor, metaclass=SparseType):
    """A sparse tensor of uint8; see `FloatTensor`."""

    made_of = xp.uint8


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        raise missing(__name__, name, __all__)

    def __dir__() -> list[str]:
        return sorted([*__all__, "__all__", "__doc__", "__file__", "__name__"])
