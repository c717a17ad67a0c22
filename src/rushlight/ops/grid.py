"""Reading planes and volumes at places given by a grid: spatial transformers (Jaderberg et al., 2015)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.core.autocast import autocasts
from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.creation import ones
from rushlight.ops.elementwise import floor, isfinite
from rushlight.ops.join import stack
from rushlight.ops.ranges import arange
from rushlight.ops.resample import cubic_shares
from rushlight.ops.select import where

__all__ = ["affine_grid_generator", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d"]

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """The grid (N, H, W, 2), or (N, D, H, W, 3), of the places theta · (x, y, 1) for each place of a result
    of `size` (N, C, H, W), or (N, C, D, H, W); theta (N, 2, 3), or (N, 3, 4).

    Coordinates go from -1 to 1, x first; these are the middles of the outermost elements with
    ``align_corners``, else their outer edges. Raises ShapeError for other shapes.

    >>> import rushlight as rl
    >>> rl.affine_grid_generator(rl.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]]), (1, 1, 1, 2), True)
    tensor([[[[-1.0000,  0.5000],
              [ 1.0000,  0.5000]]]])
    """
    sizes = tuple(n.__index__() for n in size)
    count = len(sizes) - 2
    if count not in (2, 3) or theta.shape != (sizes[0], count, count + 1):
        got = f"theta of shape {theta.shape} for size={sizes}"
        expected = "(N, 2, 3) for (N, C, H, W), or (N, 3, 4) for (N, C, D, H, W)"
        raise ShapeError(message("affine_grid", got, expected))
    if theta.dtype.kind != "f":
        raise DTypeError(message("affine_grid", f"theta of {theta.dtype}", "floats", "Use theta.float()."))
    if any(n < 1 for n in sizes):
        raise ArgumentError(message("affine_grid", f"size={sizes}", "sizes from 1"))
    places = sizes[2:]
    axes = []
    for axis, n in enumerate(places):
        along = xp.arange(n) * 2.0 - (n - 1)  # from -(n - 1) to n - 1
        along = along / (max(n - 1, 1) if align_corners else n)
        shape = [1] * count
        shape[axis] = n
        axes.append(wrap(along.astype(theta.dtype)).reshape(shape).expand(places))
    base = stack([*reversed(axes), ones(*places, dtype=theta.dtype)], -1)
    out = base.reshape(1, -1, count + 1) @ theta.transpose(1, 2)
    return out.reshape(sizes[0], *places, count)


@autocasts("float32")
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`input` (N, C, H, W), or (N, C, D, H, W), at the places of `grid` (N, *places, 2), or 3: x first,
    from -1 to 1. The result is (N, C, *places).

    interpolation_mode  0 bilinear, 1 nearest, 2 bicubic (planes only).
    padding_mode        beyond the edges: 0 zeros, 1 the element of the edge, 2 mirrored.
    align_corners       -1 and 1 are the middles of the outermost elements, else their outer edges.

    nn.functional.grid_sample takes names. Raises ShapeError or ArgumentError for what does not fit.

    >>> import rushlight as rl
    >>> rl.grid_sampler(rl.tensor([[[[0.0, 4.0]]]]), rl.tensor([[[[0.5, 0.0]]]]), 0, 0, True)
    tensor([[[[3.]]]])
    """
    return sampled("grid_sampler", input, grid, interpolation_mode, padding_mode, align_corners)


@autocasts("float32")
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of planes.

    >>> import rushlight as rl
    >>> rl.grid_sampler_2d(rl.tensor([[[[0.0, 4.0]]]]), rl.tensor([[[[0.5, 0.0]]]]), 1, 0, True)
    tensor([[[[4.]]]])
    """
    return sampled("grid_sampler_2d", input, grid, interpolation_mode, padding_mode, align_corners, 2)


@autocasts("float32")
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of volumes.

    >>> import rushlight as rl
    >>> rl.grid_sampler_3d(rl.ones(1, 1, 2, 2, 2), rl.zeros(1, 1, 1, 1, 3), 0, 0, True)
    tensor([[[[[1.]]]]])
    """
    return sampled("grid_sampler_3d", input, grid, interpolation_mode, padding_mode, align_corners, 3)


