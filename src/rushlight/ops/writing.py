"""Writing through an index, out of place: adding, copying, filling, merging; and reading with a flat one."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply, to_dtype
from rushlight.core.autocast import autocasts
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, normalize_axis, refuse_dtype
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, IndexingError, ShapeError, message
from rushlight.ops.gather import gather, scatter, scatter_add
from rushlight.ops.index import ALL, INDEX_ADD, INDEX_PUT, getitem, parse_index, write_at
from rushlight.ops.select import chain, kept, where

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_put_",
    "index_reduce",
    "masked_scatter",
    "put",
    "scatter_reduce",
    "select_scatter",
    "slice_scatter",
    "take",
]


def _indexed(name: str, input: Tensor, dim: int, index: Tensor, *dtypes: str) -> tuple[int, Tensor]:
    """The axis, counted from the front, and the index as a vector."""
    axis = normalize_axis(name, dim, input.ndim)
    if index.ndim > 1 or index.dtype.name not in dtypes:
        got = f"an index of {index.dtype} and shape {index.shape}"
        raise IndexingError(message(name, got, f"integers ({' or '.join(dtypes)}) along one axis"))
    return axis, index.reshape(-1)


def _slices(name: str, input: Tensor, axis: int, index: Tensor, source: Tensor) -> Tensor:
    """`source`, which has a slice for each number of the index."""
    if source.dtype != input.dtype:
        got = f"a source of {source.dtype} for {input.dtype}"
        raise DTypeError(message(name, got, "one dtype", "Convert the source."))
    want = (*input.shape[:axis], index.shape[0], *input.shape[axis + 1 :])
    if not source.ndim and want == (1,) * len(want):
        return source.reshape(want)
    if source.shape != want:
        raise ShapeError(
            message(name, f"a source of shape {source.shape}", f"{want}: a slice for each index")
        )
    return source


def _along(axis: int) -> tuple[Any, ...]:
    return (*(ALL,) * axis, "tensor")


@method()
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """`input` with alpha times the slices of `source` added to those along `dim` that `index` names; slices
    that meet add up.

    >>> import rushlight as rl
    >>> rl.zeros(3).index_add(0, rl.tensor([2, 2]), rl.tensor([1.0, 5.0]))
    tensor([0., 0., 6.])
    """
    if not input.ndim:
        return index_add(input.reshape(1), 0, index, source.reshape(1), alpha=alpha).reshape(())
    axis, index = _indexed("index_add", input, dim, index, "int64", "int32")
    source = _slices("index_add", input, axis, index, source)
    if alpha != 1:
        source = to_dtype(source * alpha, input.dtype)
    total = apply(INDEX_ADD, source, index, pattern=_along(axis), shape=input.shape)
    return input | total if input.dtype.kind == "b" else input + total


@method()
@autocasts("widest")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`input` with the slices of `source` in the place of those along `dim` that `index` names.

    >>> import rushlight as rl
    >>> rl.zeros(3).index_copy(0, rl.tensor([2, 0]), rl.tensor([1.0, 5.0]))
    tensor([5., 0., 1.])
    """
    if not input.ndim:
        return index_copy(input.reshape(1), 0, index, source.reshape(1)).reshape(())
    axis, index = _indexed("index_copy", input, dim, index, "int64")
    source = _slices("index_copy", input, axis, index, source)
    return apply(INDEX_PUT, input, source, index, pattern=_along(axis))


@method()
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`input` with one value, a number or a 0-d tensor, in the slices along `dim` that `index` names.

    >>> import rushlight as rl
    >>> rl.zeros(3).index_fill(0, rl.tensor([2, 0]), 7)
    tensor([7., 0., 7.])
    """
    if not input.ndim:
        return index_fill(input.reshape(1), 0, index, value).reshape(())
    axis, index = _indexed("index_fill", input, dim, index, "int64")
    if isinstance(value, Tensor):
        if value.ndim:
            raise ShapeError(
                message("index_fill", f"a value of shape {value.shape}", "a number or a 0-d tensor")
            )
    elif input.dtype.kind != "f":
        value = bool(value) if input.dtype.kind == "b" else int(value)
    shape = [n if i == axis else 1 for i, n in enumerate(input.shape)]
    none = input.new_full(shape, False, dtype=xp.bool_)
    return input.masked_fill(apply(INDEX_PUT, none, True, index, pattern=_along(axis)), value)


@method()
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `values` at the places that a tuple of index tensors or masks names, or with `accumulate`
    added there.

    >>> import rushlight as rl
    >>> rl.zeros(3).index_put((rl.tensor([1, 1]),), rl.tensor([1.0, 2.0]), accumulate=True)
    tensor([0., 3., 0.])
    """
    indices = tuple(slice(None) if i is None else i for i in indices)
    if not accumulate:
        out = input.clone()
        write_at(out, indices, values)
        return out
    pattern, tensors = parse_index(input, indices)
    values = to_dtype(values, input.dtype).expand(getitem(input.detach(), indices).shape)
    total = apply(INDEX_ADD, values, *tensors, pattern=pattern, shape=input.shape)
    return input | total if input.dtype.kind == "b" else input + total


