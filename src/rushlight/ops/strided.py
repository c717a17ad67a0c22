"""Views by strides: diagonals and any strides; and what is written through them."""

from __future__ import annotations

from typing import Any

from rushlight.core.apply import apply, to_dtype
from rushlight.core.autocast import autocasts
from rushlight.core.lower import View
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, normalize_axis
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, base_of, method
from rushlight.device import xp
from rushlight.errors import ArgumentError, NotSupportedError, ShapeError, message
from rushlight.ops.index import ALL, INDEX_ADD, INDEX_PUT
from rushlight.ops.ranges import arange

__all__ = [
    "as_strided",
    "as_strided_scatter",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "trace",
]


def _length(shape: tuple[int, ...], offset: int) -> int:
    rows, columns = shape[-2:]
    return max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)


def _on_diagonal(length: int, offset: int) -> tuple[Tensor, Tensor]:
    """The rows and columns of its elements."""
    count = arange(length)
    return count + max(-offset, 0), count + max(offset, 0)


def _diagonal_access(offset: int, strides: Any, shape: Any, out: Any, attrs: dict[str, Any]) -> Any:
    first = strides[-1] * max(attrs["offset"], 0) + strides[-2] * max(-attrs["offset"], 0)
    return offset + (first if out[-1] else 0), (*strides[:-2], strides[-2] + strides[-1])


def _pattern(ndim: int) -> tuple[Any, ...]:
    return (*(ALL,) * (ndim - 2), "tensor", "tensor")


def _diagonal_put(x: Tensor, value: Tensor, attrs: dict[str, Any]) -> Any:
    places = _on_diagonal(_length(x.shape, attrs["offset"]), attrs["offset"])
    return INDEX_PUT, (x, value, *places), {"pattern": _pattern(x.ndim)}


def _embedded(g: Tensor, shape: tuple[int, ...], offset: int) -> Tensor:
    """Zeros of `shape` with `g` on the diagonal of the last two axes."""
    places = _on_diagonal(_length(shape, offset), offset)
    return apply(INDEX_ADD, g, *places, pattern=_pattern(len(shape)), shape=shape)


DIAGONAL = register(
    Op(
        "diagonal",
        lambda m, x, *, offset: m.diagonal(x, offset),
        lambda x, *, offset: Spec((*x.shape[:-2], _length(x.shape, offset)), x.dtype),
        (lambda g, out, x, *, offset: _embedded(g, x.shape, offset),),
        saves="specs",
        view=True,
        put=_diagonal_put,
        lower=View(_diagonal_access),
    )
)


