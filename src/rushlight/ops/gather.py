"""Gather and scatter along one axis, sorting, running sums."""

from __future__ import annotations

from typing import Any, NamedTuple

from rushlight.core.apply import apply, apply_
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, normalize_axis
from rushlight.core.tensor import Tensor, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.index import in_rows
from rushlight.ops.reduce import whole

__all__ = ["argsort", "cumsum", "gather", "scatter", "scatter_add", "sort", "take_along_dim", "topk"]


class Sorted(NamedTuple):
    """Values in order, and where they stood."""

    values: Tensor
    indices: Tensor


def _infer_gather(x: Spec, index: Spec, *, dim: int) -> Spec:
    if index.dtype.kind not in "iu":
        raise DTypeError(
            message("gather", f"an index of {index.dtype}", "an integer tensor", "Use index.long().")
        )
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
    xp.put_along_axis(part, in_rows(index), src, dim)


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
        lambda m, x, index, *, dim: m.take_along_axis(x, index, dim),
        _infer_gather,
        (lambda g, out, x, index, *, dim: apply(ADD_ALONG, g, index, dim=dim, shape=x.shape), None),
        spare=(0,),
    )
)
ADD_ALONG: Op = register(
    Op(
        "add_along",
        lambda m, src, index, *, dim, shape: m.add_along_axis(shape, index, src, dim),
        lambda src, index, *, dim, shape: Spec(shape, src.dtype),
        (lambda g, out, src, index, *, dim, shape: apply(GATHER, g, index, dim=dim), None),
        spare=(0,),
    )
)
SCATTER = register(Op("scatter", _scatter, _infer_scatter, _scatter_grad, spare=(0, 2), inplace=_put_into))
CUMSUM: Op = register(
    Op(
        "cumsum",
        lambda m, x, *, dim, dtype=None: m.cumsum(x, dim, dtype),
        lambda x, *, dim, dtype=None: x if dtype is None else Spec(x.shape, dtype),
        (lambda g, out, x, *, dim: apply(CUMSUM, g.flip(dim), dim=dim).flip(dim),),
        saves="specs",
    )
)


def _argsort(m: Any, x: Any, *, dim: int, descending: bool) -> Any:
    """Stable in both directions: of equal elements the first stays first."""
    if not descending:
        return m.argsort(x, axis=dim, stable=True)
    return x.shape[dim] - 1 - m.flip(m.argsort(m.flip(x, dim), axis=dim, stable=True), dim)


ARGSORT = register(Op("argsort", _argsort, lambda x, *, dim, descending: Spec(x.shape, xp.int64)))


def _fit_index(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[Tensor, int]:
    """`input` cut to the index's sizes beside `dim`, as PyTorch allows a smaller index."""
    axis = normalize_axis(name, dim, input.ndim)
    _infer_gather(input.spec, index.spec, dim=axis)
    for i, n in enumerate(index.shape):
        if i != axis and n != input.shape[i]:
            input = input.narrow(i, 0, n)
    return input, axis


@method()
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """out[i][j] = input[index[i][j]][j] along dim 0, and likewise along the others.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.0], [3.0, 4.0]]).gather(1, rl.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    if not input.ndim:
        return input.reshape(1).gather(0, index.reshape(-1)).reshape(index.shape)
    input, axis = _fit_index("gather", input, dim, index)
    return apply(GATHER, input, index, dim=axis)


@method()
def scatter(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """A copy of `input` with out[index[i][j]][j] = src[i][j] along dim 0, and likewise along the others.

    >>> import rushlight as rl
    >>> rl.zeros(2, 3).scatter(1, rl.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    axis = normalize_axis("scatter", dim, input.ndim)
    return apply(SCATTER, input, index, _source(input, axis, index, src), dim=axis)


def _source(input: Tensor, axis: int, index: Tensor, src: Any) -> Any:
    """`src` cut to the sizes of the index, as PyTorch allows a larger one."""
    if isinstance(src, Tensor):
        if src.ndim == index.ndim:
            for i, n in enumerate(index.shape):
                src = src.narrow(i, 0, n) if src.shape[i] > n else src
        _infer_scatter(input.spec, index.spec, src.spec, dim=axis)
    return src


@method()
def scatter_(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """`scatter` in the input's memory."""
    axis = normalize_axis("scatter", dim, input.ndim)
    return apply_(SCATTER, input, index, _source(input, axis, index, src), dim=axis)


@method()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with src[i][j] added at [index[i][j]][j] along dim 0, and likewise along the others.

    Numbers that meet in one place are added one by one in the order of the index, float16 in float32.
    """
    axis = normalize_axis("scatter_add", dim, input.ndim)
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
def take_along_dim(input: Tensor, indices: Tensor, dim: int) -> Tensor:
    """`gather` with the arguments in NumPy's order."""
    return gather(input, dim, indices)


@method()
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The running sum along `dim`; integers and bools sum to int64.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    axis = normalize_axis("cumsum", dim, input.ndim)
    if input.ndim and input.dtype.kind != "f" and (dtype is None or xp.dtype(dtype).kind in "iu"):
        return apply(CUMSUM, input, dim=axis, dtype=whole(dtype))
    if dtype is not None or input.dtype.kind != "f":
        input = input.to(dtype or xp.int64)
    return apply(CUMSUM, input, dim=axis) if input.ndim else input.clone()


@method()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort along `dim`; always stable."""
    if not input.ndim:
        return input.new_full((), 0, dtype=xp.int64)
    return apply(ARGSORT, input, dim=normalize_axis("argsort", dim, input.ndim), descending=descending)


@method()
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Sorted:
    """The elements in order along `dim`, and where they stood; always stable."""
    indices = argsort(input, dim, descending)
    return Sorted(gather(input, dim, indices) if input.ndim else input.clone(), indices)


@method()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Sorted:
    """The `k` largest (or smallest) along `dim`, in order, and where they stood."""
    axis = normalize_axis("topk", dim, input.ndim)
    if not 0 <= k <= input.shape[axis]:
        raise ArgumentError(
            message("topk", f"k={k}", f"at most {input.shape[axis]}, the size of axis {axis}")
        )
    indices = argsort(input, axis, descending=largest).narrow(axis, 0, k)
    return Sorted(gather(input, axis, indices), indices)