def sampled(
    name: str, input: Tensor, grid: Tensor, mode: int, padding: int, align: bool, axes: int | None = None
) -> Tensor:
    """What `grid_sampler` gives, after all checks."""
    _check(name, input, grid, mode, padding, axes)
    batch, channels, *size = input.shape
    places = grid.shape[1:-1]
    # Coordinates in elements, an axis at a time as input has them: the grid has x first.
    at = [
        _in_elements(coordinate.reshape(batch, math.prod(places)), n, align)
        for coordinate, n in zip(reversed(grid.unbind(-1)), size, strict=True)
    ]
    around = {0: _linear, 1: _nearest, 2: _cubic}[mode]
    if mode < 2:
        volumes = len(size) == 3
        at = [
            _placed(_beyond(x, n, padding, align), n, padding, volumes) for x, n in zip(at, size, strict=True)
        ]
    taps = [
        [(*_whole(x, n, padding, align), part) for x, part in around(coordinate)]
        for coordinate, n in zip(at, size, strict=True)
    ]
    # Each channel in a row, and one index for all rows.
    flat = input.transpose(0, 1).reshape(channels, batch * math.prod(size))
    sample = arange(batch).unsqueeze(1)
    out: Any = 0
    for corner in itertools.product(*taps):
        index: Any = sample
        inside: Any = True
        share: Any = None
        for (whole, here, part), n in zip(corner, size, strict=True):
            index = index * n + whole
            inside = here & inside
            share = part if share is None else share if part is None else share * part
        values = flat[:, index]
        if padding == 0:
            values = where(inside, values, 0)
        out = out + (values if share is None else values * share)
    return out.transpose(0, 1).reshape(batch, channels, *places)


def _check(name: str, input: Tensor, grid: Tensor, mode: int, padding: int, axes: int | None) -> None:
    count = input.ndim - 2
    if count not in (2, 3) or count != (axes or count):
        expected = "(N, C, H, W) or (N, C, D, H, W)" if axes is None else f"one of {axes + 2} axes"
        raise ShapeError(message(name, f"an input of shape {input.shape}", expected))
    if grid.ndim != input.ndim or grid.shape[0] != input.shape[0] or grid.shape[-1] != count:
        got = f"a grid of shape {grid.shape} for an input of shape {input.shape}"
        raise ShapeError(message(name, got, f"({input.shape[0]}, *places, {count}) with {count} places"))
    if 0 in input.shape[2:]:
        got = f"an input of shape {input.shape}"
        raise ShapeError(message(name, got, "at least one element along each of the last axes"))
    if grid.dtype != input.dtype:
        got = f"a grid of {grid.dtype} for an input of {input.dtype}"
        raise DTypeError(message(name, got, "one dtype", f"Use grid.to({input.dtype})."))
    if mode not in (0, 1, 2) or padding not in (0, 1, 2):
        got = f"interpolation_mode={mode}, padding_mode={padding}"
        raise ArgumentError(message(name, got, "numbers from 0 to 2"))
    if mode == 2 and count == 3:
        raise ArgumentError(message(name, "bicubic interpolation of volumes", "bilinear or nearest"))


def _in_elements(x: Tensor, n: int, align: bool) -> Tensor:
    return (x + 1) * ((n - 1) / 2) if align else ((x + 1) * n - 1) / 2


def _beyond(x: Tensor, n: int, padding: int, align: bool) -> Tensor:
    """Coordinates beyond the edges brought back, as the padding has it."""
    if padding == 0:
        return x
    if padding == 2:
        x = _mirrored(x, 0.0, n - 1.0) if align else _mirrored(x, -0.5, n - 0.5)
    # At an edge PyTorch's derivative is 0 already.
    return where((x > 0) & (x < n - 1), x, x.detach().clamp(0, n - 1))


def _placed(x: Tensor, n: int, padding: int, volumes: bool) -> Tensor:
    """Coordinates that are no numbers, or that no mirror brings back, put where PyTorch puts them: in planes
    at the first element, in volumes at the last, and with zeros beyond the edges, beyond them.

    Planes with zeros keep them, as PyTorch's results there are NaN.
    """
    if padding == 0 and not volumes:
        return x
    place = -2.0 if padding == 0 else n - 1.0 if volumes else 0.0
    return where(isfinite(x.detach()), x, place)


def _mirrored(x: Tensor, low: float, high: float) -> Tensor:
    span = high - low
    if span <= 0:
        return x * 0
    x = where(x < low, low - x, x - low)
    turns = floor(x.detach() / span)
    rest = x - turns * span
    return where(turns % 2 == 0, rest + low, span - rest + low)


def _linear(x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The elements around each coordinate, and their shares."""
    low = floor(x.detach())
    share = x - low
    yield low, 1 - share
    yield low + 1, share


def _nearest(x: Tensor) -> Iterator[tuple[Tensor, Tensor | None]]:
    still = x.detach()
    # Always 1: nothing is less than itself. Through it the grid's gradient is zeros, and not missing.
    yield still.round(), where(still < still, x, 1.0) if x.requires_grad else None


def _cubic(x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    low = floor(x.detach())
    for k, share in enumerate(cubic_shares(x - low)):
        yield low + (k - 1), share


def _whole(x: Tensor, n: int, padding: int, align: bool) -> tuple[Tensor, Tensor]:
    """Whole coordinates along an axis as indices, and which of them are not beyond its edges."""
    x = _beyond(x, n, padding, align)
    here = (x >= 0) & (x <= n - 1)
    return where(here, x, 0).long(), here
