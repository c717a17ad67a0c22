"""Parameters and buffers whose shape is not known yet."""

from __future__ import annotations

from typing import Any

from rushlight import ops
from rushlight.core.placement import check_device
from rushlight.core.tensor import Parameter, Tensor, check_dtype
from rushlight.errors import GradError, message

__all__ = ["UninitializedBuffer", "UninitializedParameter"]


class Uninitialized(Tensor):
    """What both have in common: of the tensor only the dtype is known; `materialize` gives it a shape."""

    becomes: type[Tensor] = Tensor
    """The class of the tensor with a shape."""

    def __init__(self, requires_grad: bool, device: Any, dtype: Any) -> None:
        check_device(device)
        self.__dict__["kind"] = check_dtype(dtype)
        self.__dict__["wanted"] = requires_grad

    @property
    def array(self) -> Any:
        """Refused: there are no numbers."""
        raise GradError(
            message(
                type(self).__name__,
                "a question for its numbers or its shape",
                "a first call of the layer, which knows the shape then",
                "Run one batch through the model first.",
            )
        )

    @property
    def dtype(self) -> Any:
        """The type that the elements will have."""
        return self.__dict__["kind"]

    @property
    def requires_grad(self) -> bool:
        """Whether the tensor will require grad."""
        return bool(self.__dict__["wanted"])

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.__dict__["wanted"] = value

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient, or no longer."""
        self.__dict__["wanted"] = requires_grad
        return self

    def is_floating_point(self) -> bool:
        """Whether the elements will be floats."""
        return bool(self.dtype.kind == "f")

    def detach(self) -> Tensor:
        """The tensor itself: it has no history."""
        return self

    @property
    def data(self) -> Tensor:
        """The tensor itself; assigning another of its kind takes over the dtype."""
        return self

    @data.setter
    def data(self, value: Tensor) -> None:
        self.__dict__["kind"] = value.dtype

    def to(self, dtype: Any) -> Tensor:
        """Another one that will have this dtype."""
        return type(self)(dtype=dtype)  # type: ignore[call-arg]

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become a tensor of that shape, of zeros."""
        check_device(device)
        kind, wanted = check_dtype(dtype or self.dtype), self.requires_grad
        self.__dict__.clear()
        made: Any = self  # of its new class, whose array is no property
        made.__class__ = self.becomes
        made.array = ops.zeros(shape, dtype=kind).array
        if wanted:
            self.requires_grad_()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        out = type(self)(dtype=self.dtype)  # type: ignore[call-arg]
        out.requires_grad_(self.requires_grad)
        memo[id(self)] = out
        return out

    def __reduce__(self) -> Any:
        return _again, (type(self), self.requires_grad, self.dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _again(kind: Any, requires_grad: bool, dtype: Any) -> Tensor:
    return kind(dtype=dtype).requires_grad_(requires_grad)


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter whose shape is not known yet: of a lazy layer before its first call.

    Raises GradError, a RuntimeError, when it is asked for its shape or its numbers.

    >>> import rushlight as rl
    >>> p = rl.nn.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> type(p).__name__, tuple(p.shape)
    ('Parameter', (2, 3))
    """

    becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(requires_grad, device, dtype)


class UninitializedBuffer(Uninitialized):
    """A buffer whose shape is not known yet: of a lazy layer before its first call.

    >>> import rushlight as rl
    >>> b = rl.nn.UninitializedBuffer()
    >>> b.materialize(3)
    >>> b
    tensor([0., 0., 0.])
    """

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        super().__init__(requires_grad, device, dtype)
        self.__dict__["persistent"] = persistent
