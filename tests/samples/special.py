"""Samples of the functions of `special`: gamma functions, error functions, Bessel functions."""

from __future__ import annotations

import numpy as np

import rushlight.ops.gamma_draws as _gamma_draws  # noqa: F401  (its ops)
from rushlight.core.apply import apply
from rushlight.core.op import REGISTRY
from tests.samples.record import INFINITE, B, I, X, forms, inplace, pairs, sample, unary

# fmt: off
WIDE = np.array([0.5, 1.0, 1.0 + 1e-6, 1.5, 2.0, 2.5, 3.0, 7.9, 8.1, 30.0, 170.0, 1e5])
NEGATIVE = np.array([-0.3, -0.9, -1.5, -2.2, -7.7])
POLES = np.array([0.0, -0.0, -1.0, -3.0, np.inf, np.nan])

unary("lgamma", 0.2, 6.0, exact=False, plain=[WIDE, NEGATIVE, POLES, I(2, 3), B(3)])
sample("lgamma", lambda L, x: L.lgamma(x), X(2, 3, low=-2.9, high=-2.6), exact=False)
# PyTorch's trigamma, the derivative of digamma, has nine digits in float64.
sample("digamma", lambda L, x: L.digamma(x), *forms(0.2, 6.0), X(2, 3, low=-2.9, high=-2.1), peer=False)
sample("digamma", lambda L, x: L.digamma(x), exact=False,
    plain=[*forms(0.2, 6.0), WIDE, NEGATIVE, POLES[2:], I(2, 3)])
for _n in (0, 1):
    sample("polygamma", lambda L, x, n=_n: L.polygamma(n, x), *forms(0.5, 4.0), peer=False)
for _n in (2, 3):
    sample("polygamma", lambda L, x, n=_n: L.polygamma(n, x), *forms(0.5, 4.0), exact=False)
sample("polygamma", lambda L, x: x.polygamma(2), X(2, 3, low=-1.9, high=-1.1), plain=[WIDE], exact=False)
sample("mvlgamma", lambda L, x: L.mvlgamma(x, 3), *forms(1.5, 5.0), exact=False)
sample("igamma", lambda L, x: L.igamma(L.tensor([0.5, 1.0, 3.0], dtype=x.dtype), x),
    X(2, 3, low=0.2, high=5.0))
sample("igammac", lambda L, x: L.igammac(L.tensor([0.5, 1.0, 3.0], dtype=x.dtype), x),
    X(2, 3, low=0.2, high=5.0))
sample("polygamma_", lambda L, x: (x * 1).polygamma_(2), X(2, 3, low=0.5, high=4.0), exact=False)
sample("mvlgamma_", lambda L, x: (x * 1).mvlgamma_(3), X(2, 3, low=1.5, high=5.0), exact=False)
for _name in ("igamma_", "igammac_"):
    sample(_name, lambda L, x, n=_name: getattr(x.detach() * 0 + 1.5, n)(x), X(2, 3, low=0.3, high=4.0),
        exact=False)
for _name in ("igamma", "igammac"):
    sample(_name, lambda L, a, x, n=_name: getattr(L, n)(a, x), *pairs(0.5, 4.0), twice=False, peer=False)
    sample(_name, lambda L, a, x, n=_name: getattr(L, n)(a, x), plain=[
        (np.array([0.0, 0.0, 1.0, 2.0, -1.0, 1e-3, 3.0, 0.5]),
         np.array([1.0, 0.0, 0.0, np.inf, 1.0, 0.5, 30.0, 1e-6]))], exact=False)
sample("zeta", lambda L, q: L.special.zeta(2.5, q), *forms(0.5, 4.0), exact=False)
sample("zeta", lambda L, s, q: L.special.zeta(s, q), exact=False, plain=[
    (np.array([1.5, 2.0, 3.0, 2.0, 3.0, 1.0, 0.5, 2.5]),
     np.array([0.1, 1.0, 100.0, -3.5, -2.0, 2.0, 2.0, -0.5]))])

unary("erfc", -3.0, 3.0, plain=[np.linspace(-7, 7, 57), INFINITE, I(2, 3), B(3)])
unary("erfinv", -0.9, 0.9, plain=[np.array([0.0, 1.0, -1.0, 1.5, 0.999, -0.99999, 1e-8, np.nan]), B(3)])
for _name, _low, _high in (
        ("erfcx", -2.0, 3.0), ("ndtr", -3.0, 3.0), ("ndtri", 0.05, 0.95), ("log_ndtr", -4.0, 3.0),
        ("entr", 0.1, 2.0),
        ("i0e", -3.0, 9.0), ("i1", -3.0, 9.0), ("i1e", -3.0, 9.0)):
    sample(_name, lambda L, x, n=_name: getattr(L.special, n)(x), *forms(_low, _high))
sample("ndtr", lambda L, x: L.special.ndtr(x) + L.special.erfcx(x * x),
    plain=[np.array([-30.0, -8.0, 5.0, 12.0])])
sample("log_ndtr", lambda L, x: L.special.log_ndtr(x), plain=[np.array([-200.0, -20.0, -1.0, 0.0, 5.0])])
sample("entr", lambda L, x: L.special.entr(x), plain=[np.array([0.0, -1.0, np.nan, np.inf]), I(2, 3)])
sample("xlog1py", lambda L, x, y: L.special.xlog1py(x, y), *pairs(0.3, 2.0),
    plain=[(np.array([0.0, 0.0, 1.0, np.nan]), np.array([-1.0, np.nan, -1.0, 0.0]))])
unary("i0", -3.0, 9.0, plain=[np.array([0.0, -8.0, 8.0, 30.0]), I(2, 3)])
sample("i1", lambda L, x: L.special.i1(x) + L.special.i1e(x), kinks=[np.array([0.0, 1.0])], twice=False)
for _name in ("lgamma_", "i0_"):
    inplace(_name, cases=[X(2, 3, low=0.5, high=3.0)], exact=False)
inplace("digamma_", cases=[X(2, 3, low=0.5, high=3.0)], peer=False)
for _name in ("erfc_", "erfinv_"):
    inplace(_name, cases=[X(2, 3, low=-0.8, high=0.8)])
# Drawn numbers as a function of their shape: its derivative is along the path of a draw, not the formula's.
sample("gamma_path", lambda L, a, x: apply(REGISTRY["gamma_path"], a, x), peer=False,
    plain=[(X(2, 3, low=0.5), X(2, 3))])
