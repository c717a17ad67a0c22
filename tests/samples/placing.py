"""Samples of writing through an index, of views by strides, of moving, parting and joining."""

from __future__ import annotations

import numpy as np

from tests.samples.record import CUBES, U8, B, I, X, inplace, sample

# A table: an entry costs a line or two.
# fmt: off
# Writing through an index

AT, ROWS = np.array([2, 0]), X(2, 2)
sample("index_add", lambda L, x, i, s: L.index_add(x, 0, i, s), (X(3, 2), AT, ROWS), (X(3, 2), np.array([1,
    1]), ROWS),
    (X(), I(1, high=1), X()), plain=[(I(3, 2), AT, I(2, 2)), (B(3, 2), AT, B(2, 2))])
sample("index_add", lambda L, x, i, s: x.index_add(1, i, s, alpha=0.5), (X(2, 3), AT, ROWS))
sample("index_copy", lambda L, x, i, s: L.index_copy(x, 0, i, s), (X(3, 2), AT, ROWS), (X(), I(1, high=1),
    X()),
    plain=[(I(3, 2), AT, I(2, 2))])
sample("index_fill", lambda L, x, i: L.index_fill(x, 0, i, 2), (X(3, 2), AT), (X(), I(1, high=1)),
    plain=[(I(3, 2), AT)])
sample("index_fill", lambda L, x, i, v: x.index_fill(-1, i, v), (X(2, 3), AT, X()), (X(2, 3), np.array([1,
    1]), X()))
sample("index_put", lambda L, x, i, v: L.index_put(x, (i,), v), (X(3, 2), AT, ROWS), (X(3), AT, X()))
sample("index_put", lambda L, x, i, j, v: x.index_put((i, j), v, accumulate=True),
    (X(3, 4), np.array([2, 2]), np.array([1, 1]), X(2)), plain=[(I(3, 4), AT, AT, I(2))])
sample("index_put", lambda L, x, v: L.index_put(x, (None, x.new_ones(1).long()), v), (X(2, 3), X(2, 1)),
    peer=False)
sample("index_put_", lambda L, x, i, v: L.index_put_(x.clone(), (i,), v), (X(3, 2), AT, ROWS))
sample("index_put_", lambda L, x, i, v: x.clone().index_put_((i,), v, True), (X(3, 2), np.array([1, 1]),
    ROWS))
for _merge in ("prod", "mean", "amax", "amin"):
    sample("index_reduce", lambda L, x, i, s, m=_merge: L.index_reduce(x, 0, i, s, m), (X(3, 2), AT, X(2, 2,
        high=3.0)),
        (X(), I(1, high=1), X(high=1.0)), exact=False, twice=_merge == "mean")
for _merge in ("sum", "prod", "mean", "amax", "amin"):
    _case = (X(2, 3), np.array([[0, 0, 2], [1, 1, 1]]), X(2, 3, high=3.0))
    sample("scatter_reduce", lambda L, x, i, s, m=_merge: L.scatter_reduce(x, 1, i, s, m), _case, exact=False,
        twice=_merge != "prod", plain=[(I(2, 3), _case[1], I(2, 3))])
    sample("scatter_reduce", lambda L, x, i, s, m=_merge: x.scatter_reduce(0, i, s, m, include_self=False),
        (X(3, 2), np.array([[2, 0], [2, 1]]), X(2, 2)), (X(), I(high=1), X(high=1.0)), exact=False,
            twice=False)
sample("scatter_reduce", lambda L, x, i, s: x.scatter_reduce(0, i, s, "prod"), exact=False,
    kinks=[(np.array([2.0, 0.0, 3.0]), np.array([0, 0, 1, 2]), np.array([0.0, 5.0, 4.0, 0.0]))])
sample("scatter_reduce", lambda L, x, i, s: x.scatter_reduce(0, i, s, "amax"),
    kinks=[(np.array([2.0, 0.0]), np.array([0, 0, 1]), np.array([2.0, 2.0, 4.0]))])
sample("masked_scatter", lambda L, x, m, s: L.masked_scatter(x, m, s), (X(2, 3), B(2, 3), X(6)), (X(2, 3),
    B(3), X(4)),
    plain=[(I(2, 3), B(2, 3), I(6))])
sample("take", lambda L, x, i: L.take(x, i), (X(2, 3), np.array([[0, -1], [5, 0]])), (X(2, 3), I(0)),
    plain=[(I(3), I(2, high=3))])
sample("put", lambda L, x, i, s: L.put(x, i, s), (X(2, 3), np.array([4, 0]), X(2)))
sample("put", lambda L, x, i, s: x.put(i, s, accumulate=True), (X(2, 3), np.array([4, 4]), X(2)),
    plain=[(I(2, 3), AT, I(2))])
