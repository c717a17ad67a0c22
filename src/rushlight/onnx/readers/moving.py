"""What moves elements and looks at shapes: reshape, slice, pad, gather, scatter; and what makes tensors."""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.errors import ArgumentError, message
from rushlight.nn import functional as F
from rushlight.onnx.dtypes import dtype_of
from rushlight.onnx.readers.table import reads

Tensor = rl.Tensor


def ints(given: Any) -> list[int]:
    """Whole numbers, given as a tensor or a list."""
    found = given.tolist() if isinstance(given, rl.Tensor) else given
    return [int(n) for n in found] if isinstance(found, (list, tuple)) else [int(found)]


@reads("Shape")
def shape(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return rl.tensor(list(x.shape)[slice(start, end)], dtype=rl.int64)


@reads("Size")
def size(x: Tensor) -> Tensor:
    return rl.tensor(math.prod(x.shape), dtype=rl.int64)


@reads("Constant")
def constant(*, value: Any = None, **other: Any) -> Any:
    if value is not None:
        return value
    ((name, given),) = other.items()
    dtype = {"value_float": rl.float32, "value_floats": rl.float32}.get(name, rl.int64)
    return rl.tensor(given, dtype=dtype)


@reads("ConstantOfShape")
def constant_of_shape(sizes: Tensor, *, value: Tensor | None = None) -> Tensor:
    if value is None:
        return rl.zeros(ints(sizes))
    return rl.full(ints(sizes), value.item(), dtype=value.dtype)


@reads("Range")
def range_of(start: Tensor, limit: Tensor, delta: Tensor, *, stash_type: int = 1) -> Tensor:
    first, step = start.item(), delta.item()
    if not step:
        raise ArgumentError(message("onnx Range", "a step of 0", "another"))
    count = max(math.ceil((limit.item() - first) / step), 0)
    wide = (
        rl.int64 if not start.is_floating_point() else rl.float64 if start.dtype == rl.float64 else rl.float32
    )
    return (rl.arange(count).to(wide) * step + first).to(start.dtype)


@reads("EyeLike")
def eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    rows, columns = x.shape
    at = rl.arange(rows).reshape(-1, 1) + k == rl.arange(columns)
    return at.to(x.dtype if dtype is None else dtype_of(dtype))


@reads("OneHot")
def one_hot(indices: Tensor, depth: Tensor, values: Tensor, *, axis: int = -1) -> Tensor:
    count = int(depth.item())
    at = indices.unsqueeze(axis if axis >= 0 else axis % (indices.ndim + 1))
    at = rl.remainder(at, count) if at.is_floating_point() else rl.where(at < 0, at + count, at)
    rest = indices.ndim - (axis % (indices.ndim + 1))
    return rl.where(at == rl.arange(count).reshape(-1, *(1,) * rest).to(at.dtype), values[1], values[0])


@reads("Reshape")
def reshape(x: Tensor, to: Tensor | None = None, *, shape: Any = None, allowzero: int = 0) -> Tensor:
    sizes = ints(shape if to is None else to)
    if not allowzero:
        sizes = [x.shape[d] if n == 0 else n for d, n in enumerate(sizes)]
    return x.reshape(sizes)


@reads("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@reads("Squeeze")
def squeeze(x: Tensor, given: Tensor | None = None, *, axes: Any = None) -> Tensor:
    dims = axes if given is None else ints(given)
    if dims is None:
        return x.squeeze()
    dims = {d % x.ndim for d in dims}
    return x.reshape([n for d, n in enumerate(x.shape) if d not in dims])


@reads("Unsqueeze")
def unsqueeze(x: Tensor, given: Tensor | None = None, *, axes: Any = None) -> Tensor:
    dims = axes if given is None else ints(given)
    rank = x.ndim + len(dims)
    new = {d % rank for d in dims}
    rest = iter(x.shape)
    return x.reshape([1 if d in new else next(rest) for d in range(rank)])


@reads("Transpose")
def transpose(x: Tensor, *, perm: Any = None) -> Tensor:
    return x.permute(*(range(x.ndim)[::-1] if perm is None else perm)) if x.ndim else x


@reads("Expand")
def expand(x: Tensor, to: Tensor) -> Tensor:
    return x.expand(rl.broadcast_shapes(tuple(x.shape), tuple(ints(to))))


@reads("Tile")
def tile(x: Tensor, repeats: Tensor) -> Tensor:
    return x.repeat(ints(repeats))


@reads("Concat")
def concat(*xs: Tensor, axis: int = 1) -> Tensor:
    return rl.cat(list(xs), axis)


@reads("Split")
def split(
    x: Tensor, given: Tensor | None = None, *, axis: int = 0, split: Any = None,
    num_outputs: int | None = None, outputs: int = 1,
) -> Any:  # fmt: skip
    sizes = split if given is None else ints(given)
    if sizes is None:
        each = -(-x.shape[axis] // (num_outputs or outputs))
        sizes = [each] * (outputs - 1) + [x.shape[axis] - each * (outputs - 1)]
    return tuple(rl.split(x, sizes, axis))


@reads("Slice")
def slice_of(
    x: Tensor, starts_given: Any = None, ends_given: Any = None, axes_given: Any = None, steps: Any = None, *,
    starts: Any = None, ends: Any = None, axes: Any = None,
) -> Tensor:  # fmt: skip
    first = ints(starts if starts_given is None else starts_given)
    last = ints(ends if ends_given is None else ends_given)
    found = axes if axes_given is None else ints(axes_given)
    dims = range(len(first)) if found is None else found
    by = [1] * len(first) if steps is None else ints(steps)
    index: list[Any] = [slice(None)] * x.ndim
    turned = []
    for d, a, b, s in zip(dims, first, last, by, strict=True):
        taken = range(x.shape[d])[slice(a, b if b >= -x.shape[d] or s > 0 else None, s)]
        if s < 0:  # the same elements forward, and turned round
            turned.append(d % x.ndim)
            taken = taken[::-1]
        index[d] = slice(taken[0], taken[-1] + 1, taken.step) if len(taken) else slice(0, 0)
    out = x[tuple(index)]
    return rl.flip(out, turned) if turned else out


_MODES = {"edge": "replicate", "reflect": "reflect", "wrap": "circular"}


@reads("Pad")
def pad(
    x: Tensor, given: Tensor | None = None, fill: Tensor | None = None, axes: Tensor | None = None, *,
    mode: str = "constant", pads: Any = None, paddings: Any = None, value: float = 0.0,
) -> Tensor:  # fmt: skip
    sizes = ints((pads or paddings) if given is None else given)
    dims = range(x.ndim) if axes is None else [d % x.ndim for d in ints(axes)]
    low, high = [0] * x.ndim, [0] * x.ndim
    for k, d in enumerate(dims):
        low[d], high[d] = sizes[k], sizes[k + len(sizes) // 2]
    if mode == "constant":
        number = value if fill is None else fill.item()
        pairs = [n for d in reversed(range(x.ndim)) for n in (low[d], high[d])]
        return F.pad(x, pairs, value=number)
    for d in range(x.ndim):
        x = _more(x, d, low[d], high[d], mode)
    return x


def _more(x: Tensor, axis: int, low: int, high: int, mode: str) -> Tensor:
    """x with elements of its own before and after it along an axis; negative numbers crop."""
    n = x.shape[axis]
    if not low and not high:
        return x
    at = rl.arange(-low, n + high)
    if mode == "edge":
        at = at.clamp(0, n - 1)
    elif mode == "wrap":
        at = rl.remainder(at, n)
    else:
        at = _reflected(low, n, high)
    return x.index_select(axis, at)


def _reflected(low: int, n: int, high: int) -> Tensor:
    period = max(2 * (n - 1), 1)
    found = []
    for i in range(-low, n + high):
        k = i % period
        found.append(min(k, period - k) if n > 1 else 0)
    return rl.tensor(found)


@reads("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    axis %= x.ndim
    at = indices.long()
    return x[(*[slice(None)] * axis, at)]


@reads("GatherElements")
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    return rl.gather(x, axis, _from_front(indices, x.shape[axis]))


def _from_front(indices: Tensor, size: int) -> Tensor:
    at = indices.long()
    return rl.where(at < 0, at + size, at)


@reads("GatherND")
def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    indices = indices.long()
    if not batch_dims:
        return x[tuple(indices.unbind(-1))]
    batch = x.shape[:batch_dims]
    rows = x.reshape(-1, *x.shape[batch_dims:])
    at = indices.reshape(rows.shape[0], *indices.shape[batch_dims:])
    number = rl.arange(rows.shape[0]).reshape(-1, *(1,) * (at.ndim - 2)).expand(at.shape[:-1])
    out = rows[(number, *at.unbind(-1))]
    return out.reshape(*batch, *out.shape[1:])


_MERGES = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@reads("Scatter", "ScatterElements")
def scatter_elements(
    x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    at = _from_front(indices, x.shape[axis])
    if reduction == "none":
        return rl.scatter(x, axis, at, updates)
    return rl.scatter_reduce(x, axis, at, updates, _MERGES[reduction])


@reads("ScatterND")
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    count = indices.shape[-1]
    at = indices.long()
    place = rl.zeros(at.shape[:-1], dtype=rl.int64)
    for d in range(count):  # as numbers of the rows of what is left
        place = place * x.shape[d] + _from_front(at.select(-1, d), x.shape[d])
    rest = math.prod(x.shape[count:])
    flat = x.reshape(-1, rest)
    index = place.reshape(-1, 1).expand(-1, rest)
    values = updates.reshape(-1, rest)
    if reduction == "none":
        out = rl.scatter(flat, 0, index, values)
    else:
        out = rl.scatter_reduce(flat, 0, index, values, _MERGES[reduction])
    return out.reshape(x.shape)


@reads("TensorScatter")
def tensor_scatter(
    past: Tensor, update: Tensor, write: Tensor | None = None, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    axis %= past.ndim
    length = past.shape[axis]
    begin = rl.zeros(past.shape[0], dtype=rl.int64) if write is None else write
    at = begin.reshape(-1, 1) + rl.arange(update.shape[axis])
    at = rl.remainder(at, length) if mode == "circular" else at
    shape = [1] * past.ndim
    shape[0], shape[axis] = past.shape[0], update.shape[axis]
    return rl.scatter(past, axis, at.reshape(shape).expand(update.shape), update)


@reads("Compress")
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    return x.index_select(axis, rl.nonzero(condition).reshape(-1))


@reads("Trilu")
def trilu(x: Tensor, k: Tensor | None = None, *, upper: int = 1) -> Tensor:
    offset = 0 if k is None else int(k.item())
    rows, columns = x.shape[-2:]
    apart = rl.arange(columns) - rl.arange(rows).reshape(-1, 1)
    return rl.where(apart >= offset if upper else apart <= offset, x, rl.zeros_like(x))


@reads("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b, rest = blocksize, c // blocksize**2
    if mode == "DCR":
        return x.reshape(n, b, b, rest, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, rest, h * b, w * b)
    return x.reshape(n, rest, b, b, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, rest, h * b, w * b)


@reads("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = x.shape
    b = blocksize
    parts = x.reshape(n, c, h // b, b, w // b, b)
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return parts.permute(*order).reshape(n, c * b * b, h // b, w // b)


@reads("ReverseSequence")
def reverse_sequence(x: Tensor, lengths: Tensor, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    steps = rl.arange(x.shape[time_axis]).reshape(-1, 1)
    count = lengths.reshape(1, -1)
    at = rl.where(steps < count, count - 1 - steps, steps)
    at = at if time_axis < batch_axis else at.T
    at = at.reshape(*at.shape, *(1,) * (x.ndim - 2))
    return rl.gather(x, time_axis, at.expand(x.shape))
