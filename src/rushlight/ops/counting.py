"""Counting and looking up: distinct elements, places in an order, histograms, membership."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rushlight.core.apply import apply
from rushlight.core.op import Op, register
from rushlight.core.results import shown_as
from rushlight.core.spec import Spec, normalize_axis, promote_dtypes
from rushlight.core.tensor import Tensor, method, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.gather import argsort, gather, scatter_add, sort
from rushlight.ops.index import nonzero
from rushlight.ops.join import cat, stack
from rushlight.ops.ranges import arange, linspace
from rushlight.ops.select import where

__all__ = [
    "argwhere",
    "bincount",
    "bucketize",
    "histc",
    "histogram",
    "histogramdd",
    "isin",
    "nonzero_static",
    "searchsorted",
    "unique",
    "unique_consecutive",
]


@shown_as("histogram")
class Histogram(NamedTuple):
    """What `histogram` gives."""

    hist: Tensor
    bin_edges: Any


def _infer_searchsorted(table: Spec, values: Spec, *, right: bool) -> Spec:
    if table.ndim != 1 and table.shape[:-1] != values.shape[:-1]:
        got = f"values of shape {values.shape} for tables of shape {table.shape}"
        raise ShapeError(message("searchsorted", got, "one table, or a table for each row of values"))
    return Spec(values.shape, xp.int64)


SEARCHSORTED = register(
    Op(
        "searchsorted",
        lambda m, table, values, *, right: m.searchsorted(table, values, right),
        _infer_searchsorted,
    )
)


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where `input` would stand in sequences that are in order along their last axis: before elements that
    equal it, or with `right` behind them.

    input    a number or a tensor: of any shape for one sequence, else with the sequences' leading axes.
    side     "left" or "right", another name for `right`.
    sorter   the order that sorts `sorted_sequence`, where it is not sorted itself.

    >>> import rushlight as rl
    >>> rl.searchsorted(rl.tensor([1, 3, 5]), rl.tensor([3, 4]))
    tensor([1, 2])
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ArgumentError(message("searchsorted", f"side={side!r}, right={right}", "'left' or 'right'"))
    table = sorted_sequence
    if isinstance(input, float) and table.dtype.kind != "f":
        table = table.to(xp.float64)
    values = input if isinstance(input, Tensor) else wrap(xp.asarray(input, table.dtype))
    if sorter is not None:
        if sorter.shape != table.shape:
            raise ShapeError(message("searchsorted", f"a sorter of shape {sorter.shape}", f"{table.shape}"))
        table = gather(table, -1, sorter)
    if isinstance(input, Tensor) and table.dtype != values.dtype:
        got = f"values of {values.dtype} for {table.dtype}"
        raise DTypeError(message("searchsorted", got, "one dtype", "Convert one of them."))
    found = apply(SEARCHSORTED, table.detach(), values.detach(), right=right or side == "right")
    return found.to(xp.int32) if out_int32 else found


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the bucket, between `boundaries` in order, that each element falls into; one that equals
    a boundary is in the bucket below it, or with `right` above.

    >>> import rushlight as rl
    >>> rl.bucketize(rl.tensor([0.5, 2.0, 9.0]), rl.tensor([1.0, 2.0]))
    tensor([0, 1, 2])
    """
    if boundaries.ndim != 1:
        raise ShapeError(message("bucketize", f"boundaries of shape {boundaries.shape}", "one axis"))
    if isinstance(input, Tensor) and input.dtype != boundaries.dtype:
        dtype = promote_dtypes([input.dtype, boundaries.dtype], [], [])
        input, boundaries = input.to(dtype), boundaries.to(dtype)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@method()
def argwhere(input: Tensor) -> Tensor:
    """The indices of the nonzero elements, a row for each; `nonzero` under NumPy's name."""
    return nonzero(input)