sample("select_scatter", lambda L, x, s: L.select_scatter(x, s, 1, -1), (X(2, 3), X(2)))
sample("slice_scatter", lambda L, x, s: L.slice_scatter(x, s, 1, 0, 3, 2) + L.slice_scatter(x, s, 1, -2),
    (X(2, 3), X(2, 2)))
inplace("index_add_", cases=[])
for _name in ("index_add_", "index_copy_"):
    sample(_name, lambda L, x, i, s, n=_name: getattr(x.clone(), n)(0, i, s), (X(3, 2), AT, ROWS),
        plain=[(I(3, 2), AT, I(2, 2))])
sample("index_fill_", lambda L, x, i: x.clone().index_fill_(0, i, 2), (X(3, 2), AT))
sample("index_reduce_", lambda L, x, i, s: x.clone().index_reduce_(0, i, s, "mean"), (X(3, 2), AT, ROWS),
    exact=False)
sample("scatter_reduce_", lambda L, x, i, s: x.clone().scatter_reduce_(0, i, s, "sum"), (X(3), AT, X(2)),
    exact=False)
sample("masked_scatter_", lambda L, x, m, s: x.clone().masked_scatter_(m, s), (X(2, 3), B(2, 3), X(6)))
sample("put_", lambda L, x, i, s: x.clone().put_(i, s), (X(2, 3), np.array([4, 0]), X(2)))

# Views by strides

for _name in ("diagonal", "diag_embed"):
    sample(_name, lambda L, x, n=_name: getattr(L, n)(x), X(3, 3), X(2, 4), X(2, 3, 2), X(0, 3), plain=[I(2,
        3)])
    sample(_name, lambda L, x, n=_name: (getattr(x, n)(1), getattr(x, n)(-1, 0, 1)), X(3, 3), X(4, 2,
        layout="transposed"))
sample("diagonal", lambda L, x: x.diagonal(0, -1, 0) + L.diagonal(x, 0, dim1=0, dim2=2), X(3, 2, 3))
sample("diag", lambda L, x: L.diag(x), X(3), X(3, 3), X(2, 4), plain=[I(3), I(2, 2), B(2)])
sample("diag", lambda L, x: x.diag(1), X(3), X(3, 3))
sample("diagflat", lambda L, x: L.diagflat(x, -1), X(2, 2), X(3), X())
sample("diagonal_scatter", lambda L, x, s: L.diagonal_scatter(x, s), (X(3, 3), X(3)), (X(2, 4), X(2)))
sample("diagonal_scatter", lambda L, x, s: x.diagonal_scatter(s, 1, 2, 0), (X(3, 2, 3), X(2, 2)))
sample("trace", lambda L, x: L.trace(x) + x.trace(), X(3, 3), X(2, 4), plain=[I(2, 2)], exact=False)
def diagonal_doubled(L: object, x: np.ndarray) -> object:
    """A copy whose diagonal, a view, is updated in place."""
    out = x.clone()
    out.diagonal().mul_(2.0)
    return out

sample("diagonal", diagonal_doubled, X(3, 3), X(2, 4))
sample("fill_diagonal_", lambda L, x: x.clone().fill_diagonal_(2), X(3, 3), X(2, 4), X(2, 2, 2), plain=[I(3,
    2)])
sample("fill_diagonal_", lambda L, x: x.clone().fill_diagonal_(2, wrap=True), X(7, 2), X(2, 4))
sample("as_strided", lambda L, x: L.as_strided(x.clone(), (2, 2), (1, 2), 1), X(3, 3), X(6), plain=[I(6)])
sample("as_strided", lambda L, x: x.clone().as_strided((3,), (0,)), X(2, 3))
sample("as_strided_scatter", lambda L, x, s: L.as_strided_scatter(x, s, (2, 2), (1, 2), 1), (X(3, 3), X(2,
    2)), peer=False)
sample("as_strided_", lambda L, x: L.as_strided_(x.clone(), (2,), (2,)), plain=[X(2, 3)])
for _name, _extra in (("squeeze_", ()), ("unsqueeze_", (0,)), ("t_", ()), ("transpose_", (0, 1)),
    ("swapaxes_", (0, 1)),
    ("swapdims_", (0, 1))):
    sample(_name, lambda L, x, n=_name, e=_extra: getattr(x.clone(), n)(*e), plain=[X(2, 3), X(2, 1)])
    sample(_name, lambda L, x, n=_name, e=_extra: getattr(x * 2, n)(*e), X(2, 1))

inplace("tril_", -1, cases=[X(3, 3)])
inplace("triu_", 1, cases=[X(3, 3)], plain=[I(2, 3)])

