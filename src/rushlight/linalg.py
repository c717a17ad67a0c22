"""Linear algebra, as in ``torch.linalg``: decompositions, equations, norms, products.

Matrices are float32 or float64, (..., m, n); leading axes are a stack of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rushlight.core.autocast import autocasts
from rushlight.core.spec import normalize_axes
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, LinAlgError, ShapeError, message, namespace
from rushlight.ops.algebra import cross as _cross
from rushlight.ops.creation import ones_like, tensor, zeros
from rushlight.ops.factors import cholesky, eigh, eigvalsh, qr, svd, svdvals
from rushlight.ops.join import cat
from rushlight.ops.lu import lu_factor, lu_solve, lu_unpack
from rushlight.ops.matmul import matmul
from rushlight.ops.norm import norm as vector_norm_of
from rushlight.ops.out import LINALG, with_out
from rushlight.ops.ranges import eye
from rushlight.ops.scans import cumprod
from rushlight.ops.select import where
from rushlight.ops.solving import (
    det,
    householder_product,
    inv,
    lstsq,
    matrix_exp,
    matrix_power,
    matrix_rank,
    pinv,
    slogdet,
    solve,
    solve_triangular,
)
from rushlight.ops.strided import diagonal as _diagonal

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]

Axes = int | Sequence[int] | None


class WithInfo(NamedTuple):
    """A result, and 0 (int32) for each matrix of the stack for which it was found."""

    result: Tensor
    info: Tensor


def _with_info(found: Tensor, A: Tensor) -> WithInfo:
    return WithInfo(found, zeros(*A.shape[:-2], dtype="int32"))


@autocasts("float32")
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> WithInfo:
    """`cholesky` and its info: 0, or the order of the first leading minor that is not positive; there the
    factor is NaN. With `check_errors` that raises LinAlgError instead; in a compiled function it always does.

    >>> import rushlight as rl
    >>> cholesky_ex(rl.tensor([[1.0, 2.0], [2.0, 1.0]])).info
    tensor(2, dtype=rushlight.int32)
    """
    try:
        found = _with_info(cholesky(A, upper=upper), A)
    except LinAlgError:
        if check_errors:
            raise
        orders = [_first_not_positive(matrix) for matrix in A.detach().reshape(-1, *A.shape[-2:])]
        info = tensor(orders, dtype="int32").reshape(A.shape[:-2])
        bad = (info != 0)[..., None, None]
        plain = where(bad, eye(A.shape[-1], dtype=A.dtype), A)
        found = WithInfo(where(bad, float("nan"), cholesky(plain, upper=upper)), info)
    return found


def _first_not_positive(matrix: Tensor) -> int:
    """The order of the first leading minor without a factor; 0 if all have one."""
    for n in range(1, matrix.shape[-1] + 1):
        try:
            cholesky(matrix[:n, :n])
        except LinAlgError:
            return n
    return 0


@autocasts("float32")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> WithInfo:
    """`inv` and its info, which is 0: a singular matrix raises LinAlgError in any case."""
    return _with_info(inv(A), A)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> WithInfo:
    """`solve` and its info, which is 0: a singular matrix raises LinAlgError in any case."""
    return _with_info(solve(A, B, left=left), A)


class LUInfo(NamedTuple):
    """What `lu_factor` gives, and 0 for each matrix."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LUInfo:
    """`lu_factor` and its info, which is 0."""
    found = lu_factor(A, pivot=pivot)
    return LUInfo(*found, zeros(*A.shape[:-2], dtype="int32"))


