"""Storages of PyTorch's files: the numbers that tensors look at, several tensors perhaps at the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.core.tensor import Tensor, wrap
from rushlight.device import xp
from rushlight.errors import DTypeError, message

__all__ = ["DTYPES", "STORAGES", "Kind", "Storage", "as_bfloat16"]

STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "LongStorage": "int64",
    "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "BFloat16Storage": "bfloat16", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip
"""PyTorch's classes of storages, and the dtype of each. Other dtypes lie in an UntypedStorage."""

DTYPES = {
    name: np.dtype(name)
    for name in (
        "float16", "float32", "float64", "int8", "int16", "int32", "int64",
        "uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128",
    )
}  # fmt: skip
"""Dtypes that both have."""


@dataclass(frozen=True)
class Kind:
    """A class of storages: that of a dtype."""

    dtype: str

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize


class Memory:
    """The bytes of one storage, in the byte order of the file, and the first tensor that looks at them."""

    def __init__(self, data: np.ndarray[Any, Any], swapped: bool = False) -> None:
        self.data, self.swapped = data, swapped
        self.root: Tensor | None = None


class Storage:
    """Memory seen as numbers of a kind."""

    def __init__(self, memory: Memory, kind: Kind) -> None:
        self.memory, self.kind = memory, kind

    def of(self, dtype: np.dtype[Any]) -> Storage:
        """The same memory as numbers of `dtype`."""
        return Storage(self.memory, Kind(dtype.name))

    def tensor(self, offset: Any, size: Any, stride: Any, requires_grad: bool) -> Tensor:
        """The tensor of `size` whose steps are `stride` and whose first number is number `offset`.

        Raises ValueError where it would leave the storage.
        """
        plain = [type(numbers) is tuple and all(map(_is_count, numbers)) for numbers in (size, stride)]
        if not all(plain) or len(size) != len(stride) or not _is_count(offset):
            raise ValueError("a tensor of no shape")
        if self.kind.dtype not in (*DTYPES, "bfloat16") or self.kind.dtype.startswith("complex"):
            remedy = "Convert it where it comes from."
            raise DTypeError(message("load", f"a tensor of {self.kind.dtype}", "real numbers", remedy))
        dtype = np.dtype("uint16" if self.kind.dtype == "bfloat16" else self.kind.dtype)
        stored = dtype.newbyteorder("S") if self.memory.swapped else dtype
        steps, start = tuple(step * dtype.itemsize for step in stride), offset * dtype.itemsize
        if 0 in size:  # it looks at nothing, wherever that is
            start, steps = 0, (0,) * len(size)
        # NumPy checks that the buffer holds them all.
        array: np.ndarray[Any, Any] = np.ndarray(size, stored, self.memory.data, start, steps)
        if self.kind.dtype == "bool":
            array = self._bools(array)
        elif self.memory.swapped:
            array = array.astype(dtype)
        shares = array.base is not None
        out = wrap(as_bfloat16(array) if self.kind.dtype == "bfloat16" else array)
        if shares:
            if self.memory.root is None:
                self.memory.root = out
            else:
                out._base = self.memory.root
        return out.requires_grad_() if requires_grad else out

    def _bools(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A byte that is neither 0 nor 1 is no bool, and what is done with it is not defined."""
        return array if self.memory.data.max(initial=0) <= 1 else array.view(np.uint8) != 0


class Pending(Storage):
    """Stands for a storage whose bytes come later in the file."""

    def of(self, dtype: np.dtype[Any]) -> Storage:
        return self

    def tensor(self, offset: Any, size: Any, stride: Any, requires_grad: bool) -> Tensor:
        return wrap(np.zeros(()))


def as_bfloat16(words: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The bfloat16 numbers whose bits these are, in the same memory. Raises NotSupportedError where the
    library that has them is not installed.

    >>> as_bfloat16(np.array([0x3F80, 0xC000], np.uint16)).tolist()
    [1.0, -2.0]
    """
    return words.view(xp.bfloat16.load())


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
