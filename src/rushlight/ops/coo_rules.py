"""What operations do with sparse tensors: products, sums, scaling, and what works element by element.

Everything is a composition of dense operations on places and values, so that derivatives of every order and
compiled code come with them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.core.apply import CAST, apply, one_dtype
from rushlight.core.composite import Composite
from rushlight.core.op import Op
from rushlight.core.spec import broadcast, normalize_axes
from rushlight.core.state import state
from rushlight.core.tensor import Tensor
from rushlight.device import m, xp
from rushlight.errors import NotSupportedError, ShapeError, message
from rushlight.ops.arithmetic import ADD, DIV, MUL, NEG, SUB
from rushlight.ops.arranging import repeat_interleave
from rushlight.ops.convert import CLONE
from rushlight.ops.coo import SparseTensor, flat_of, sparse_axis
from rushlight.ops.counting import searchsorted
from rushlight.ops.creation import as_tensor
from rushlight.ops.gather import argsort, cumsum
from rushlight.ops.grids import unravel_index
from rushlight.ops.index import INDEX, INDEX_ADD, SLICE, index_select
from rushlight.ops.join import CAT, cat, stack
from rushlight.ops.matmul import LINEAR, MATMUL, MM, matmul
from rushlight.ops.movement import PERMUTE, RESHAPE
from rushlight.ops.ranges import arange
from rushlight.ops.reduce import SUM

__all__ = ["compute", "normalized", "total"]

_LINEAR = (MUL, DIV, NEG, CAST, CLONE)
"""Of a sum of values at one place, they are the sum of what they are of each."""


def compute(op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """The result of an operation on tensors of which some are sparse; raises NotSupportedError where there is
    none."""
    sparse = next(t for t in inputs if isinstance(t, Composite))
    others = [t for t in inputs if t is not sparse]
    if op in _RULES:
        return _RULES[op](op, *inputs, **attrs)
    if op.elementwise and not any(isinstance(t, Tensor) for t in others) and _keeps_zero(op, inputs, attrs):
        return _on_values(op, *inputs, **attrs)
    return sparse.refuse(op.name)


def _keeps_zero(op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> bool:
    zero = [xp.zeros(1, t.dtype) if isinstance(t, Tensor) else t for t in inputs]
    with xp.silence():
        return bool(xp.all(op.formula(m, *zero, **attrs) == 0))


def _on_values(op: Op, *inputs: Any, **attrs: Any) -> SparseTensor:
    """Element by element: 0 stays 0, so the values alone count."""
    sparse = next(t for t in inputs if isinstance(t, SparseTensor))
    used = sparse if op in _LINEAR else sparse.coalesce()
    values = apply(op, *[used._values() if t is sparse else t for t in inputs], **attrs)
    return used.rebuilt((used._indices(), values))


def _has_axes(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0


def _mul(op: Op, a: Any, b: Any) -> SparseTensor:
    sparse, other = (a, b) if isinstance(a, SparseTensor) else (b, a)
    if isinstance(other, SparseTensor):
        return _where_both(sparse, other)
    if not _has_axes(other):
        return _on_values(op, sparse, other)
    _same_shape("mul", sparse.shape, broadcast("mul", [sparse.shape, other.shape]))
    rows = sparse.rows()
    found = apply(INDEX, other.expand(sparse.shape), *rows, pattern=("tensor",) * len(rows))
    return sparse.rebuilt((sparse._indices(), sparse._values() * found))


def _where_both(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    _same_shape("mul", a.shape, b.shape)
    _same_axes("mul", a, b)
    a, b = a.coalesce(), b.coalesce()
    i, j = _matches(a.flat(), b.flat())
    values = a._values().index_select(0, i) * b._values().index_select(0, j)
    return SparseTensor(a._indices().index_select(1, i), values, tuple(a.shape), True)


def _div(op: Op, a: Any, b: Any) -> SparseTensor:
    if not isinstance(a, SparseTensor) or _has_axes(b) or isinstance(b, SparseTensor):
        raise NotSupportedError(
            message("div", _listed(a, b), "a sparse tensor divided by a number", "Use x.to_dense().")
        )
    return _on_values(op, a, b)


def _add(op: Op, a: Any, b: Any) -> Tensor:
    if not isinstance(a, SparseTensor):
        if not isinstance(a, Tensor):
            return _add_refused(op, a, b)
        return apply(op, a, b.to_dense())
    if not isinstance(b, SparseTensor):
        return _add_refused(op, a, b)
    _same_shape(op.name, a.shape, b.shape)
    _same_axes(op.name, a, b)
    values = cat([a._values(), b._values() if op is ADD else -b._values()])
    both = SparseTensor(cat([a._indices(), b._indices()], 1), values, tuple(a.shape))
    return both if state.tracing else both.coalesce()


def _add_refused(op: Op, a: Any, b: Any) -> Tensor:
    remedy = "Write dense + sparse, or use x.to_dense()."
    raise NotSupportedError(
        message(op.name, _listed(a, b), "two sparse tensors, or a dense one first", remedy)
    )


def _listed(a: Any, b: Any) -> str:
    kinds = [
        "sparse" if isinstance(t, SparseTensor) else "dense" if _has_axes(t) else "number" for t in (a, b)
    ]
    return " and ".join(f"a {k} tensor" if k != "number" else "a number" for k in kinds)


def _same_shape(name: str, a: Sequence[int], b: Sequence[int]) -> None:
    if tuple(a) != tuple(b):
        raise ShapeError(message(name, f"shapes {tuple(a)} and {tuple(b)}", "the sparse tensor's shape"))


def _same_axes(name: str, a: SparseTensor, b: SparseTensor) -> None:
    if a.sparse_dim() != b.sparse_dim():
        got = f"{a.sparse_dim()} and {b.sparse_dim()} sparse axes"
        raise ShapeError(message(name, got, "as many in both"))


def _matches(keys: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs (i, j) with keys[i] == table[j], by i, then j."""
    order = argsort(table, stable=True)
    held = table.index_select(0, order)
    low = searchsorted(held, keys)
    count = searchsorted(held, keys, right=True) - low
    i = repeat_interleave(count)
    begins = (cumsum(count, 0) - count).index_select(0, i)
    return i, order.index_select(0, low.index_select(0, i) + arange(i.shape[0]) - begins)


