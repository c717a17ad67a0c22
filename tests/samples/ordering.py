"""Samples of scans, medians and quantiles, distinct elements, histograms."""

from __future__ import annotations

import numpy as np

from tests.samples.record import CUBES, INFINITE, U8, B, I, X, forms, inplace, sample

# A table: an entry costs a line or two.
# fmt: off
NANS = np.array([[1.0, np.nan, 3.0, 2.0], [4.0, 0.0, -1.0, 2.0]])
TIES = np.array([[2.0, 1.0, 2.0, 0.0], [1.0, 1.0, 0.0, 0.0]])

# Scans

sample("cumprod", lambda L, x: L.cumprod(x, -1), *CUBES, X(), X(2, 0), X(1), plain=[I(2, 3), B(3), U8],
    exact=False,
    kinks=[np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]])])
sample("cumprod", lambda L, x: x.cumprod(0, dtype=L.float64), X(2, 3), plain=[I(2, 3)], exact=False,
    twice=False)
inplace("cumprod_", 0, cases=[X(4, 2)])
inplace("cumsum_", 0, cases=[X(4, 2)])
sample("logcumsumexp", lambda L, x: L.logcumsumexp(x, -1), *CUBES, X(), X(2, 0), X(5), exact=False)
sample("logcumsumexp", lambda L, x: L.logcumsumexp(x, 0), np.ones(4), exact=False)
sample("logcumsumexp", lambda L, x: L.logcumsumexp(x, 0), kinks=[np.array([-np.inf, 1.0, 2.0])], peer=False)
for _name in ("cummax", "cummin"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, -1), *CUBES, X(), X(2, 0), X(1), kinks=[TIES],
        plain=[I(2, 3), INFINITE, NANS, U8, np.array([True, False, True])])
sample("diff", lambda L, x: L.diff(x), *CUBES, X(2, 0), plain=[I(2, 3), B(3)])
sample("diff", lambda L, x: x.diff(2, dim=0) + L.diff(x, 1, 0)[1:], X(4, 2))
sample("diff", lambda L, x, y: L.diff(x, prepend=y, append=x), (X(2, 3), X(2, 1)))
sample("gradient", lambda L, x: L.gradient(x), X(4), X(3, 4), plain=[I(3, 4)], exact=False)
sample("gradient", lambda L, x: L.gradient(x, spacing=0.5, dim=1, edge_order=2), X(3, 4), exact=False)
sample("gradient", lambda L, x, c: L.gradient(x, spacing=(c,), dim=0, edge_order=2), (X(4, 2),
    np.array([0.0, 1.0, 3.0, 4.0])),
    exact=False, twice=False)
for _name in ("trapezoid", "trapz", "cumulative_trapezoid"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), *CUBES, plain=[I(2, 3), X(2, 0)], exact=False)
    sample(_name, lambda L, x, y, n=_name: getattr(L, n)(x, y) + getattr(L, n)(x, dx=2.0), (X(2, 3), X(3)),
        (X(2, 3), X(2, 3)), exact=False)
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, dim=0), X(3, 2), exact=False)

# Order

sample("msort", lambda L, x: L.msort(x) + x.msort(), X(3, 2), X(4), plain=[I(5)])
sample("aminmax", lambda L, x: (*L.aminmax(x), *x.aminmax(dim=-1, keepdim=True)), X(2, 3), X(4), plain=[I(2,
    3)])
sample("aminmax", lambda L, x: L.aminmax(x, keepdim=True), X(2, 3))
sample("kthvalue", lambda L, x: L.kthvalue(x, 2), X(2, 3), X(4), X(3, 2, layout="transposed"),
    plain=[np.array([4, 1, 3])])
sample("kthvalue", lambda L, x: x.kthvalue(1, 0, True), X(3, 2), X())
for _name in ("median", "nanmedian"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), X(2, 3), X(4), X(), plain=[I(2, 3), NANS],
        kinks=[TIES[0], NANS[1]])
    sample(_name, lambda L, x, n=_name: getattr(x, n)(-1), X(2, 3), X(4), X(), plain=[NANS])
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 0, keepdim=True), X(3, 2), plain=[np.array([[4, 1],
        [3, 2], [5, 0]])])
