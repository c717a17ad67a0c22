"""Linear equations, inverses and determinants; `rl.linalg` offers these functions."""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.core.apply import apply, one_dtype
from rushlight.core.autocast import autocasts
from rushlight.core.op import Op, register
from rushlight.core.results import shown_as
from rushlight.core.spec import Spec, broadcast
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.creation import as_tensor, zeros
from rushlight.ops.factors import as_matrix, svd, svdvals
from rushlight.ops.join import cat
from rushlight.ops.ranges import eye, tril, triu
from rushlight.ops.reduce import in_float32
from rushlight.ops.select import maximum, where

__all__ = [
    "Lstsq",
    "Slogdet",
    "cholesky_inverse",
    "cholesky_solve",
    "det",
    "householder_product",
    "inv",
    "lstsq",
    "matrix_exp",
    "matrix_power",
    "matrix_rank",
    "pinv",
    "slogdet",
    "solve",
    "solve_triangular",
]


@shown_as("slogdet")
class Slogdet(NamedTuple):
    """The determinant as its sign and the logarithm of its size, each of shape (...)."""

    sign: Tensor
    logabsdet: Tensor


@shown_as("linalg_lstsq")
class Lstsq(NamedTuple):
    """The solution (..., n, k), the sums of squares that it leaves (..., k), ranks and singular values."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


INVERSE = register(
    Op(
        "inverse",
        lambda m, x: m.inverse(x),
        lambda x: x,
        (lambda g, out, x: -(out.mT @ g @ out.mT),),
        saves="out",
    )
)


@autocasts("float32")
def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices (..., n, n). Raises LinAlgError for a singular one.

    >>> import rushlight as rl
    >>> rl.linalg.inv(rl.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return apply(INVERSE, as_matrix("inv", A, square=True))


def _infer_solve(a: Spec, b: Spec) -> Spec:
    if a.shape[-1] != b.shape[-2]:
        expected = f"as many rows on the right as unknowns, {a.shape[-1]}"
        raise ShapeError(message("solve", f"shapes {a.shape} and {b.shape}", expected))
    return Spec((*broadcast("solve", [a.shape[:-2], b.shape[:-2]]), *b.shape[-2:]), a.dtype)


def _solve_vjp(g: Tensor, x: Tensor, a: Tensor, b: Any) -> tuple[Tensor, Tensor]:
    right = apply(SOLVE, a.mT, g)
    return -(right @ x.mT), right


SOLVE: Op = register(
    Op("solve", lambda m, a, b: m.solve(a, b), _infer_solve, _solve_vjp, saves="both", spare=(1,))
)


@autocasts("float32")
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or with ``left=False`` X A = B; A (..., n, n), B (..., n, k), or (..., n): vectors.

    B is a stack of vectors if it has one axis, or one fewer than A and A's other sizes. Raises LinAlgError
    for a singular A.

    >>> import rushlight as rl
    >>> rl.linalg.solve(rl.tensor([[2.0, 0.0], [0.0, 4.0]]), rl.tensor([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    as_matrix("solve", A, square=True)
    one_dtype("solve", (A, B))
    if B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]):
        return solve(A, B.unsqueeze(-1)).squeeze(-1)
    as_matrix("solve", B)
    return apply(SOLVE, A, B) if left else apply(SOLVE, A.mT, B.mT).mT


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B (or X A = B), reading one triangle of A, and with ``unitriangular`` 1 on its diagonal.

    >>> import rushlight as rl
    >>> A, B = rl.tensor([[2.0, 7.0], [1.0, 1.0]]), rl.tensor([[4.0], [3.0]])
    >>> rl.linalg.solve_triangular(A, B, upper=False)
    tensor([[2.],
            [1.]])
    """
    as_matrix("solve_triangular", A, square=True)
    as_matrix("solve_triangular", B)
    strict = int(unitriangular)
    half = triu(A, strict) if upper else tril(A, -strict)
    return solve(half + eye(A.shape[-1], dtype=A.dtype) if unitriangular else half, B, left=left)


# Determinants


def _cofactor_vjp(h: Tensor, out: Tensor, x: Tensor) -> Tensor:
    turned = inv(x).mT
    return (h * turned).sum((-2, -1), keepdim=True) * out - out @ h.mT @ turned


COFACTOR = register(Op("cofactor", lambda m, x: m.cofactor(x), lambda x: x, (_cofactor_vjp,), saves="both"))