def lu(A: Tensor, *, pivot: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """(P, L, U) with A = P L U: a permutation, lower triangular with 1 on the diagonal, upper triangular.

    >>> import rushlight as rl
    >>> P, L, U = rl.linalg.lu(rl.tensor([[0.0, 2.0], [1.0, 3.0]]))
    >>> U
    tensor([[1., 3.],
            [0., 2.]])
    """
    found = lu_factor(A, pivot=pivot)
    return lu_unpack(found.LU, found.pivots)


@autocasts("float32")
def cond(A: Tensor, p: Any = None) -> Tensor:
    """How much A amplifies relative errors: the norm of A times that of its inverse, by the matrix norm p; by
    default (or p = 2) the largest singular value over the smallest.
    """
    if p in (None, 2):
        values = svdvals(A)
        return values[..., 0] / values[..., -1]
    if p == -2:
        values = svdvals(A)
        return values[..., -1] / values[..., 0]
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


# Norms


def vector_norm(
    x: Tensor, ord: float = 2, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over the axes `dim`, or over all; ord may be inf, -inf or 0, the number of elements
    that are not 0.

    >>> import rushlight as rl
    >>> rl.linalg.vector_norm(rl.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return vector_norm_of(x if dtype is None else x.to(dtype), float(ord), dim, keepdim)


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices in the two axes `dim`: "fro", the root of the sum of squares; "nuc", the sum of
    the singular values; 2 and -2, the largest and the smallest of them; 1 and -1, the largest and the
    smallest sum of sizes of a column; inf and -inf, of a row.

    >>> import rushlight as rl
    >>> rl.linalg.matrix_norm(rl.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    A = A if dtype is None else A.to(dtype)
    axes = normalize_axes("matrix_norm", dim, A.ndim)
    if len(axes) != 2:
        raise ShapeError(message("matrix_norm", f"dim={dim}", "two axes"))
    if ord in ("fro", "nuc"):
        return vector_norm_of(A, ord, axes, keepdim)
    A = A.movedim(axes, (-2, -1))
    if ord in (2, -2):
        values = svdvals(A)
        found = values.amax(-1) if ord == 2 else values.amin(-1)
    elif ord in (1, -1, float("inf"), -float("inf")):
        sums = A.abs().sum(-2 if abs(ord) == 1 else -1)
        found = sums.amax(-1) if ord > 0 else sums.amin(-1)
    else:
        raise ArgumentError(message("matrix_norm", f"ord={ord!r}", "'fro', 'nuc', inf, -inf, 1, -1, 2 or -2"))
    for axis in sorted(axes) if keepdim else ():
        found = found.unsqueeze(axis)
    return found


def norm(A: Tensor, ord: Any = None, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """`vector_norm` of all elements, or of one axis; `matrix_norm` where ord is given for two axes.

    >>> import rushlight as rl
    >>> rl.linalg.norm(rl.tensor([[3.0, 0.0], [0.0, 4.0]])), rl.linalg.norm(rl.eye(3), "nuc")
    (tensor(5.), tensor(3.))
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    named = (dim,) if isinstance(dim, int) else dim
    axes = A.ndim if named is None else len(named)
    if axes == 1 and not isinstance(ord, str):
        return vector_norm(A, ord, dim, keepdim, dtype=dtype)
    if axes != 2:
        got = f"ord={ord!r} for {axes} axes"
        raise ShapeError(message("norm", got, "a vector or a matrix", "Name the axes with dim."))
    return matrix_norm(A, ord, (-2, -1) if named is None else named, keepdim, dtype=dtype)


# Products


@autocasts("lower")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ x y along the axis `dim`; the others broadcast.

    >>> import rushlight as rl
    >>> rl.linalg.vecdot(rl.ones(2, 3), rl.tensor([1.0, 2.0, 3.0]))
    tensor([6., 6.])
    """
    return (x * y).sum(dim)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of two or more matrices, in the order of fewest multiplications; the first may be a row and
    the last a column, both of one axis.

    >>> import rushlight as rl
    >>> rl.linalg.multi_dot([rl.ones(2, 3), rl.ones(3, 4), rl.ones(4)])
    tensor([12., 12.])
    """
    if len(tensors) < 2:
        raise ArgumentError(message("multi_dot", f"{len(tensors)} tensors", "two or more"))
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    factors = list(tensors)
    if row:
        factors[0] = factors[0].unsqueeze(0)
    if column:
        factors[-1] = factors[-1].unsqueeze(1)
    sizes = [f.shape[0] for f in factors] + [factors[-1].shape[1]]
    product = _multiplied(factors, _cheapest(sizes), 0, len(factors) - 1)
    product = product.squeeze(0) if row else product
    return product.squeeze(-1) if column else product


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each range of factors, by dynamic programming over ranges."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = {
                cut: cost[i, cut] + cost[cut + 1, j] + sizes[i] * sizes[cut + 1] * sizes[j + 1]
                for cut in range(i, j)
            }
            cuts[i, j] = min(costs, key=lambda cut: costs[cut])
            cost[i, j] = costs[cuts[i, j]]
    return cuts


def _multiplied(factors: list[Tensor], cuts: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return factors[i]
    cut = cuts[i, j]
    return _multiplied(factors, cuts, i, cut) @ _multiplied(factors, cuts, cut + 1, j)


@autocasts("float32")
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a map from its last axes to its first `ind` ones."""
    if ind <= 0:
        raise ArgumentError(message("tensorinv", f"ind={ind}", "a positive number of axes"))
    rows, columns = A.shape[:ind], A.shape[ind:]
    return inv(A.reshape(_count(rows), -1)).reshape(*columns, *rows)


@autocasts("float32")
def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """X with Σ A[..., i, j] X[i, j] = B, the sum over the last axes of A."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    unknowns = A.shape[B.ndim :]
    return solve(A.reshape(-1, _count(unknowns)), B.reshape(-1)).reshape(unknowns)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross products of vectors of three elements along `dim`.

    >>> import rushlight as rl
    >>> rl.linalg.cross(rl.tensor([1, 0, 0]), rl.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    return _cross(input, other, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, `offset` above the main one: a view, along the last axis.

    >>> import rushlight as rl
    >>> rl.linalg.diagonal(rl.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return _diagonal(A, offset, dim1, dim2)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers from 0 to N - 1 of each element along a new last axis; N is how many there are by default.
    A 0-d tensor counts as a vector of one.

    Raises ArgumentError for an N of 1 or less, DTypeError for bool.

    >>> import rushlight as rl
    >>> rl.linalg.vander(rl.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if x.dtype.kind == "b":
        raise DTypeError(message("linalg.vander", "bool", "numbers", "Convert it with .long()."))
    x = x if x.ndim else x.reshape(1)
    count = x.shape[-1] if N is None else N
    if count <= 1:
        raise ArgumentError(message("linalg.vander", f"N={count}", "2 or more"))
    powers = x.unsqueeze(-1).expand((*x.shape, count - 1))
    return cat([ones_like(powers[..., :1]), cumprod(powers, -1)], -1)


def _count(sizes: Sequence[int]) -> int:
    found = 1
    for size in sizes:
        found *= size
    return found


if not TYPE_CHECKING:
    for _name in LINALG:
        globals()[_name] = with_out(globals()[_name], __name__, _name)
    __getattr__, __dir__ = namespace(__name__, __all__)