# Moving

sample("roll", lambda L, x: L.roll(x, 1) + x.roll(-7), X(2, 3), X(4), X(0, 2), X(), plain=[I(3)])
sample("roll", lambda L, x: x.roll((1, -1), (0, 1)) + L.roll(x, 2, dims=-1), X(2, 3))
for _turns in (0, 1, 2, 3, -1):
    sample("rot90", lambda L, x, k=_turns: L.rot90(x, k, (0, 1)), X(2, 3), X(2, 2, 2))
sample("fliplr", lambda L, x: L.fliplr(x), X(2, 3))
sample("flipud", lambda L, x: L.flipud(x), X(2, 3), X(3))
sample("moveaxis", lambda L, x: L.moveaxis(x, 0, -1) + x.moveaxis(0, -1), *CUBES[:2])
sample("swapdims", lambda L, x: L.swapdims(x, 0, -1), *CUBES)

# Parting and joining

sample("tensor_split", lambda L, x: L.tensor_split(x, 3), X(5), X(4, 2), plain=[I(5)])
sample("tensor_split", lambda L, x: x.tensor_split((1, 3), dim=-1), X(2, 4), X(2))
sample("hsplit", lambda L, x: (*L.hsplit(x, 2), *x.hsplit([1])), X(2, 4), X(4))
sample("vsplit", lambda L, x: (*L.vsplit(x, 2), *x.vsplit([1])), X(4, 2))
sample("dsplit", lambda L, x: (*L.dsplit(x, 2), *x.dsplit([1])), X(2, 1, 4))
sample("split_with_sizes", lambda L, x: L.split_with_sizes(x, [1, 2], -1), X(2, 3))
sample("unsafe_split_with_sizes", lambda L, x: L.unsafe_split_with_sizes(x, [1, 2], -1), X(2, 3))
sample("unsafe_split", lambda L, x: L.unsafe_split(x, 2), X(5))
sample("unsafe_chunk", lambda L, x: L.unsafe_chunk(x, 2), X(5))
for _name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    sample(_name, lambda L, x, y, n=_name: getattr(L, n)(x) * 2 + getattr(L, n)(x, y)[0] * getattr(L, n)((y,
        y))[1].sum(),
        (X(), X(2)), (X(3), X(2, 2)), (X(2, 3), X()), exact=False)
sample("concatenate", lambda L, *t: L.concatenate(t, 1), (X(2, 3), X(2, 1)))
sample("row_stack", lambda L, *t: L.row_stack(t), (X(3), X(2, 3)))
sample("dstack", lambda L, *t: L.dstack(t), (X(3), X(3, high=1.0)), (X(2, 3), X(2, 3, 2)), (X(),))
sample("column_stack", lambda L, *t: L.column_stack(t), (X(3), X(3, 2)), (X(), X(high=1.0)))
sample("block_diag", lambda L, *t: L.block_diag(*t), (X(2, 3), X(2), X()), (X(2, 2),), plain=[(I(2, 2), X(1,
    2))])
sample("repeat_interleave", lambda L, x: L.repeat_interleave(x, 2) , X(2, 3), X(), plain=[I(3)])
sample("repeat_interleave", lambda L, x: x.repeat_interleave(3, 1) + L.repeat_interleave(x, 3, dim=-1), X(2,
    3))
sample("repeat_interleave", lambda L, x, r: L.repeat_interleave(x, r, 1, output_size=3), (X(2, 3),
    np.array([1, 0, 2])))

# Grids

sample("broadcast_shapes", lambda L: tuple(L.broadcast_shapes((2, 1), (3,), 1)), plain=[()])
sample("broadcast_tensors", lambda L, x, y: L.broadcast_tensors(x, y), (X(2, 1), X(3)))
sample("meshgrid", lambda L, x, y: (*L.meshgrid(x, y, indexing="ij"), *L.meshgrid([x, y], indexing="xy")),
    (X(2), X(3)), (X(), X(2)))
sample("cartesian_prod", lambda L, *t: L.cartesian_prod(*t), (X(2), X(3)), (X(2),), (X(2), X(2), X(1)))
sample("combinations", lambda L, x: (L.combinations(x), L.combinations(x, 3, with_replacement=True)), X(3),
    X(4), X(1))
sample("unravel_index", lambda L, x: L.unravel_index(x, (3, 4)), plain=[I(2, 3), U8[:2]])
sample("tril_indices", lambda L: (L.tril_indices(3, 2), L.tril_indices(2, 4, 1, dtype=L.int32)), plain=[()])
sample("triu_indices", lambda L: (L.triu_indices(3, 2), L.triu_indices(2, 4, -1)), plain=[()])
# fmt: on
