"""Samples of products, of exponentials over an axis, of losses."""

from __future__ import annotations

import numpy as np

from tests.samples.record import CUBES, INFINITE, LARGE, B, I, X, forms, sample

# A table: an entry costs a line or two.
# fmt: off
# Products

sample("matmul", lambda L, x, y: L.matmul(x, y), (X(2, 3), X(3, 4)), (X(3), X(3, 2)), (X(2, 3), X(3)),
    (X(3), X(3)), (X(2, 2, 3), X(3, 2)), (X(2, 3), X(4, 3, 2)), (X(2, 1, 2, 3), X(3, 3, 2)),
    (X(3), X(2, 3, 2)), (X(2, 2, 3), X(3)), (X(0, 3), X(3, 2)), (X(2, 0), X(0, 3)),
    (X(3, 2, layout="transposed"), X(2, 4, layout="strided")), plain=[(I(2, 3), I(3, 2))], exact=False)
sample("__matmul__", lambda L, x, y: x @ y, (X(2, 3), X(3, 2)), exact=False)
sample("mm", lambda L, x, y: L.mm(x, y), (X(2, 3), X(3, 2)), exact=False)
sample("bmm", lambda L, x, y: L.bmm(x, y), (X(2, 2, 3), X(2, 3, 2)), (X(0, 2, 3), X(0, 3, 2)), exact=False)
sample("mv", lambda L, x, y: L.mv(x, y), (X(2, 3), X(3)), exact=False)
sample("dot", lambda L, x, y: L.dot(x, y), (X(3), X(3, high=1.0)), (X(0), X(0)), plain=[(I(3), I(3))],
    exact=False)
sample("outer", lambda L, x, y: L.outer(x, y), (X(3), X(2)), (X(0), X(2)))
sample("addmm", lambda L, c, x, y: L.addmm(c, x, y, beta=0.5, alpha=2), (X(2, 2), X(2, 3), X(3, 2)),
    (X(2), X(2, 3), X(3, 2)), exact=False)
sample("linear", lambda L, x, w, b: L.nn.functional.linear(x, w, b), (X(2, 3), X(4, 3), X(4)),
    (X(3), X(4, 3), X(4)), (X(2, 2, 3), X(4, 3), X(4)), (X(0, 3), X(4, 3), X(4)),
    (X(3, 2, layout="transposed"), X(4, 2), X(4)), exact=False)
sample("linear", lambda L, x, w: L.nn.functional.linear(x, w), (X(2, 3), X(4, 3)), (X(3), X(1, 3)),
    exact=False)
for _equation, _shapes in {"ij,jk->ik": ((2, 3), (3, 4)), "ij,kj": ((2, 3), (4, 3)),
    "bij,bjk->bik": ((2, 2, 3), (2, 3, 2)), "ii->i": ((3, 3),), "ii": ((3, 3),), "ij->ji": ((2, 3),),
    "ij->": ((2, 3),), "ij->j": ((2, 3),), "i,j->ij": ((2,), (3,)), "i,i->": ((3,), (3,)),
    "...i,i->...": ((2, 2, 3), (3,)), "...ij,...jk": ((2, 2, 3), (3, 2)),
    "ij,jk,kl->il": ((2, 3), (3, 2), (2, 3)), "iij->j": ((2, 2, 3),), "ij,ij->i": ((2, 3), (2, 3)),
    "ij,k->k": ((2, 3), (2,)), "i...->...i": ((2, 3),), "ij,j->ij": ((2, 3), (3,)),
    "aab,b->a": ((2, 2, 3), (3,)), "ij,jk->k": ((0, 3), (3, 2)), "iijj->ij": ((2, 2, 2, 2),),
    " i j , j -> i": ((2, 3), (3,))}.items():
    sample("einsum", lambda L, *t, e=_equation: L.einsum(e, *t),
        tuple(X(*s, high=2.0 + k) for k, s in enumerate(_shapes)), exact=False)
sample("einsum", lambda L, x,
    y: L.einsum("ij,jk->ik", [x, y]) if L.__name__ == "rushlight" else L.einsum("ij,jk->ik", x, y),
    (X(2, 3, layout="strided"), X(3, 2, layout="transposed")), exact=False)
