"""Singular values and principal components of matrices of low rank, by random projections."""

from __future__ import annotations

from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, ShapeError, message
from rushlight.ops.factors import qr, svd
from rushlight.ops.random import randn

__all__ = ["pca_lowrank", "svd_lowrank"]


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V) with A - M near U diag(S) V' for matrices (*, m, n): the `q` largest singular values, exact
    where no more than q are above 0. `niter` rounds of subspace iteration make them more exact.

    Source: N. Halko, P. Martinsson and J. Tropp, Finding structure with randomness (2009), arXiv:0909.4061.
    Raises ShapeError for fewer than two axes, ArgumentError for a q beyond the smaller side.

    >>> import rushlight as rl
    >>> U, S, V = rl.svd_lowrank(rl.tensor([[3.0, 0.0, 4.0], [6.0, 0.0, 8.0]]), q=1)
    >>> S, rl.dist(U * S @ V.T, rl.tensor([[3.0, 0.0, 4.0], [6.0, 0.0, 8.0]])).item() < 1e-4
    (tensor([11.1803]), True)
    """
    if A.ndim < 2:
        raise ShapeError(message("svd_lowrank", f"shape {A.shape}", "(*, m, n)"))
    q, rounds = 6 if q is None else q, 2 if niter is None else niter
    if not 0 <= q <= min(A.shape[-2:]) or rounds < 0:
        got = f"q={q} and niter={rounds} for shape {A.shape}"
        raise ArgumentError(message("svd_lowrank", got, f"q up to {min(A.shape[-2:])}, niter from 0"))
    A = A if M is None else A - M
    wide = A.shape[-2] < A.shape[-1]
    A = A.mT if wide else A
    basis = qr(A @ randn(A.shape[-1], q, dtype=A.dtype))[0]
    for _ in range(rounds):
        basis = qr(A @ qr(A.mT @ basis)[0])[0]
    U, S, Vh = svd(basis.mT @ A, full_matrices=False)
    U, V = basis @ U, Vh.mT
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(
    A: Tensor, q: int | None = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """`svd_lowrank` of samples (*, m, n), m of n features, less their means unless ``center=False``: the
    columns of V are the principal directions, and A @ V the components. `q` is 6, or the smaller side.

    >>> import rushlight as rl
    >>> x = rl.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    >>> U, S, V = rl.pca_lowrank(x, q=1)
    >>> V.abs().flatten(), S
    (tensor([0.7071, 0.7071]), tensor([2.]))
    """
    if A.ndim < 2:
        raise ShapeError(message("pca_lowrank", f"shape {A.shape}", "(*, m, n)"))
    q = min(6, *A.shape[-2:]) if q is None else q
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
