"""Shapes and dtypes: what is known of a tensor before it is computed, and how two of them combine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rushlight.device import xp
from rushlight.errors import ArgumentError, DTypeError, IndexingError, ShapeError, message

__all__ = [
    "NO_COMPLEX",
    "Spec",
    "as_held",
    "as_wrapped",
    "as_dtype",
    "broadcast",
    "default",
    "normalize_axes",
    "normalize_axis",
    "plain_number",
    "promote_dtypes",
]


class Default:
    """What `set_default_dtype` sets: the dtype of new tensors of floats."""

    __slots__ = ("dtype",)

    def __init__(self) -> None:
        self.dtype: Any = xp.float32


default = Default()
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


class Spec:
    """Shape and dtype of a tensor, without its numbers.

    >>> Spec((2, 3), "float32")
    Spec((2, 3), float32)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = xp.known(dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        total = 1
        for n in self.shape:
            total *= n
        return total

    def numel(self) -> int:
        """How many elements."""
        return self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.shape == other.shape and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"Spec({self.shape}, {self.dtype})"

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


NO_COMPLEX = "There are no complex tensors: keep real and imaginary parts side by side."


def as_dtype(dtype: Any) -> Any:
    """`dtype` as the device's dtype object; raises DTypeError for what Rushlight does not compute with.

    >>> as_dtype("float64")
    dtype('float64')
    """
    try:
        found = xp.known(dtype)
    except TypeError:
        found = None
    if found is None or found.kind not in "biuf":
        remedy = "Write rl.float32, say."
        if (found is not None and found.kind == "c") or "complex" in str(dtype):
            remedy = NO_COMPLEX
        raise DTypeError(message("dtype", repr(dtype), "float32, float64, an integer type or bool", remedy))
    if found is xp.bfloat16:
        found.load()
    return found


def plain_number(value: Any) -> Any:
    """A number of NumPy's as one of Python's, which does not widen what it meets; anything else as it is.

    >>> plain_number(xp.float32.type(0.5)), plain_number(2)
    (0.5, 2)
    """
    return value.item() if isinstance(value, xp.generic) else value


def as_held(op: str, value: Any, dtype: Any) -> Any:
    """The number `value` as a tensor of `dtype` holds it; raises ArgumentError where it does not fit.

    As in PyTorch floats lose their fraction, and dtypes without sign take numbers down to -largest.

    >>> as_held("full", 2.5, xp.int64), as_held("full", -1, xp.uint8)
    (2, 255)
    """
    value = plain_number(value)
    if dtype.kind == "b":
        return bool(value)
    if dtype.kind == "f" or isinstance(value, bool):
        return value
    low, high = xp.smallest(dtype), xp.largest(dtype)
    finite = isinstance(value, int) or abs(value) < float("inf")
    # `int` of what is an int already would ask a number that differs from call to call for its value.
    whole = value if isinstance(value, int) or not finite else int(value)
    if not finite or not (low or -high) <= whole <= high:
        remedy = "Convert the tensor to a wider dtype first."
        raise ArgumentError(message(op, f"{value} for {dtype}", f"a number from {low} to {high}", remedy))
    return as_wrapped(whole, dtype)


def as_wrapped(value: int, dtype: Any) -> int:
    """A whole number modulo the range of an integer dtype.

    >>> as_wrapped(300, xp.uint8), as_wrapped(128, xp.int8)
    (44, -128)
    """
    low, high = xp.smallest(dtype), xp.largest(dtype)
    return value if low <= value <= high else (value - low) % (high - low + 1) + low


def broadcast(op: str, shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that `shapes` broadcast to; raises ShapeError naming `op` when they do not.

    >>> broadcast("add", [(4, 1), (3,)])
    (4, 3)
    """
    shapes = [*shapes]
    longest = max(shapes, key=len, default=())
    if all(shape == longest or not shape for shape in shapes):  # as nearly always
        return tuple(longest)
    try:
        return xp.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(s) for s in shapes)
        raise ShapeError(
            message(
                op,
                f"shapes {listed}",
                "sizes that agree, counted from the last axis, or are 1",
                "Reshape or unsqueeze one of them.",
            )
        ) from None


def normalize_axis(op: str, axis: Any, ndim: int) -> int:
    """`axis` counted from the front; a 0-d tensor has, as in PyTorch, the axes 0 and -1."""
    try:
        index = axis.__index__()
    except AttributeError:
        raise DTypeError(message(op, f"dim={axis!r}", "an integer dim")) from None
    span = max(ndim, 1)
    if not -span <= index < span:
        raise IndexingError(
            message(op, f"dim={index} for a tensor of {ndim} axes", f"dim from {-span} to {span - 1}")
        )
    return index % span


def normalize_axes(op: str, axes: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """`axes` (None for all) as a tuple counted from the front; a repeated one is an error."""
    if axes is None:
        return tuple(range(ndim))
    listed = [axes] if hasattr(axes, "__index__") else list(axes)
    found = tuple(normalize_axis(op, a, ndim) for a in listed)
    if len(set(found)) != len(found):
        raise ShapeError(message(op, f"dim={tuple(listed)}", "each axis at most once"))
    return found if ndim else ()


def promote_dtypes(with_axes: Sequence[Any], without_axes: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """PyTorch's common dtype of tensors with axes, 0-d tensors, and Python numbers, in falling rank.

    A lower rank counts only when its category (bool < integer < float) is higher.

    >>> promote_dtypes([xp.float32], [xp.float64], [2]), promote_dtypes([xp.int64], [], [0.5])
    (dtype('float32'), dtype('float32'))
    """
    weak = [
        default.dtype if isinstance(n, float) else xp.bool_ if isinstance(n, bool) else xp.int64
        for n in numbers
    ]
    found = None
    for rank in (with_axes, without_axes, weak):
        if not rank:
            continue
        here = _within_rank(rank)
        if found is None or _CATEGORY[here.kind] > _CATEGORY[found.kind]:
            found = here
    return found


def refuse_dtype(op: str, what: str, dtype: Any, *taken: str) -> None:
    """Raise DTypeError for whole numbers that PyTorch takes in certain dtypes only.

    >>> refuse_dtype("one_hot", "classes", xp.dtype("int32"), "int64")
    Traceback (most recent call last):
        ...
    rushlight.errors.DTypeError: one_hot: got classes of int32; expected int64. Convert them with .long().
    """
    if dtype.name not in taken:
        raise DTypeError(message(op, f"{what} of {dtype}", " or ".join(taken), "Convert them with .long()."))


def _within_rank(dtypes: Sequence[Any]) -> Any:
    """Floats win over integers whatever their widths, so int64 with float32 is float32."""
    top = max(_CATEGORY[d.kind] for d in dtypes)
    return xp.result_type(*[d for d in dtypes if _CATEGORY[d.kind] == top])
