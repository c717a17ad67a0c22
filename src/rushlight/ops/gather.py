"""Gather and scatter along one axis, sorting, running sums."""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.core.apply import apply, apply_
from rushlight.core.lower import Cumulate, Gather, Scatter, Sort
from rushlight.core.op import Op, register
from rushlight.core.results import named
from rushlight.core.spec import Spec, as_held, broadcast, normalize_axis, refuse_dtype
from rushlight.core.tensor import Tensor, method
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.index import in_rows
from rushlight.ops.reduce import numpy_names, whole
from rushlight.ops.select import where

__all__ = ["argsort", "cumsum", "gather", "scatter", "scatter_add", "sort", "take_along_dim", "topk"]


class Sorted(NamedTuple):
    """Values in order, and where they stood."""

    values: Tensor
    indices: Tensor


SORT, TOPK = named(Sorted, "sort"), named(Sorted, "topk")


def _infer_gather(x: Spec, index: Spec, *, dim: int) -> Spec:
    refuse_dtype("gather", "an index", index.dtype, "int64", "int32")
    if index.ndim != x.ndim or any(n > x.shape[i] for i, n in enumerate(index.shape) if i != dim):
        raise ShapeError(
            message(
                "gather",
                f"an index of shape {index.shape} for shape {x.shape}",
                f"as many axes, no larger beside {dim}",
            )
        )
    return Spec(index.shape, x.dtype)


def _infer_scatter(x: Spec, index: Spec, src: Any, *, dim: int) -> Spec:
    _infer_gather(x, index, dim=dim)
    if isinstance(src, Spec) and src.shape != index.shape:
        raise ShapeError(message("scatter", f"src {src.shape} for index {index.shape}", "the same shape"))
    return x


def _put_into(x: Any, index: Any, src: Any, *, dim: int) -> None:
    part = x[tuple(slice(None) if i == dim else slice(n) for i, n in enumerate(index.shape))]
    xp.put_along_axis(part, in_rows(m.from_front(index, x.shape[dim], dim)), src, dim)


def _scatter(m: Any, x: Any, index: Any, src: Any, *, dim: int) -> Any:
    out = m.cast(x, x.dtype)
    _put_into(out, index, src, dim=dim)
    return out


def _scatter_grad(g: Tensor, out: Any, x: Any, index: Any, src: Any, *, dim: int) -> list[Tensor | None]:
    of_src = gather(g, dim, index) if isinstance(src, Spec) else None
    return [apply(SCATTER, g, index, 0, dim=dim), None, of_src]


GATHER = register(
    Op(
        "gather",
        lambda m, x, index, *, dim: m.take_along_axis(x, m.from_front(index, x.shape[dim], dim), dim),
        _infer_gather,
        (lambda g, out, x, index, *, dim: apply(ADD_ALONG, g, index, dim=dim, shape=x.shape), None),
        spare=(0,),
        lower=Gather(along=True),
    )
)
ADD_ALONG: Op = register(
    Op(
        "add_along",
        lambda m, src, index, *, dim, shape: m.add_along_axis(
            shape, m.from_front(index, shape[dim], dim), src, dim
        ),
        lambda src, index, *, dim, shape: Spec(shape, src.dtype),
        (lambda g, out, src, index, *, dim, shape: apply(GATHER, g, index, dim=dim), None),
        spare=(0,),
        lower=Scatter(source=0, adds=True, along=True),
    )
)
SCATTER = register(
    Op(
        "scatter",
        _scatter,
        _infer_scatter,
        _scatter_grad,
        spare=(0, 2),
        inplace=_put_into,
        lower=Scatter(source=2, along=True),
    )
)
CUMSUM: Op = register(
    Op(
        "cumsum",
        lambda m, x, *, dim, dtype=None: m.cumsum(x, dim, dtype),
        lambda x, *, dim, dtype=None: x if dtype is None else Spec(x.shape, dtype),
        (lambda g, out, x, *, dim: apply(CUMSUM, g.flip(dim), dim=dim).flip(dim),),
        saves="specs",
        lower=Cumulate(),
    )
)


