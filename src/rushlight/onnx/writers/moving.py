"""What moves elements: reshape, slice, index, pad, scatter; and what makes tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import rushlight as rl
from rushlight.compile.graph import Node, Value
from rushlight.errors import NotSupportedError, message
from rushlight.onnx.sizes import Dim, alike
from rushlight.onnx.writer import GraphWriter
from rushlight.onnx.writers.table import writes

LAST = 2**62


@writes("reshape")
def reshape(w: GraphWriter, node: Node) -> str:
    return w.reshape(w.name(node.inputs[0]), node.attrs["shape"])


@writes("permute")
def permute(w: GraphWriter, node: Node) -> str:
    return w.add("Transpose", w.name(node.inputs[0]), perm=node.attrs["dims"])


@writes("expand")
def expand(w: GraphWriter, node: Node) -> str:
    (x,) = node.inputs
    old, new = w.shape(x), node.attrs["shape"]
    lead = len(new) - len(old)
    # An axis that is long enough already may be written as 1.
    same = [k >= lead and isinstance(n, Dim) and alike([old[k - lead]], [n]) for k, n in enumerate(new)]
    return w.add("Expand", w.name(x), w.sizes([1 if s else n for s, n in zip(same, new, strict=True)]))


@writes("flip")
def flip(w: GraphWriter, node: Node) -> str:
    dims = node.attrs["dims"]
    count = len(dims)
    ends = w.ints([-LAST] * count)
    return w.add(
        "Slice", w.name(node.inputs[0]), w.ints([-1] * count), ends, w.ints(dims), w.ints([-1] * count)
    )


@writes("cat")
def cat(w: GraphWriter, node: Node) -> str:
    return w.add("Concat", *w.operands(node), axis=node.attrs["dim"])


@writes("full")
def full(w: GraphWriter, node: Node) -> str:
    value, dtype = node.attrs["value"], node.out.spec.dtype
    tensor = w.tensor(np.asarray([value], dtype), "")
    return w.add("ConstantOfShape", w.sizes(node.attrs["shape"]), value=tensor)


def sliced(w: GraphWriter, x: str, pattern: tuple[Any, ...]) -> str:
    """Numbers, slices and None between brackets."""
    axes, starts, ends, steps, gone, new = [], [], [], [], [], []
    axis = out = 0
    for p in pattern:
        if p is None:
            new.append(out)
            out += 1
            continue
        if isinstance(p, tuple):
            _, a, b, s = p
            if (a, b, s) != (None, None, None):
                axes.append(axis)
                starts.append(0 if a is None else a)
                ends.append(LAST if b is None else b)
                steps.append(1 if s is None else s)
            out += 1
        else:
            axes.append(axis)
            starts.append(p)
            ends.append(LAST if int(p) == -1 else p if isinstance(p, Dim) else p + 1)
            steps.append(1)
            gone.append(axis)
            if isinstance(p, Dim):
                raise NotSupportedError(
                    message(
                        "onnx.export", f"an index that follows a dynamic axis, in {w.scope}", "a fixed one"
                    )
                )
        axis += 1
    if axes:
        x = w.add("Slice", x, w.sizes(starts), w.sizes(ends), w.ints(axes), w.ints(steps))
    if gone:
        x = w.add("Squeeze", x, w.ints(gone))
    return w.add("Unsqueeze", x, w.ints(new)) if new else x


@writes("slice")
def slice_of(w: GraphWriter, node: Node) -> str:
    found = sliced(w, w.name(node.inputs[0]), node.attrs["pattern"])
    return found if found != w.name(node.inputs[0]) else w.add("Identity", found)


ALL = ("slice", None, None, None)


@writes("embedding")
def embedding(w: GraphWriter, node: Node) -> str:
    return w.add("Gather", *(w.name(v) for v in node.inputs), axis=0)


@writes("index")
def index(w: GraphWriter, node: Node) -> str:
    x, *tensors = node.inputs
    return indexed(w, w.name(x), x.spec.ndim, node.attrs["pattern"], tensors)


def indexed(w: GraphWriter, name: str, rank: int, pattern: tuple[Any, ...], tensors: list[Value]) -> str:
    """A tensor of so many axes between brackets with tensors in them."""
    if len(tensors) == 1 and isinstance(pattern[-1], str) and all(p == ALL for p in pattern[:-1]):
        return w.add("Gather", name, w.name(tensors[0]), axis=len(pattern) - 1)
    # Slices and numbers first, then the tensors' axes to the front.
    plain = tuple(ALL if isinstance(p, str) else p for p in pattern)
    name = sliced(w, name, plain)
    kept = [p for p in pattern if not isinstance(p, int)]
    at = [k for k, p in enumerate(kept) if isinstance(p, str)]
    rank += sum(p is None for p in pattern) - sum(isinstance(p, int) for p in pattern)
    rest = [d for d in range(rank) if d not in at]
    name = w.permute(name, [*at, *rest])
    shape = _together([w.shape(t) for t in tensors])
    columns = [_column(w, t, shape) for t in tensors]
    places = columns[0] if len(columns) == 1 else w.add("Concat", *columns, axis=-1)
    found = w.add("GatherND", name, places)
    if at != list(range(at[0], at[-1] + 1)):
        return found  # they stand apart: their axes come first
    lead, count = at[0], len(shape)
    order = [*range(count, count + lead), *range(count), *range(count + lead, count + len(rest))]
    return w.permute(found, order)


def _together(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that several broadcast to, with the Dims that are in it."""
    rank = max(map(len, shapes))
    found: list[int] = [1] * rank
    for shape in shapes:
        for k, n in enumerate(shape, rank - len(shape)):
            if n != 1:
                found[k] = n
    return tuple(found)


