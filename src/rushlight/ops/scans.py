"""Running products, extremes and sums of exponentials; differences, slopes and integrals along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.core.results import named
from rushlight.core.spec import default, normalize_axes, normalize_axis
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.exponential import logaddexp
from rushlight.ops.gather import Sorted
from rushlight.ops.join import cat
from rushlight.ops.ranges import arange
from rushlight.ops.reduce import numpy_names
from rushlight.ops.select import where

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumulative_trapezoid",
    "diff",
    "gradient",
    "logcumsumexp",
    "trapezoid",
    "trapz",
]

Parts = tuple[Tensor, ...]


def scan(merge: Callable[[Parts, Parts], Parts], parts: Parts, axis: int) -> Parts:
    """Each element merged with all before it along `axis`, in steps that double.

    `merge` takes what stands earlier and what stands later, and is associative.

    Source: Hillis and Steele, Data parallel algorithms (1986).
    """
    length, step = parts[0].shape[axis], 1
    while step < length:
        early = tuple(p.narrow(axis, 0, length - step) for p in parts)
        late = tuple(p.narrow(axis, step, length - step) for p in parts)
        merged = merge(early, late)
        parts = tuple(cat([p.narrow(axis, 0, step), q], axis) for p, q in zip(parts, merged, strict=True))
        step *= 2
    return parts


def _axis(name: str, input: Tensor, dim: Any, numpy: dict[str, Any]) -> int:
    dim, _ = numpy_names(name, numpy, dim, False)
    return normalize_axis(name, dim, input.ndim)


@method()
def cumprod(input: Tensor, dim: Any = None, *, dtype: Any = None, **numpy: Any) -> Tensor:
    """The running product along `dim`; integers and bools multiply to int64.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 3.0]).cumprod(0)
    tensor([1., 2., 6.])
    """
    axis = _axis("cumprod", input, dim, numpy)
    wanted = dtype if dtype is not None else input.dtype if input.dtype.kind == "f" else xp.int64
    input = input.to(wanted)
    if not input.ndim:
        return input.clone()
    out = scan(lambda early, late: (early[0] * late[0],), (input,), axis)[0]
    return input.clone() if out is input else out


@method()
def logcumsumexp(input: Tensor, dim: Any = None, **numpy: Any) -> Tensor:
    """log of the running sum of exponentials along `dim`, without overflow.

    >>> import rushlight as rl
    >>> rl.logcumsumexp(rl.tensor([1000.0, 1000.0]), 0).round()
    tensor([1000., 1001.])
    """
    axis = _axis("logcumsumexp", input, dim, numpy)
    if not input.ndim or input.shape[axis] < 2:
        return input.clone()
    return scan(lambda early, late: (logaddexp(early[0], late[0]),), (input,), axis)[0]


CUMMAX, CUMMIN = named(Sorted, "cummax"), named(Sorted, "cummin")


def _running_extreme(name: str, input: Tensor, dim: Any, numpy: dict[str, Any], largest: bool) -> Sorted:
    axis, kind = _axis(name, input, dim, numpy), CUMMAX if largest else CUMMIN
    if not input.ndim:
        return kind(input.clone(), input.new_full((), 0, dtype=xp.int64))
    count = input.shape[axis]
    place = arange(count).reshape([count if i == axis else 1 for i in range(input.ndim)])

    def later_wins(early: Parts, late: Parts) -> Parts:
        (a, i), (b, j) = early, late
        wins = (b >= a) if largest else (b <= a)
        if a.dtype.kind == "f":
            wins = wins | (b != b)
        return where(wins, b, a), where(wins, j, i)

    values = input.detach()
    indices = scan(later_wins, (values, place.expand(input.shape)), axis)[1]
    indices = indices.clone() if count < 2 else indices
    return kind(input.gather(axis, indices), indices)


@method()
def cummax(input: Tensor, dim: Any = None, **numpy: Any) -> Sorted:
    """(values, indices) of the largest element so far along `dim`, the last of equal ones; nan wins.

    >>> import rushlight as rl
    >>> rl.cummax(rl.tensor([1.0, 3.0, 2.0]), 0)
    rushlight.return_types.cummax(
    values=tensor([1., 3., 3.]),
    indices=tensor([0, 1, 1]))
    """
    return _running_extreme("cummax", input, dim, numpy, True)


@method()
def cummin(input: Tensor, dim: Any = None, **numpy: Any) -> Sorted:
    """(values, indices) of the smallest element so far along `dim`, the last of equal ones; nan wins."""
    return _running_extreme("cummin", input, dim, numpy, False)


# Differences


@method()
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The difference of each element and the one before it along `dim`, `n` times; of bools, whether they
    differ. `prepend` and `append` stand before and behind the input.

    >>> import rushlight as rl
    >>> rl.diff(rl.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    if not input.ndim:
        raise ShapeError(message("diff", "a 0-d tensor", "at least one axis"))
    axis = normalize_axis("diff", dim, input.ndim)
    if n < 0:
        raise ArgumentError(message("diff", f"n={n}", "0 or more"))
    if n == 0:
        return input.clone()
    joined = [t for t in (prepend, input, append) if t is not None]
    out = cat(joined, axis) if len(joined) > 1 else input
    for _ in range(n):
        length = max(out.shape[axis] - 1, 0)
        late, early = out.narrow(axis, min(1, out.shape[axis]), length), out.narrow(axis, 0, length)
        out = late ^ early if out.dtype.kind == "b" else late - early
    return out


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> list[Tensor]:
    """The slopes of sampled values along the axes `dim` (all by default), one tensor for each.

    Inside from both neighbours, to second order; at the edges to the order `edge_order`, 1 or 2. `spacing` is
    the distance of neighbours, a number for all axes or one for each, or for each a tensor of coordinates.

    >>> import rushlight as rl
    >>> rl.gradient(rl.tensor([1.0, 2.0, 4.0]))
    [tensor([1.0000, 1.5000, 2.0000])]
    """
    axes = normalize_axes("gradient", dim, input.ndim)
    if edge_order not in (1, 2):
        raise ArgumentError(message("gradient", f"edge_order={edge_order}", "1 or 2"))
    if input.dtype.kind != "f":
        input = input.to(default.dtype)
    spacing = 1 if spacing is None else spacing
    steps = [spacing] * len(axes) if isinstance(spacing, (int, float)) else list(spacing)
    if len(steps) == 1 and len(axes) > 1 and not isinstance(steps[0], Tensor):
        steps = steps * len(axes)
    if len(steps) != len(axes):
        got = f"{len(steps)} spacings for {len(axes)} axes"
        raise ArgumentError(message("gradient", got, "one for all, or as many"))
    return [_slope(input, axis, step, edge_order) for axis, step in zip(axes, steps, strict=True)]


def _slope(x: Tensor, axis: int, step: Any, edge_order: int) -> Tensor:
    length = x.shape[axis]
    if length <= edge_order:
        got = f"{length} elements along axis {axis}"
        raise ShapeError(message("gradient", got, f"at least {edge_order + 1}"))
    gaps = _gaps(x, axis, step)

    def at(t: Tensor, start: int, count: int) -> Tensor:
        return t.narrow(axis, start % t.shape[axis], count)

    slope = diff(x, 1, axis) / gaps  # between neighbours
    parts = [at(slope, 0, 1), at(slope, -1, 1)]
    if length > 2:
        before, behind = at(gaps, 0, length - 2), at(gaps, 1, length - 2)
        left, right = at(slope, 0, length - 2), at(slope, 1, length - 2)
        parts.insert(1, (left * behind + right * before) / (before + behind))
        if edge_order == 2:
            for k, near, far in ((0, 0, 1), (2, -1, -2)):
                a, b = at(gaps, near, 1), at(gaps, far, 1)
                bend = (at(slope, near, 1) - at(slope, far, 1)) / (a + b)
                parts[k] = at(slope, near, 1) + bend * a
    return cat(parts, axis)


def _gaps(x: Tensor, axis: int, step: Any) -> Tensor:
    """The distances of neighbours, along `axis`, broadcast to its length less one."""
    count = x.shape[axis] - 1
    shape = [count if i == axis else 1 for i in range(x.ndim)]
    if isinstance(step, Tensor) and step.ndim:
        if step.shape != (count + 1,):
            got = f"coordinates of shape {step.shape} for axis {axis}"
            raise ShapeError(message("gradient", got, f"({count + 1},)"))
        return diff(step).to(x.dtype).reshape(shape)
    if isinstance(step, Tensor):
        return step.to(x.dtype).expand(shape)
    return x.new_full(shape, float(step))


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The integral of the values `y` along `dim` by the trapezoidal rule, at the coordinates `x` or at
    distances `dx` (1 by default).

    >>> import rushlight as rl
    >>> rl.trapezoid(rl.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    return _areas("trapezoid", y, x, dx, dim).sum(dim)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1
) -> Tensor:
    """The integrals from the first value to each later one, by the trapezoidal rule; see `trapezoid`."""
    return _areas("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)


trapz = trapezoid


def _areas(name: str, y: Tensor, x: Tensor | None, dx: float | None, dim: int) -> Tensor:
    if x is not None and dx is not None:
        raise ArgumentError(message(name, "both x and dx", "one of them"))
    axis = normalize_axis(name, dim, y.ndim)
    if not y.ndim:
        raise DTypeError(message(name, "a 0-d tensor", "at least one axis"))
    length = max(y.shape[axis] - 1, 0)
    total = y.narrow(axis, min(1, y.shape[axis]), length) + y.narrow(axis, 0, length)
    if x is None:
        return total * (0.5 * (1.0 if dx is None else dx))
    if x.ndim == 1 and y.ndim > 1:
        gaps = diff(x).reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    else:
        gaps = diff(x, 1, axis - y.ndim)
    return total * gaps * 0.5
