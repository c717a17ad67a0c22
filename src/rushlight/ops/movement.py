"""Movement: new shapes for the same numbers. Wherever an access pattern can say it, no data is moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rushlight.core import strides
from rushlight.core.apply import apply
from rushlight.core.fold import Operand, of
from rushlight.core.lower import View
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, normalize_axes, normalize_axis
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, attribute, method
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.reduce import numpy_names

__all__ = [
    "broadcast_to",
    "expand",
    "flatten",
    "flip",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "t",
    "tile",
    "transpose",
    "unflatten",
    "unsqueeze",
]


def _check_size(name: str, x: Spec, shape: tuple[int, ...]) -> None:
    if math.prod(shape) != x.size or any(n < 0 for n in shape):
        got = f"shape {x.shape} into {shape}"
        raise ShapeError(message(name, got, f"a shape of {x.size} elements", "Use -1 for one axis."))


def _infer_reshape(x: Spec, *, shape: tuple[int, ...]) -> Spec:
    _check_size("reshape", x, shape)
    return Spec(shape, x.dtype)


def _infer_permute(x: Spec, *, dims: tuple[int, ...]) -> Spec:
    if sorted(dims) != list(range(x.ndim)):
        raise ShapeError(message("permute", f"dims={dims} for {x.ndim} axes", "each axis once"))
    return Spec(tuple(x.shape[d] for d in dims), x.dtype)


def _infer_expand(x: Spec, *, shape: tuple[int, ...]) -> Spec:
    extra = len(shape) - x.ndim
    if extra < 0 or any(n not in (1, shape[i + extra]) for i, n in enumerate(x.shape)):
        raise ShapeError(
            message(
                "expand", f"shape {x.shape} to {shape}", "new axes in front, and only axes of size 1 to grow"
            )
        )
    return Spec(shape, x.dtype)


def _inverse(dims: tuple[int, ...]) -> tuple[int, ...]:
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i
    return tuple(inverse)


def _expand(m: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """Where nothing is repeated the result may be written."""
    new = len(shape) - x.ndim
    same = new >= 0 and shape[new:] == x.shape and math.prod(shape[:new]) == 1
    return m.reshape(x, shape) if same else m.broadcast_to(x, shape)


RESHAPE: Op = register(
    Op(
        "reshape",
        lambda m, x, *, shape: m.reshape(x, shape),
        _infer_reshape,
        (lambda g, out, x, *, shape: apply(RESHAPE, g, shape=x.shape),),
        saves="specs",
        view=True,
        put=lambda x, value, attrs: (RESHAPE, (value,), {"shape": x.shape}),
        lower=View(strides.reshaped, always=False),
        fold=lambda x, *, shape: None if (y := of(x, RESHAPE)) is None else (RESHAPE, (y,), {"shape": shape}),
        label="ViewBackward0",
    )
)


def _fold_permute(x: Operand, *, dims: tuple[int, ...]) -> Any:
    """Of a permuted tensor, one permutation."""
    first = of(x, PERMUTE)
    return None if first is None else (PERMUTE, (first,), {"dims": tuple(x.attrs["dims"][d] for d in dims)})


def _label_permute(node: Any) -> str:
    dims = node.attrs["dims"]
    if dims == (1, 0):
        return "TBackward0"
    return "TransposeBackward0" if sum(i != d for i, d in enumerate(dims)) == 2 else "PermuteBackward0"


PERMUTE: Op = register(
    Op(
        "permute",
        lambda m, x, *, dims: m.transpose(x, dims),
        _infer_permute,
        (lambda g, out, x, *, dims: apply(PERMUTE, g, dims=_inverse(dims)),),
        saves="specs",
        view=True,
        put=lambda x, value, attrs: (PERMUTE, (value,), {"dims": _inverse(attrs["dims"])}),
        lower=View(strides.permuted),
        fold=_fold_permute,
        label=_label_permute,
    )
)
EXPAND: Op = register(
    Op(
        "expand",
        _expand,
        _infer_expand,
        (lambda g, out, x, *, shape: g.sum_to_size(x.shape),),
        saves="specs",
        view=True,
        put=lambda x, value, attrs: (
            (RESHAPE, (value,), {"shape": x.shape})
            if math.prod(attrs["shape"]) == math.prod(x.shape)
            else None
        ),
        lower=View(strides.expanded),
        fold=lambda x, *, shape: None if (y := of(x, EXPAND)) is None else (EXPAND, (y,), {"shape": shape}),
    )
)
FLIP: Op = register(
    Op(
        "flip",
        lambda m, x, *, dims: m.cast(m.flip(x, dims), x.dtype),
        lambda x, *, dims: x,
        (lambda g, out, x, *, dims: apply(FLIP, g, dims=dims),),
        saves="specs",
        lower=View(strides.flipped),
    )
)


def as_sizes(sizes: tuple[Any, ...], named: Any = None) -> tuple[int, ...]:
    """Sizes given one by one, or as one sequence, which may be named."""
    if named is not None:
        sizes = (*sizes, named)
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        if isinstance(sizes[0], str):
            raise DTypeError(message("sizes", repr(sizes[0]), "whole numbers"))
        sizes = tuple(sizes[0])
    try:
        return tuple(n if type(n) is int else n.__index__() for n in sizes)
    except AttributeError:
        got = repr(sizes[0] if len(sizes) == 1 else sizes)
        raise DTypeError(message("sizes", got, "whole numbers")) from None


def new_sizes(name: str, sizes: tuple[Any, ...], named: Any = None) -> tuple[int, ...]:
    """The sizes of a tensor that is to be made, none negative."""
    shape = as_sizes(sizes, named)
    if min(shape, default=0) < 0:
        raise ArgumentError(message(name, f"shape {shape}", "sizes of 0 or more"))
    return shape


@method("reshape")
def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements, in row-major order, in another shape; one size may be -1.

    >>> import rushlight as rl
    >>> rl.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return apply(RESHAPE, input, shape=_known_sizes("reshape", input, sizes, shape))


def _known_sizes(name: str, input: Tensor, shape: tuple[Any, ...], named: Any = None) -> tuple[int, ...]:
    """The sizes, with the number that -1 stands for in its place."""
    sizes = as_sizes(shape, named)
    if -1 in sizes:
        known = 1
        for n in sizes:
            known *= n if n != -1 else 1
        if sizes.count(-1) > 1 or known == 0 or input.numel() % known:
            raise ShapeError(
                message(
                    name,
                    f"shape {input.shape} into {sizes}",
                    "sizes whose product divides the number of elements, and one -1",
                )
            )
        sizes = tuple(input.numel() // known if n == -1 else n for n in sizes)
    return sizes


@method("view")
def view(input: Tensor, *shape: Any, size: Any = None) -> Tensor:
    """`reshape` without a copy: the result shares the tensor's memory.

    Raises ArgumentError where it cannot, as ``x.t()`` flattened; ShapeError for sizes that do not fit.

    >>> import rushlight as rl
    >>> rl.arange(6).view(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    shape = shape if size is None else (size,)
    if len(shape) == 1 and not isinstance(shape[0], (int, Sequence)):
        raise ArgumentError(message("view", repr(shape[0]), "sizes", "Use x.to(dtype) to convert."))
    sizes = _known_sizes("view", input, shape)
    _check_size("view", input.spec, sizes)
    array = input.array
    if not array.flags.c_contiguous and not strides.can_reshape(array, sizes):
        got = f"{sizes} for a tensor of shape {input.shape} with strides {input.stride()}"
        expected = "a shape that the elements have as they lie in memory"
        raise ArgumentError(message("view", got, expected, "Use reshape(), which copies where it must."))
    out = apply(RESHAPE, input, shape=sizes)
    if state.shares is not None:
        state.shares(out)
    return out


@method()
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` in the shape of `other`."""
    return view(input, other.shape)


@method()
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` in the shape of `other`."""
    return reshape(input, other.shape)


@method()
def ravel(input: Tensor) -> Tensor:
    """All elements along one axis."""
    return reshape(input, -1) if input.numel() else reshape(input, 0)


@method()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from `start_dim` to `end_dim` as one.

    >>> import rushlight as rl
    >>> rl.zeros(8, 1, 28, 28).flatten(1).shape
    Size([8, 784])
    """
    if not input.ndim:
        return reshape(input, 1)
    start = normalize_axis("flatten", start_dim, input.ndim)
    end = normalize_axis("flatten", end_dim, input.ndim)
    if start > end:
        raise ArgumentError(
            message("flatten", f"start_dim={start_dim}, end_dim={end_dim}", "start_dim first")
        )
    shape = input.array.shape
    middle = math.prod(shape[start : end + 1])
    return reshape(input, (*shape[:start], middle, *shape[end + 1 :]))


@method()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several."""
    axis = normalize_axis("unflatten", dim, input.ndim)
    inner = reshape(input.new_full((input.shape[axis],), 0), tuple(sizes)).shape
    return reshape(input, (*input.shape[:axis], *inner, *input.shape[axis + 1 :]))


@method()
def permute(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """The axes in the order `dims`, one by one or as a sequence."""
    order = as_sizes(axes, dims)
    return apply(PERMUTE, input, dims=normalize_axes("permute", order, input.ndim))


@method("transpose", "swapdims")
def transpose(input: Tensor, dim0: Any, dim1: int | None = None) -> Tensor:
    """Two axes exchanged; or, as NumPy has it, the axes in an order: ``transpose(x, (2, 0, 1))``."""
    if dim1 is None:
        if isinstance(dim0, int):
            raise TypeError("transpose() missing 1 required positional argument: 'dim1'")
        return permute(input, tuple(dim0))
    order = list(range(input.ndim))
    if order:
        a, b = normalize_axis("transpose", dim0, len(order)), normalize_axis("transpose", dim1, len(order))
        order[a], order[b] = b, a
    return apply(PERMUTE, input, dims=tuple(order))


@method()
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two axes exchanged: another name of `transpose`, with NumPy's names of arguments."""
    return transpose(input, axis0, axis1)


@method()
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector stays."""
    if input.ndim > 2:
        raise ShapeError(
            message("t", f"{input.ndim} axes", "at most two", "Use transpose(dim0, dim1) or mT.")
        )
    return transpose(input, 0, 1) if input.ndim == 2 else input


@attribute("T")
def _reversed(input: Tensor) -> Tensor:
    """All axes in reverse order; for a matrix, its transpose."""
    return apply(PERMUTE, input, dims=tuple(range(input.array.ndim))[::-1])


@attribute("mT", "mH")
def _matrix_transpose(input: Tensor) -> Tensor:
    """The last two axes exchanged."""
    if input.ndim < 2:
        raise ShapeError(message("mT", f"shape {input.shape}", "at least two axes"))
    return transpose(input, -2, -1)


@method("movedim", "moveaxis")
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """One axis moved to another place, or several to as many; the others keep their order."""
    moved = normalize_axes("movedim", source, input.ndim)
    places = normalize_axes("movedim", destination, input.ndim)
    if len(moved) != len(places):
        raise ShapeError(message("movedim", f"{len(moved)} axes to {len(places)} places", "as many of both"))
    order = [axis for axis in range(input.ndim) if axis not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        order.insert(place, axis)
    return permute(input, order)


@method()
def expand(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Axes of size 1 repeated without copying; -1 leaves an axis, new axes come in front.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0], [2.0]]).expand(-1, 3)
    tensor([[1., 1., 1.],
            [2., 2., 2.]])
    """
    shape = as_sizes(sizes, size)
    extra = len(shape) - input.ndim
    if -1 in shape and extra >= 0:
        shape = tuple(input.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(shape))
    return apply(EXPAND, input, shape=shape)


@method()
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` expanded to the shape of `other`."""
    return expand(input, other.shape)


@method()
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`input` expanded to `size`."""
    return expand(input, tuple(size))


@method()
def squeeze(input: Tensor, dim: Any = None, **numpy: Any) -> Tensor:
    """Without its axes of size 1, or without those of `dim` that have size 1."""
    if numpy:
        dim, _ = numpy_names("squeeze", numpy, dim)
    axes = normalize_axes("squeeze", dim, input.ndim)
    return apply(
        RESHAPE, input, shape=tuple(n for i, n in enumerate(input.shape) if not (n == 1 and i in axes))
    )


@method()
def unsqueeze(input: Tensor, dim: Any = None, **numpy: Any) -> Tensor:
    """With a new axis of size 1 at `dim`."""
    if numpy:
        dim, _ = numpy_names("unsqueeze", numpy, dim)
    axis = normalize_axis("unsqueeze", dim, input.ndim + 1)
    shape = tuple(input.shape)
    return apply(RESHAPE, input, shape=(*shape[:axis], 1, *shape[axis:]))


@method()
def flip(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """The elements in reverse order along `dims`, one by one or as a sequence."""
    return apply(FLIP, input, dims=normalize_axes("flip", as_sizes(axes, dims), input.ndim))


@method()
def tile(input: Tensor, *sizes: Any, dims: Any = None) -> Tensor:
    """Copies of the tensor, side by side along each axis."""
    counts = new_sizes("tile", sizes, dims)
    counts = (1,) * (input.ndim - len(counts)) + counts
    shape = (1,) * (len(counts) - input.ndim) + input.shape
    paired = [n for pair in zip((1,) * len(shape), shape, strict=True) for n in pair]
    grown = [n for pair in zip(counts, shape, strict=True) for n in pair]
    # Copied before the axes are merged: where all counts are 1 merging alone would give a view.
    return (
        input.reshape(paired)
        .expand(grown)
        .clone()
        .reshape([c * n for c, n in zip(counts, shape, strict=True)])
    )


@method("repeat")
def _repeat(input: Tensor, *sizes: Any, repeats: Any = None) -> Tensor:
    counts = new_sizes("repeat", sizes, repeats)
    if len(counts) < input.ndim:
        raise ShapeError(
            message("repeat", f"{len(counts)} counts for {input.ndim} axes", "a count for each axis")
        )
    return tile(input, counts)