def _column(w: GraphWriter, t: Value, shape: tuple[int, ...]) -> str:
    name = w.name(t) if t.spec.dtype == rl.int64 else w.cast(w.name(t), np.int64)
    if not alike(w.shape(t), shape):
        name = w.add("Expand", name, w.sizes(shape))
    return w.add("Unsqueeze", name, w.ints([-1]))


@writes("gather")
def gather(w: GraphWriter, node: Node) -> str:
    """The index may be smaller along other axes: what is gathered from is cut to it."""
    x, index = node.inputs
    dim, name = node.attrs["dim"], w.name(x)
    pairs = enumerate(zip(w.shape(x), w.shape(index), strict=True))
    short = [(d, m) for d, (n, m) in pairs if d != dim and not alike([n], [m])]
    if short:
        ends = w.sizes([m for _, m in short])
        name = w.add("Slice", name, w.ints([0] * len(short)), ends, w.ints([d for d, _ in short]))
    return w.add("GatherElements", name, w.name(index), axis=dim)


@writes("scatter")
def scatter(w: GraphWriter, node: Node) -> str:
    x, index, source = node.inputs
    return w.add(
        "ScatterElements", w.name(x), w.name(index), _filling(w, source, index, x), axis=node.attrs["dim"]
    )


def _filling(w: GraphWriter, source: Any, index: Value, x: Value) -> str:
    name = w.name(source, x.spec.dtype)
    if isinstance(source, Value) and alike(w.shape(source), w.shape(index)):
        return name
    if isinstance(source, Value) and source.spec.ndim:
        axes = list(range(source.spec.ndim))
        return w.add("Slice", name, w.ints([0] * len(axes)), w.sizes(w.shape(index)), w.ints(axes))
    return w.add("Expand", name, w.sizes(w.shape(index)))


@writes("scatter_merge")
def scatter_merge(w: GraphWriter, node: Node) -> str:
    x, index, source = node.inputs
    names = {
        "sum": "add",
        "prod": "mul",
        "amax": "max",
        "amin": "min",
        "max": "max",
        "min": "min",
        "add": "add",
    }
    merge = names.get(str(node.attrs["merge"]))
    if merge is None:
        raise NotSupportedError(
            message("onnx.export", f"scatter with {node.attrs['merge']!r}", "a sum, product or extreme")
        )
    filling = _filling(w, source, index, x)
    dim = node.attrs["dim"]
    return w.add("ScatterElements", w.name(x), w.name(index), filling, axis=dim, reduction=merge)


@writes("add_along")
def add_along(w: GraphWriter, node: Node) -> str:
    source, index = node.inputs
    zeros = _zeros(w, node.attrs["shape"], node.out.spec.dtype)
    filling = _filling(w, source, index, source)
    return w.add("ScatterElements", zeros, w.name(index), filling, axis=node.attrs["dim"], reduction="add")


def _zeros(w: GraphWriter, shape: tuple[int, ...], dtype: Any) -> str:
    return w.add("ConstantOfShape", w.sizes(shape), value=w.tensor(np.asarray([0], dtype), ""))


@writes("index_add")
def index_add(w: GraphWriter, node: Node) -> str:
    g, *tensors = node.inputs
    shape = node.attrs["shape"]
    zeros = _zeros(w, shape, node.out.spec.dtype)
    return _written(w, zeros, g, shape, node, tensors, "add")


@writes("index_put")
def index_put(w: GraphWriter, node: Node) -> str:
    x, value, *tensors = node.inputs
    return _written(w, w.name(x), value, w.shape(x), node, tensors, None)


