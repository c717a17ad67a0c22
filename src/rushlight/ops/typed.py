"""PyTorch's older constructors: `Tensor(...)`, and one type for each dtype (`FloatTensor(...)`)."""

from __future__ import annotations

from typing import Any

from rushlight.core.composite import Composite
from rushlight.core.placement import check_device
from rushlight.core.size import Size
from rushlight.core.spec import as_dtype, default
from rushlight.core.tensor import Tensor, method
from rushlight.device import m, xp
from rushlight.errors import ArgumentError, DTypeError, message
from rushlight.ops.creation import as_array, zeros

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


def _make(name: str, given: tuple[Any, ...], dtype: Any, device: Any) -> Any:
    """The array of sizes given one by one, or as a Size; or of data in a list or an array."""
    check_device(device)
    given = given or (0,)
    data = given[0] if len(given) == 1 else given
    if isinstance(data, Tensor):
        if name != "Tensor" and data.dtype != dtype:
            remedy = f"Use x.type(rl.{name})."
            raise DTypeError(message(name, f"a tensor of {data.dtype}", f"one of {dtype}", remedy))
        return data.array
    if isinstance(data, Size) or all(_is_size(n) for n in given):
        return zeros(*given, dtype=dtype).array
    if len(given) > 1 or not (hasattr(data, "__len__") and not isinstance(data, (str, bytes))):
        got = ", ".join(type(v).__name__ for v in given)
        remedy = "rl.tensor(x) makes a tensor of a number."
        raise DTypeError(message(name, got, "sizes, a list or an array", remedy))
    return m.cast(as_array(name, data), as_dtype(dtype))


def _is_size(value: Any) -> bool:
    return not isinstance(value, (bool, xp.ndarray, Tensor)) and hasattr(value, "__index__")


@method("__init__")
def _init(tensor: Tensor, *data: Any, device: Any = None) -> None:
    tensor.array = _make("Tensor", data, default.dtype, device)


class TensorType(type):
    """The type of the typed constructors: its instances make tensors of their dtype, which are in turn taken
    for their instances."""

    made_of: Any

    @property
    def dtype(cls) -> Any:
        """The dtype of the tensors."""
        return cls.made_of

    def __call__(cls, *data: Any, device: Any = None) -> Tensor:
        made = Tensor.__new__(Tensor)
        made.array = _make(cls.__name__, data, cls.made_of, device)
        return made

    def __instancecheck__(cls, value: object) -> bool:
        if not isinstance(value, Tensor) or isinstance(value, Composite):
            return False
        return bool(value.dtype == cls.made_of)

    def __repr__(cls) -> str:
        return f"<class 'rushlight.{cls.__name__}'>"


class FloatTensor(Tensor, metaclass=TensorType):
    """A tensor of float32: of sizes, zeros; of a list or an array, its numbers.

    All tensors of the dtype are its instances. The other constructors are the same for their dtypes.

    >>> import rushlight as rl
    >>> rl.FloatTensor([1, 2]), rl.FloatTensor(1, 3), rl.LongTensor([1.7])
    (tensor([1., 2.]), tensor([[0., 0., 0.]]), tensor([1]))
    >>> isinstance(rl.ones(2), rl.FloatTensor), isinstance(rl.ones(2), rl.LongTensor)
    (True, False)
    """

    made_of = xp.float32


class DoubleTensor(Tensor, metaclass=TensorType):
    """A tensor of float64; see `FloatTensor`."""

    made_of = xp.float64


class HalfTensor(Tensor, metaclass=TensorType):
    """A tensor of float16; see `FloatTensor`."""

    made_of = xp.float16


class BFloat16Tensor(Tensor, metaclass=TensorType):
    """A tensor of bfloat16; see `FloatTensor`."""

    made_of = xp.bfloat16


class LongTensor(Tensor, metaclass=TensorType):
    """A tensor of int64; see `FloatTensor`. Floats lose their fraction."""

    made_of = xp.int64


class IntTensor(Tensor, metaclass=TensorType):
    """A tensor of int32; see `FloatTensor`."""

    made_of = xp.int32


class ShortTensor(Tensor, metaclass=TensorType):
    """A tensor of int16; see `FloatTensor`."""

    made_of = xp.int16


class CharTensor(Tensor, metaclass=TensorType):
    """A tensor of int8; see `FloatTensor`."""

    made_of = xp.int8


class ByteTensor(Tensor, metaclass=TensorType):
    """A tensor of uint8; see `FloatTensor`."""

    made_of = xp.uint8


class BoolTensor(Tensor, metaclass=TensorType):
    """A tensor of bools; see `FloatTensor`."""

    made_of = xp.bool_


_TYPES: dict[str, TensorType] = {
    t.__name__: t
    for t in (
        FloatTensor,
        DoubleTensor,
        HalfTensor,
        BFloat16Tensor,
        LongTensor,
        IntTensor,
        ShortTensor,
        CharTensor,
        ByteTensor,
        BoolTensor,
    )
}
_NAME_OF = {t.dtype: name for name, t in _TYPES.items()}


def named_dtype(op: str, kind: Any) -> Any:
    """The dtype that a dtype, a typed constructor or its name says."""
    if isinstance(kind, str):
        found = _TYPES.get(kind.removeprefix("torch.").removeprefix("rushlight."))
        if found is None or "." not in kind:
            raise ArgumentError(message(op, repr(kind), "a name such as 'torch.FloatTensor'"))
        return found.dtype
    return kind.dtype if isinstance(kind, TensorType) else as_dtype(kind)


@method("type")
def _type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The tensor in another dtype, which a typed constructor or its name may stand for; or, of no dtype, the
    name of its own: ``"torch.FloatTensor"``, PyTorch's, since programs compare with that.

    >>> import rushlight as rl
    >>> rl.ones(1).type(), rl.ones(1).type(rl.LongTensor), rl.ones(1).type("torch.ByteTensor").type()
    ('torch.FloatTensor', tensor([1]), 'torch.ByteTensor')
    """
    if dtype is None:
        return f"torch.{_NAME_OF.get(input.dtype, str(input.dtype))}"
    return input.to(named_dtype("type", dtype))
