"""Indexing: what stands between the brackets, read and written.

An index is split in two. Numbers, slices, None and `...` are a pattern of plain Python values, known when the
graph is traced; integer tensors are inputs of the op. Masks become integer tensors at once.
"""

from __future__ import annotations

from typing import Any

from rushlight.core import strides
from rushlight.core.anomaly import warn
from rushlight.core.apply import apply, apply_, to_dtype
from rushlight.core.lower import Gather, Scatter, View
from rushlight.core.op import REGISTRY, Op, register
from rushlight.core.spec import Spec, as_held, broadcast, normalize_axis, refuse_dtype
from rushlight.core.tensor import Tensor, method, wrap
from rushlight.device import xp
from rushlight.device.memory import contiguous
from rushlight.errors import ArgumentError, DTypeError, IndexingError, ShapeError, message

__all__ = ["index_select", "masked_select", "narrow", "nonzero", "select"]

Pattern = tuple[Any, ...]
"""One entry per index: an int, None, ("slice", start, stop, step), or, where an input stands, "tensor", or
"positions" if its numbers do not count from the end."""
ALL = ("slice", None, None, None)


def _realize(pattern: Pattern, tensors: Any) -> tuple[Any, ...]:
    """The pattern as the array library takes it, with `tensors` in their places."""
    rest = iter(tensors)
    return tuple(
        slice(*p[1:]) if isinstance(p, tuple) else next(rest) if isinstance(p, str) else p for p in pattern
    )


def _infer_index(x: Spec, *tensors: Spec, pattern: Pattern) -> Spec:
    taken = sum(p is not None for p in pattern)
    if taken > x.ndim:
        raise IndexingError(message("index", f"{taken} indices for shape {x.shape}", f"at most {x.ndim}"))
    axis = 0
    for p in pattern:
        if isinstance(p, int) and not -x.shape[axis] <= p < x.shape[axis]:
            raise IndexingError(
                message(
                    "index",
                    f"{p} on axis {axis} of shape {x.shape}",
                    f"from {-x.shape[axis]} to {x.shape[axis] - 1}",
                )
            )
        axis += p is not None
    try:
        return Spec(
            xp.indexed_shape(x.shape, _realize(pattern, [xp.zeros(t.shape, xp.int64) for t in tensors])),
            x.dtype,
        )
    except IndexError as error:
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise IndexingError(
            message(
                "index",
                f"index tensors of shapes {shapes} for shape {x.shape}",
                "shapes that broadcast",
                str(error),
            )
        ) from None


def _infer_set(x: Spec, value: Any, *tensors: Spec, pattern: Pattern) -> Spec:
    place = _infer_index(x, *tensors, pattern=pattern)
    if isinstance(value, Spec):
        trimmed = value.shape[max(0, value.ndim - place.ndim) :]
        lead = value.shape[: max(0, value.ndim - place.ndim)]
        if any(n != 1 for n in lead) or any(
            n not in (1, m) for n, m in zip(trimmed[::-1], place.shape[::-1], strict=False)
        ):
            raise ShapeError(
                message(
                    "index_put", f"a value of shape {value.shape}", f"one that broadcasts to {place.shape}"
                )
            )
    return x


def _set(x: Any, value: Any, *tensors: Any, pattern: Pattern) -> None:
    x[_realize(pattern, map(in_rows, tensors))] = value


def in_rows(index: Any) -> Any:
    """A C-contiguous index: of numbers put at one place the last in row-major order stays."""
    return index if index.flags.c_contiguous else contiguous(index)


def _put(m: Any, x: Any, value: Any, *tensors: Any, pattern: Pattern) -> Any:
    out = m.cast(x, x.dtype)
    _set(out, value, *tensors, pattern=pattern)
    return out


def _index_grad(g: Tensor, out: Any, x: Any, *tensors: Any, pattern: Pattern) -> list[Tensor | None]:
    return [apply(INDEX_ADD, g, *tensors, pattern=pattern, shape=x.shape), *[None] * len(tensors)]


def _index_add_grad(
    g: Tensor, out: Any, x: Any, *tensors: Any, pattern: Pattern, shape: Any
) -> list[Tensor | None]:
    return [_at(g, tensors, pattern), *[None] * len(tensors)]