def _written(
    w: GraphWriter,
    x: str,
    value: Any,
    shape: tuple[int, ...],
    node: Node,
    tensors: Any,
    reduction: str | None,
) -> str:
    """A tensor with values written, or added, at places: those that tensors name along the first axes; or
    known ones, by their numbers in the flattened tensor."""
    pattern, dtype = node.attrs["pattern"], node.out.spec.dtype
    name = w.name(value, dtype)
    if tensors and all(isinstance(p, str) for p in pattern):
        rows = _together([w.shape(t) for t in tensors])
        columns = [_column(w, t, rows) for t in tensors]
        places = columns[0] if len(columns) == 1 else w.add("Concat", *columns, axis=-1)
        whole = (*rows, *shape[len(tensors) :])
        if not isinstance(value, Value) or not alike(w.shape(value), whole):
            name = w.add("Expand", name, w.sizes(whole))
        return w.add("ScatterND", x, places, name, reduction=reduction)
    arrays = [w.array(t) for t in tensors]
    if any(isinstance(n, Dim) for n in shape) or any(a is None for a in arrays):
        return _written_by_number(w, x, name, len(shape), pattern, tensors, reduction)
    rest = iter(arrays)
    index = tuple(
        slice(*p[1:]) if isinstance(p, tuple) else next(rest) if isinstance(p, str) else p for p in pattern
    )
    found = np.asarray(np.arange(math.prod(shape)).reshape(shape)[index])
    if isinstance(value, Value) and value.spec.ndim > found.ndim:
        name = w.reshape(name, value.spec.shape[value.spec.ndim - found.ndim :])
    filling = w.reshape(w.add("Expand", name, w.ints(found.shape)), (-1,))
    flat, at = w.reshape(x, (-1,)), w.ints(found.reshape(-1))
    return w.reshape(w.add("ScatterElements", flat, at, filling, axis=0, reduction=reduction), shape)


def _written_by_number(
    w: GraphWriter, x: str, value: str, rank: int, pattern: tuple[Any, ...], tensors: Any, reduction: Any
) -> str:
    """The same where the places are known only when the model runs: the numbers of all elements are cut as
    the tensor would be, and those that are left are the places."""
    shape, flat = w.add("Shape", x), w.ints([-1])
    limit = w.add("ReduceProd", shape, keepdims=0)
    numbers = w.add("Range", w.constant(0, np.int64), limit, w.constant(1, np.int64))
    numbers = w.add("Reshape", numbers, shape)
    part = indexed(w, numbers, rank, pattern, tensors) if tensors else sliced(w, numbers, pattern)
    filling = w.add("Reshape", w.add("Expand", value, w.add("Shape", part)), flat)
    at = w.add("Reshape", part, flat)
    written = w.add("ScatterElements", w.add("Reshape", x, flat), at, filling, axis=0, reduction=reduction)
    return str(w.add("Reshape", written, shape))


@writes("pad")
def pad(w: GraphWriter, node: Node) -> str:
    pads = w.sizes([*node.attrs["low"], *node.attrs["high"]])
    return w.add("Pad", w.name(node.inputs[0]), pads, w.name(node.attrs["value"], node.out.spec.dtype))


@writes("diagonal")
def diagonal(w: GraphWriter, node: Node) -> str:
    (x,) = node.inputs
    offset = node.attrs["offset"]
    count = w.shape(node.out)[-1]
    if isinstance(count, Dim):
        raise NotSupportedError(
            message("onnx.export", f"a diagonal of dynamic length, in {w.scope}", "a fixed one")
        )
    rows, columns = w.shape(x)[-2:]
    at = [(k + max(-offset, 0)) * columns + k + max(offset, 0) for k in range(count)]
    flat = w.reshape(w.name(x), (*w.shape(x)[:-2], rows * columns))
    return w.add("Gather", flat, w.ints(at), axis=x.spec.ndim - 2)


@writes("unfold")
def unfold(w: GraphWriter, node: Node) -> str:
    """The windows of each axis by a Gather whose index has a row for each place."""
    (x,) = node.inputs
    name, dims, sizes = w.name(x), node.attrs["dims"], node.attrs["sizes"]
    order = list(range(x.spec.ndim))
    inner = []
    number = x.spec.ndim
    for d, size, step, apart in zip(dims, sizes, node.attrs["steps"], node.attrs["spread"], strict=True):
        places = w.shape(node.out)[d]
        if isinstance(places, Dim):
            raise NotSupportedError(
                message("onnx.export", f"windows along a dynamic axis, in {w.scope}", "a fixed one")
            )
        at = [[p * step + k * apart for k in range(size)] for p in range(places)]
        axis = order.index(d)
        name = w.add("Gather", name, w.constant(at, np.int64), axis=axis)
        order.insert(axis + 1, number)
        inner.append(number)
        number += 1
    wanted = [*range(x.spec.ndim), *inner]
    return w.permute(name, [order.index(n) for n in wanted])


@writes("resample")
def resample(w: GraphWriter, node: Node) -> str:
    x, *taps = node.inputs
    dim, name = node.attrs["dim"], w.name(x)
    arrays = [w.array(t) for t in taps]
    if any(a is None for a in arrays):
        raise NotSupportedError(
            message("onnx.export", f"interpolation at computed places, in {w.scope}", "fixed ones")
        )
    total = None
    for k, at in enumerate(arrays[0]):
        part = w.add("Gather", name, w.constant(at, np.int64), axis=dim)
        if len(arrays) > 1:
            share = arrays[1][k].reshape(-1, *(1,) * (x.spec.ndim - dim - 1))
            part = w.add("Mul", part, w.constant(share, x.spec.dtype))
        total = part if total is None else w.add("Add", total, part)
    assert total is not None
    return total
