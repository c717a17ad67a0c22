"""Samples of the functions of complex numbers, for real ones."""

from __future__ import annotations

from tests.samples.record import I, X, sample

for _name in ("real", "conj", "conj_physical", "adjoint", "resolve_conj", "resolve_neg"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), X(2, 3), plain=[I(2, 2)])
sample("H", lambda L, x: x.H, X(2, 3))
sample("angle", lambda L, x: L.angle(x), X(2, 3), twice=False, plain=[I(2, 2)])
for _name in ("is_conj", "is_neg", "is_inference"):
    sample(_name, lambda L, x, n=_name: (getattr(L, n)(x), getattr(x, n)()), plain=[X(2)])