# Products


def _matmul(op: Op, a: Tensor, b: Tensor, *, ta: bool = False, tb: bool = False) -> Tensor:
    one_dtype(op.name, (a, b))
    a, b = a.T if ta else a, b.T if tb else b
    if isinstance(a, SparseTensor) and isinstance(b, SparseTensor):
        return _both_sparse(a, b)
    if isinstance(a, SparseTensor):
        return _sparse_dense(a, b)
    if a.ndim > 2:
        return _matmul(op, a.flatten(0, -2), b).reshape(*a.shape[:-1], b.shape[-1])
    assert isinstance(b, SparseTensor)
    flipped = b.transpose(0, 1) if b.ndim == 2 else b
    return _sparse_dense(flipped, a.T).T


def _sparse_dense(a: SparseTensor, b: Tensor) -> Tensor:
    """sum_k a[r_k, c_k] b[c_k] into row r_k."""
    _check_product(a, b, (1, 2))
    rows, columns = a.rows()
    found = index_select(b, 0, columns)
    values = a._values() if b.ndim == 1 else a._values().unsqueeze(1)
    return apply(INDEX_ADD, found * values, rows, pattern=("tensor",), shape=(a.shape[0], *b.shape[1:]))


def _check_product(a: SparseTensor, b: Tensor, axes: tuple[int, ...]) -> None:
    if a.ndim != 2 or a.dense_dim() or b.ndim not in axes:
        got = f"a sparse tensor of shape {tuple(a.shape)} and one of shape {tuple(b.shape)}"
        raise ShapeError(message("matmul", got, "a sparse matrix and a matrix or vector", a.remedy))
    if a.shape[1] != b.shape[0]:
        got = f"shapes {tuple(a.shape)} and {tuple(b.shape)}"
        remedy = "Transpose one of them with .t()."
        raise ShapeError(message("matmul", got, "inner sizes to agree", remedy))