sample("einsum", lambda L, x, y: L.einsum("ij,ij->ij", x, y), (X(2, 1), X(2, 3)), (X(1, 1), X(2, 3)),
    exact=False)

# Exponentials over an axis

for _name in ("softmax", "log_softmax"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, -1), *CUBES[:3], X(3), X(), X(0, 3), X(2, 0),
        kinks=[LARGE], plain=[INFINITE], exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)(0), X(3, 2), X(2, 1), exact=False)
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, dim=1, dtype=L.float64), X(2, 3), plain=[I(2, 3)],
        exact=False)
sample("logsumexp", lambda L, x: L.logsumexp(x, -1), *CUBES[:3], X(3), X(), X(0, 3), X(2, 0), kinks=[LARGE],
    plain=[INFINITE], exact=False)
sample("logsumexp", lambda L, x: x.logsumexp((0, 1), keepdim=True), X(2, 3), X(2, 3, 2), exact=False)
sample("norm", lambda L, x: L.norm(x), *forms(), X(2, 3, 4), kinks=[np.zeros((2, 2))], exact=False)
for _p in (1, 2, 3, 0.5, float("inf"), -float("inf")):
    sample("norm", lambda L, x, p=_p: x.norm(p, dim=-1), X(2, 3), X(3), exact=False)
sample("norm", lambda L, x: x.norm(0, dim=-1), plain=[X(2, 3), np.array([0.0, 1.0, np.nan])])
sample("norm", lambda L, x: x.norm(0, dim=-1).sqrt(), kinks=[np.array([0.0, 1.0]), np.zeros(2)])
sample("norm", lambda L, x: x.norm("nuc"), X(2, 3), X(3, 2), exact=False, twice=False)
sample("norm", lambda L, x: L.norm(x, "nuc", dim=(0, 2), keepdim=True), X(2, 2, 3), exact=False, twice=False)
for _p in (0.5, 1.5, 3):
    sample("norm", lambda L, x, p=_p: x.norm(p), kinks=[np.array([0.0, 1.0, -2.0])], exact=False)
sample("norm", lambda L, x: x.norm(2, dim=(0, 1), keepdim=True) + x.norm("fro"), X(2, 3), exact=False)

# Losses and entropies

sample("mse_loss", lambda L, x, y: L.nn.functional.mse_loss(x, y), (X(2, 3), X(2, 3, high=1.0)),
    (X(), X(high=1.0)), (X(0), X(0)), (X(2, 3, layout="strided"), X(2, 3)), exact=False)
sample("l1_loss", lambda L, x, y: L.nn.functional.l1_loss(x, y), (X(2, 3), X(2, 3, high=1.0)), exact=False)
PROBABLE = X(2, 3, low=0.1, high=0.9)
sample("binary_cross_entropy", lambda L, p, y: L.nn.functional.binary_cross_entropy(p, y, reduction="none"),
    (PROBABLE, X(2, 3, low=0.2, high=0.8)), plain=[(np.array([0.0, 1.0, 0.5]), np.array([0.0, 1.0, 1.0]))],
    exact=False)
sample("binary_cross_entropy_with_logits", lambda L, z,
    y: L.nn.functional.binary_cross_entropy_with_logits(z, y), (X(2, 3), X(2, 3, low=0.2, high=0.8)),
    kinks=[(LARGE, B(3, 3).astype(float))], exact=False)
sample("cross_entropy", lambda L, x, t: L.nn.functional.cross_entropy(x, t), (X(4, 3), I(4, high=3)),
    (X(3), I(high=3)), (X(2, 3, 2), I(2, 2, high=3)), kinks=[(LARGE, I(3, high=3))], exact=False)
sample("cross_entropy", lambda L, x,
    t: L.nn.functional.cross_entropy(x, t, reduction="none", label_smoothing=0.1), (X(4, 3), I(4, high=3)),
    exact=False)
sample("cross_entropy", lambda L, x, t: L.nn.functional.cross_entropy(x, t, ignore_index=1),
    (X(4, 3), I(4, high=3)), exact=False)
sample("nll_loss", lambda L, x, t: L.nn.functional.nll_loss(x.log_softmax(1), t), (X(4, 3), I(4, high=3)),
    exact=False)
# fmt: on