def _put_grad(
    g: Tensor, out: Any, x: Any, value: Any, *tensors: Any, pattern: Pattern
) -> list[Tensor | None]:
    at = _at(g, tensors, pattern)
    of_value = None
    if isinstance(value, Spec):
        lead = max(0, value.ndim - at.ndim)  # axes of size 1 in front
        of_value = at.sum_to_size(value.shape[lead:])
        of_value = of_value.reshape(value.shape) if lead else of_value
    return [apply(INDEX_PUT, g, 0, *tensors, pattern=pattern), of_value, *[None] * len(tensors)]


def _at(g: Tensor, tensors: tuple[Any, ...], pattern: Pattern) -> Tensor:
    return apply(INDEX, g, *tensors, pattern=pattern) if tensors else apply(SLICE, g, pattern=pattern)


def _index(m: Any, x: Any, *tensors: Any, pattern: Pattern) -> Any:
    if pattern[-1] == "positions":
        m.from_front(tensors[0], x.shape[len(pattern) - 1], len(pattern) - 1)
    if len(tensors) == 1 and isinstance(pattern[-1], str) and all(p == ALL for p in pattern[:-1]):
        return m.slices_at(x, tensors[0], len(pattern) - 1)
    return x[_realize(pattern, tensors)]


def _index_add(m: Any, g: Any, *tensors: Any, pattern: Pattern, shape: Any) -> Any:
    if tensors:
        return m.add_at(shape, _realize(pattern, tensors), g)
    out = m.zeros(shape, g.dtype)
    out[_realize(pattern, ())] = g
    return out


def _as_border(g: Tensor, *tensors: Tensor, pattern: Pattern, shape: tuple[int, ...]) -> Tensor | None:
    """Of a slice: zeros around what was taken, and between it where the slice had steps."""
    if tensors:
        return None
    low, high, inner, sizes = [], [], [], []
    entries = [p for p in pattern if p is not None]
    for n, p in zip(shape, [*entries, *[ALL] * (len(shape) - len(entries))], strict=True):
        taken = range(n)[p : p + 1 or None] if isinstance(p, int) else range(n)[slice(*p[1:])]
        sizes.append(len(taken))
        low.append(taken[0] if taken else n)
        high.append(n - 1 - taken[-1] if taken else 0)
        inner.append(taken.step - 1)
    g = g.reshape(sizes)
    if g.shape == shape:
        return g
    return apply(REGISTRY["pad"], g, low=tuple(low), high=tuple(high), inner=tuple(inner), value=0)


def _label_slice(node: Any) -> str:
    """After the last index that does something."""
    last = [p for p in node.attrs["pattern"] if p != ALL][-1:]
    if not last:
        return "AliasBackward0"
    return (
        "SelectBackward0"
        if isinstance(last[0], int)
        else "SliceBackward0"
        if last[0]
        else "UnsqueezeBackward0"
    )


SLICE = register(
    Op(
        "slice",
        # The ellipsis makes a view of a single element too, where NumPy would give a number.
        lambda m, x, *, pattern: x[(*_realize(pattern, ()), ...)],
        _infer_index,
        (lambda g, out, x, *, pattern: apply(INDEX_ADD, g, pattern=pattern, shape=x.shape),),
        saves="specs",
        view=True,
        put=lambda x, value, attrs: (INDEX_PUT, (x, value), attrs),
        lower=View(strides.sliced),
        label=_label_slice,
    )
)
INDEX = register(
    Op(
        "index",
        _index,
        _infer_index,
        _index_grad,
        spare=(0,),
        lower=Gather(),
    )
)
INDEX_ADD: Op = register(
    Op(
        "index_add",
        _index_add,
        lambda g, *tensors, pattern, shape: Spec(shape, g.dtype),
        _index_add_grad,
        spare=(0,),
        lower=Scatter(source=0, adds=True),
        decompose=_as_border,
    )
)
INDEX_PUT: Op = register(
    Op(
        "index_put",
        _put,
        _infer_set,
        _put_grad,
        spare=(0, 1),
        inplace=_set,
        lower=Scatter(source=1, tensors=2),
        label=lambda node: "IndexPutBackward0" if "tensor" in node.attrs["pattern"] else "CopySlices",
    )
)


