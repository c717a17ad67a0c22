"""What stands where in the order of the elements: medians, quantiles, modes; and sums that pass over nan."""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.core.autocast import autocasts
from rushlight.core.results import named, shown_as
from rushlight.core.spec import normalize_axes, normalize_axis, plain_number
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.extremes import Extreme, amax, amin
from rushlight.ops.gather import gather, sort
from rushlight.ops.ranges import arange
from rushlight.ops.reduce import mean, numpy_names, std, sum, var
from rushlight.ops.scans import cummax
from rushlight.ops.select import where

__all__ = [
    "aminmax",
    "kthvalue",
    "median",
    "mode",
    "msort",
    "nanmean",
    "nanmedian",
    "nanquantile",
    "nansum",
    "quantile",
    "std_mean",
    "var_mean",
]


@shown_as("aminmax")
class Range(NamedTuple):
    """What `aminmax` gives."""

    min: Tensor
    max: Tensor


@method()
def msort(input: Tensor) -> Tensor:
    """The elements in order along the first axis.

    >>> import rushlight as rl
    >>> rl.msort(rl.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return sort(input, 0).values


@method()
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Range:
    """(min, max) of all elements, or along `dim`; equal ones share the gradient.

    >>> import rushlight as rl
    >>> rl.aminmax(rl.tensor([3, 1, 2]))
    rushlight.return_types.aminmax(
    min=tensor(1),
    max=tensor(3))
    """
    axes: Any = () if dim is None else dim
    low, high = amin(input, axes, keepdim), amax(input, axes, keepdim)
    if dim is None and keepdim:
        shape = (1,) * input.ndim
        return Range(low.reshape(shape), high.reshape(shape))
    return Range(low, high)


KINDS = {name: named(Extreme, name) for name in ("kthvalue", "median", "mode", "nanmedian")}


def _at(name: str, input: Tensor, indices: Tensor, axis: int, keepdim: bool) -> Extreme:
    """The values that `indices`, of size 1 along `axis`, name."""
    values = gather(input, axis, indices)
    kind = KINDS[name]
    return kind(values, indices) if keepdim else kind(values.squeeze(axis), indices.squeeze(axis))


def _of_one(name: str, input: Tensor) -> Extreme:
    return KINDS[name](input.clone(), input.new_full((), 0, dtype=xp.int64))


@method()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False, **numpy: Any) -> Extreme:
    """(value, index) of the k-th smallest element along `dim`, counted from 1.

    >>> import rushlight as rl
    >>> rl.kthvalue(rl.tensor([3.0, 1.0, 2.0]), 2)
    rushlight.return_types.kthvalue(
    values=tensor(2.),
    indices=tensor(2))
    """
    dim, keepdim = numpy_names("kthvalue", numpy, dim, keepdim)
    axis = normalize_axis("kthvalue", dim, input.ndim)
    length = input.shape[axis] if input.ndim else 1
    if not 1 <= k <= length:
        raise ArgumentError(message("kthvalue", f"k={k}", f"from 1 to {length}, the size of axis {axis}"))
    if not input.ndim:
        return _of_one("kthvalue", input)
    return _at("kthvalue", input, sort(input.detach(), axis).indices.narrow(axis, k - 1, 1), axis, keepdim)


def _middle(name: str, input: Tensor, dim: Any, keepdim: bool, skips: bool) -> Any:
    if dim is None:
        return _middle_of_all(input.reshape(-1), skips)
    axis = normalize_axis(name, dim, input.ndim)
    if not input.ndim:
        return _of_one(name, input)
    if not input.shape[axis]:
        raise ShapeError(message(name, f"no elements along axis {axis}", "at least one"))
    return _at(name, input, _middle_place(input.detach(), axis, skips), axis, keepdim)


def _middle_place(x: Tensor, axis: int, skips: bool) -> Tensor:
    """Where the lower median stands; nans come last in the order, and where one counts it is the median."""
    order = sort(x, axis).indices
    count = x.shape[axis]
    if x.dtype.kind != "f":
        return order.narrow(axis, (count - 1) // 2, 1)
    numbers = (x == x).sum(axis, True)
    if skips:
        place = ((numbers - 1) // 2).clamp(min=0)
    else:
        place = where(numbers < count, numbers, (count - 1) // 2)
    return gather(order, axis, place)


def _middle_of_all(flat: Tensor, skips: bool) -> Tensor:
    """The median of a vector; equal elements share its gradient."""
    if not flat.numel():
        return flat.new_full((), float("nan") if flat.dtype.kind == "f" else xp.smallest(flat.dtype))
    value = gather(flat.detach(), 0, _middle_place(flat.detach(), 0, skips))
    if flat.dtype.kind != "f":
        return value.reshape(())
    alike = (flat == value) | ((flat != flat) & (value != value))
    return amax(flat.masked_fill(~alike, -float("inf")))


@method()
def median(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy: Any) -> Any:
    """The median of all elements, or the pair (values, indices) along `dim`; of an even number the lower one
    of the two in the middle. It is nan where an element is.

    >>> import rushlight as rl
    >>> rl.median(rl.tensor([3.0, 1.0, 2.0, 4.0]))
    tensor(2.)
    """
    dim, keepdim = numpy_names("median", numpy, dim, keepdim)
    return _middle("median", input, dim, keepdim, False)


@method()
def nanmedian(input: Tensor, dim: Any = None, keepdim: bool = False, **numpy: Any) -> Any:
    """`median` of the elements that are numbers."""
    dim, keepdim = numpy_names("nanmedian", numpy, dim, keepdim)
    return _middle("nanmedian", input, dim, keepdim, True)


@method()
def mode(input: Tensor, dim: int = -1, keepdim: bool = False, **numpy: Any) -> Extreme:
    """(value, index) of the element that is there most often along `dim`, the smallest of several, where it
    stands last.

    >>> import rushlight as rl
    >>> rl.mode(rl.tensor([3, 1, 3, 2]))
    rushlight.return_types.mode(
    values=tensor(3),
    indices=tensor(2))
    """
    dim, keepdim = numpy_names("mode", numpy, dim, keepdim)
    axis = normalize_axis("mode", dim, input.ndim)
    if not input.ndim:
        return _of_one("mode", input)
    values, order = sort(input.detach(), axis)
    count = input.shape[axis]
    place = arange(count).reshape([count if i == axis else 1 for i in range(input.ndim)])
    first = place == 0
    if count > 1:
        before = values.roll(1, axis)
        first = first | (values != before)
    begins = cummax(where(first, place, 0).expand(values.shape), axis).values
    ends = (place - begins).argmax(axis, True)
    return _at("mode", input, gather(order, axis, ends), axis, keepdim)


# Quantiles

_KINDS = ("linear", "lower", "higher", "midpoint", "nearest")


@method()
@autocasts("float32")
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    **numpy: Any,
) -> Tensor:
    """The value below which the part `q` of the elements lies, all or along `dim`; for a vector of parts a
    first axis has one for each. Where an element is nan it is nan.

    interpolation  between the neighbours of the place q (n - 1): "linear", "lower", "higher", "midpoint" or
                   "nearest".

    >>> import rushlight as rl
    >>> rl.quantile(rl.tensor([0.0, 1.0, 4.0]), rl.tensor([0.25, 0.5]))
    tensor([0.5000, 1.0000])
    """
    dim, keepdim = numpy_names("quantile", numpy, dim, keepdim)
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@method()
@autocasts("float32")
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    **numpy: Any,
) -> Tensor:
    """`quantile` of the elements that are numbers."""
    dim, keepdim = numpy_names("nanquantile", numpy, dim, keepdim)
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, kind: str, skips: bool
) -> Tensor:
    if input.dtype.kind != "f":
        raise DTypeError(message(name, str(input.dtype), "a floating dtype", "Use x.float()."))
    if kind not in _KINDS:
        raise ArgumentError(message(name, f"interpolation={kind!r}", f"one of {', '.join(_KINDS)}"))
    parts = _parts_of(name, input, q)
    shape = input.shape
    rows, axis = (input.reshape(-1), 0) if dim is None else (input, normalize_axis(name, dim, input.ndim))
    rows = rows.reshape(1) if not rows.ndim else rows
    if not rows.shape[axis]:
        raise ShapeError(message(name, f"shape {shape}", "at least one element"))
    rows = sort(rows.movedim(axis, -1), -1).values
    out = _between(rows, parts.reshape(-1), kind, skips)  # (..., parts)
    out = out.movedim(-1, 0)
    if keepdim:
        kept = (1,) * len(shape) if dim is None else [1 if i == axis else n for i, n in enumerate(shape)]
        out = out.reshape((out.shape[0], *kept))
    elif not shape:
        out = out.reshape(out.shape[:1])
    return out if parts.ndim else out.squeeze(0)


def _parts_of(name: str, input: Tensor, q: Any) -> Tensor:
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise ArgumentError(message(name, f"q={q}", "from 0 to 1"))
        return input.new_full((), float(plain_number(q)))
    if q.dtype != input.dtype:
        raise DTypeError(message(name, f"q of {q.dtype} for {input.dtype}", "one dtype", "Convert q."))
    if q.ndim > 1:
        raise ShapeError(message(name, f"q of shape {q.shape}", "a number or a vector"))
    return q


def _between(rows: Tensor, parts: Tensor, kind: str, skips: bool) -> Tensor:
    """Of rows in order, nans last, the values at the places that the parts say."""
    count = rows.shape[-1]
    numbers = (rows == rows).sum(-1, True)
    last = (numbers - 1).clamp(min=0) if skips else rows.new_full((), count - 1, dtype=xp.int64)
    at = parts * last.to(parts.dtype)
    if not skips:
        at = where(numbers < count, float(count - 1), at.expand(*rows.shape[:-1], parts.shape[0]))
    if kind == "lower":
        at = at.floor()
    elif kind == "higher":
        at = at.ceil()
    elif kind == "nearest":
        at = at.round()
    below = at.detach().floor().long()
    above = at.detach().ceil().long()
    low = gather(rows, -1, below)
    if kind in ("lower", "higher", "nearest"):
        return low
    high = gather(rows, -1, above)
    weight = 0.5 if kind == "midpoint" else at - below.to(at.dtype)
    return where(below == above, low, low.lerp(high, weight))


# Over numbers only


@method()
def nansum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **numpy: Any
) -> Tensor:
    """The sum of the elements that are numbers, over the axes `dim` (all by default).

    >>> import rushlight as rl
    >>> rl.nansum(rl.tensor([1.0, float("nan")]))
    tensor(1.)
    """
    dim, keepdim = numpy_names("nansum", numpy, dim, keepdim)
    if input.dtype.kind == "f":
        input = input.masked_fill(input != input, 0.0)
    return sum(input, dim, keepdim, dtype=dtype)


@method()
def nanmean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **numpy: Any
) -> Tensor:
    """The mean of the elements that are numbers, over the axes `dim` (all by default)."""
    dim, keepdim = numpy_names("nanmean", numpy, dim, keepdim)
    if input.dtype.kind != "f":
        raise DTypeError(message("nanmean", str(input.dtype), "a floating dtype", "Use x.float()."))
    total = nansum(input, dim, keepdim, dtype=dtype)
    return total / sum((input == input).to(total.dtype), dim, keepdim)


def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, **options: Any
) -> Any:
    """(variance, mean) over the axes `dim`; options as of `var`."""
    return _with_mean("var_mean", var, input, dim, unbiased, keepdim, options)


def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, **options: Any
) -> Any:
    """(standard deviation, mean) over the axes `dim`; options as of `std`.

    >>> import rushlight as rl
    >>> rl.std_mean(rl.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
    """
    return _with_mean("std_mean", std, input, dim, unbiased, keepdim, options)


def _with_mean(
    name: str, spread: Any, input: Tensor, dim: Any, unbiased: bool, keepdim: bool, options: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    correction = options.pop("correction", None)
    dim, keepdim = numpy_names(name, options, dim, keepdim)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = None if dim is None else normalize_axes(name, dim, input.ndim)
    spread_out = spread(input, axes, unbiased, keepdim, correction=correction)
    return spread_out, mean(input, axes, keepdim)
