"""The memory behind a tensor: how large it is, where it lies, whether two tensors share it."""

from __future__ import annotations

from typing import Any

from rushlight.core.placement import CPU
from rushlight.core.tensor import Tensor, base_of, method

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """The bytes that a tensor and its views share. It counts them, and does not read or write them.

    >>> import rushlight as rl
    >>> x = rl.zeros(2, 3)
    >>> x.untyped_storage().nbytes(), x[0].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    (24, True)
    """

    def __init__(self, tensor: Tensor) -> None:
        self._whole = base_of(tensor).array

    def nbytes(self) -> int:
        """How many bytes."""
        return int(self._whole.nbytes)

    size = __len__ = nbytes

    def element_size(self) -> int:
        """Bytes of one entry: 1."""
        return 1

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return int(self._whole.ctypes.data) if self._whole.nbytes else 0

    @property
    def device(self) -> Any:
        """Where it lies: the CPU."""
        return CPU

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._whole is other._whole

    def __hash__(self) -> int:
        return id(self._whole)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.nbytes()} bytes>"


class TypedStorage(UntypedStorage):
    """The same memory, counted in elements of a dtype."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor)
        self.dtype = tensor.dtype

    def element_size(self) -> int:
        """Bytes of one element."""
        return int(self.dtype.itemsize)

    def size(self) -> int:
        """How many elements."""
        return self.nbytes() // self.element_size()

    __len__ = size

    def untyped(self) -> TypedStorage:
        """The storage itself."""
        return self


@method()
def untyped_storage(input: Tensor) -> UntypedStorage:
    """The memory behind the tensor, counted in bytes."""
    return UntypedStorage(input)


@method()
def storage(input: Tensor) -> TypedStorage:
    """The memory behind the tensor, counted in its elements.

    >>> import rushlight as rl
    >>> len(rl.zeros(2, 3)[0].storage())
    6
    """
    return TypedStorage(input)