def parse_index(input: Tensor, index: Any) -> tuple[Pattern, list[Tensor]]:
    """`index` as a pattern and the tensors in it; `...` is written out."""
    items = list(index) if isinstance(index, tuple) else [index]
    items = [_tensor_index(i) if isinstance(i, (list, range)) or hasattr(i, "dtype") else i for i in items]
    if sum(i is Ellipsis for i in items) > 1:
        raise IndexingError(message("index", "two '...'", "at most one"))
    if any(i is Ellipsis for i in items):
        at = next(k for k, i in enumerate(items) if i is Ellipsis)
        taken = sum(i.ndim if _is_mask(i) else i is not None for i in items) - 1
        items[at : at + 1] = [slice(None)] * max(0, input.ndim - taken)
    pattern: list[Any] = []
    tensors: list[Tensor] = []
    for i in items:
        if isinstance(i, Tensor):
            found = _positions(input, i, len([p for p in pattern if p is not None])) if _is_mask(i) else [i]
            tensors.extend(found)
            pattern.extend(["tensor"] * len(found))
        else:
            pattern.append(_plain(i))
    return tuple(pattern), tensors


def _plain(i: Any) -> Any:
    if i is None:
        return None
    if isinstance(i, slice):
        if i.step is not None and i.step <= 0:
            raise ArgumentError(
                message("index", f"a slice of step {i.step}", "a positive step", "Use flip().")
            )
        return ("slice", *(None if v is None else v.__index__() for v in (i.start, i.stop, i.step)))
    if isinstance(i, bool) or not hasattr(i, "__index__"):
        kind = DTypeError if isinstance(i, str) else IndexingError
        raise kind(
            message(
                "index", f"a {type(i).__name__}", "integers, slices, None, ..., integer tensors or bool masks"
            )
        )
    return i.__index__()


def _tensor_index(value: Any) -> Any:
    """A list, an array or a tensor as a tensor; bytes are masks, as in PyTorch."""
    if isinstance(value, xp.generic) and value.dtype.kind in "iu":
        return value.item()
    out = value if isinstance(value, Tensor) else wrap(xp.asarray(value))
    if out.dtype.kind == "f" and not out.numel():
        out = out.long()
    if out.dtype == xp.uint8:
        warn("indexing with uint8 is deprecated, as in PyTorch: a mask should be bool. Use x.bool().")
        return out.bool()
    if out.dtype.name not in ("int64", "int32", "bool"):
        got, expected = f"a {out.dtype} tensor", "int64, int32 or a bool mask"
        raise IndexingError(message("index", got, expected, "Use x.long()."))
    return out


