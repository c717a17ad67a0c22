"""bfloat16 through the DLPack protocol, which NumPy speaks for its own dtypes only.

A capsule points at a struct that says, in one byte, of which kind its numbers are: on their way the numbers
go by as whole ones of 16 bits.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from rushlight.device.bfloat16 import bfloat16

__all__ = ["given_away", "taken"]

_CODES = {b"dltensor": 20, b"dltensor_versioned": 52}
"""Where the kind stands in the structs of either version of the protocol."""
_UINT, _BFLOAT = 1, 4


def _code(capsule: Any) -> Any:
    """The byte of the kind, of numbers of 16 bits in single lanes; None of others."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    name = api.PyCapsule_GetName(capsule)
    if name not in _CODES:
        return None
    where = api.PyCapsule_GetPointer(capsule, name) + _CODES[name]
    width = (ctypes.c_uint8 * 4).from_address(where)
    return ctypes.c_uint8.from_address(where) if (width[1], width[2], width[3]) == (16, 1, 0) else None


class _Known:
    """A source whose bfloat16 numbers say that they are whole."""

    def __init__(self, source: Any) -> None:
        self._source, self.changed = source, False

    def __dlpack__(self, **options: Any) -> Any:
        try:
            capsule = self._source.__dlpack__(**options)
        except TypeError:  # an older form of the protocol, without options
            capsule = self._source.__dlpack__()
        code = _code(capsule)
        if code is not None and code.value == _BFLOAT:
            code.value, self.changed = _UINT, True
        return capsule

    def __dlpack_device__(self) -> Any:
        return self._source.__dlpack_device__()


def taken(source: Any) -> Any:
    """An array that shares the memory of `source`."""
    known = _Known(source)
    array = np.from_dlpack(known)
    return array.view(bfloat16.load()) if known.changed else array


def given_away(array: Any, **options: Any) -> Any:
    """The capsule of an array of bfloat16."""
    capsule = array.view(np.uint16).__dlpack__(**options)
    code = _code(capsule)
    if code is None:
        raise BufferError("bfloat16 cannot be given away: NumPy's capsules are of an unknown kind")
    code.value = _BFLOAT
    return capsule
