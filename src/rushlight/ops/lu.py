"""LU factors; `rl.linalg` offers these functions."""

from __future__ import annotations

from typing import NamedTuple

from rushlight.core.apply import apply
from rushlight.core.autocast import autocasts
from rushlight.core.op import Op, register
from rushlight.core.results import shown_as
from rushlight.core.spec import Spec
from rushlight.core.tensor import Tensor
from rushlight.device import xp
from rushlight.ops.factors import as_matrix
from rushlight.ops.join import cat
from rushlight.ops.ranges import arange, eye, tril, triu
from rushlight.ops.select import where
from rushlight.ops.solving import solve

__all__ = ["LU", "lu_factor", "lu_solve", "lu_unpack"]


@shown_as("linalg_lu_factor")
class LU(NamedTuple):
    """L below the diagonal and U from it on in one matrix, and the rows that were exchanged, from 1."""

    LU: Tensor
    pivots: Tensor


def _infer_lu(x: Spec, *, pivot: bool) -> Spec:
    return Spec((*x.shape[:-1], x.shape[-1] + 1), x.dtype)


def _lu_vjp(g: Tensor, out: Tensor, x: Spec, *, pivot: bool) -> Tensor:
    m, n = x.shape[-2:]
    k = min(m, n)
    g, packed, P = g[..., :-1], out[..., :-1], _permutation(out[..., -1])
    L, U = _halves(packed[..., :k, :k])
    inner = tril(L.mT @ tril(g[..., :k, :k], -1), -1) + triu(triu(g[..., :k, :k]) @ U.mT)
    if m > n:  # the rows below are L_2 = A_2 U^-1
        inner = inner - triu(packed[..., k:, :].mT @ g[..., k:, :])
        rest = solve(U, g[..., k:, :].mT).mT
    elif n > m:  # the columns beside are U_2 = L^-1 A_2
        inner = inner - tril(g[..., k:] @ packed[..., k:].mT, -1)
        rest = solve(L.mT, g[..., k:])
    square = solve(L.mT, solve(U, inner.mT).mT)
    return P @ (square if m == n else cat([square, rest], -2 if m > n else -1))


def _halves(packed: Tensor) -> tuple[Tensor, Tensor]:
    return tril(packed, -1) + eye(packed.shape[-1], dtype=packed.dtype), triu(packed)


LU_OP = register(
    Op("lu", lambda m, x, *, pivot: m.lu(x, pivot), _infer_lu, (_lu_vjp,), saves="both", spare=(0,))
)


def _permutation(pivots: Tensor) -> Tensor:
    """P (..., m, m) of 0 and 1 with A = P L U, from the rows that were exchanged, counted from 1."""
    m = pivots.shape[-1]
    P = eye(m, dtype=pivots.dtype).expand(*pivots.shape[:-1], m, m)
    rows = arange(m)
    for i in range(m - 1, -1, -1):  # the last exchange first
        other = pivots[..., i : i + 1].to(rows.dtype) - 1
        order = where(rows == i, other, where(rows == other, i, rows))
        P = P.take_along_dim(order.unsqueeze(-1).expand(P.shape), -2)
    return P


def lu_factor(A: Tensor, *, pivot: bool = True) -> LU:
    """P A = L U by Gaussian elimination: L below the diagonal (1 on it) and U from it on in one matrix
    (..., m, n), and the rows that were exchanged, int32 (..., min(m, n)), counted from 1.
    """
    packed = apply(LU_OP, as_matrix("lu_factor", A), pivot=pivot)
    size = min(A.shape[-2:])
    return LU(packed[..., :-1], packed[..., -1][..., :size].detach().to(xp.int32))


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """(P, L, U) with A = P L U from what `lu_factor` gives."""
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    none = LU_data.new_zeros(0)
    P = L = U = none
    if unpack_pivots:
        rest = (arange(k, m) + 1).expand(*LU_pivots.shape[:-1], m - k)
        P = _permutation(cat([LU_pivots.to(LU_data.dtype), rest.to(LU_data.dtype)], -1))
    if unpack_data:
        L = tril(LU_data[..., :k], -1) + eye(m, k, dtype=LU_data.dtype)
        U = triu(LU_data[..., :k, :])
    return P, L, U


@autocasts("float32")
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X with A X = B (X A = B unless ``left``; A' in place of A with ``adjoint``), given A's LU factors."""
    P, L, U = lu_unpack(LU, pivots)
    A = P @ L @ U
    return solve(A.mT if adjoint else A, B, left=left)
