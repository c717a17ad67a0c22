"""What is known of tensors and dtypes without computing: sizes, kinds, places."""

from __future__ import annotations

from typing import Any

from rushlight.core.placement import CPU
from rushlight.core.spec import as_dtype, default, promote_dtypes
from rushlight.core.state import state
from rushlight.core.tensor import Tensor, attribute, base_of, method
from rushlight.device import xp
from rushlight.errors import DTypeError, NotSupportedError, message

__all__ = [
    "can_cast",
    "finfo",
    "get_device",
    "iinfo",
    "is_complex",
    "is_floating_point",
    "is_same_size",
    "is_signed",
    "numel",
    "promote_types",
    "result_type",
    "typename",
]


# Of dtypes

_NAMES = {
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor",
    "uint8": "ByteTensor",
    "int8": "CharTensor",
    "int16": "ShortTensor",
    "int32": "IntTensor",
    "int64": "LongTensor",
    "bool": "BoolTensor",
}
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


class finfo:
    """The numerical facts of a floating dtype: bits, eps, max, min, tiny, smallest_normal, resolution.

    >>> import rushlight as rl
    >>> rl.finfo(rl.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: Any = None) -> None:
        dtype = default.dtype if type is None else as_dtype(type)
        if dtype.kind != "f":
            raise DTypeError(message("finfo", str(dtype), "a floating dtype", "Use iinfo."))
        found = xp.finfo(dtype)
        self.dtype = dtype.name
        self.bits = int(found.bits)
        self.eps, self.max, self.min = float(found.eps), float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.tiny)
        self.resolution = float(f"1e-{found.precision}")

    def __repr__(self) -> str:
        facts = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        listed = ", ".join(f"{name}={getattr(self, name):g}" for name in facts)
        return f"finfo({listed}, dtype={self.dtype})"


class iinfo:
    """The numerical facts of an integer dtype: bits, max, min.

    >>> import rushlight as rl
    >>> rl.iinfo(rl.int8).max
    127
    """

    def __init__(self, type: Any) -> None:
        dtype = as_dtype(type)
        if dtype.kind not in "iu":
            raise DTypeError(message("iinfo", str(dtype), "an integer dtype", "Use finfo."))
        self.dtype = dtype.name
        self.bits = 8 * dtype.itemsize
        self.min, self.max = xp.smallest(dtype), xp.largest(dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def promote_types(type1: Any, type2: Any) -> Any:
    """The smallest dtype that both promote to.

    >>> import rushlight as rl
    >>> rl.promote_types(rl.int64, rl.float32)
    dtype('float32')
    """
    return promote_dtypes([as_dtype(type1), as_dtype(type2)], [], [])


def result_type(tensor1: Any, tensor2: Any) -> Any:
    """The dtype of an operation on two tensors or numbers.

    >>> import rushlight as rl
    >>> rl.result_type(rl.tensor([1, 2]), 1.0)
    dtype('float32')
    """
    given = (tensor1, tensor2)
    tensors = [t for t in given if isinstance(t, Tensor)]
    numbers = [t for t in given if not isinstance(t, Tensor)]
    with_axes = [t.dtype for t in tensors if t.ndim]
    return promote_dtypes(with_axes, [t.dtype for t in tensors if not t.ndim], numbers)


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of the dtype `from_` may be written into a tensor of `to`: no float into integers, no
    number into bools.

    >>> import rushlight as rl
    >>> rl.can_cast(rl.float64, rl.float32), rl.can_cast(rl.float32, rl.int64)
    (True, False)
    """
    return _RANK[as_dtype(from_).kind] <= _RANK[as_dtype(to).kind]


# Of tensors