DET = register(
    Op(
        "det",
        lambda m, x: m.det(x),
        lambda x: Spec(x.shape[:-2], x.dtype),
        (lambda g, out, x: g.unsqueeze(-1).unsqueeze(-1) * apply(COFACTOR, x),),
    )
)

SLOGDET = register(
    Op(
        "slogdet",
        lambda m, x: m.slogdet(x),
        lambda x: Spec((*x.shape[:-2], 2), x.dtype),
        (lambda g, out, x: g[..., 1:].unsqueeze(-1) * inv(x).mT,),
    )
)


def det(A: Tensor) -> Tensor:
    """The determinants of square matrices (..., n, n). Its derivative holds for singular ones too, its second
    derivative for those that have an inverse.

    >>> import rushlight as rl
    >>> rl.linalg.det(rl.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    return apply(DET, as_matrix("det", A, square=True))


def slogdet(A: Tensor) -> Slogdet:
    """The sign of the determinant and the logarithm of its size, which does not overflow: (0, -inf) for
    singular matrices.

    >>> import rushlight as rl
    >>> rl.linalg.slogdet(rl.tensor([[-1.0]]))
    rushlight.return_types.slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.))
    """
    packed = apply(SLOGDET, as_matrix("slogdet", A, square=True))
    return Slogdet(packed[..., 0].detach(), packed[..., 1])


# Pseudo-inverses and least squares


def _pinverse_vjp(g: Tensor, P: Tensor, x: Tensor, **attrs: Any) -> Tensor:
    gt = g.mT
    outside = gt - x @ (P @ gt)
    inside = gt - (gt @ P) @ x
    return -(P.mT @ g @ P.mT) + outside @ P @ P.mT + P.mT @ (P @ inside)


PINVERSE = register(
    Op(
        "pinverse",
        lambda m, x, *, rtol, hermitian: m.pinverse(x, rtol, hermitian),
        lambda x, **attrs: Spec((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype),
        (_pinverse_vjp,),
        saves="both",
    )
)


def _default_rtol(A: Tensor) -> float:
    return max(A.shape[-2:]) * xp.epsilon(A.dtype)


Limit = float | Tensor | None


@autocasts("float32")
def pinv(A: Tensor, *, atol: Limit = None, rtol: Limit = None, hermitian: bool = False) -> Tensor:
    """The Moore-Penrose inverse (..., n, m) of A (..., m, n), by singular values; those below
    max(atol, rtol * the largest) count as 0. rtol is max(m, n) eps unless one of them is given; either may
    be a tensor, with a number for each matrix.

    >>> import rushlight as rl
    >>> rl.linalg.pinv(rl.tensor([[2.0], [0.0]])).tolist()
    [[0.5, 0.0]]
    """
    as_matrix("pinv", A)
    if atol is None and not isinstance(rtol, Tensor):
        return apply(PINVERSE, A, rtol=_default_rtol(A) if rtol is None else float(rtol), hermitian=hermitian)
    if not min(A.shape[-2:]):
        return A.mT
    U, S, Vh = svd(A, full_matrices=False)
    kept = _limit(S.detach(), A, atol, rtol) < S
    inverse = where(kept, where(kept, S, 1.0).reciprocal(), 0.0)
    return (Vh.mT * inverse.unsqueeze(-2)) @ U.mT


def _limit(values: Tensor, A: Tensor, atol: Limit, rtol: Limit) -> Tensor:
    """max(atol, rtol * the largest) for each matrix, (..., 1)."""
    if rtol is None:
        given = as_tensor(0.0 if atol is None else atol)
        rtol = where(given > 0, 0.0, _default_rtol(A))
    largest = values.amax(-1, keepdim=True)
    least = as_tensor(0.0 if atol is None else atol, dtype=A.dtype).unsqueeze(-1)
    return maximum(least, as_tensor(rtol, dtype=A.dtype).unsqueeze(-1) * largest)


@autocasts("float32")
def matrix_rank(A: Tensor, *, atol: Limit = None, rtol: Limit = None, hermitian: bool = False) -> Tensor:
    """How many singular values exceed max(atol, rtol * the largest), for each matrix of the stack, as int64.

    >>> import rushlight as rl
    >>> rl.linalg.matrix_rank(rl.ones(3, 3))
    tensor(1)
    """
    values = svdvals(as_matrix("matrix_rank", A).detach())
    if not values.shape[-1]:
        return zeros(*A.shape[:-2], dtype=xp.int64)
    return (values > _limit(values, A, atol, rtol)).sum(-1)


DRIVERS = (None, "gels", "gelsy", "gelsd", "gelss")


@autocasts("float32")
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Lstsq:
    """X that makes ‖A X - B‖ least, and of those the shortest: pinv(A) B. A (..., m, n), B (..., m, k).

    As by PyTorch's drivers, ``residuals`` are given by "gels", "gelsd" and "gelss" where m > n and A has full
    rank, ``singular_values`` by "gelsd" and "gelss", the rank by all but "gels".

    >>> import rushlight as rl
    >>> round(rl.linalg.lstsq(rl.tensor([[1.0], [1.0]]), rl.tensor([[1.0], [3.0]])).solution.item(), 4)
    2.0
    """
    as_matrix("lstsq", A)
    if driver not in DRIVERS:
        raise ArgumentError(message("lstsq", f"driver={driver!r}", "one of gels, gelsy, gelsd, gelss"))
    if B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]:
        found = lstsq(A, B.unsqueeze(-1), rcond, driver=driver)
        return found._replace(solution=found.solution.squeeze(-1))
    if as_matrix("lstsq", B).shape[-2] != A.shape[-2]:
        raise ShapeError(
            message("lstsq", f"shapes {tuple(A.shape)} and {tuple(B.shape)}", "equally many rows")
        )
    solution = pinv(A, rtol=rcond) @ B
    rank = matrix_rank(A, rtol=rcond)
    m, n = A.shape[-2:]
    whole = m > n and driver in ("gels", "gelsd", "gelss") and bool((rank == n).all())
    residuals = ((A @ solution - B) ** 2).sum(-2) if whole else A.new_zeros(0)
    values = svdvals(A.detach()) if driver in ("gelsd", "gelss") else A.new_zeros(0)
    return Lstsq(solution, residuals, rank if driver != "gels" else A.new_zeros(0, dtype=xp.int64), values)


# Factors that were found before


@autocasts("float32")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, given the Cholesky factor L of A = L L' (A = L' L with ``upper``)."""
    half = triu(L).mT if upper else tril(L)
    return solve(half.mT, solve(half, B))


