"""PyTorch's older names for what `rl.linalg` has, at the root and as methods."""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.core.autocast import autocasts
from rushlight.core.results import shown_as
from rushlight.core.tensor import Tensor, method
from rushlight.ops import factors, lu, solving
from rushlight.ops.select import where
from rushlight.ops.solving import Slogdet

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "det",
    "inverse",
    "logdet",
    "lu_solve",
    "lu_unpack",
    "matrix_exp",
    "matrix_power",
    "orgqr",
    "pinverse",
    "qr",
    "slogdet",
    "svd",
    "triangular_solve",
]

lu_unpack = lu.lu_unpack


@method()
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is `input`, the lower one unless ``upper``.

    >>> import rushlight as rl
    >>> rl.cholesky_inverse(rl.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    return solving.cholesky_inverse(input, upper)


@method()
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X with A X = `input`, where `input2` is the Cholesky factor of A, the lower one unless ``upper``.

    >>> import rushlight as rl
    >>> rl.cholesky_solve(rl.tensor([[8.0]]), rl.tensor([[2.0]]))
    tensor([[2.]])
    """
    return solving.cholesky_solve(input, input2, upper)


@method()
def det(input: Tensor) -> Tensor:
    """`rl.linalg.det`."""
    return solving.det(input)


@method("inverse")
def inverse(input: Tensor) -> Tensor:
    """`rl.linalg.inv`."""
    return solving.inv(input)


@method()
def matrix_exp(input: Tensor) -> Tensor:
    """`rl.linalg.matrix_exp`."""
    return solving.matrix_exp(input)


@method()
def matrix_power(input: Tensor, n: int) -> Tensor:
    """`rl.linalg.matrix_power`."""
    return solving.matrix_power(input, n)


@method("orgqr")
def orgqr(input: Tensor, input2: Tensor) -> Tensor:
    """`rl.linalg.householder_product`, of the scalars `input2`."""
    return solving.householder_product(input, input2)


@shown_as("svd")
class SVD(NamedTuple):
    """U, S and V, as ``torch.svd`` gives them: V, not its transpose."""

    U: Tensor
    S: Tensor
    V: Tensor


@shown_as("triangular_solve")
class TriangularSolution(NamedTuple):
    """The solution, and a copy of the matrix."""

    solution: Tensor
    cloned_coefficient: Tensor


@method()
@autocasts("float32")
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`rl.linalg.cholesky`."""
    return factors.cholesky(input, upper=upper)


@method()
def slogdet(input: Tensor) -> Slogdet:
    """`rl.linalg.slogdet`."""
    return solving.slogdet(input)


@method()
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: nan where it is negative, -inf where it is 0.

    >>> import rushlight as rl
    >>> rl.logdet(rl.eye(3))
    tensor(0.)
    """
    sign, size = solving.slogdet(input)
    return where(sign < 0, float("nan"), size)


@method()
@autocasts("float32")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """`rl.linalg.pinv` with rtol = rcond."""
    return solving.pinv(input, rtol=rcond)


@method()
@autocasts("float32")
def qr(input: Tensor, some: bool = True) -> factors.QR:
    """`rl.linalg.qr`, reduced, or complete unless ``some``."""
    return factors.qr(input, "reduced" if some else "complete")


@method()
@autocasts("float32")
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> SVD:
    """`rl.linalg.svd` with V in the place of V'."""
    if not compute_uv:
        m, n = input.shape[-2:]
        zeros = input.new_zeros
        return SVD(zeros(*input.shape[:-2], m, m), factors.svdvals(input), zeros(*input.shape[:-2], n, n))
    U, S, Vh = factors.svd(input, full_matrices=not some)
    return SVD(U, S, Vh.mT)


@method()
@autocasts("float32")
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = `input`, given what `rl.linalg.lu_factor` found for A."""
    return lu.lu_solve(LU_data, LU_pivots, input)


@method("lu")
def _lu(input: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    found = lu.lu_factor(input, pivot=pivot)
    return (*found, input.new_zeros(*input.shape[:-2], dtype="int32")) if get_infos else found


@method()
@autocasts("float32")
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolution:
    """X with A X = `input`, A triangular; `rl.linalg.solve_triangular` is the newer form."""
    matrix = A.mT if transpose else A
    found = solving.solve_triangular(matrix, input, upper=upper is not transpose, unitriangular=unitriangular)
    return TriangularSolution(found, A.clone())