@method()
def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`index_put` in the input's memory."""
    if accumulate:
        return input.copy_(index_put(input, indices, values, True))
    write_at(input, tuple(slice(None) if i is None else i for i in indices), values)
    return input


# Merging


def _infer_merge(x: Spec, index: Spec, src: Spec, *, dim: int, merge: str) -> Spec:
    return x


def _merge_grad(
    g: Tensor, out: Tensor, x: Tensor, index: Tensor, src: Tensor, *, dim: int, merge: str
) -> list[Tensor | None]:
    if merge == "prod":
        return _product_grad(g, x, index, src, dim)
    # Shared among all that are as large.
    there = gather(out, dim, index)
    own = (x == out).to(g.dtype)
    other = (src == there).to(g.dtype)
    share = g / scatter_add(own, dim, index, other).clamp(min=1)
    return [kept(x == out, share), None, kept(src == there, gather(share, dim, index))]


def _product_grad(g: Tensor, x: Tensor, index: Tensor, src: Tensor, dim: int) -> list[Tensor | None]:
    """g times the product of all other factors: of those that are not 0, and 0 where another one is."""
    zero, null = x == 0, src == 0
    rest = apply(MERGE, x.masked_fill(zero, 1.0), index, src.masked_fill(null, 1.0), dim=dim, merge="prod")
    zeros = scatter_add(zero.to(g.dtype), dim, index, null.to(g.dtype))
    many, rest_there = gather(zeros, dim, index), gather(rest, dim, index)
    of_x = where(zero, kept(zeros == 1, rest), kept(zeros == 0, rest / x.masked_fill(zero, 1.0)))
    of_src = where(
        null, kept(many == 1, rest_there), kept(many == 0, rest_there / src.masked_fill(null, 1.0))
    )
    return [chain(g, of_x), None, chain(gather(g, dim, index), of_src)]


MERGE: Op = register(
    Op(
        "scatter_merge",
        lambda m, x, index, src, *, dim, merge: m.merge_at(
            x, m.from_front(index, x.shape[dim], dim), src, dim, merge
        ),
        _infer_merge,
        _merge_grad,
        saves="both",
    )
)
_MERGES = ("sum", "prod", "mean", "amax", "amin")


@method()
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """`input` with src[i][j] merged into [index[i][j]][j] along dim 0, and likewise along the others.

    reduce        "sum", "prod", "mean", "amax" or "amin".
    include_self  whether what `input` holds at a place counts; else it is left out where something comes.

    >>> import rushlight as rl
    >>> rl.zeros(2).scatter_reduce(0, rl.tensor([1, 1]), rl.tensor([3.0, 5.0]), "mean", include_self=False)
    tensor([0., 4.])
    """
    if reduce not in _MERGES:
        raise ArgumentError(message("scatter_reduce", f"reduce={reduce!r}", f"one of {', '.join(_MERGES)}"))
    if input.dtype != src.dtype:
        got = f"src of {src.dtype} for {input.dtype}"
        raise DTypeError(message("scatter_reduce", got, "one dtype", "Convert src."))
    if not input.ndim or not index.ndim:
        row = [t.reshape(1) if not t.ndim else t for t in (input, index, src)]
        out = scatter_reduce(row[0], dim, row[1], row[2], reduce, include_self=include_self)
        return out.reshape(input.shape)
    axis = normalize_axis("scatter_reduce", dim, input.ndim)
    if not index.numel():
        return input.clone()
    src = src[tuple(slice(n) for n in index.shape)]
    if include_self:
        return _merged(input, axis, index, src, reduce, 1)
    return _merged(scatter(input, axis, index, _neutral(input.dtype, reduce)), axis, index, src, reduce, 0)


