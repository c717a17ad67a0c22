"""Moving elements and axes about, joining and parting along named axes, grids of coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.core.spec import normalize_axes, normalize_axis, promote_dtypes
from rushlight.core.tensor import Tensor, method
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message
from rushlight.ops.counting import searchsorted
from rushlight.ops.join import cat, chunk, hstack, listed_tensors, split, vstack
from rushlight.ops.movement import flip, movedim, transpose
from rushlight.ops.ranges import arange

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "column_stack",
    "concatenate",
    "dsplit",
    "dstack",
    "fliplr",
    "flipud",
    "hsplit",
    "moveaxis",
    "repeat_interleave",
    "roll",
    "rot90",
    "row_stack",
    "split_with_sizes",
    "swapdims",
    "tensor_split",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "vsplit",
]

concatenate, row_stack = cat, vstack
moveaxis, swapdims = movedim, transpose


@method()
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved by `shifts` along `dims`; those that leave at one end come in at the other. Without
    `dims` the flattened tensor is rolled.

    >>> import rushlight as rl
    >>> rl.roll(rl.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    moves = _integers(shifts)
    if dims is None or dims == ():
        if len(moves) != 1:
            raise ArgumentError(message("roll", f"shifts={moves} without dims", "one shift"))
        return roll(input.reshape(-1), moves, 0).reshape(input.shape)
    axes = [normalize_axis("roll", d, input.ndim) for d in _integers(dims)]
    if len(moves) != len(axes):
        raise ArgumentError(message("roll", f"{len(moves)} shifts for {len(axes)} dims", "as many of both"))
    out = input
    for move, axis in zip(moves, axes, strict=True):
        length = out.shape[axis] if out.ndim else 1
        at = -move % max(length, 1)
        if at:
            out = cat([out.narrow(axis, at, length - at), out.narrow(axis, 0, at)], axis)
    return input.clone() if out is input else out


def _integers(value: Any) -> tuple[int, ...]:
    return (value.__index__(),) if hasattr(value, "__index__") else tuple(v.__index__() for v in value)


@method()
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """The plane of two axes turned by k quarters, from the first of them to the second.

    >>> import rushlight as rl
    >>> rl.rot90(rl.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise ArgumentError(message("rot90", f"dims={dims}", "two axes"))
    a, b = normalize_axes("rot90", dims, input.ndim)
    turns = k % 4
    if turns == 0:
        return input.clone()
    if turns == 2:
        return flip(input, (a, b))
    if turns == 1:
        return flip(input, (b,)).transpose(a, b).clone()
    return flip(input, (a,)).transpose(a, b).clone()


def _with_axes(name: str, input: Tensor, least: int) -> None:
    if input.ndim < least:
        raise ShapeError(message(name, f"shape {input.shape}", f"at least {least} axes"))


@method()
def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order."""
    _with_axes("fliplr", input, 2)
    return flip(input, (1,))


@method()
def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order."""
    _with_axes("flipud", input, 1)
    return flip(input, (0,))


# Parting


@method()
def tensor_split(
    input: Tensor,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    sections: Any = None,
    indices: Any = None,
    tensor_indices_or_sections: Any = None,
) -> tuple[Tensor, ...]:
    """Views of parts along `dim`: so many, whose sizes differ by 1 at most, or cut at the given places.
    Either may be a tensor, and be given by its other names.

    >>> import rushlight as rl
    >>> rl.arange(5).tensor_split(2), rl.arange(3).tensor_split((1,))
    ((tensor([0, 1, 2]), tensor([3, 4])), (tensor([0]), tensor([1, 2])))
    """
    named = (indices_or_sections, sections, indices, tensor_indices_or_sections)
    given = [way for way in named if way is not None]
    if len(given) != 1:
        raise ArgumentError(message("tensor_split", f"{len(given)} ways to split", "one of them"))
    indices_or_sections = given[0]
    axis = normalize_axis("tensor_split", dim, input.ndim)
    _with_axes("tensor_split", input, 1)
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    length = input.shape[axis]
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count <= 0:
            raise ArgumentError(message("tensor_split", f"{count} sections", "a positive number"))
        sizes = [length // count + (k < length % count) for k in range(count)]
        return split(input, sizes, axis)
    cuts = [slice(None, int(c)).indices(length)[1] for c in indices_or_sections]
    begins, ends = [0, *cuts], [*cuts, length]
    return tuple(input.narrow(axis, a, max(b - a, 0)) for a, b in zip(begins, ends, strict=True))


def _parted(name: str, input: Tensor, sections: Any, axis: int) -> tuple[Tensor, ...]:
    if isinstance(sections, int) and (sections <= 0 or input.shape[axis] % sections):
        got = f"{sections} sections of axis {axis} of size {input.shape[axis]}"
        raise ArgumentError(message(name, got, "a number that divides the size", "Use tensor_split."))
    return tensor_split(input, sections, axis)


def _sections(given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """PyTorch names the argument after what it holds."""
    for name in ("indices_or_sections", "indices", "sections"):
        if name in named:
            given = (*given, named[name])
    return given[0] if len(given) == 1 else given


@method()
def hsplit(input: Tensor, *sections: Any, **named: Any) -> tuple[Tensor, ...]:
    """Views of parts side by side: along the second axis, of a vector along its own; see `tensor_split`.

    >>> import rushlight as rl
    >>> rl.hsplit(rl.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    _with_axes("hsplit", input, 1)
    return _parted("hsplit", input, _sections(sections, named), 0 if input.ndim == 1 else 1)


@method()
def vsplit(input: Tensor, *sections: Any, **named: Any) -> tuple[Tensor, ...]:
    """Views of parts on top of each other: along the first of at least two axes; see `tensor_split`."""
    _with_axes("vsplit", input, 2)
    return _parted("vsplit", input, _sections(sections, named), 0)


@method()
def dsplit(input: Tensor, *sections: Any, **named: Any) -> tuple[Tensor, ...]:
    """Views of parts in depth: along the third axis; see `tensor_split`."""
    _with_axes("dsplit", input, 3)
    return _parted("dsplit", input, _sections(sections, named), 2)


@method()
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of parts of the given sizes along `dim`, as of `split`."""
    return split(input, list(split_sizes), dim)


@method()
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk`, whose parts PyTorch does not know for views of one memory."""
    return chunk(input, chunks, dim)


@method()
def unsafe_split(input: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`, whose parts PyTorch does not know for views of one memory."""
    return split(input, split_size, dim)


@method()
def unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes`, whose parts PyTorch does not know for views of one memory."""
    return split(input, list(split_sizes), dim)


# Joining


def each_tensor(given: tuple[Any, ...]) -> list[Tensor]:
    """Tensors given one by one or as one sequence."""
    if len(given) == 1 and isinstance(given[0], (list, tuple)):
        return list(given[0])
    return list(given)


def _at_least(given: tuple[Any, ...], grow: Any) -> Any:
    several = len(given) != 1 or isinstance(given[0], (list, tuple))
    grown = tuple(grow(t) for t in each_tensor(given))
    return grown if several else grown[0]


def atleast_1d(*tensors: Any) -> Any:
    """A 0-d tensor as a vector of one element, others as they are; of several a tuple.

    >>> import rushlight as rl
    >>> rl.atleast_1d(rl.tensor(2))
    tensor([2])
    """
    return _at_least(tensors, lambda t: t.reshape(1) if not t.ndim else t)


def atleast_2d(*tensors: Any) -> Any:
    """Vectors as matrices of one row, others as they are; of several a tuple."""
    return _at_least(tensors, lambda t: t.reshape(1, -1) if t.ndim < 2 else t)


def atleast_3d(*tensors: Any) -> Any:
    """Vectors of n as (1, n, 1), matrices (n, m) as (n, m, 1), others as they are; of several a tuple."""

    def grow(t: Tensor) -> Tensor:
        return t.reshape(1, -1, 1) if t.ndim < 2 else t.unsqueeze(-1) if t.ndim == 2 else t

    return _at_least(tensors, grow)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Layers behind each other: along the third axis; see `atleast_3d`."""
    return cat([atleast_3d(t) for t in listed_tensors("dstack", tensors)], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Columns side by side; a vector is a column.

    >>> import rushlight as rl
    >>> rl.column_stack((rl.tensor([1, 2]), rl.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    return hstack([t.reshape(-1, 1) if t.ndim < 2 else t for t in listed_tensors("column_stack", tensors)])


def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices as blocks along the diagonal of a matrix of zeros; vectors are rows.

    >>> import rushlight as rl
    >>> rl.block_diag(rl.tensor([[1]]), rl.tensor([[2, 3]]))
    tensor([[1, 0, 0],
            [0, 2, 3]])
    """
    blocks = [atleast_2d(t) for t in listed_tensors("block_diag", list(tensors))]
    dtype = promote_dtypes([b.dtype for b in blocks], [], [])
    width, rows, left = sum(b.shape[1] for b in blocks), [], 0
    for b in blocks:
        if b.ndim > 2:
            raise ShapeError(message("block_diag", f"shape {b.shape}", "at most two axes"))
        height, right = b.shape[0], width - left - b.shape[1]
        sides = [b.new_full((height, n), 0, dtype=dtype) for n in (left, right)]
        rows.append(cat([sides[0], b.to(dtype), sides[1]], 1))
        left += b.shape[1]
    return cat(rows, 0)


@method()
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element, or each slice along `dim`, `repeats` times in a row: a number, or a tensor with a number
    for each. Given a tensor of numbers alone, their places so often.

    output_size  how many there will be, which must be known in a compiled function if `repeats` is a tensor.

    >>> import rushlight as rl
    >>> rl.repeat_interleave(rl.tensor([5, 6]), 2), rl.repeat_interleave(rl.tensor([1, 2]))
    (tensor([5, 5, 6, 6]), tensor([0, 1, 1]))
    """
    if repeats is None:
        return _places_repeated(input, input.shape[0], output_size)
    if dim is None:
        input, axis = input.reshape(-1), 0
    else:
        axis = normalize_axis("repeat_interleave", dim, input.ndim)
        input = input.reshape(1) if not input.ndim else input
    count = input.shape[axis]
    if isinstance(repeats, Tensor) and repeats.numel() == 1 and count != 1 and output_size is None:
        repeats = repeats.reshape(1).expand(count)
    if isinstance(repeats, Tensor):
        return input.index_select(axis, _places_repeated(repeats.reshape(-1), count, output_size))
    if repeats < 0:
        raise ArgumentError(message("repeat_interleave", f"repeats={repeats}", "0 or more"))
    grown = input.unsqueeze(axis + 1)
    wide = grown.expand(*grown.shape[: axis + 1], repeats, *grown.shape[axis + 2 :])
    return wide.clone().reshape(*input.shape[:axis], count * repeats, *input.shape[axis + 1 :])


def _places_repeated(repeats: Tensor, count: int, output_size: int | None) -> Tensor:
    if repeats.ndim != 1 or repeats.dtype.kind not in "iu":
        got = f"repeats of {repeats.dtype} and shape {repeats.shape}"
        raise DTypeError(message("repeat_interleave", got, "a vector of whole numbers"))
    if repeats.shape[0] == 1 and count > 1:
        repeats = repeats.expand(count)
    if repeats.shape[0] != count:
        got = f"{repeats.shape[0]} numbers for {count} slices"
        raise ShapeError(message("repeat_interleave", got, "a number for each"))
    ends = repeats.cumsum(0)
    total = output_size if output_size is not None else int(ends[-1].item()) if count else 0
    return searchsorted(ends, arange(total), right=True)
