"""Placeholders: what stands in the place of an array while a function is traced."""

from __future__ import annotations

from typing import Any

from rushlight.compile.graph import Node, Value
from rushlight.core.anomaly import user_line
from rushlight.core.lower import View
from rushlight.core.state import state
from rushlight.core.strides import row_major
from rushlight.core.tensor import Tensor
from rushlight.errors import NotSupportedError, message

__all__ = ["GradOf", "Placeholder", "TraceError"]


class TraceError(NotSupportedError):
    """Something in the traced function needs numbers that are not there yet.

    Eager code raises none: a function that catches one would go another way than in Python, so that the trace
    ends with it all the same (`state.refused`).
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if state.refused is not None:
            state.refused.append(self)


REMEDIES = {
    "nonzero": "How many elements a mask names is not known yet: use rl.where(mask, a, b) or masked_fill.",
    "bool": "Use rl.where in place of `if`, or return the tensor and look at it outside.",
}
LOOK = "Compute with the tensor itself, or return it and look at its numbers outside."


class Placeholder:
    """An array without numbers: shape, dtype, and the Value that it stands for in the graph.

    Like an array it may belong to several tensors, which then share memory.

    line    where the user's program made it.
    origin  of a view: the node that made it, and the array or Placeholder that it looks at.
    now     of a view: gives the Placeholder that stands for it at the time.
    shares  of a view: whether it is none of those that are a copy where the layout does not allow a view.
    rows    whether the array will surely lie in row-major order, without gaps.
    """

    __slots__ = ("__weakref__", "dtype", "line", "now", "origin", "rows", "shape", "shares", "value")

    def __init__(
        self, value: Value, line: str = "", origin: tuple[Node, Any] | None = None, now: Any = None
    ) -> None:
        self.value = value
        self.shape = value.spec.shape
        self.dtype = value.spec.dtype
        self.line = line
        self.origin = origin
        self.now = now
        lower = None if origin is None else origin[0].op.lower
        self.shares = isinstance(lower, View) and lower.always
        self.rows = False

    def copy(self) -> Placeholder:
        """The same value in memory of its own: what is written later does not change it."""
        return Placeholder(self.value if self.now is None else self.now(self).value, self.line)

    @property
    def base(self) -> Any:
        """What a view looks at, as an array has it."""
        return None if self.origin is None else self.origin[1]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.value.spec.size

    @property
    def flags(self) -> Any:
        return _Contiguous if self.origin is None else _Strided

    @property
    def strides(self) -> tuple[int, ...]:
        """The strides, in bytes, that the array will have when the function runs without the compiler."""
        size = self.dtype.itemsize
        lower = self.origin[0].op.lower if self.origin is not None else None
        if self.origin is None or not isinstance(lower, View):
            return tuple(size * step for step in row_major(self.shape))
        node, source = self.origin
        steps = tuple(step // size for step in source.strides)
        place = lower.access(0, steps, source.shape, self.shape, node.attrs)
        return tuple(size * step for step in (row_major(self.shape) if place is None else place[1]))

    def refuse(self, what: str) -> TraceError:
        """The error for who asks for the numbers."""
        return TraceError(
            message(
                what,
                f"a tensor of shape {self.shape} inside a compiled function, at {user_line()}",
                "an operation on tensors: the numbers exist only when the compiled program runs",
                REMEDIES.get(what, LOOK),
            )
        )

    def __getattr__(self, name: str) -> Any:
        raise self.refuse("numpy" if name.startswith("__array") else name)

    def __bool__(self) -> bool:
        raise self.refuse("bool")

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise self.refuse("numpy")


class _Contiguous:
    c_contiguous = True


class _Strided:
    c_contiguous = False


class GradOf:
    """In the list of lifted tensors: whatever is the parameter's gradient at the time."""

    _base = None

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = parameter
        self._written = 0

    @property
    def array(self) -> Any:
        return self.parameter._grad.array  # type: ignore[union-attr]
