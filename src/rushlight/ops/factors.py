"""Matrices as products of simpler ones: Cholesky, eigenvalues, singular values, QR, LU.

`rl.linalg` offers these functions. The records give several results packed in one array, and their
derivatives take gradients packed likewise; where two eigenvalues or singular values are equal, what turns
their vectors into each other counts as no change.

The derivatives are those of Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), and Seeger et al., "Auto-differentiating linear algebra" (2017).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.core.apply import apply
from rushlight.core.autocast import autocasts
from rushlight.core.op import Op, register
from rushlight.core.results import shown_as
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError, message
from rushlight.ops.join import cat
from rushlight.ops.ranges import arange, tril
from rushlight.ops.select import where

__all__ = [
    "QR",
    "SVD",
    "Eigh",
    "as_matrix",
    "cholesky",
    "eigh",
    "eigvalsh",
    "qr",
    "svd",
    "svdvals",
]


@shown_as("linalg_eigh")
class Eigh(NamedTuple):
    """Eigenvalues (..., n), rising, and eigenvectors (..., n, n), one a column."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@shown_as("linalg_svd")
class SVD(NamedTuple):
    """U (..., m, k), S (..., k), falling, and V', (..., k, n)."""

    U: Tensor
    S: Tensor
    Vh: Tensor


@shown_as("linalg_qr")
class QR(NamedTuple):
    """Q (..., m, k) with orthonormal columns, and R (..., k, n), upper triangular."""

    Q: Tensor
    R: Tensor


def as_matrix(op: str, x: Any, square: bool = False) -> Tensor:
    """`x` itself; raises DTypeError or ShapeError unless it is a stack of (square) matrices of floats."""
    if not isinstance(x, Tensor):
        raise DTypeError(message(op, f"a {type(x).__name__}", "a Tensor", "Convert it with rl.tensor()."))
    if x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise DTypeError(message(op, str(x.dtype), "float32 or float64", "Use x.float()."))
    if x.ndim < 2:
        raise ShapeError(message(op, f"shape {tuple(x.shape)}", "a matrix, or a stack of them"))
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(message(op, f"shape {tuple(x.shape)}", "square matrices (..., n, n)"))
    return x


# Cholesky


def _cholesky_vjp(g: Tensor, L: Tensor, x: Any) -> Tensor:
    from rushlight.ops.solving import solve

    phi = tril(L.mT @ g)
    diagonal = phi - tril(phi, -1)
    both = (tril(phi, -1) + tril(phi, -1).mT + diagonal) * 0.5
    return solve(L.mT, solve(L.mT, both).mT)


CHOLESKY = register(Op("cholesky", lambda m, x: m.cholesky(x), lambda x: x, (_cholesky_vjp,), saves="out"))