def _both_sparse(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    _check_product(a, b, (2,))
    if b.dense_dim():
        b.refuse("matmul")
    rows, inner = a.rows()
    below, columns = b.rows()
    i, j = _matches(inner, below)
    places = stack([rows.index_select(0, i), columns.index_select(0, j)])
    values = a._values().index_select(0, i) * b._values().index_select(0, j)
    return SparseTensor(places, values, (a.shape[0], b.shape[1])).coalesce()


def _linear(op: Op, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product = matmul(x, weight.t())
    return product if bias is None else bias + product


# Shapes


def _permute(op: Op, x: SparseTensor, *, dims: tuple[int, ...]) -> SparseTensor:
    count = x.sparse_dim()
    if dims[count:] != tuple(range(count, x.ndim)):
        got = f"dims={dims}, which move dense axes of a sparse tensor"
        raise NotSupportedError(message("permute", got, "sparse ones alone", x.remedy))
    if dims == tuple(range(x.ndim)):
        return x
    rows = x.rows()
    size = tuple(x.shape[d] for d in dims)
    return SparseTensor(stack([rows[d] for d in dims[:count]]), x._values(), size, x._nnz() < 2)


def _reshape(op: Op, x: SparseTensor, *, shape: tuple[int, ...]) -> SparseTensor:
    if x.dense_dim() or not shape or 0 in x.shape:
        x.refuse("reshape")
    places = stack(list(unravel_index(x.flat(), shape)))
    return SparseTensor(places, x._values(), tuple(shape), x.is_coalesced())


def _cat(op: Op, *tensors: Any, dim: int) -> SparseTensor:
    first = next(t for t in tensors if isinstance(t, SparseTensor))
    if not all(isinstance(t, SparseTensor) for t in tensors):
        first.refuse("cat")
    axis = sparse_axis("cat", first, dim)
    starts = [0, *itertools.accumulate(t.shape[axis] for t in tensors)]
    for t in tensors:
        _same_axes("cat", first, t)
        _same_shape("cat", _without(first.shape, axis), _without(t.shape, axis))
    unit = as_tensor([int(i == axis) for i in range(first.sparse_dim())]).unsqueeze(1)
    places = cat([t._indices() + unit * n for t, n in zip(tensors, starts, strict=False)], 1)
    size = (*first.shape[:axis], starts[-1], *first.shape[axis + 1 :])
    made = SparseTensor(places, cat([t._values() for t in tensors]), size)
    whole = all(t.is_coalesced() for t in tensors)
    return made.coalesce() if whole and not state.tracing else made


def _without(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def _select(op: Op, x: SparseTensor, *, pattern: tuple[Any, ...]) -> Tensor:
    """``x[i]``, ``x[i, j]``: numbers for the first axes."""
    count = x.sparse_dim()
    while pattern and pattern[-1] == ("slice", None, None, None):
        pattern = pattern[:-1]
    if not pattern:
        return x
    if len(pattern) > count or not all(isinstance(p, int) for p in pattern):
        remedy = "Numbers for its first axes alone will do, or x.index_select; or use x.to_dense()."
        raise NotSupportedError(message("index", "such an index of a sparse tensor", "numbers", remedy))
    op.infer(x.spec, pattern=pattern)
    rows = x.rows()
    wanted = [p % n for p, n in zip(pattern, x.shape, strict=False)]
    held = math.prod([row == n for row, n in zip(rows, wanted, strict=False)], start=as_tensor(True))
    kept = held.nonzero().reshape(-1)
    values = x._values().index_select(0, kept)
    if len(pattern) == count:
        return values.sum(0)
    places = x._indices()[len(pattern) :].index_select(1, kept)
    return SparseTensor(places, values, tuple(x.shape[len(pattern) :]), x.is_coalesced())


def _index(op: Op, x: SparseTensor, *tensors: Tensor, pattern: tuple[Any, ...]) -> SparseTensor:
    """``x.index_select(dim, index)``."""
    if pattern[-1] != "positions":
        remedy = "Use x.index_select, or x.to_dense()."
        raise NotSupportedError(message("index", "index tensors for a sparse tensor", "numbers", remedy))
    axis, index = len(pattern) - 1, tensors[0]
    if axis >= x.sparse_dim():
        values = index_select(x._values(), axis - x.sparse_dim() + 1, index)
        size = (*x.shape[:axis], index.shape[0], *x.shape[axis + 1 :])
        return SparseTensor(x._indices(), values, size, x.is_coalesced())
    # A place outside says so here, as of a dense axis.
    index_select(arange(x.shape[axis]), 0, index)
    rows = x.rows()
    i, j = _matches(rows[axis], index)
    rows = [j if d == axis else row.index_select(0, i) for d, row in enumerate(rows)]
    size = (*x.shape[:axis], index.shape[0], *x.shape[axis + 1 :])
    return SparseTensor(stack(rows), x._values().index_select(0, i), size)


# Sums


def total(x: SparseTensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The sum over `dim`: sparse where a sparse axis remains, else dense."""
    values = x._values()
    axes = normalize_axes("sum", dim, x.ndim)
    count = x.sparse_dim()
    inner = [a - count + 1 for a in axes if a >= count]
    rest = [a for a in range(count) if a not in axes]
    values = values.sum(inner, dtype=dtype) if inner else values if dtype is None else values.to(dtype)
    if not rest:
        found = values.sum(0)
        return found.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdim else found
    if keepdim:
        raise NotSupportedError(message("sum", "keepdim=True for a sparse tensor", "False", x.remedy))
    size = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    if len(rest) == count:
        return SparseTensor(x._indices(), values, size, x.is_coalesced())
    rows = x.rows()
    made = SparseTensor(stack([rows[a] for a in rest]), values, size)
    return made if state.tracing else made.coalesce()


def _sum(op: Op, x: SparseTensor, *, dim: tuple[int, ...], keepdim: bool, dtype: Any = None) -> Tensor:
    return total(x, dim, keepdim, dtype)


def normalized(name: str, x: SparseTensor, dim: int, dtype: Any, log: bool) -> SparseTensor:
    """Softmax along `dim` over the values that are there, as if all else were minus infinity; or its log."""
    x = x.coalesce()
    values = x._values() if dtype is None else x._values().to(dtype)
    axis = dim % x.ndim
    if axis >= x.sparse_dim():
        inner = axis - x.sparse_dim() + 1
        return x.rebuilt((x._indices(), values.log_softmax(inner) if log else values.softmax(inner)))
    axis = sparse_axis(name, x, dim)
    rows, sizes = x.rows(), x.shape[: x.sparse_dim()]
    others = [a for a in range(len(rows)) if a != axis]
    kept = [sizes[a] for a in others]
    group = flat_of([rows[a] for a in others], kept) if others else rows[0] * 0
    shape = (math.prod(kept), *values.shape[1:])
    where = group.reshape(-1, *(1,) * (values.ndim - 1)).expand(values.shape)
    fixed = values.detach()
    top = fixed.new_zeros(shape).scatter_reduce(0, where, fixed, "amax", include_self=False)
    shifted = values - index_select(top, 0, group)
    powers = shifted.exp()
    sums = index_select(apply(INDEX_ADD, powers, group, pattern=("tensor",), shape=shape), 0, group)
    return x.rebuilt((x._indices(), shifted - sums.log() if log else powers / sums))


_RULES: dict[Op, Callable[..., Any]] = {
    ADD: _add,
    SUB: _add,
    MUL: _mul,
    DIV: _div,
    MATMUL: _matmul,
    MM: _matmul,
    LINEAR: _linear,
    PERMUTE: _permute,
    RESHAPE: _reshape,
    CAT: _cat,
    SLICE: _select,
    INDEX: _index,
    SUM: _sum,
}
