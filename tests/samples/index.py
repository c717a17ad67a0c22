"""Samples of indexing, gathering and joining."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.record import CUBES, U8, B, I, X, inplace, sample

# A table: an entry costs a line or two.
# fmt: off
# Index

sample("__getitem__", lambda L, x: x[0], X(3), X(2, 3), X(2, 3, 2), plain=[I(3), B(3)])
sample("__getitem__", lambda L, x: x[-1, 1:], X(2, 3), X(3, 2, layout="transposed"),
    X(2, 4, layout="strided"))
sample("__getitem__", lambda L, x: x[..., ::2], X(5), X(2, 3), X(2, 0))
sample("__getitem__", lambda L, x: x[None, :, None, -2:], X(3, 4))
sample("__getitem__", lambda L, x: x[..., None], X(), X(2))
sample("__getitem__", lambda L, x: x[()], X(), X(2))
sample("__getitem__", lambda L, x: x[1:1], X(3, 2))
sample("__getitem__", lambda L, x: x[:100, -100:], X(3, 2))
sample("__getitem__", lambda L, x: x[[0, 2, 0]], X(3), X(3, 2))
sample("__getitem__", lambda L, x, i: x[i], (X(3), I(4, high=3)), (X(3, 2), I(2, 2, high=3)),
    (X(3, 2), I(high=3)), (X(3, 2), I(0)), (X(3, 2), I(4, low=-3, high=3)), plain=[(I(3), I(2, high=3))])
sample("__getitem__", lambda L, x, i: x[:, i], (X(2, 3), I(4, high=3)), (X(2, 3, 2), I(2, 2, high=3)))
sample("__getitem__", lambda L, x, i, j: x[i, j], (X(3, 4), I(5, high=3), I(5, high=4)),
    (X(3, 4), I(2, 1, high=3), I(3, high=4)))
sample("__getitem__", lambda L, x, i, j: x[i, :, j], (X(3, 2, 4), I(5, high=3), I(5, high=4)))
sample("__getitem__", lambda L, x, i, j: x[:, i, j], (X(2, 3, 4), I(5, high=3), I(5, high=4)))
sample("__getitem__", lambda L, x, i: x[0, :, i], (X(2, 3, 4), I(5, high=4)))
sample("__getitem__", lambda L, x, i: x[:, 1, ..., i, None], (X(2, 3, 2, 4), I(5, high=4)))
sample("__getitem__", lambda L, x, i: x[i, ..., 1], (X(2, 3, 4), I(5, high=2)))
sample("__getitem__", lambda L, x, i: x[i, None, 1:], (X(2, 3), I(2, high=2)))
sample("__getitem__", lambda L, x, m: x[m], (X(2, 3), B(2, 3)), (X(2, 3), B(2)), (X(3), ~B(3) & B(3)),
    (X(0, 3), B(0)))
sample("__getitem__", lambda L, x, m: x[:, m], (X(2, 3), B(3)), (X(2, 3, 2), B(3, 2)))
sample("__getitem__", lambda L, x, m: x[m, 1], (X(3, 2), B(3)))
sample("__getitem__", lambda L, x, m, i: x[m, i], (X(3, 4), B(3), I(2, high=4)))

def put(x: Any, index: Any, value: Any) -> Any:
    """A copy of `x` with `value` written at `index`."""
    out = x.clone()
    out[index] = value
    return out

sample("__setitem__", lambda L, x: put(x, 0, 1.5), X(3), X(2, 3))
sample("__setitem__", lambda L, x: put(x, 1, 7), plain=[I(3), I(2, 3)])
sample("__setitem__", lambda L, x: put(x, (..., slice(None, None, 2)), -1), X(5), X(2, 3), plain=[I(2, 3)])
sample("__setitem__", lambda L, x, v: put(x, slice(1, None), v), (X(3, 2), X(2, 2)), (X(3, 2), X(2)),
    (X(3), X()), (X(3, 2), X(1, 2)))
sample("__setitem__", lambda L, x, v: put(x, (slice(None), -1), v), (X(3, 2), X(3)), (X(3, 2), X(1)),
    (X(3, 2, layout="transposed"), X(3)))
sample("__setitem__", lambda L, x, i, v: put(x, i, v), (X(3, 2), np.array([2, 0]), X(2, 2)),
    (X(3, 2), np.array([0, 2]), X()), (X(4), np.array([[0], [2]]), X(2, 1)))
sample("__setitem__", lambda L, x, i, j, v: put(x, (i, j), v),
    (X(3, 4), np.array([2, 0]), np.array([1, 1]), X(2)))
sample("__setitem__", lambda L, x, i, v: put(x, (0, slice(None), i), v),
    (X(2, 3, 4), np.array([2, 0]), X(3, 2)), (X(2, 3, 4), np.array([2, 0]), X(2)))
sample("__setitem__", lambda L, x, i, v: put(x, (i, slice(1, None), -1), v),
    (X(3, 3, 2), np.array([2, 0]), X(2, 2)))
sample("__setitem__", lambda L, x, i, v: put(x, (..., i, 1), v), (X(2, 3, 2), np.array([2, 0]), X(2, 2)))
sample("__setitem__", lambda L, x, m: put(x, m, 0.5), (X(2, 3), B(2, 3)), (X(2, 3), B(2)), (X(), B()))
sample("__setitem__", lambda L, x, m, v: put(x, m, v), (X(2, 3), B(2, 3), X(4)), (X(2, 3), B(2), X(3)),
    (X(3), B(3), X()))
sample("nonzero", lambda L, x: L.nonzero(x), plain=[B(2, 3), I(4, high=2), B(), X(0, 2)])
sample("nonzero", lambda L, x: x.nonzero(as_tuple=True), plain=[B(2, 3), B(3)])
sample("narrow", lambda L, x: L.narrow(x, -1, 1, 2), X(3), X(2, 4), X(3, 4, layout="strided"))
sample("select", lambda L, x: L.select(x, 1, -1), X(2, 3), X(2, 3, 2))
sample("index_select", lambda L, x, i: L.index_select(x, -1, i), (X(2, 3), I(4, high=3)),
    (X(3), I(2, high=3)), (X(2, 3), I(0)))
sample("masked_select", lambda L, x, m: L.masked_select(x, m), (X(2, 3), B(2, 3)), (X(2, 3), B(3)),
    (X(3), B(2, 3)), (X(2, 1), B(3)), (X(), B()), (X(), B(3)))

# Gather

sample("gather", lambda L, x, i: L.gather(x, 1, i), (X(2, 3), I(2, 4, high=3)), (X(2, 3), I(1, 2, high=3)),
    (X(2, 3), I(2, 0)))
sample("gather", lambda L, x, i: x.gather(-2, i), (X(2, 3), I(4, 3, high=2)),
    (X(3, 2, layout="transposed"), I(2, 2, high=3)))
sample("gather", lambda L, x, i: x.gather(0, i), (X(), I(high=1)), (X(3), I(5, high=3)),
    plain=[(I(3), I(2, high=3))])
SCATTERED = np.array([[2, 0], [1, 2]])
sample("scatter", lambda L, x, i, s: L.scatter(x, 1, i, s), (X(2, 3), SCATTERED, X(2, 2)),
    (X(2, 3), np.array([[2]]), X(1, 1)), plain=[(X(2, 3), np.array([[2]]), X(3, 2))])
sample("scatter", lambda L, x, i: x.scatter(1, i, 0.5, reduce="add"), plain=[(X(2, 3), SCATTERED)])
sample("scatter", lambda L, x, i, s: L.scatter(x, 0, i, s), (X(), I(high=1), X()), (X(3), I(high=1), X()))
sample("scatter_add", lambda L, x, i, s: L.scatter_add(x, 0, i, s), (X(), I(high=1), X()))
sample("index_select", lambda L, x, i: L.index_select(x, 0, i), (X(), I(1, high=1)), (X(3), I(high=1)))
sample("topk", lambda L, x: L.topk(x, 1), X())
sample("take_along_dim", lambda L, x, i: L.take_along_dim(x, i, dim=1), (X(5, 5), np.array([[1, -2]])),
    (X(1, 5), I(5, 2, high=5)))
sample("take_along_dim", lambda L, x, i: L.take_along_dim(x, i), (X(2, 3), I(2, 2, high=6)))
sample("scatter", lambda L, x, i: x.scatter(1, i, 0.5), (X(2, 3), SCATTERED), plain=[])
inplace("scatter_", cases=[])
sample("scatter_", lambda L, x, i, s: x.clone().scatter_(1, i, s), (X(2, 3), SCATTERED, X(2, 2)))
sample("scatter_add", lambda L, x, i, s: L.scatter_add(x, 1, i, s),
    (X(2, 3), np.array([[2, 2], [1, 0]]), X(2, 2)), (X(2, 3), np.array([[1, 1]]), X(1, 2)))
sample("scatter_add_", lambda L, x, i, s: x.clone().scatter_add_(0, i, s),
    (X(2, 3), I(2, 3, high=2), X(2, 3)))
sample("take_along_dim", lambda L, x, i: L.take_along_dim(x, i, dim=1), (X(2, 3), I(2, 4, high=3)))
sample("cumsum", lambda L, x: L.cumsum(x, -1), *CUBES, X(), X(3), X(2, 0), plain=[I(2, 3), B(3), U8],
    exact=False)
sample("cumsum", lambda L, x: x.cumsum(0, dtype=L.float64), X(2, 3), plain=[I(2, 3)], exact=False)
sample("cumsum", lambda L, x: x.cumsum(0, dtype=L.int32), plain=[I(2, 3), B(3)])
TIES = np.array([[3.0, 1.0, 3.0, 2.0], [0.0, 0.0, 0.0, -1.0]])
sample("argsort", lambda L, x: L.argsort(x, stable=True), plain=[X(2, 3), TIES, I(5), X(), X(0, 2)])
sample("argsort", lambda L, x: x.argsort(dim=0, descending=True, stable=True), plain=[X(3, 2), TIES, TIES[0]])
sample("sort", lambda L, x: L.sort(x, stable=True), X(2, 3), X(), X(3, 2, layout="transposed"),
    plain=[I(4), B(3)])
sample("sort", lambda L, x: L.sort(x, dim=0, descending=True, stable=True), X(3, 2), kinks=[TIES],
    plain=[I(4)])
sample("topk", lambda L, x: L.topk(x, 2), X(2, 3), X(5), plain=[np.array([4, 1, 3])])
sample("topk", lambda L, x: x.topk(1, dim=0, largest=False), X(3, 2), plain=[I(2, 3)])

# Join

sample("cat", lambda L, *t: L.cat(t), (X(2, 3), X(1, 3)), (X(3),), (X(2, 3), X(0), X(2, 3)),
    (X(0, 3), X(1, 3)), (X(2, 2, layout="transposed"), X(1, 2)), plain=[(I(2), X(3)), (B(2), I(2))])
sample("cat", lambda L, *t: L.cat(t, dim=-1), (X(2, 3), X(2, 1), X(2, 0)))
sample("concat", lambda L, *t: L.concat(t, 1), (X(2, 3), X(2, 1)))
sample("stack", lambda L, *t: L.stack(t), (X(2, 3), X(2, 3, high=1.0)), (X(), X(high=1.0)), (X(0), X(0)),
    plain=[(I(2), X(2))])
sample("stack", lambda L, *t: L.stack(t, -1), (X(2, 3), X(2, 3, high=1.0)), (X(2),))
sample("vstack", lambda L, *t: L.vstack(t), (X(3), X(2, 3)), (X(), X(high=1.0)))
sample("hstack", lambda L, *t: L.hstack(t), (X(2), X(3)), (X(2, 1), X(2, 3)), (X(), X(high=1.0)))
sample("split", lambda L, x: L.split(x, 2), X(5), X(4, 2), X(0, 2), plain=[I(5)])
sample("split", lambda L, x: x.split([1, 0, 2], dim=-1), X(2, 3), X(3))
sample("chunk", lambda L, x: L.chunk(x, 3, -1), X(2, 7), X(5), X(2, 2))
sample("unbind", lambda L, x: L.unbind(x), X(3), X(2, 3))
sample("unbind", lambda L, x: x.unbind(-1), X(2, 3))
# fmt: on
