"""Arrays, scalars and dtypes of NumPy in pickles: checked before they are made."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

__all__ = ["numpy_array", "numpy_dtype", "numpy_scalar", "set_array", "set_dtype"]

NUMBERS = re.compile(r"[|<>=]?([biufc]\d{1,2}|[SU]\d{0,6}|\?)")
"""Dtypes of numbers and text: no records, and no objects, whose making would run code."""


def numpy_dtype(name: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    """``numpy.dtype(name, align, copy)``, a new one: `set_dtype` then changes it."""
    if type(name) is not str or not NUMBERS.fullmatch(name):
        raise ValueError(f"the dtype {name!r}")
    return np.dtype(name, copy=True)


def set_dtype(dtype: np.dtype[Any], state: Any) -> None:
    """The byte order of a dtype that `numpy_dtype` made; of text, which says its sizes again, the same."""
    if type(state) is not tuple or len(state) not in (8, 9) or state[2:5] != (None, None, None):
        raise ValueError("the state of a dtype")
    sizes = state[5:7] in ((-1, -1), (dtype.itemsize, dtype.alignment))
    if type(state[0]) is not int or state[1] not in ("<", ">", "=", "|") or not sizes:
        raise ValueError("the state of a dtype")
    dtype.__setstate__(state)  # type: ignore[attr-defined]


def numpy_array(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    """An empty array; `set_array` then gives it its numbers."""
    if kind is not np.ndarray:
        raise TypeError("an array of another class")
    return np.empty(0, np.int8)


def set_array(array: np.ndarray[Any, Any], state: Any) -> None:
    """Shape, dtype and numbers of an array that `numpy_array` made."""
    if type(state) is not tuple or len(state) != 5 or array.size:
        raise ValueError("the state of an array")
    _, shape, dtype, fortran, raw = state
    raw = _bytes(raw)
    sizes = type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)
    if not sizes or not _plain(dtype) or len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError("the state of an array")
    array.__setstate__((1, shape, dtype, fortran is True, raw))  # type: ignore[arg-type]


def numpy_scalar(dtype: Any, raw: Any) -> Any:
    """One number, or one text, of NumPy's."""
    raw = _bytes(raw)
    if not _plain(dtype) or not dtype.itemsize or len(raw) != dtype.itemsize:
        raise ValueError("a number of NumPy's")
    return np.frombuffer(raw, dtype)[0]


def _plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "biufcSU"


def _bytes(raw: Any) -> bytes:
    """Python 2 wrote bytes as text."""
    if type(raw) is str:
        return raw.encode("latin1")
    if type(raw) is not bytes:
        raise TypeError("numbers that are no bytes")
    return raw
