"""Samples of reductions and of movement."""

from __future__ import annotations

import numpy as np

from tests.samples.record import CUBES, EXTREME, I32, INFINITE, U8, B, I, X, forms, sample

# A table: an entry costs a line or two.
# fmt: off
# Reduce

for _name in ("sum", "mean"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), *forms(), X(2, 3, 4), plain=[INFINITE], exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)(-1), *CUBES, X(), X(3), X(2, 0), X(0, 2), exact=False)
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, dim=(0, -1), keepdim=True), *CUBES, X(0, 3),
        exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)((0, 1)), *CUBES, exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)(dim=()), X(2, 3), X(), exact=False)
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 0, keepdim=True), X(2, 3), X(5000, 2)[:7], X(),
        exact=False)
sample("sum", lambda L, x: x.sum(), plain=[I(2, 3), B(2, 3), U8, I32, I(0)])
sample("sum", lambda L, x: x.sum(1, dtype=L.float64), plain=[I(2, 3), X(2, 3)], exact=False)
sample("sum", lambda L, x: x.sum(1, dtype=L.int32), plain=[I(2, 3), B(2, 3)])
sample("mean", lambda L, x: L.mean(x, 0, dtype=L.float64), plain=[I(2, 3), B(2, 3)], exact=False)
sample("prod", lambda L, x: L.prod(x), *forms(0.5, 2.0), kinks=[np.array([0.0, 2.0, 3.0]), np.zeros(3)],
    plain=[I(2, 3), B(3), U8], exact=False)
sample("prod", lambda L, x: x.prod(-1).sqrt(), peer=False,
    kinks=[np.array([[0.0, 0.0, 2.0], [1.0, 2.0, 3.0]])])
sample("prod", lambda L, x: x.prod(-1), kinks=[np.array([[np.inf, 0.5], [2.0, np.inf]])], peer=False)
sample("prod", lambda L, x: x.prod(0, dtype=L.int32), plain=[I(2, 3), B(3)])
sample("prod", lambda L, x: x.prod(-1, keepdim=True), *CUBES, X(), X(2, 0),
    kinks=[np.array([[0.0, 2.0], [0.0, 0.0]])], exact=False)
for _name in ("var", "std"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), *CUBES, exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)(-1, keepdim=True), *CUBES[:3], exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)((0, 1), unbiased=False), *CUBES[:3], exact=False)
    sample(_name, lambda L, x, n=_name: getattr(x, n)(dim=0, correction=0), X(3, 2), X(1, 3), kinks=[],
        exact=False)
sample("var", lambda L, x: x.var(False) + L.std(x, True), X(2, 3), exact=False)
sample("std", lambda L, x: x.std(0), kinks=[np.ones((3, 2))], exact=False)
for _name in ("amax", "amin"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), *forms()[2:], X(), X(2, 3, 4),
        plain=[INFINITE, I(2, 3)])
    sample(_name, lambda L, x, n=_name: getattr(x, n)((0, -1), keepdim=True), *CUBES, plain=[I(2, 3)],
        kinks=[np.array([[1.0, 2.0, 2.0], [2.0, 0.0, 1.0]])])
    sample(_name, lambda L, x, n=_name: getattr(x, n)(1), X(2, 3), X(0, 3), kinks=[np.ones((2, 3))])
    sample(_name, lambda L, x, n=_name: getattr(x, n)(-1).abs().sqrt(), plain=[], peer=False,
        kinks=[np.array([[0.0, -1.0, -2.0], [0.0, 1.0, 2.0]])])
    sample(_name, lambda L, x, n=_name: getattr(x, n)(), plain=[], peer=False,
        kinks=[np.array([0.0, np.nan, -2.0, np.nan])])
for _name in ("max", "min"):
    sample(_name, lambda L, x, n=_name: getattr(x, n)(), kinks=[np.array([0.0, np.nan, -2.0, np.nan])])
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), X(2, 3), X(), kinks=[np.ones(3)],
        plain=[I(4), INFINITE, B(3)])
    sample(_name, lambda L, x, n=_name: getattr(x, n)(-1), *CUBES, X(), X(0, 2), plain=[I(2, 3), INFINITE])
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x, 0, keepdim=True), *CUBES)
    sample(_name, lambda L, x, y, n=_name: getattr(L, n)(x, y), (X(2, 3), X(3)), plain=[(I(3), X(3))])
    sample("arg" + _name, lambda L, x, n=_name: getattr(L, "arg" + n)(x),
        plain=[X(2, 3), I(4), X(), INFINITE])
    sample("arg" + _name, lambda L, x, n=_name: getattr(x, "arg" + n)(-1, keepdim=True),
        plain=[X(2, 3), X(3), X(0, 2)])
    sample("arg" + _name, lambda L, x, n=_name: getattr(x, "arg" + n)(0),
        plain=[X(3, 2, layout="transposed"), np.ones(3)])
