"""Samples of linear algebra."""

from __future__ import annotations

import numpy as np

from tests.samples.record import X, sample


def _spd(*shape: int) -> np.ndarray:
    """Symmetric positive definite matrices."""
    x = X(*shape)
    return x @ np.swapaxes(x, -1, -2) + 2 * np.eye(shape[-1])


def _whole(n: int, *batch: int) -> np.ndarray:
    """Matrices far from singular ones."""
    return X(*batch, n, n) + 4 * np.eye(n)


_SINGULAR = np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 0.7], [1.3, 1.0, 1.2]])
_SHAPES = ((3, 3), (4, 3), (3, 4), (2, 3, 2))

# A table: an entry costs a line or two.
# fmt: off
sample("linalg.cholesky",
    lambda L, x: (L.linalg.cholesky((x + x.mT) / 2), L.linalg.cholesky((x + x.mT) / 2, upper=True)),
    _spd(3, 3), _spd(2, 2, 2))
sample("svd_lowrank", lambda L, x: (lambda r: r[0] * r[1] @ r[2].mT)(L.svd_lowrank(x, 3)), X(3, 3), X(4, 3),
    exact=False)
sample("pca_lowrank",
    lambda L, x: (lambda r: r[0] * r[1] @ r[2].mT)(L.pca_lowrank(x, 3)), X(4, 3), X(5, 3), exact=False)
sample("linalg.eigh",
    lambda L, x: (lambda r: (r[0], r[1] ** 2))(L.linalg.eigh(x + x.mT)), X(3, 3), X(2, 2, 2))
sample("linalg.eigvalsh", lambda L, x: L.linalg.eigvalsh(x + x.mT), X(3, 3), X(2, 2, 2))
sample("linalg.svd",
    lambda L, x: (lambda r: (r[0] ** 2, r[1], r[2] ** 2))(L.linalg.svd(x, full_matrices=False)),
    *[X(*s) for s in _SHAPES])
sample("linalg.svdvals", lambda L, x: L.linalg.svdvals(x), *[X(*s) for s in _SHAPES])
sample("linalg.qr", lambda L, x: L.linalg.qr(x), *[X(*s) for s in _SHAPES])
sample("linalg.lu", lambda L, x: L.linalg.lu(x), *[X(*s) for s in _SHAPES])
sample("linalg.lu_factor", lambda L, x: L.linalg.lu_factor(x)[0], X(3, 3))
sample("linalg.lu_solve", lambda L, x, y: L.linalg.lu_solve(*L.linalg.lu_factor(x), y), (_whole(3), X(3, 2)))
sample("linalg.inv", lambda L, x: (L.linalg.inv(x), x.inverse()), _whole(3), _whole(2, 2))
sample("linalg.det", lambda L, x: (L.linalg.det(x), L.det(x)), X(3, 3), X(2, 2, 2))
# On some processors rounding makes the determinant 0: there PyTorch's gradient is 0, ours is the cofactors.
sample("linalg.det", lambda L, x: L.linalg.det(x), kinks=[_SINGULAR], peer=False)
sample("linalg.slogdet", lambda L, x: L.linalg.slogdet(x), _whole(3), _whole(2, 2))
sample("logdet", lambda L, x: L.logdet(x), _spd(3, 3))
sample("linalg.solve", lambda L, a, b: L.linalg.solve(a, b),
    (_whole(3), X(3, 2)), (_whole(2, 3), X(3, 2)), (_whole(3), X(3)))
sample("linalg.solve", lambda L, a, b: L.linalg.solve(a, b, left=False), (_whole(3), X(2, 3)))
sample("linalg.solve_triangular", lambda L, a, b: (L.linalg.solve_triangular(a, b, upper=True),
    L.linalg.solve_triangular(a, b, upper=False, unitriangular=True)), (_whole(3), X(3, 2)))
sample("linalg.pinv", lambda L, x: L.linalg.pinv(x), _whole(3), *[X(*s) for s in _SHAPES[1:]])
sample("linalg.lstsq", lambda L, a, b: L.linalg.lstsq(a, b)[0], (X(4, 2), X(4, 3)), (X(2, 4), X(2, 3)))
sample("linalg.matrix_rank", lambda L, x: L.linalg.matrix_rank(x), plain=[_SINGULAR, X(2, 2, 2)])
sample("linalg.matrix_exp", lambda L, x: L.linalg.matrix_exp(x), X(3, 3), X(2, 2, 2))
sample("linalg.matrix_power", lambda L, x: (L.linalg.matrix_power(x, 3), x.matrix_power(-2)), _whole(3))
sample("linalg.matrix_norm", lambda L, x: tuple(L.linalg.matrix_norm(x, o, dim=(0, 2), keepdim=True)
    for o in ("fro", "nuc", 2, -2, 1, -1, float("inf"), -float("inf"))), X(3, 2, 3), twice=False)
sample("linalg.vector_norm", lambda L, x: (L.linalg.vector_norm(x, 3.0, dim=1), L.linalg.norm(x)), X(3, 2))
sample("linalg.vecdot", lambda L, x, y: L.linalg.vecdot(x, y), (X(3, 2), X(2)))
sample("linalg.multi_dot", lambda L, a, b, c: L.linalg.multi_dot([a, b, c]), (X(3), X(3, 4), X(4, 2)))
sample("linalg.cond", lambda L, x: L.linalg.cond(x), _whole(3), twice=False)
# the older names
sample("cholesky", lambda L, x: (L.cholesky((x + x.mT) / 2), ((x + x.mT) / 2).cholesky(upper=True)),
    _spd(3, 3))
sample("cholesky_inverse", lambda L, x: (L.cholesky_inverse(x.tril()), x.triu().cholesky_inverse(upper=True)),
    _whole(3))
sample("det", lambda L, x: (L.det(x), x.det()), X(3, 3))
sample("slogdet", lambda L, x: (*L.slogdet(x), *x.slogdet()), _whole(3))
sample("inverse", lambda L, x: (L.inverse(x), x.inverse()), _whole(2, 2))
sample("pinverse", lambda L, x: (L.pinverse(x), x.pinverse(rcond=1e-6)), X(4, 3), exact=False)
sample("matrix_exp", lambda L, x: (L.matrix_exp(x), x.matrix_exp()), X(3, 3))
sample("matrix_power", lambda L, x: (L.matrix_power(x, 3), x.matrix_power(-2)), _whole(3))
sample("qr", lambda L, x: (*L.qr(x), *x.qr(some=True)), X(4, 3))
sample("svd", lambda L, x: (lambda r: (r[0] ** 2, r[1], r[2] ** 2))(L.svd(x)), X(4, 3))
sample("svd", lambda L, x: x.svd(compute_uv=False)[1], X(3, 3))
sample("orgqr", lambda L, x, t: (L.orgqr(x, t), x.orgqr(t)), (X(4, 3), X(3)))
sample("lu", lambda L, x: x.lu()[0], X(3, 3))
sample("lu_solve", lambda L, b, x: (lambda lu: (L.lu_solve(b, *lu), b.lu_solve(*lu)))(L.linalg.lu_factor(x)),
    (X(3, 2), _whole(3)))
sample("lu_unpack", lambda L, x: L.lu_unpack(*L.linalg.lu_factor(x)), X(3, 3))
sample("cholesky_solve", lambda L, b, l: L.cholesky_solve(b, l.tril()), (X(3, 2), _whole(3)))
sample("triangular_solve", lambda L, b, a: L.triangular_solve(b, a, transpose=True)[0], (X(3, 2), _whole(3)))
