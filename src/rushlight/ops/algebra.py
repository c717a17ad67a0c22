"""Products of vectors, matrices and higher tensors beyond matmul."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import one_dtype, to_dtype
from rushlight.core.autocast import autocasts
from rushlight.core.spec import broadcast, normalize_axes, normalize_axis
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.join import stack
from rushlight.ops.matmul import bmm, matmul, mv, outer, with_axes
from rushlight.ops.ranges import arange

__all__ = [
    "addbmm",
    "addmv",
    "addr",
    "baddbmm",
    "chain_matmul",
    "cross",
    "ger",
    "inner",
    "kron",
    "tensordot",
    "vander",
    "vdot",
]

ger = outer


def _added(name: str, input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * input + alpha * product; with beta 0 whatever the input holds, nan too, is left out."""
    one_dtype(name, (input, product))
    if product.dtype.kind != "f":
        beta, alpha = int(beta), int(alpha)
    scaled = product if alpha == 1 else to_dtype(product * alpha, product.dtype)
    if beta == 0:
        return scaled.expand(broadcast(name, [input.shape, product.shape])).clone()
    return (input if beta == 1 else to_dtype(input * beta, input.dtype)) + scaled


@method()
@autocasts("lower")
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (the sum of the products of two batches of matrices).

    >>> import rushlight as rl
    >>> rl.addbmm(rl.zeros(1, 1), rl.ones(2, 1, 3), rl.ones(2, 3, 1))
    tensor([[6.]])
    """
    return _added("addbmm", input, to_dtype(bmm(batch1, batch2).sum(0), batch1.dtype), beta, alpha)


@method()
@autocasts("lower")
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (the products of two batches of matrices)."""
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@method()
@autocasts("as it is")
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    return _added("addmv", input, mv(mat, vec), beta, alpha)


