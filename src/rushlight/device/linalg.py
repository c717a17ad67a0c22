"""Decompositions of matrices, by NumPy's LAPACK. Several results come packed in one array.

Every function takes stacks of matrices, (..., m, n), in float32 or float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rushlight.errors import LinAlgError, message

__all__ = [
    "cholesky",
    "cofactor",
    "det",
    "eigh",
    "eigvalsh",
    "inverse",
    "lu",
    "matrix_exp",
    "pinverse",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
]


def cholesky(x: Any) -> Any:
    """Lower triangular L with x = L L', reading the lower triangle of x."""
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        got = "a matrix that is not positive definite"
        remedy = "Add a small multiple of the identity, or look whether it is symmetric."
        raise LinAlgError(message("cholesky", got, "a positive definite one", remedy)) from None


def inverse(x: Any) -> Any:
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        raise _singular("inverse") from None


def solve(a: Any, b: Any) -> Any:
    """x with a x = b, (..., n, k)."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise _singular("solve") from None


def _singular(op: str) -> LinAlgError:
    remedy = "rl.linalg.pinv and rl.linalg.lstsq take singular ones."
    return LinAlgError(message(op, "a singular matrix", "one that has an inverse", remedy))


det: Any = np.linalg.det


def slogdet(x: Any) -> Any:
    """(..., 2): the determinant's sign, and the logarithm of its size."""
    return np.stack(np.linalg.slogdet(x), -1)


def cofactor(x: Any) -> Any:
    """The derivative of the determinant: det(x) times the transposed inverse, of singular matrices too."""
    u, s, vh = np.linalg.svd(x)
    sign = det(u) * det(vh)
    others = np.broadcast_to(s[..., np.newaxis, :], (*s.shape, s.shape[-1])).copy()
    others[..., np.arange(s.shape[-1]), np.arange(s.shape[-1])] = 1
    return (u * (others.prod(-1) * sign[..., np.newaxis])[..., np.newaxis, :]) @ vh


def eigh(x: Any, lower: bool) -> Any:
    """(..., n, 1 + n): the eigenvalues, rising, in the first column, the eigenvectors in the others."""
    values, vectors = np.linalg.eigh(x, "L" if lower else "U")
    return np.concatenate([values[..., np.newaxis], vectors], -1)


def eigvalsh(x: Any, lower: bool) -> Any:
    return np.linalg.eigvalsh(x, "L" if lower else "U")


def svd(x: Any, full: bool) -> Any:
    """U, S and V' of x = U diag(S) V', each flat, one after the other."""
    return _packed(*np.linalg.svd(x, full_matrices=full), batch=x.ndim - 2)


def svdvals(x: Any) -> Any:
    return np.linalg.svd(x, compute_uv=False)


def qr(x: Any, complete: bool) -> Any:
    """Q and R of x = Q R, each flat, one after the other."""
    return _packed(*np.linalg.qr(x, "complete" if complete else "reduced"), batch=x.ndim - 2)


def _packed(*arrays: Any, batch: int) -> Any:
    flat = [a.reshape(*a.shape[:batch], math.prod(a.shape[batch:])) for a in arrays]
    return np.concatenate(flat, -1)


def pinverse(x: Any, rtol: float, hermitian: bool) -> Any:
    return np.linalg.pinv(x, rcond=rtol, hermitian=hermitian)


def lu(x: Any, pivot: bool) -> Any:
    """(..., m, n + 1): L below the diagonal and U from it on, and in the last column the row, counted from 1,
    with which each row was exchanged in its turn.
    """
    found = x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:]).copy()
    count, m, n = found.shape
    every = np.arange(count)
    pivots = np.broadcast_to(np.arange(1, m + 1, dtype=x.dtype), (count, m)).copy()
    for k in range(min(m, n)):
        if pivot:
            row = k + np.abs(found[:, k:, k]).argmax(1)
            pivots[:, k] = row + 1
            found[every, k], found[every, row] = found[every, row], found[every, k]
        head = found[:, k, k]
        found[:, k + 1 :, k] /= np.where(head == 0, 1, head)[:, np.newaxis]
        found[:, k + 1 :, k + 1 :] -= found[:, k + 1 :, k, np.newaxis] * found[:, k, np.newaxis, k + 1 :]
    return np.concatenate([found, pivots[..., np.newaxis]], -1).reshape(*x.shape[:-1], n + 1)


_PADE = (
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
    10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
)  # fmt: skip


def matrix_exp(x: Any) -> Any:
    """Scaling and squaring with the Padé approximant of order 13 (Higham, 2005), in float64."""
    a = x.astype(np.float64)
    norm = np.abs(a).sum(-2).max(initial=0) if a.size else 0.0
    squarings = max(0, int(np.ceil(np.log2(norm / 5.371920351148152)))) if 0 < norm < np.inf else 0
    a = a / 2**squarings
    b, one = _PADE, np.eye(a.shape[-1])
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a2 @ a4
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    out = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        out = out @ out
    return out.astype(x.dtype)