for _name in ("any", "all"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), plain=[B(2, 3), B(), B(0), X(3), I(3), EXTREME])
    sample(_name, lambda L, x, n=_name: getattr(x, n)(-1, keepdim=True), plain=[B(2, 3), B(2, 0), B(3)])
    sample(_name, lambda L, x, n=_name: getattr(x, n)(dim=(0, 1)), plain=[B(2, 3), B(2, 3, 2)])
sample("any", lambda L, x: (x.any(), x.all(), x.any(0), x.sign(), L.square(x)), plain=[U8, B(3)])
sample("count_nonzero", lambda L, x: L.count_nonzero(x), plain=[B(2, 3), I(3, high=2), X(), X(0)])
sample("count_nonzero", lambda L, x: x.count_nonzero(dim=1), plain=[B(2, 3), I(2, 3, high=2)])
sample("sum_to_size", lambda L, x: x.sum_to_size(1, 3), X(2, 3), X(4, 2, 3)[:, :1], exact=False)
sample("sum_to_size", lambda L, x: x.sum_to_size((3,)), X(2, 3), X(3), exact=False)

# Movement

sample("reshape", lambda L, x: L.reshape(x, (3, -1)), *CUBES[:3], X(3),
    plain=[I(2, 3), B(3)])
sample("reshape", lambda L, x: x.reshape(-1), *CUBES, X(), X(0))
sample("view", lambda L, x: x.view(2, -1), X(4, 3), X(2), plain=[I(4)])
sample("view_as", lambda L, x, y: x.view_as(y) + x.reshape_as(y), (X(4), X(2, 2)))
sample("reshape_as", lambda L, x, y: x.reshape_as(y), (X(4), X(2, 2)))
sample("ravel", lambda L, x: L.ravel(x), *CUBES, X(), X(0, 2))
sample("flatten", lambda L, x: L.flatten(x, 1), X(2, 3, 4), X(2, 3), X(0, 3, 2), X(2, 2, 0))
sample("flatten", lambda L, x: x.flatten(), *forms())
sample("flatten", lambda L, x: x.flatten(0, -2), X(2, 3, 4), X(2, 3))
sample("unflatten", lambda L, x: L.unflatten(x, -1, (2, -1)), X(3, 4), X(6))
sample("permute", lambda L, x: L.permute(x, (2, 0, -2)), X(2, 3, 4), X(0, 1, 2))
sample("permute", lambda L, x: x.permute(1, 0), X(2, 3), X(3, 2, layout="transposed"))
sample("transpose", lambda L, x: L.transpose(x, 0, -1), *CUBES, X(3), X())
sample("swapaxes", lambda L, x: L.swapaxes(x, 0, 1) + x.swapdims(0, 1), X(2, 3))
sample("t", lambda L, x: L.t(x), X(2, 3), X(3), X())
sample("T", lambda L, x: x.T, X(2, 3))
sample("mT", lambda L, x: x.mT, X(2, 3, 4), X(2, 3))
sample("movedim", lambda L, x: L.movedim(x, (0, 1), (1, -1)), X(2, 3, 4))
sample("movedim", lambda L, x: L.movedim(x, 0, -1), X(2, 3, 4), X(3))
sample("expand", lambda L, x: x.expand(2, -1, 3), X(4, 1), X(1, 2, 1), X(0, 1))
sample("expand", lambda L, x: x.expand((3,)), X(1), X(), X(3))
sample("expand_as", lambda L, x, y: x.expand_as(y) * y, (X(1, 3), X(2, 3)))
sample("broadcast_to", lambda L, x: L.broadcast_to(x, (2, 3)), X(3), X(2, 1), X(), plain=[I(3)])
sample("squeeze", lambda L, x: L.squeeze(x), X(1, 2, 1), X(2, 3), X(1), X(), X(1, 0))
sample("squeeze", lambda L, x: x.squeeze(-1), X(2, 1), X(1, 3), X())
sample("squeeze", lambda L, x: x.squeeze((0, 1)), X(1, 1, 3), X(1, 3))
sample("unsqueeze", lambda L, x: L.unsqueeze(x, -1) + x.unsqueeze(x.ndim), X(2), X(2, 3), X(), X(0))
sample("unsqueeze", lambda L, x: x.unsqueeze(0), X(2), X())
sample("flip", lambda L, x: L.flip(x, (0, -1)), *CUBES, X(0, 2), plain=[I(2, 3)])
sample("flip", lambda L, x: L.flip(x, dims=(0,)) + x.flip(dims=[-1]), X(2, 3))
sample("permute", lambda L, x: x.permute(dims=(1, 0)).reshape(shape=(2, 3)).expand(size=(2, 2, 3)), X(2, 3))
sample("tile", lambda L, x: x.tile(dims=(2,)).repeat(repeats=(1, 2)), X(2, 3))
sample("flip", lambda L, x: x.flip(0), X(3), X(2, 3))
sample("repeat", lambda L, x: x.repeat(2, 1, 3), X(2, 2), X(2, 2, 1), X(2), X(), plain=[I(2)])
sample("tile", lambda L, x: L.tile(x, (2,)), X(2, 3), X(3), X())
# fmt: on
