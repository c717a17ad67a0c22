"""Joining and parting: cat, stack, split, chunk, unbind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rushlight.core.apply import apply, to_dtype
from rushlight.core.lower import Join
from rushlight.core.op import Op, register
from rushlight.core.spec import Spec, normalize_axis, promote_dtypes
from rushlight.core.tensor import Tensor, method, one_of_several
from rushlight.errors import ArgumentError, DTypeError, IndexingError, ShapeError, message
from rushlight.ops.reduce import numpy_names

__all__ = ["cat", "chunk", "concat", "hstack", "split", "stack", "unbind", "vstack"]


def _infer_cat(*specs: Spec, dim: int) -> Spec:
    first = specs[0]
    for s in specs[1:]:
        if s.ndim != first.ndim or any(
            a != b for i, (a, b) in enumerate(zip(s.shape, first.shape, strict=True)) if i != dim
        ):
            raise ShapeError(
                message("cat", f"shapes {first.shape} and {s.shape}", f"equal sizes beside dim={dim}")
            )
    total = sum(s.shape[dim] for s in specs)
    return Spec((*first.shape[:dim], total, *first.shape[dim + 1 :]), first.dtype)


def _cat_grad(g: Tensor, out: Any, *inputs: Any, dim: int) -> list[Tensor]:
    return list(split(g, [t.shape[dim] for t in inputs], dim))


CAT = register(
    Op("cat", lambda m, *xs, dim: m.concatenate(xs, dim), _infer_cat, _cat_grad, saves="specs", lower=Join())
)


def listed_tensors(name: str, tensors: Any) -> list[Tensor]:
    """The tensors of a list or tuple; raises DTypeError naming the first that is none."""
    if isinstance(tensors, Tensor):
        remedy = "Put it into a list; x.unbind() gives its slices."
        raise DTypeError(message(name, "a Tensor", "a list or tuple of Tensors", remedy))
    if not isinstance(tensors, Iterable):
        raise DTypeError(message(name, f"a {type(tensors).__name__}", "a list or tuple of Tensors"))
    listed = list(tensors)
    if not listed:
        raise ArgumentError(message(name, "0 objects", "a sequence of at least one Tensor"))
    for i, t in enumerate(listed):
        if not isinstance(t, Tensor):
            got = f"a {type(t).__name__} as element {i}"
            raise DTypeError(message(name, got, "Tensors", "Convert it with rl.tensor()."))
    return listed


def _listed(name: str, tensors: Any) -> list[Tensor]:
    """The tensors in their common dtype."""
    listed = listed_tensors(name, tensors)
    dtype = promote_dtypes([t.dtype for t in listed], [], [])
    return [to_dtype(t, dtype) for t in listed]


def cat(tensors: Sequence[Tensor], dim: int = 0, **numpy: Any) -> Tensor:
    """The tensors one after the other along `dim`; their other axes agree.

    >>> import rushlight as rl
    >>> rl.cat([rl.zeros(2), rl.ones(1)])
    tensor([0., 0., 1.])
    """
    if numpy:
        dim, _ = numpy_names("cat", numpy, dim)
    listed = _listed("cat", tensors)
    # PyTorch skips empty 1-d tensors, which old programs use as a neutral start.
    kept = [t for t in listed if t.shape != (0,)] or listed[:1]
    return apply(CAT, *kept, dim=normalize_axis("cat", dim, kept[0].ndim))


concat = cat


def stack(tensors: Sequence[Tensor], dim: int = 0, **numpy: Any) -> Tensor:
    """The tensors, all of one shape, along a new axis `dim`.

    >>> import rushlight as rl
    >>> rl.stack([rl.zeros(2), rl.ones(2)], 1)
    tensor([[0., 1.],
            [0., 1.]])
    """
    if numpy:
        dim, _ = numpy_names("stack", numpy, dim)
    listed = _listed("stack", tensors)
    for t in listed:
        if t.shape != listed[0].shape:
            raise ShapeError(
                message("stack", f"shapes {listed[0].shape} and {t.shape}", "one shape", "Use cat().")
            )
    return cat([t.unsqueeze(dim) for t in listed], normalize_axis("stack", dim, listed[0].ndim + 1))


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Rows on top of each other."""
    return cat([t.reshape(1, -1) if t.ndim < 2 else t for t in listed_tensors("vstack", tensors)], 0)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Columns side by side; vectors one after the other."""
    listed = [t.reshape(1) if not t.ndim else t for t in listed_tensors("hstack", tensors)]
    return cat(listed, 0 if listed[0].ndim == 1 else 1)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of parts along `dim`: all of one size (the last may be smaller), or of the given sizes.

    >>> import rushlight as rl
    >>> rl.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    axis = normalize_axis("split", dim, tensor.ndim)
    length = tensor.array.shape[axis]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size <= 0:
            raise ArgumentError(message("split", f"a size of {size}", "a positive one"))
        sections = [min(size, length - i) for i in range(0, length, size)] or [0]
    else:
        sections = list(split_size_or_sections)
        if sum(sections) != length:
            raise ShapeError(message("split", f"sections {sections}", f"sizes that add up to {length}"))
    parts, start = [], 0
    for n in sections:
        parts.append(one_of_several(tensor.narrow(axis, start, n)))
        start += n
    return tuple(parts)


@method("split")
def _split(input: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`rl.split`, whose argument PyTorch's method names otherwise."""
    return split(input, split_size, dim)


@method()
def chunk(input: Tensor, chunks: int, dim: int = 0, **numpy: Any) -> tuple[Tensor, ...]:
    """Views of at most `chunks` parts of one size along `dim`; the last may be smaller."""
    if numpy:
        dim, _ = numpy_names("chunk", numpy, dim)
    if chunks <= 0:
        raise ArgumentError(message("chunk", f"chunks={chunks}", "a positive number"))
    length = input.array.shape[normalize_axis("chunk", dim, input.array.ndim)]
    return split(input, max(1, -(-length // chunks)), dim)


@method()
def unbind(input: Tensor, dim: int = 0, **numpy: Any) -> tuple[Tensor, ...]:
    """The slices along `dim`, which is dropped."""
    if numpy:
        dim, _ = numpy_names("unbind", numpy, dim)
    axis = normalize_axis("unbind", dim, input.ndim)
    if not input.ndim:
        got, remedy = "a tensor of 0 axes", "It has no slices; item() gives its number."
        raise IndexingError(message("unbind", got, "at least one axis", remedy))
    return tuple(one_of_several(input.select(axis, i)) for i in range(input.array.shape[axis]))