ARGSORT = register(
    Op(
        "argsort",
        lambda m, x, *, dim, descending: m.stable_order(x, dim, descending),
        lambda x, *, dim, descending: Spec(x.shape, xp.int64),
        lower=Sort(),
    )
)
TOP = register(
    Op(
        "topk",
        lambda m, x, *, k, dim, largest: m.top_places(x, k, dim, largest),
        lambda x, *, k, dim, largest: Spec((*x.shape[:dim], k, *x.shape[dim + 1 :]), xp.int64),
        decompose=lambda x, *, k, dim, largest: apply(ARGSORT, x, dim=dim, descending=largest).narrow(
            dim, 0, k
        ),
    )
)


def _fit_index(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[Tensor, int]:
    """`input` cut to the index's sizes beside `dim`, as PyTorch allows a smaller index."""
    axis = normalize_axis(name, dim, input.ndim)
    _infer_gather(input.spec, index.spec, dim=axis)
    for i, n in enumerate(index.shape):
        if i != axis and n != input.shape[i]:
            input = input.narrow(i, 0, n)
    return input, axis


@method()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i][j] = input[index[i][j]][j] along dim 0, and likewise along the others.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.0], [3.0, 4.0]]).gather(1, rl.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    if not input.ndim or not index.ndim:
        return gather(_row(input), dim, _row(index)).reshape(index.shape)
    if not index.numel():  # of any dtype and shape, as in PyTorch
        normalize_axis("gather", dim, input.ndim)
        return input.reshape(-1)[:0].reshape(index.shape)
    if index.array.dtype is not xp.int64:
        refuse_dtype("gather", "an index", index.dtype, "int64", "int32")
    input, axis = _fit_index("gather", input, dim, index)
    return apply(GATHER, input, index, dim=axis)


def _row(value: Any) -> Any:
    """A 0-d tensor as one of a single element."""
    return value.reshape(1) if isinstance(value, Tensor) and not value.ndim else value


@method()
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, reduce: str | None = None, value: Any = None
) -> Tensor:
    """A copy of `input` with out[index[i][j]][j] = src[i][j] along dim 0, and likewise along the others; with
    ``reduce="add"`` it is added there, with "multiply" multiplied. `value` is a number in the place of `src`.

    >>> import rushlight as rl
    >>> rl.zeros(2, 3).scatter(1, rl.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    src = _given("scatter", src, value)
    if reduce is not None:
        return _scatter_reduced(input, dim, index, src, reduce)
    if not input.ndim:
        return scatter(_row(input), dim, _row(index), _row(src)).reshape(())
    axis = normalize_axis("scatter", dim, input.ndim)
    if not index.numel():
        return input.clone()
    return apply(SCATTER, input, _row(index), _source(input, axis, _row(index), _row(src)), dim=axis)


def _given(name: str, src: Any, value: Any) -> Any:
    if (src is None) is (value is None):
        got = "neither src nor value" if src is None else "src and value"
        raise ArgumentError(message(name, got, "one of them"))
    return value if src is None else src


def _scatter_reduced(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str) -> Tensor:
    if reduce not in ("add", "multiply"):
        raise ArgumentError(message("scatter", f"reduce={reduce!r}", "None, 'add' or 'multiply'"))
    if not isinstance(src, Tensor):
        src = input.new_full(index.shape, src)
    if reduce == "multiply":
        return input.scatter_reduce(dim, index, src, "prod")
    return scatter_add(input, dim, index, src)


def _source(input: Tensor, axis: int, index: Tensor, src: Any) -> Any:
    """`src` cut to the sizes of the index, as PyTorch allows a larger one."""
    refuse_dtype("scatter", "an index", index.dtype, "int64", "int32")
    if isinstance(src, Tensor):
        if src.dtype != input.dtype:
            got = f"src of {src.dtype} for {input.dtype}"
            raise DTypeError(message("scatter", got, "one dtype", "Convert src."))
        if src.ndim == index.ndim:
            for i, n in enumerate(index.shape):
                src = src.narrow(i, 0, n) if src.shape[i] > n else src
        _infer_scatter(input.spec, index.spec, src.spec, dim=axis)
        return src
    return as_held("scatter", src, input.dtype) if isinstance(src, int) else src


@method()
def scatter_(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, reduce: str | None = None, value: Any = None
) -> Tensor:
    """`scatter` in the input's memory."""
    src = _given("scatter_", src, value)
    if reduce is not None or not input.ndim or not index.ndim or not index.numel():
        return input.copy_(scatter(input, dim, index, src, reduce=reduce))
    axis = normalize_axis("scatter", dim, input.ndim)
    return apply_(SCATTER, input, index, _source(input, axis, index, src), dim=axis)


