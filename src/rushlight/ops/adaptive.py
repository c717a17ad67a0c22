"""Pooling to a given number of places: windows that differ in size, or that are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core.apply import apply
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, message
from rushlight.ops.gather import gather
from rushlight.ops.pool import avg_pool, max_pool, windowed
from rushlight.ops.resample import RESAMPLE
from rushlight.ops.select import where

__all__ = ["adaptive_avg_pool", "adaptive_max_pool", "largest_at", "output_sizes", "plane_index"]

Sizes = tuple[int, ...]


def output_sizes(name: str, given: int | Sequence[int | None] | None, size: Sizes) -> Sizes:
    """How many places there are to be along each axis; None keeps an axis as it is."""
    found: tuple[Any, ...] = (given,) if given is None or isinstance(given, int) else tuple(given)
    found = found * len(size) if len(found) == 1 else found
    if len(found) != len(size) or any(n is not None and n.__index__() < 0 for n in found):
        got = f"output_size={given}"
        raise ArgumentError(message(name, got, f"a number or None for each of {len(size)} axes"))
    return tuple(n if o is None else o.__index__() for n, o in zip(size, found, strict=True))


def _bounds(n: int, places: int) -> tuple[Any, Any]:
    """Where the windows begin and end that cut n elements into `places` as even as can be."""
    count = xp.arange(places)
    return count * n // places, -(-(count + 1) * n // places)


def adaptive_avg_pool(
    name: str, input: Tensor, count: int, output_size: int | Sequence[int | None] | None
) -> Tensor:
    """The means of windows that cut the last `count` axes into so many parts."""
    size = windowed(name, input, count)
    places = output_sizes(name, output_size, size)
    if 0 not in places and all(n % o == 0 for n, o in zip(size, places, strict=True)):
        kernel = tuple(n // o for n, o in zip(size, places, strict=True))
        return avg_pool(name, input, count, kernel, kernel, 0, False, True)
    first = input.ndim - count
    for axis, (n, o) in enumerate(zip(size, places, strict=True), first):
        if n != o:
            input = _uneven_mean(input, axis, *_bounds(n, o))
    return input


def _uneven_mean(x: Tensor, axis: int, begins: Any, ends: Any) -> Tensor:
    longest = int((ends - begins).max()) if begins.size else 1
    index = begins + xp.arange(longest)[:, None]
    inside = index < ends
    after = (1,) * (x.ndim - axis - 1)
    seen = apply(RESAMPLE, x, wrap(m.minimum(index, ends - 1).reshape(1, -1)), dim=axis)
    seen = seen.unflatten(axis, index.shape)
    seen = where(wrap(inside.reshape(*index.shape, *after)), seen, 0)
    return seen.sum(axis) / wrap((ends - begins).reshape(-1, *after)).to(x.dtype)


def adaptive_max_pool(
    name: str,
    input: Tensor,
    count: int,
    output_size: int | Sequence[int | None] | None,
    indices: bool = False,
) -> Any:
    """The largest elements of windows that cut the last `count` axes into so many parts."""
    size = windowed(name, input, count)
    places = output_sizes(name, output_size, size)
    if 0 not in places and all(n % o == 0 for n, o in zip(size, places, strict=True)):
        kernel = tuple(n // o for n, o in zip(size, places, strict=True))
        return max_pool(name, input, count, kernel, kernel, 0, 1, False, indices)
    index = []
    for n, o in zip(size, places, strict=True):
        begins, ends = _bounds(n, o)
        longest = int((ends - begins).max()) if o else 1
        index.append(wrap(m.minimum(begins[:, None] + xp.arange(longest), ends[:, None] - 1)))
    values, found = largest_at(input, plane_index(index, size), count)
    return (values, found) if indices else values


def plane_index(index: list[Tensor], size: Sizes) -> Tensor:
    """From the positions (..., places, elements) along each axis those in the flattened plane, of shape
    (..., *places, all elements of a window)."""
    count = len(size)
    total: Any = 0
    for axis, (n, each) in enumerate(zip(size, index, strict=True)):
        lead = each.shape[:-2]
        shape = [1] * (2 * count)
        shape[axis], shape[count + axis] = each.shape[-2:]
        total = total * n + each.reshape(*lead, *shape)
    return total.flatten(-count)


def largest_at(x: Tensor, index: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest elements of the windows whose elements stand at `index` in the planes, the last `count`
    axes of x, and where they stand."""
    lead = x.shape[: x.ndim - count]
    places = index.shape[-1 - count :]
    index = index.expand(*lead, *places)
    flat = x.reshape(*lead, math.prod(x.shape[len(lead) :]))
    seen = gather(flat.detach(), -1, index.reshape(*lead, math.prod(places))).reshape(index.shape)
    found = gather(index, -1, seen.argmax(-1, keepdim=True)).squeeze(-1)
    values = gather(flat, -1, found.reshape(*lead, math.prod(places[:-1])))
    return values.reshape(found.shape), found