@autocasts("float32")
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Lower triangular L with A = L L', or with ``upper`` its transpose; of the symmetric positive definite
    matrix that the lower triangle of A (the upper one with ``upper``) stands for.

    A (..., n, n). Raises LinAlgError for one that is not positive definite.

    >>> import rushlight as rl
    >>> rl.linalg.cholesky(rl.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    L = apply(CHOLESKY, as_matrix("cholesky", A.mT if upper else A, square=True))
    return L.mT if upper else L


# Eigenvalues of symmetric matrices


def _gaps(values: Tensor) -> Tensor:
    """1 / (v_j - v_i), and 0 where they are equal."""
    gap = values.unsqueeze(-2) - values.unsqueeze(-1)
    same = gap == 0
    return where(same, 0.0, where(same, 1.0, gap).reciprocal())


def _eigh_vjp(g: Tensor, out: Tensor, x: Any, *, lower: bool) -> Tensor:
    values, vectors = out[..., 0], out[..., 1:]
    turns = vectors.mT @ g[..., 1:]
    inner = (turns - turns.mT) * 0.5 * _gaps(values)
    return (vectors @ (_on_diagonal(g[..., 0]) + inner)) @ vectors.mT


def _on_diagonal(values: Tensor) -> Tensor:
    n = values.shape[-1]
    return where(_eye(n), values.unsqueeze(-1).expand(*values.shape, n), 0.0)


def _eye(n: int) -> Tensor:
    return arange(n).unsqueeze(1) == arange(n)


EIGH = register(
    Op(
        "eigh",
        lambda m, x, *, lower: m.eigh(x, lower),
        lambda x, *, lower: Spec((*x.shape[:-1], x.shape[-1] + 1), x.dtype),
        (_eigh_vjp,),
        saves="out",
    )
)


def _eigvalsh_vjp(g: Tensor, out: Any, x: Tensor, *, lower: bool) -> Tensor:
    vectors = apply(EIGH, x, lower=lower)[..., 1:]
    return (vectors * g.unsqueeze(-2)) @ vectors.mT


EIGVALSH = register(
    Op(
        "eigvalsh",
        lambda m, x, *, lower: m.eigvalsh(x, lower),
        lambda x, *, lower: Spec(x.shape[:-1], x.dtype),
        (_eigvalsh_vjp,),
    )
)


def _lower(op: str, uplo: str) -> bool:
    if uplo.upper() not in ("L", "U"):
        raise ArgumentError(message(op, f"UPLO={uplo!r}", "'L' or 'U'"))
    return uplo.upper() == "L"


@autocasts("float32")
def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """The eigenvalues and eigenvectors of symmetric matrices (..., n, n): A = V diag(w) V'.

    Reads the lower triangle of A, or the upper one. The signs of eigenvectors are not determined, nor are
    they where eigenvalues are equal: a loss should not depend on them.

    >>> import rushlight as rl
    >>> rl.linalg.eigh(rl.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    packed = apply(EIGH, as_matrix("eigh", A, square=True), lower=_lower("eigh", UPLO))
    return Eigh(packed[..., 0], packed[..., 1:])


@autocasts("float32")
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, rising; see `eigh`."""
    return apply(EIGVALSH, as_matrix("eigvalsh", A, square=True), lower=_lower("eigvalsh", UPLO))


# Singular values


def _parts(packed: Tensor, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    """What lies flat, one after the other, along the last axis, in `shapes`."""
    found, start = [], 0
    for shape in shapes:
        size = 1
        for n in shape:
            size *= n
        found.append(packed[..., start : start + size].reshape(*packed.shape[:-1], *shape))
        start += size
    return found


def _svd_shapes(m: int, n: int, full: bool) -> list[tuple[int, ...]]:
    k = min(m, n)
    return [(m, m if full else k), (k,), (n if full else k, n)]


def _infer_svd(x: Spec, *, full: bool) -> Spec:
    m, n = x.shape[-2:]
    k = min(m, n)
    size = m * m + k + n * n if full else m * k + k + k * n
    return Spec((*x.shape[:-2], size), x.dtype)


def _svd_vjp(g: Tensor, out: Tensor, x: Spec, *, full: bool) -> Tensor:
    m, n = x.shape[-2:]
    shapes, k = _svd_shapes(m, n, full), min(m, n)
    (U, S, Vh), (gU, gS, gVh) = _parts(out, shapes), _parts(g, shapes)
    U, gU, Vh, gVh = U[..., :k], gU[..., :k], Vh[..., :k, :], gVh[..., :k, :]
    row, column = S.unsqueeze(-2), S.unsqueeze(-1)
    turns = _gaps(S * S)
    left, right = U.mT @ gU, Vh @ gVh.mT
    inner = (left - left.mT) * turns * row + column * ((right - right.mT) * turns) + _on_diagonal(gS)
    grad = U @ inner @ Vh
    inverse = where(row == 0, 0.0, where(row == 0, 1.0, row).reciprocal())
    if m > n:
        grad = grad + ((gU - U @ left) * inverse) @ Vh
    if n > m:
        grad = grad + (U * inverse) @ (gVh - right.mT @ Vh)
    return grad


SVD_OP = register(Op("svd", lambda m, x, *, full: m.svd(x, full), _infer_svd, (_svd_vjp,), saves="out"))


def _svdvals_vjp(g: Tensor, out: Any, x: Tensor) -> Tensor:
    found = svd(x, full_matrices=False)
    return (found.U * g.unsqueeze(-2)) @ found.Vh


SVDVALS = register(
    Op(
        "svdvals",
        lambda m, x: m.svdvals(x),
        lambda x: Spec((*x.shape[:-2], min(x.shape[-2:])), x.dtype),
        (_svdvals_vjp,),
    )
)


def _no_driver(name: str, driver: str | None) -> None:
    """Drivers are those of GPUs, in PyTorch too."""
    if driver is not None:
        raise NotSupportedError(message(f"linalg.{name}", f"driver={driver!r}", "None: there is one"))


@autocasts("float32")
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """A = U diag(S) V' with orthonormal U (..., m, k), V (..., n, k) and S falling; k = min(m, n), unless
    ``full_matrices`` completes U and V to square matrices, by what counts as fixed in the derivative.

    The signs of singular vectors are not determined: a loss should not depend on them.

    >>> import rushlight as rl
    >>> rl.linalg.svd(rl.tensor([[3.0, 0.0], [0.0, -2.0]])).S
    tensor([3., 2.])
    """
    _no_driver("svd", driver)
    packed = apply(SVD_OP, as_matrix("svd", A), full=full_matrices)
    return SVD(*_parts(packed, _svd_shapes(A.shape[-2], A.shape[-1], full_matrices)))


@autocasts("float32")
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of A, falling."""
    _no_driver("svdvals", driver)
    return apply(SVDVALS, as_matrix("svdvals", A))


# QR


def _qr_shapes(m: int, n: int, complete: bool) -> list[tuple[int, ...]]:
    k = m if complete else min(m, n)
    return [(m, k), (k, n)]


def _infer_qr(x: Spec, *, complete: bool) -> Spec:
    (m, k), (_, n) = _qr_shapes(x.shape[-2], x.shape[-1], complete)
    return Spec((*x.shape[:-2], m * k + k * n), x.dtype)


def _qr_square(Q: Tensor, R: Tensor, gQ: Tensor, gR: Tensor) -> Tensor:
    from rushlight.ops.solving import solve

    M = R @ gR.mT - gQ.mT @ Q
    below = tril(M, -1)
    symmetric = tril(M) + below.mT
    return solve(R, (gQ + Q @ symmetric).mT).mT


def _qr_vjp(g: Tensor, out: Tensor, x: Tensor, *, complete: bool) -> Tensor:
    m, n = x.shape[-2:]
    if complete and m > n:
        remedy = "Use mode='reduced'."
        raise NotSupportedError(message("qr", "a derivative of the complete Q", "one of R", remedy))
    shapes = _qr_shapes(m, n, complete)
    (Q, R), (gQ, gR) = _parts(out, shapes), _parts(g, shapes)
    if m >= n:
        return _qr_square(Q, R, gQ, gR)
    gY = gR[..., m:]  # x = [X Y], with X = Q R_1 and Y = Q R_2
    gX = _qr_square(Q, R[..., :m], gQ + x[..., m:] @ gY.mT, gR[..., :m])
    return cat([gX, Q @ gY], -1)


QR_OP = register(Op("qr", lambda m, x, *, complete: m.qr(x, complete), _infer_qr, (_qr_vjp,), saves="both"))


@autocasts("float32")
def qr(A: Tensor, mode: str = "reduced") -> QR:
    """A = Q R with orthonormal columns in Q and R upper triangular.

    mode  "reduced": Q (..., m, k), R (..., k, n) with k = min(m, n); "complete": Q (..., m, m); "r": R alone,
          and an empty Q.

    >>> import rushlight as rl
    >>> Q, R = rl.linalg.qr(rl.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> rl.allclose(Q @ R, rl.tensor([[3.0, 1.0], [4.0, 2.0]]))
    True
    """
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(message("qr", f"mode={mode!r}", "'reduced', 'complete' or 'r'"))
    complete = mode == "complete"
    packed = apply(QR_OP, as_matrix("qr", A), complete=complete)
    Q, R = _parts(packed, _qr_shapes(A.shape[-2], A.shape[-1], complete))
    return QR(A.new_zeros(0) if mode == "r" else Q, R)