sample("mode", lambda L, x: L.mode(x).values, X(2, 3), X(), plain=[I(9, high=4), TIES])
sample("mode", lambda L, x: x.mode(0, True)[0], X(3, 2), plain=[I(6, 2, high=3)])
for _name in ("quantile", "nanquantile"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 0.4), X(2, 3), X(5), X(), plain=[NANS], exact=False)
    sample(_name, lambda L, x, q, n=_name: getattr(L, n)(x, q, dim=1), (X(2, 4), np.array([0.1, 0.55])),
        exact=False,
        twice=False)
    sample(_name, lambda L, x, q, n=_name: getattr(x, n)(q, dim=0, keepdim=True), (X(3, 2), np.array([0.1,
        0.9])),
        exact=False, twice=False)
    for _kind in ("lower", "higher", "midpoint", "nearest"):
        sample(_name, lambda L, x, n=_name, k=_kind: getattr(L, n)(x, 0.4, 1, interpolation=k), X(2, 4),
            exact=False)
for _name in ("nansum", "nanmean"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), *forms()[2:], kinks=[NANS], exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)(-1, True), X(2, 3), kinks=[NANS], exact=False)
sample("nansum", lambda L, x: L.nansum(x), plain=[I(2, 3), B(3)])
for _name in ("std_mean", "var_mean"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), *CUBES[:3], exact=False)
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 1, correction=0, keepdim=True), X(2, 3), exact=False)
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, False), X(2, 3), exact=False)

# Distinct elements and places

sample("unique", lambda L, x: L.unique(x, return_inverse=True, return_counts=True), plain=[I(2, 3), I(9,
    high=4), B(3), TIES, I(0)])
sample("unique", lambda L, x: (x.unique(), x.unique(dim=0)), plain=[I(4, 2, high=2), TIES])
sample("unique", lambda L, x: L.unique(x, dim=1, return_inverse=True, return_counts=True), plain=[I(2, 5,
    high=2)])
sample("unique_consecutive", lambda L, x: L.unique_consecutive(x, return_inverse=True, return_counts=True),
    plain=[I(9, high=2), I(2, 3), B(3)])
sample("unique_consecutive", lambda L, x: x.unique_consecutive(dim=0), plain=[I(4, 1, high=2)])
ORDERED = np.array([1.0, 2.0, 2.0, 5.0])
sample("searchsorted", lambda L, t, x: (L.searchsorted(t, x), L.searchsorted(t, x, right=True)),
    plain=[(ORDERED, np.array([[0.0, 2.0], [3.0, 9.0]])), (ORDERED[None], np.array([[0.0, 2.0]])),
        (I(4) * 0, I(3))])
sample("searchsorted", lambda L, t: (L.searchsorted(t, 2, out_int32=True), L.searchsorted(t, 2,
    side="right")),
    plain=[ORDERED, np.array([1, 2, 5])])
sample("searchsorted", lambda L, t, x, s: L.searchsorted(t, x, sorter=s),
    plain=[(np.array([3.0, 1.0]), np.array([2.0, 0.5]), np.array([1, 0]))])
sample("bucketize", lambda L, x, t: (L.bucketize(x, t), L.bucketize(x, t, right=True), L.bucketize(2.5, t)),
    plain=[(X(2, 3), ORDERED), (I(3), ORDERED.astype(np.int64))])
sample("argwhere", lambda L, x: L.argwhere(x), plain=[B(2, 3), I(4, high=2), X(0, 2)])
sample("nonzero_static", lambda L, x: (L.nonzero_static(x, size=2), x.nonzero_static(size=9, fill_value=-7)),
    plain=[B(2, 3), I(4, high=2), X(0, 2), B(2, 2, 2)])
sample("isin", lambda L, x, y: (L.isin(x, y), L.isin(x, y, invert=True)), plain=[(I(2, 3), I(2)), (X(3),
    X(3)), (I(3), I(0))])
sample("isin", lambda L, x: (L.isin(x, 2), L.isin(2, x)), plain=[I(2, 3)])
sample("bincount", lambda L, x: (L.bincount(x), x.bincount(minlength=12)), plain=[I(5), I(0)])
sample("bincount", lambda L, x, w: L.bincount(x, w), plain=[(I(5), X(5)), (I(5), I(5))])
sample("histc", lambda L, x: (L.histc(x, bins=4), x.histc(3, -1, 1)), plain=[X(2, 3), X(9), np.ones(3)])
sample("histogram", lambda L, x: L.histogram(x, 4, range=(-1.5, 1.5)), plain=[X(2, 3), X(9)])
sample("histogram", lambda L, x, e, w: (*x.histogram(e), *L.histogram(x, e, weight=w, density=True)),
    plain=[(X(5), np.array([-1.0, 0.0, 0.5, 2.0]), X(5, low=0.5))], exact=False)
sample("histogramdd", lambda L, x: L.histogramdd(x, [2, 3], range=[-2.0, 2.0, -1.0, 1.0]).hist, plain=[X(6,
    2)])
# fmt: on