def _is_mask(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == xp.bool_


def _positions(input: Tensor, mask: Tensor, axis: int) -> list[Tensor]:
    """The mask as one integer tensor per axis it covers."""
    covered = input.shape[axis : axis + mask.ndim]
    if mask.shape != covered:
        raise IndexingError(
            message("index", f"a mask of shape {mask.shape}", f"the shape {covered} of the axes it stands at")
        )
    return list(nonzero(mask, as_tuple=True))


@method("__getitem__")
def getitem(input: Tensor, index: Any) -> Tensor:
    """``input[index]``: basic indices give a view, integer tensors and masks a copy."""
    if _of_no_axes(input, index):
        return getitem(input.reshape(1), index.reshape(1))
    pattern, tensors = parse_index(input, index)
    return _read(input, pattern, tensors) if tensors else apply(SLICE, input, pattern=pattern)


def _of_no_axes(input: Tensor, index: Any) -> bool:
    """Whether a mask without axes asks for the one element of a tensor without axes."""
    return isinstance(index, Tensor) and not (index.ndim or input.ndim) and _is_mask(index)


def _read(input: Tensor, pattern: Pattern, tensors: list[Tensor]) -> Tensor:
    if _numbers_apart(pattern):
        first = (p if isinstance(p, int) else ALL for p in pattern if p is not None)
        input = apply(SLICE, input, pattern=tuple(first))
        pattern = tuple(p for p in pattern if not isinstance(p, int))
    return apply(INDEX, input, *tensors, pattern=pattern)


def _numbers_apart(pattern: Pattern) -> bool:
    """Whether a number stands away from the index tensors.

    NumPy then takes it for one more of them and moves their axes to the front; PyTorch takes numbers first.
    """
    at = [k for k, p in enumerate(pattern) if isinstance(p, (int, str))]
    return at[-1] - at[0] >= len(at) and any(isinstance(p, int) for p in pattern)


@method("__setitem__")
def setitem(input: Tensor, index: Any, value: Any) -> None:
    """``input[index] = value``, in the input's memory."""
    if _of_no_axes(input, index):
        input, index = input.reshape(1), index.reshape(1)
    if isinstance(value, (int, float)):
        value = as_held("index_put", value, input.dtype)
    elif isinstance(value, str):
        raise DTypeError(message("index_put", "a str", "a number or a tensor"))
    if isinstance(index, Tensor) and _is_mask(index) and not isinstance(value, (Tensor, xp.ndarray)):
        input.masked_fill_(index, value) if index.shape == input.shape else write_at(input, index, value)
    else:
        write_at(input, index, value)


def write_at(input: Tensor, index: Any, value: Any) -> None:
    pattern, tensors = parse_index(input, index)
    if isinstance(value, (list, xp.ndarray)) or (hasattr(value, "dtype") and not isinstance(value, Tensor)):
        value = wrap(xp.asarray(value, input.dtype))
    if isinstance(value, Tensor):
        value = to_dtype(value, input.dtype)
        if value.ndim and value.numel() == 1:  # it may have more axes than its place
            value = value.reshape(())
    if tensors and _numbers_apart(pattern):
        pattern, tensors = _every_axis(input, pattern, tensors)
    apply_(INDEX_PUT, input, value, *tensors, pattern=pattern)


def _every_axis(input: Tensor, pattern: Pattern, tensors: list[Tensor]) -> tuple[Pattern, list[Tensor]]:
    """The same index as one tensor for each axis."""
    count = wrap(xp.arange(input.numel())).reshape(input.shape)
    place = _read(count, pattern, tensors)
    found = []
    for n in input.shape[::-1]:
        found.append(place % n)
        place = place // n
    return ("tensor",) * input.ndim, found[::-1]


@method()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the nonzero elements: one row each, or with `as_tuple` one tensor per axis."""
    if not input.ndim:
        found = nonzero(input.reshape(1), as_tuple=as_tuple)
        return found if as_tuple else found[:, 1:]
    found = tuple(wrap(i) for i in xp.nonzero(input.array))
    if as_tuple:
        return found
    from rushlight.ops.join import stack

    return stack(found, 1)


@method()
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The elements from `start` to `start + length` along `dim`, a view."""
    axis = normalize_axis("narrow", dim, input.array.ndim)
    size = input.array.shape[axis]
    if start < 0 or length < 0 or start + length > size:
        raise IndexingError(
            message(
                "narrow",
                f"start={start}, length={length}",
                f"a part of axis {axis} of size {size}",
            )
        )
    return apply(SLICE, input, pattern=(*_whole(axis), ("slice", start, start + length, None)))


def _whole(axes: int) -> Pattern:
    return (ALL,) * axes


@method()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at `index` along `dim`, which is dropped; a view."""
    axis = normalize_axis("select", dim, input.ndim)
    return apply(SLICE, input, pattern=(*_whole(axis), index))


@method()
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along `dim` that the integer tensor `index`, of one axis or none, names, in its order."""
    axis = normalize_axis("index_select", dim, input.ndim)
    if index.array.dtype is not xp.int64:
        refuse_dtype("index_select", "an index", index.dtype, "int64", "int32")
    if index.ndim > 1:
        got = f"an index of shape {index.shape}"
        raise IndexingError(message("index_select", got, "integers along one axis"))
    if not input.ndim:
        return index_select(input.reshape(1), 0, index).reshape(())
    return apply(INDEX, input, index.reshape(-1), pattern=(*_whole(axis), "positions"))


@method()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, along one axis; the two broadcast.

    >>> import rushlight as rl
    >>> rl.masked_select(rl.tensor([1, 2]), rl.tensor([[True, False], [True, True]]))
    tensor([1, 1, 2])
    """
    if mask.dtype != xp.bool_:
        raise DTypeError(
            message("masked_select", f"a mask of {mask.dtype}", "a bool tensor", "Use x.bool().")
        )
    shape = broadcast("masked_select", [input.shape, mask.shape])
    return getitem(input.expand(shape).reshape(shape or (1,)), mask.expand(shape).reshape(shape or (1,)))