def _neutral(dtype: Any, reduce: str) -> Any:
    """What changes no merge."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if dtype.kind == "b":
        return reduce == "amin"
    return xp.smallest(dtype) if reduce == "amax" else xp.largest(dtype)


def _merged(input: Tensor, axis: int, index: Tensor, src: Tensor, reduce: str, own: int) -> Tensor:
    if reduce in ("sum", "mean"):
        total = scatter_add(input, axis, index, src)
        if reduce == "sum":
            return total
        ones = input.new_full(src.shape, 1)
        count = scatter_add(input.new_full(input.shape, own), axis, index, ones).clamp(min=1)
        return total / count if input.dtype.kind == "f" else total // count
    sizes = index.shape
    part = tuple(slice(n) if i != axis else slice(None) for i, n in enumerate(sizes))
    cut = input[part]
    merged = apply(MERGE, cut, index, src, dim=axis, merge=reduce)
    return merged if cut.shape == input.shape else apply(INDEX_PUT, input, merged, pattern=_pattern(part))


def _pattern(part: tuple[slice, ...]) -> tuple[Any, ...]:
    return tuple(("slice", s.start, s.stop, s.step) for s in part)


@method()
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """`input` with the slices of `source` merged into those along `dim` that `index` names; options as of
    `scatter_reduce`, without "sum", which is `index_add`.
    """
    if reduce not in _MERGES[1:]:
        raise ArgumentError(message("index_reduce", f"reduce={reduce!r}", f"one of {', '.join(_MERGES[1:])}"))
    if not input.ndim:
        row = index_reduce(input.reshape(1), 0, index, source.reshape(1), reduce, include_self=include_self)
        return row.reshape(())
    axis, index = _indexed("index_reduce", input, dim, index, "int64", "int32")
    source = _slices("index_reduce", input, axis, index, source)
    wide = index.reshape([-1 if i == axis else 1 for i in range(input.ndim)]).expand(source.shape)
    return scatter_reduce(input, axis, wide, source, reduce, include_self=include_self)


# Flat indices and masks


@method()
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of the flattened input at `index`, in its shape.

    >>> import rushlight as rl
    >>> rl.take(rl.tensor([[4, 3], [2, 1]]), rl.tensor([0, -1]))
    tensor([4, 1])
    """
    refuse_dtype("take", "an index", index.dtype, "int64")
    return input.reshape(-1)[index]


@method()
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with the elements of `source` at the places `index` of the flattened input, or with
    `accumulate` added there.

    >>> import rushlight as rl
    >>> rl.put(rl.zeros(2, 2), rl.tensor([0, 3]), rl.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    refuse_dtype("put", "an index", index.dtype, "int64")
    if index.numel() != source.numel():
        got = f"{source.numel()} elements for {index.numel()} places"
        raise ShapeError(message("put", got, "as many of both"))
    if input.dtype != source.dtype:
        got = f"a source of {source.dtype} for {input.dtype}"
        raise DTypeError(message("put", got, "one dtype", "Convert the source."))
    flat = index_put(input.reshape(-1), (index.reshape(-1),), source.reshape(-1), accumulate)
    return flat.reshape(input.shape)


@method()
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, one after the other, where the mask holds.

    >>> import rushlight as rl
    >>> rl.zeros(3).masked_scatter(rl.tensor([True, False, True]), rl.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    if mask.dtype != xp.bool_ or input.dtype != source.dtype:
        got = f"a mask of {mask.dtype}, a source of {source.dtype} for {input.dtype}"
        raise DTypeError(message("masked_scatter", got, "a bool mask, and one dtype"))
    shape = xp.broadcast_shapes(input.shape, mask.shape)
    input, mask = input.expand(shape), mask.expand(shape)
    if not source.numel() or not input.numel():
        return input.clone()
    number = mask.reshape(-1).cumsum(0) - 1
    # In a compiled function, which looks at none, the last element stands for those that are missing.
    place = number.clamp(0, source.numel() - 1)
    return where(mask, source.reshape(-1)[place].reshape(shape), input)


@method()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """`input` with `src` in the place of the slice at `index` along `dim`.

    >>> import rushlight as rl
    >>> rl.select_scatter(rl.zeros(2, 2), rl.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    axis = normalize_axis("select_scatter", dim, input.ndim)
    return _with_part(input, src, (*(ALL,) * axis, index))


@method()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """`input` with `src` in the place of the elements from `start` to `end` along `dim`."""
    axis = normalize_axis("slice_scatter", dim, input.ndim)
    return _with_part(input, src, (*(ALL,) * axis, ("slice", start, end, step)))


def _with_part(input: Tensor, src: Tensor, pattern: tuple[Any, ...]) -> Tensor:
    return apply(INDEX_PUT, input, to_dtype(src, input.dtype), pattern=pattern)