@method()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two axes, as the last axis: a view. `offset` counts from the main one to the right, or
    below 0 downward.

    >>> import rushlight as rl
    >>> rl.diagonal(rl.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    moved = _planes("diagonal", input, dim1, dim2)
    return apply(DIAGONAL, moved, offset=offset)


def _planes(name: str, input: Tensor, dim1: int, dim2: int) -> Tensor:
    """With the two axes last."""
    if input.ndim < 2:
        raise ShapeError(message(name, f"shape {input.shape}", "at least two axes"))
    axes = normalize_axis(name, dim1, input.ndim), normalize_axis(name, dim2, input.ndim)
    if axes[0] == axes[1]:
        raise ArgumentError(message(name, f"dim1={dim1} and dim2={dim2}", "two different axes"))
    return input if axes == (input.ndim - 2, input.ndim - 1) else input.movedim(axes, (-2, -1))


@method()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Zeros with the last axis of `input` on the diagonal of the two axes `dim1` and `dim2` of the result.

    >>> import rushlight as rl
    >>> rl.diag_embed(rl.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if not input.ndim:
        raise ShapeError(message("diag_embed", "a 0-d tensor", "at least one axis"))
    axes = [normalize_axis("diag_embed", d, input.ndim + 1) for d in (dim1, dim2)]
    if axes[0] == axes[1]:
        raise ArgumentError(message("diag_embed", f"dim1={dim1} and dim2={dim2}", "two different axes"))
    side = input.shape[-1] + abs(offset)
    out = _embedded(input, (*input.shape[:-1], side, side), offset)
    return out if axes == [input.ndim - 1, input.ndim] else out.movedim((-2, -1), axes)


@method()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Of a vector the matrix that has it on the diagonal; of a matrix a copy of its diagonal.

    >>> import rushlight as rl
    >>> rl.diag(rl.tensor([1, 2])), rl.diag(rl.tensor([[1, 2], [3, 4]]), 1)
    (tensor([[1, 0],
            [0, 2]]), tensor([2]))
    """
    if input.ndim not in (1, 2):
        raise ShapeError(message("diag", f"shape {input.shape}", "a vector or a matrix", "Use diag_embed."))
    return diag_embed(input, diagonal) if input.ndim == 1 else apply(DIAGONAL, input, offset=diagonal).clone()


@method()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix that has all elements on its diagonal."""
    return diag_embed(input.reshape(-1), offset)


@method()
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """`input` with `src` on the diagonal of two axes.

    >>> import rushlight as rl
    >>> rl.diagonal_scatter(rl.zeros(2, 2), rl.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    moved = _planes("diagonal_scatter", input, dim1, dim2)
    want = (*moved.shape[:-2], _length(moved.shape, offset))
    if src.shape != want:
        raise ShapeError(message("diagonal_scatter", f"src of shape {src.shape}", f"{want}"))
    op, given, attrs = _diagonal_put(moved, to_dtype(src, input.dtype), {"offset": offset})
    out = apply(op, *given, **attrs)
    axes = normalize_axis("diagonal", dim1, input.ndim), normalize_axis("diagonal", dim2, input.ndim)
    return out if moved is input else out.movedim((-2, -1), axes)


@method()
@autocasts("float32")
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    >>> import rushlight as rl
    >>> rl.trace(rl.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.ndim != 2:
        raise ShapeError(message("trace", f"shape {input.shape}", "a matrix"))
    return apply(DIAGONAL, input, offset=0).sum()


@method()
def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one value on the main diagonal; of tall matrices with `wrap` it begins again below."""
    if input.ndim < 2 or (input.ndim > 2 and len(set(input.shape)) > 1):
        got = f"shape {input.shape}"
        raise ShapeError(message("fill_diagonal_", got, "two axes or more, all of one size beyond two"))
    if input.ndim > 2:
        place = arange(input.shape[0])
        input[(place,) * input.ndim] = fill_value
        return input
    rows, columns = input.shape
    count = min(rows, columns) if not wrap else (rows * columns + columns) // (columns + 1)
    place = arange(count) * (columns + 1)
    input[place // max(columns, 1), place % max(columns, 1)] = fill_value
    return input


# Any strides


def reach(size: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """How far the last element lies behind the first; -1 of none."""
    return -1 if 0 in size else sum((n - 1) * s for n, s in zip(size, stride, strict=True))


def _places(size: tuple[int, ...], stride: tuple[int, ...], start: int) -> Tensor:
    place = arange(1).reshape(()) + start
    for n, s in zip(size, stride, strict=True):
        place = place.unsqueeze(-1) + arange(n) * s
    return place


def _strided_put(x: Tensor, value: Tensor, attrs: dict[str, Any]) -> Any:
    return INDEX_PUT, (x, value, _places(**attrs)), {"pattern": ("tensor",)}


STRIDED = register(
    Op(
        "as_strided",
        lambda m, x, *, size, stride, start: m.strided(x, size, stride, start),
        lambda x, *, size, stride, start: Spec(size, x.dtype),
        (
            lambda g, out, x, *, size, stride, start: apply(
                INDEX_ADD, g, _places(size, stride, start), pattern=("tensor",), shape=x.shape
            ),
        ),
        saves="specs",
        view=True,
        put=_strided_put,
        lower=View(
            lambda offset, strides, shape, out, attrs: (
                offset + strides[0] * attrs["start"],
                tuple(s * strides[0] for s in attrs["stride"]),
            )
        ),
    )
)


def _memory(name: str, input: Tensor) -> tuple[Tensor, int]:
    """A vector over the memory that `input` lies in, in the order of that memory, and where it begins there.

    A view of another tensor has that one's memory, as in PyTorch.
    """
    base = base_of(input)
    array, whole = input.array, base.array
    if base is input:
        return _in_order(name, input), 0
    if array.__class__ is not xp.ndarray:
        got = "a view inside a compiled function"
        raise NotSupportedError(message(name, got, "a tensor of its own", "Use clone() first."))
    begin = (array.ctypes.data - whole.ctypes.data) // array.dtype.itemsize
    return _in_order(name, base), begin


def _in_order(name: str, tensor: Tensor) -> Tensor:
    """A view of all elements in the order of their memory."""
    if state.tracing and tensor.array.__class__ is not xp.ndarray:
        return tensor.view(-1)  # what a compiled program makes lies in rows
    axes = sorted(range(tensor.ndim), key=lambda i: -abs(tensor.stride()[i])) if tensor.ndim > 1 else None
    moved = tensor if tensor.is_contiguous() or axes is None else tensor.permute(axes)
    if not moved.is_contiguous():
        got = f"memory with gaps, of strides {tensor.stride()}"
        raise NotSupportedError(message(name, got, "elements side by side", "Use contiguous() first."))
    return moved.reshape(-1)


def _sizes(value: Any) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(int(n) for n in value)


@method()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the memory of `input` with these sizes and strides, in elements, from `storage_offset` on
    (by default where `input` begins).

    >>> import rushlight as rl
    >>> rl.as_strided(rl.arange(6), (2, 2), (1, 2), 1)
    tensor([[1, 3],
            [2, 4]])
    """
    memory, begin = _memory("as_strided", input)
    size, stride = _sizes(size), _sizes(stride)
    offset = begin if storage_offset is None else storage_offset
    if len(size) != len(stride) or min((*size, *stride, offset), default=0) < 0:
        got = f"size {size}, stride {stride}, storage_offset {offset}"
        raise ArgumentError(message("as_strided", got, "a stride for each size, none negative"))
    if offset + reach(size, stride) >= max(memory.numel(), 1):
        got = f"size {size}, stride {stride} from {offset} on, in {memory.numel()} elements"
        raise ArgumentError(message("as_strided", got, "elements within the tensor's memory"))
    return apply(STRIDED, memory, size=size, stride=stride, start=offset)


@method()
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy of `input` with `src` in the place of ``as_strided(size, stride, storage_offset)``."""
    size, stride = _sizes(size), _sizes(stride)
    if src.shape != size:
        raise ShapeError(message("as_strided_scatter", f"src of shape {src.shape}", f"{size}"))
    flat = input.reshape(-1)
    places = _places(size, stride, storage_offset or 0)
    out = apply(INDEX_PUT, flat, to_dtype(src, input.dtype), places, pattern=("tensor",))
    return out.reshape(input.shape)