@method()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with src[i][j] added at [index[i][j]][j] along dim 0, and likewise along the others.

    Numbers that meet in one place are added one by one in the order of the index, float16 in float32.
    """
    if not input.ndim or not index.ndim:
        return scatter_add(_row(input), dim, _row(index), _row(src)).reshape(input.shape)
    axis = normalize_axis("scatter_add", dim, input.ndim)
    if not index.numel():
        return input.clone()
    src = _source(input, axis, index, src)
    shape = tuple(input.shape[i] if i == axis else n for i, n in enumerate(index.shape))
    total = apply(ADD_ALONG, src, index, dim=axis, shape=shape)
    if shape == input.shape:
        return input + total
    out = input.clone()
    place = tuple(slice(n) for n in shape)
    out[place] = out[place] + total
    return out


@method()
def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`scatter_add` in the input's memory."""
    return input.copy_(scatter_add(input, dim, index, src))


@method()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` of tensors that broadcast against each other beside `dim`; without it, of both flattened.

    >>> import rushlight as rl
    >>> rl.take_along_dim(rl.tensor([[1, 2], [3, 4]]), rl.tensor([[1]]), 1)
    tensor([[2],
            [4]])
    """
    refuse_dtype("take_along_dim", "indices", indices.dtype, "int64")
    if dim is None:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    axis = normalize_axis("take_along_dim", dim, input.ndim)
    if indices.ndim != input.ndim:
        got = f"indices of shape {indices.shape} for shape {input.shape}"
        raise ShapeError(message("take_along_dim", got, "as many axes"))
    beside = [[n for i, n in enumerate(t.shape) if i != axis] for t in (input, indices)]
    shape = list(broadcast("take_along_dim", [tuple(b) for b in beside]))
    wide = [t.expand(*shape[:axis], *t.shape[axis : axis + 1], *shape[axis:]) for t in (input, indices)]
    # Here, as in PyTorch, indices may count from the end.
    size = input.shape[axis]
    return gather(wide[0], axis, where(wide[1] < 0, wide[1] + size, wide[1]))


@method()
def cumsum(input: Tensor, dim: Any = None, *, dtype: Any = None, **numpy: Any) -> Tensor:
    """The running sum along `dim`; integers and bools sum to int64.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    if numpy:
        dim, _ = numpy_names("cumsum", numpy, dim)
    axis = normalize_axis("cumsum", dim, input.ndim)
    if input.ndim and input.dtype.kind != "f" and (dtype is None or xp.dtype(dtype).kind in "iu"):
        return apply(CUMSUM, input, dim=axis, dtype=whole(dtype))
    if dtype is not None or input.dtype.kind != "f":
        input = input.to(dtype or xp.int64)
    return apply(CUMSUM, input, dim=axis) if input.ndim else input.clone()


@method()
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True, **numpy: Any
) -> Tensor:
    """The indices that sort along `dim`; always stable."""
    if numpy:
        dim, _ = numpy_names("argsort", numpy, dim)
    if not input.ndim:
        return input.new_full((), 0, dtype=xp.int64)
    return apply(ARGSORT, input, dim=normalize_axis("argsort", dim, input.ndim), descending=descending)


@method()
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True, **numpy: Any) -> Sorted:
    """The elements in order along `dim`, and where they stood; always stable."""
    if numpy:
        dim, _ = numpy_names("sort", numpy, dim)
    indices = argsort(input, dim, descending)
    return SORT(gather(input, dim, indices) if input.ndim else input.clone(), indices)


@method()
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, **numpy: Any
) -> Sorted:
    """The `k` largest (or smallest) along `dim`, in order, and where they stood."""
    if numpy:
        dim, _ = numpy_names("topk", numpy, dim)
    axis = normalize_axis("topk", dim, input.ndim)
    if not input.ndim:
        values, indices = topk(_row(input), k, 0, largest)
        return TOPK(values.reshape(()), indices.reshape(())) if k else TOPK(values, indices)
    if not 0 <= k <= input.shape[axis]:
        raise ArgumentError(
            message("topk", f"k={k}", f"at most {input.shape[axis]}, the size of axis {axis}")
        )
    indices = apply(TOP, input, k=int(k), dim=axis, largest=bool(largest))
    return TOPK(gather(input, axis, indices), indices)