@autocasts("float32")
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A, given its Cholesky factor L."""
    return cholesky_solve(eye(L.shape[-1], dtype=L.dtype), L, upper)


# The exponential


def _matrix_exp_vjp(g: Tensor, out: Any, x: Tensor) -> Tensor:
    """The upper right of exp([[x', g], [0, x']]) (Najfeld and Havel, 1995)."""
    n = x.shape[-1]
    block = cat([cat([x.mT, g], -1), cat([x.mT * 0.0, x.mT], -1)], -2)
    return apply(MATRIX_EXP, block)[..., :n, n:]


MATRIX_EXP: Op = register(Op("matrix_exp", lambda m, x: m.matrix_exp(x), lambda x: x, (_matrix_exp_vjp,)))


@in_float32
def matrix_exp(A: Tensor) -> Tensor:
    """Σ A^k / k! of square matrices (..., n, n).

    >>> import rushlight as rl
    >>> rl.linalg.matrix_exp(rl.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return apply(MATRIX_EXP, as_matrix("matrix_exp", A, square=True))


# Products


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A times itself n times; of its inverse where n < 0, the identity where n = 0.

    >>> import rushlight as rl
    >>> rl.linalg.matrix_power(rl.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(message("matrix_power", f"shape {tuple(A.shape)}", "square matrices (..., n, n)"))
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        return eye(A.shape[-1], dtype=A.dtype).expand(A.shape).clone()
    found = None
    while n:  # by squares
        if n & 1:
            found = A if found is None else found @ A
        n >>= 1
        A = A @ A if n else A
    assert found is not None
    return found


@autocasts("float32")
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of H_1 H_2 ... with H_i = I - tau_i v_i v_i', v_i the i-th column of A (..., m, n)
    below its diagonal, with 1 on it and 0 above.
    """
    as_matrix("householder_product", A)
    m, n = A.shape[-2:]
    found = eye(m, n, dtype=A.dtype).expand(*A.shape[:-2], m, n)
    vectors = A.tril(-1) + eye(m, n, dtype=A.dtype)
    for i in range(tau.shape[-1] - 1, -1, -1):
        v = vectors[..., i : i + 1]
        found = found - tau[..., i : i + 1].unsqueeze(-1) * (v @ (v.mT @ found))
    return found