@method()
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2); dtypes promote.

    >>> import rushlight as rl
    >>> rl.addr(rl.zeros(2, 2), rl.tensor([1.0, 2.0]), rl.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    product = outer(vec1, vec2)
    if input.dtype.kind == product.dtype.kind == "b":
        scaled = product & bool(alpha)
        return scaled.expand(broadcast("addr", [input.shape, product.shape])) | (input & bool(beta))
    return (input * beta if beta != 0 else input.new_full(input.shape, 0)) + product * alpha


@method()
@autocasts("as it is")
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The inner product of two vectors."""
    with_axes("vdot", (input, 1), (other, 1))
    return matmul(input, other)


@method()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """The sums of products along the last axes of both; with a number, the product.

    >>> import rushlight as rl
    >>> rl.inner(rl.tensor([1, 2]), rl.tensor([[3, 4], [5, 6]]))
    tensor([11, 17])
    """
    if not input.ndim or not other.ndim:
        return input * other
    return tensordot(input, other, ([-1], [-1]))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, **numpy: Any) -> Tensor:
    """The sums of products over axes of both: the last `dims` of `a` and the first of `b`, or those that a
    pair of lists names. NumPy's name `axes` is taken too.

    >>> import rushlight as rl
    >>> rl.tensordot(rl.ones(2, 3), rl.ones(2, 3), dims=([0, 1], [0, 1]))
    tensor(6.)
    """
    dims = numpy.pop("axes", dims)
    if numpy:
        raise TypeError(f"tensordot() got an unexpected keyword argument {next(iter(numpy))!r}")
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            got = f"dims={dims} for {a.ndim} and {b.ndim} axes"
            raise ArgumentError(message("tensordot", got, "from 0 to the number of axes"))
        pair: Any = (range(a.ndim - dims, a.ndim), range(dims))
    else:
        pair = tuple([d] if isinstance(d, int) else list(d) for d in dims)
    left, right = (normalize_axes("tensordot", list(d), t.ndim) for d, t in zip(pair, (a, b), strict=True))
    a, b = _alike(a, left, b, right)
    summed = [a.shape[i] for i in left]
    rest = [[i for i in range(t.ndim) if i not in d] for t, d in ((a, left), (b, right))]
    shape = [a.shape[i] for i in rest[0]] + [b.shape[i] for i in rest[1]]
    total = 1
    for n in summed:
        total *= n
    rows = a.permute(*rest[0], *left).reshape(_product(a, rest[0]), total) if a.ndim else a.reshape(1, 1)
    columns = b.permute(*right, *rest[1]).reshape(total, _product(b, rest[1])) if b.ndim else b.reshape(1, 1)
    return matmul(rows, columns).reshape(shape)


def _alike(a: Tensor, left: Sequence[int], b: Tensor, right: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Both with equal sizes of the axes that are summed over: where one has size 1 the other is summed."""
    pairs = [(a.shape[i], b.shape[j]) for i, j in zip(left, right, strict=True)]
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        got = f"sizes {[m for m, _ in pairs]} and {[n for _, n in pairs]}"
        raise ShapeError(message("tensordot", got, "equal sizes of the axes that are summed over"))
    for (m, n), i, j in zip(pairs, left, right, strict=True):
        if m != n:
            total = b.sum(j, True, dtype=b.dtype) if m == 1 else a.sum(i, True, dtype=a.dtype)
            a, b = (a, total) if m == 1 else (total, b)
    return a, b


def _product(t: Tensor, axes: list[int]) -> int:
    total = 1
    for i in axes:
        total *= t.shape[i]
    return total


@method()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: `other` as often as `input` has elements, each time times one of them.

    >>> import rushlight as rl
    >>> rl.kron(rl.tensor([1, 10]), rl.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    count = max(input.ndim, other.ndim)
    sizes = [(1,) * (count - t.ndim) + t.shape for t in (input, other)]
    a = input.reshape([n for size in sizes[0] for n in (size, 1)])
    b = other.reshape([n for size in sizes[1] for n in (1, size)])
    return (a * b).reshape([m * n for m, n in zip(*sizes, strict=True)])


@method()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross products of vectors of three elements along `dim`, by default the first axis of size 3.

    >>> import rushlight as rl
    >>> rl.cross(rl.tensor([1, 0, 0]), rl.tensor([0, 1, 0]), dim=0)
    tensor([0, 0, 1])
    """
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise ShapeError(message("cross", f"shape {input.shape}", "an axis of size 3"))
        dim -= input.ndim
    axis = normalize_axis("cross", dim, input.ndim) - input.ndim
    shape = broadcast("cross", [input.shape, other.shape])
    a, b = input.expand(shape), other.expand(shape)
    if a.shape[axis] != 3:
        raise ShapeError(message("cross", f"shape {shape} along dim={dim}", "size 3"))
    x, y = ([t.select(axis, i) for i in range(3)] for t in (a, b))
    return stack([x[i - 2] * y[i - 1] - x[i - 1] * y[i - 2] for i in range(3)], axis)


def chain_matmul(*matrices: Any) -> Tensor:
    """The product of matrices, in the order of multiplications that takes the fewest.

    Source: Cormen and others, Introduction to Algorithms, matrix-chain multiplication.

    >>> import rushlight as rl
    >>> rl.chain_matmul(rl.ones(1, 2), rl.ones(2, 3), rl.ones(3, 1))
    tensor([[6.]])
    """
    listed: Sequence[Tensor] = (
        matrices[0] if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)) else matrices
    )
    if not listed:
        raise ArgumentError(message("chain_matmul", "no matrices", "at least one"))
    with_axes("chain_matmul", *((t, 2) for t in listed))
    sizes = [listed[0].shape[0], *(t.shape[1] for t in listed)]

    @functools.cache
    def best(first: int, last: int) -> tuple[int, int]:
        """(cost, where to cut) of the product of those from `first` to `last`."""
        if first == last:
            return 0, first
        return min(
            (
                best(first, cut)[0]
                + best(cut + 1, last)[0]
                + sizes[first] * sizes[cut + 1] * sizes[last + 1],
                cut,
            )
            for cut in range(first, last)
        )

    def product(first: int, last: int) -> Tensor:
        cut = best(first, last)[1]
        return listed[first] if first == last else matmul(product(first, cut), product(cut + 1, last))

    return product(0, len(listed) - 1)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector's elements, a row for each: from the power N - 1 down to 0, or up.

    >>> import rushlight as rl
    >>> rl.vander(rl.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    with_axes("vander", (x, 1))
    count = x.shape[0] if N is None else N
    if count < 0:
        raise ArgumentError(message("vander", f"N={N}", "0 or more"))
    base = x if x.dtype.kind == "f" else x.to(xp.int64)
    powers = base.unsqueeze(1) ** arange(count).to(base.dtype)
    return powers if increasing else powers.flip(1)