@method()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The indices of the first `size` nonzero elements, a row for each; rows that remain are `fill_value`. Of
    a shape that is known before, so that it may be compiled.

    >>> import rushlight as rl
    >>> rl.nonzero_static(rl.tensor([0, 7]), size=2)
    tensor([[ 1],
            [-1]])
    """
    flat = (input != 0).reshape(-1)
    if size < 0:
        raise ArgumentError(message("nonzero_static", f"size={size}", "0 or more"))
    taken = min(size, flat.numel())
    place = argsort((~flat).long()).narrow(0, 0, taken)
    there = arange(taken) < flat.sum()
    columns: list[Tensor] = []
    for n in input.shape[::-1]:
        columns.append(place % max(n, 1))
        place = place // max(n, 1)
    if not columns:
        return input.new_full((size, 0), 0, dtype=xp.int64)
    rows = stack(columns[::-1], 1)
    rows = where(there.unsqueeze(1), rows, fill_value)
    rest = rows.new_full((size - taken, input.ndim), fill_value)
    return cat([rows, rest]) if size > taken else rows


# Distinct elements


@method()
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order, or along `dim` the distinct slices.

    return_inverse  also where each element of the input stands among them.
    return_counts   also how often each is there.

    How many there are depends on the numbers: it cannot be compiled.

    >>> import rushlight as rl
    >>> rl.unique(rl.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    if dim is not None:
        axis = normalize_axis("unique", dim, input.ndim)
        rows = _rows(input, axis)
        order = wrap(xp.order_of_rows(rows.array))
        return _distinct(input, axis, rows[order], order, return_inverse, return_counts)
    flat = input.reshape(-1)
    values, order = sort(flat, 0)
    found = _distinct(flat, 0, values.unsqueeze(1), order, return_inverse, return_counts)
    return _in_shape(found, input, return_inverse)


@method()
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements, or along `dim` the slices, without those that equal the one before them; see `unique`.

    >>> import rushlight as rl
    >>> rl.unique_consecutive(rl.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    if dim is not None:
        axis = normalize_axis("unique_consecutive", dim, input.ndim)
        return _distinct(input, axis, _rows(input, axis), None, return_inverse, return_counts)
    flat = input.reshape(-1)
    found = _distinct(flat, 0, flat.unsqueeze(1), None, return_inverse, return_counts)
    return _in_shape(found, input, return_inverse)


def _in_shape(found: Any, input: Tensor, return_inverse: bool) -> Any:
    if not return_inverse:
        return found
    return (found[0], found[1].reshape(input.shape), *found[2:])


def _rows(input: Tensor, axis: int) -> Tensor:
    """The slices along `axis` as rows of a matrix."""
    moved = input.movedim(axis, 0)
    return moved.reshape(moved.shape[0], moved.numel() // max(moved.shape[0], 1))


def _distinct(
    input: Tensor, axis: int, rows: Tensor, order: Tensor | None, return_inverse: bool, return_counts: bool
) -> Any:
    """Of slices that stand in `order` as `rows`, each first one of equal neighbours."""
    count = rows.shape[0]
    new = rows.new_full((count,), True, dtype=xp.bool_)
    if count > 1:
        new = cat([new[:1], (rows[1:] != rows[:-1]).any(1)])
    first = nonzero(new, as_tuple=True)[0]
    place = first if order is None else order[first]
    out = [input.index_select(axis, place)]
    if return_inverse:
        number = new.cumsum(0) - 1
        out.append(number if order is None else number.new_full((count,), 0).scatter(0, order, number))
    if return_counts:
        ends = cat([first[1:], first.new_full((min(count, 1),), count)])
        out.append(ends - first)
    return out[0] if len(out) == 1 else tuple(out)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among `test_elements`, or with `invert` is not; either may be a number.

    assume_unique  makes no difference here.

    >>> import rushlight as rl
    >>> rl.isin(rl.tensor([1, 2, 3]), rl.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    pair = [t if isinstance(t, Tensor) else wrap(xp.asarray(t)) for t in (elements, test_elements)]
    dtype = promote_dtypes([t.dtype for t in pair if t.ndim], [t.dtype for t in pair if not t.ndim], [])
    wanted, known = (t.detach().to(dtype) for t in pair)
    if not known.numel():
        return wanted.new_full(wanted.shape, invert, dtype=xp.bool_)
    table = sort(known.reshape(-1), 0).values
    place = searchsorted(table, wanted.reshape(-1)).clamp(max=table.shape[0] - 1)
    there = (table[place] == wanted.reshape(-1)).reshape(wanted.shape)
    return ~there if invert else there


# Histograms


@method()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each whole number from 0 on is there, or the sum of its `weights`; at least `minlength`
    numbers are counted.

    >>> import rushlight as rl
    >>> rl.bincount(rl.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if input.ndim != 1 or input.dtype.kind not in "iu":
        got = f"{input.dtype} of shape {input.shape}"
        raise DTypeError(message("bincount", got, "a vector of whole numbers, none negative"))
    if weights is not None and weights.shape != input.shape:
        raise ShapeError(message("bincount", f"weights of shape {weights.shape}", f"{input.shape}"))
    if input.numel() and input.min().item() < 0:
        raise ArgumentError(message("bincount", f"{input.min().item()}", "numbers of 0 or more"))
    count = max(minlength, int(input.max().item()) + 1 if input.numel() else 0)
    if weights is None:
        return _tally(input.long(), count, None, xp.int64)
    return _tally(input.long(), count, weights, weights.dtype if weights.dtype == xp.float32 else xp.float64)


def _tally(place: Tensor, count: int, weights: Tensor | None, dtype: Any) -> Tensor:
    """The sum of the weights, or of ones, at each place."""
    zeros = place.new_full((count,), 0, dtype=dtype)
    src = zeros.new_full(place.shape, 1) if weights is None else weights.detach().to(dtype)
    return scatter_add(zeros, 0, place, src)


@method()
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal parts of [min, max]; with both 0, of the range of the
    elements. Others are not counted.

    >>> import rushlight as rl
    >>> rl.histc(rl.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if bins <= 0:
        raise ArgumentError(message("histc", f"bins={bins}", "a positive number"))
    flat = input.detach().reshape(-1)
    low, high = _limits("histc", flat, min, max, 1)
    inside = (flat >= low) & (flat <= high)
    part = ((flat - low) * (bins / (high - low))).masked_fill(~inside, 0).long().clamp(max=bins - 1)
    return _tally(where(inside, part, bins), bins + 1, None, input.dtype)[:bins]


def _limits(name: str, flat: Tensor, low: Any, high: Any, margin: float) -> tuple[float, float]:
    """The range given, or that of the elements; one of a single number is made wider by the margin."""
    if low == high and flat.numel():
        low, high = flat.min().item(), flat.max().item()
    if low == high:
        low, high = low - margin, high + margin
    if not low < high or high - low == float("inf"):
        raise ArgumentError(message(name, f"the range from {low} to {high}", "a finite one, min below max"))
    return low, high


@method()
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Histogram:
    """(hist, bin_edges): how many elements, or how much `weight`, lies between each two edges, the last edge
    within.

    bins     the edges, in order, or how many equal parts `range`, or the range of the elements, has.
    density  as the density of a distribution: the areas add up to 1.

    >>> import rushlight as rl
    >>> rl.histogram(rl.tensor([1.0, 2.0, 1.0]), 3, range=(0.0, 3.0))
    rushlight.return_types.histogram(
    hist=tensor([0., 2., 1.]),
    bin_edges=tensor([0., 1., 2., 3.]))
    """
    flat = input.detach().reshape(-1, 1)
    hist, edges = histogramdd(
        flat,
        [bins],
        range=range,
        weight=None if weight is None else weight.reshape(-1),
        density=density,
    )
    return Histogram(hist, edges[0])


def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Histogram:
    """(hist, bin_edges) of points (..., D): how many lie in each box, with an axis for each of the D
    coordinates, and a tuple of their edges. Options as of `histogram`; `range` has two numbers for each axis.
    """
    points = input.detach().reshape(-1, input.shape[-1])
    dims = points.shape[1]
    given: Sequence[Any] = [bins] * dims if isinstance(bins, int) else list(bins)
    if input.dtype.kind != "f" or len(given) != dims:
        got = f"{input.dtype} of {dims} coordinates, with {len(given)} bins"
        raise ArgumentError(message("histogramdd", got, "floats, and bins for each coordinate"))
    edges = [_edges(points[:, k], bin, range, k) for k, bin in enumerate(given)]
    place, inside, total = None, None, 1
    for k, edge in enumerate(edges):
        x, count = points[:, k].contiguous(), edge.shape[0] - 1
        here = (x >= edge[0]) & (x <= edge[-1])
        part = where(x == edge[-1], count - 1, searchsorted(edge, x, right=True) - 1).clamp(
            0, max(count - 1, 0)
        )
        inside = here if inside is None else inside & here
        place = part if place is None else place * count + part
        total *= count
    assert place is not None
    assert inside is not None
    weights = None if weight is None else weight.reshape(-1)
    hist = _tally(where(inside, place, total), total + 1, weights, input.dtype)[:total]
    hist = hist.reshape([e.shape[0] - 1 for e in edges])
    if density:
        hist = hist / hist.sum()
        for k, edge in enumerate(edges):
            width = edge[1:] - edge[:-1]
            hist = hist / width.reshape([-1 if i == k else 1 for i, _ in enumerate(edges)])
    return Histogram(hist, tuple(edges))


def _edges(x: Tensor, bins: Any, limits: Any, axis: int) -> Tensor:
    if isinstance(bins, Tensor):
        return bins
    first, last = (0, 0) if limits is None else limits[2 * axis : 2 * axis + 2]
    low, high = 0.0, 1.0
    if x.numel() or limits is not None:
        low, high = _limits("histogram", x, first, last, 0.5)
    return linspace(low, high, bins + 1, dtype=x.dtype)