def numel(input: Tensor) -> int:
    """How many elements.

    >>> import rushlight as rl
    >>> rl.numel(rl.zeros(2, 3))
    6
    """
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floats."""
    return input.is_floating_point()


@method()
def is_complex(input: Tensor) -> bool:
    """False: there are no complex tensors."""
    return False


@method()
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return bool(input.dtype.kind in "if")


@method()
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    return input.shape == other.shape


@method()
def get_device(input: Tensor) -> int:
    """-1, which stands for the CPU."""
    return -1


def typename(obj: Any) -> str:
    """The name of a tensor's kind, as PyTorch writes it, or of an object's class.

    >>> import rushlight as rl
    >>> rl.typename(rl.zeros(1))
    'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return f"torch.{_NAMES.get(obj.dtype.name, 'Tensor')}"
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", "")
    return kind.__qualname__ if module in ("", "builtins", None) else f"{module}.{kind.__qualname__}"


@method()
def nelement(input: Tensor) -> int:
    """How many elements."""
    return input.numel()


@method()
def ndimension(input: Tensor) -> int:
    """How many axes."""
    return input.ndim


@method()
def data_ptr(input: Tensor) -> int:
    """The address of the first element."""
    if state.look is not None:
        state.look(input, "data_ptr")
    return int(input.array.ctypes.data) if input.numel() else 0


@method()
def storage_offset(input: Tensor) -> int:
    """How many elements of the memory that the tensor is a view of lie before its first."""
    base = base_of(input)
    if base is input or not input.numel():
        return 0
    if state.look is not None:
        state.look(input, "storage_offset")
    gap = input.array.ctypes.data - base.array.ctypes.data
    return int(gap) // int(input.dtype.itemsize)


@method()
def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """Whether both are the same elements of the same memory."""
    same = input.shape == tensor.shape and input.stride() == tensor.stride()
    return same and input.dtype == tensor.dtype and data_ptr(input) == data_ptr(tensor)


@method()
def is_pinned(input: Tensor, device: Any = None) -> bool:
    """False: there is no GPU to copy to."""
    return False


@method()
def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: there is no GPU to copy to."""
    return input


@attribute("itemsize")
def _itemsize(input: Tensor) -> int:
    """Bytes of one element."""
    return int(input.dtype.itemsize)


@attribute("nbytes")
def _nbytes(input: Tensor) -> int:
    """Bytes of all elements."""
    return input.numel() * int(input.dtype.itemsize)


@attribute("is_cpu")
def _is_cpu(input: Tensor) -> bool:
    """Whether the tensor lives on the CPU: it does."""
    return input.device == CPU


def _false(input: Tensor) -> bool:
    """Whether it lives elsewhere, or is stored otherwise: it is not."""
    return False


@method()
def dense_dim(input: Tensor) -> int:
    """How many axes are dense: all."""
    return input.ndim


@method()
def sparse_dim(input: Tensor) -> int:
    """How many axes are sparse: none."""
    return 0


@attribute("layout")
def _layout(input: Tensor) -> str:
    """Dense, which has one name here."""
    return "strided"


@attribute("name")
def _no_name(input: Tensor) -> None:
    """None: it is of PyTorch's C++ alone."""
    return


@attribute("output_nr")
def _output_nr(input: Tensor) -> int:
    """0: operations have one result each."""
    return 0


for _name in (
    "cuda", "ipu", "maia", "meta", "mkldnn", "mps", "mtia", "nested", "quantized", "sparse", "sparse_csr",
    "vulkan", "xla", "xpu",
):  # fmt: skip
    attribute(f"is_{_name}")(_false)


@attribute("retains_grad")
def _retains_grad(input: Tensor) -> bool:
    """Whether `retain_grad` was asked for."""
    return input._retains_grad


def as_numbers(name: str, lengths: Tensor) -> list[Any]:
    """The lengths in a tensor, as numbers: they decide shapes, so a compiled function cannot have them as an
    argument."""
    try:
        found: list[Any] = lengths.tolist()
    except NotSupportedError as error:
        got = "lengths in a tensor that is an argument of a compiled function, or made in it"
        expected = "numbers that are known beforehand, for they decide the shapes"
        remedy = "Pass lengths.tolist(), and pack outside where many differ: each set compiles anew."
        raise type(error)(message(name, got, expected, remedy)) from None
    return found
