"""bfloat16: the dtype that NumPy does not have, and what is known of both 16-bit floats.

The library `ml_dtypes` gives NumPy arrays of it, whose dtype NumPy takes for no float. So tensors and specs
have `bfloat16` here in its place, which says of itself what NumPy's dtypes say, and which NumPy takes for the
other where an array is made. The library loads when the first such array does.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["BFloat16", "bfloat16", "dtype", "finfo", "is_narrow", "known"]


class BFloat16:
    """The dtype bfloat16: a float32 without its lower 16 bits."""

    __slots__ = ("_stored",)

    kind, char, name, str = "f", "E", "bfloat16", "bfloat16"
    itemsize = alignment = 2
    isnative = True

    def __init__(self) -> None:
        self._stored: Any = None

    def load(self) -> Any:
        """The dtype of arrays, `ml_dtypes`'. Raises NotSupportedError without the library."""
        if self._stored is None:
            from rushlight.optional import load

            self._stored = np.dtype(load("ml_dtypes", "bfloat16").bfloat16)
        return self._stored

    @property
    def dtype(self) -> Any:
        """The same, once it is loaded: NumPy asks, where it makes an array or compares dtypes."""
        if self._stored is None:
            raise AttributeError("dtype", name="dtype", obj=self)
        return self._stored

    @property
    def type(self) -> Any:
        """The type of its numbers."""
        return self.load().type

    def newbyteorder(self, order: Any = "S") -> Any:
        """The dtype itself: it is the machine's own."""
        return self

    def __eq__(self, other: object) -> bool:
        if other is self or (isinstance(other, np.dtype) and other.kind == "V" and other.name == self.name):
            return True
        return other.__class__ is str and other == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:  # type: ignore[valid-type]
        return f"dtype({self.name!r})"

    def __str__(self) -> str:  # type: ignore[valid-type]
        return self.name

    def __reduce__(self) -> Any:
        return "bfloat16"


bfloat16 = BFloat16()


class Dtypes(type):
    """The type of `dtype`."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, (np.dtype, BFloat16))

    def __call__(cls, value: Any) -> Any:
        return known(value)

    def __repr__(cls) -> str:
        return "<class 'rushlight.dtype'>"


class dtype(metaclass=Dtypes):
    """What all dtypes are instances of, NumPy's and `bfloat16`; called with a name, it gives the dtype.

    >>> isinstance(bfloat16, dtype), isinstance(np.dtype("float32"), dtype), dtype("float32")
    (True, True, dtype('float32'))
    """

    def __repr__(self) -> str:
        return "dtype"


_FACTS = SimpleNamespace(
    bits=16, precision=2, eps=2.0**-7, max=(2.0 - 2.0**-7) * 2.0**127, min=-(2.0 - 2.0**-7) * 2.0**127,
    tiny=2.0**-126, smallest_normal=2.0**-126,
)  # fmt: skip
_float16 = np.dtype("float16")


def known(dtype: Any) -> Any:
    """The dtype by which tensors and specs know what NumPy takes for `dtype`; raises TypeError for none.

    >>> known("float32"), known("bfloat16"), known(bfloat16) is bfloat16
    (dtype('float32'), dtype('bfloat16'), True)
    """
    if dtype.__class__ is BFloat16 or (dtype.__class__ is str and dtype == bfloat16.name):
        return bfloat16
    found = np.dtype(dtype)
    return bfloat16 if found.kind == "V" and found.name == bfloat16.name else found


def is_narrow(dtype: Any) -> bool:
    """Whether it is a float of 16 bits, whose numbers are computed with as float32.

    >>> is_narrow(np.dtype("float16")), is_narrow(bfloat16), is_narrow(np.dtype("int16"))
    (True, True, False)
    """
    return bool(dtype.itemsize == 2 and dtype in (_float16, bfloat16))


def finfo(dtype: Any) -> Any:
    """The numerical facts of a floating dtype, as `np.finfo`."""
    return _FACTS if bfloat16 == dtype else np.finfo(dtype)
