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


def _name(capsule: Any) -> Any:
    """The name of a capsule, which says the version of the protocol and whether it was taken."""
    named = ctypes.pythonapi.PyCapsule_GetName
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return named(capsule)


def _code(capsule: Any) -> Any:
    """The byte of the kind, of numbers of 16 bits in single lanes; None of others."""
    api = ctypes.pythonapi
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    name = _name(capsule)
    if name not in _CODES:
        return None
    where = api.PyCapsule_GetPointer(capsule, name) + _CODES[name]
    width = (ctypes.c_uint8 * 4).from_address(where)
    return ctypes.c_uint8.from_address(where) if (width[1], width[2], width[3]) == (16, 1, 0) else None


class _Known:
    """A source whose bfloat16 numbers say that they are whole."""

    def __init__(self, source: Any) -> None:
        self._source, self.changed, self.old = source, False, False

    def __dlpack__(self, **options: Any) -> Any:
        try:
            capsule = self._source.__dlpack__(**options)
        except TypeError:  # an older form of the protocol, without options
            capsule = self._source.__dlpack__()
        self.old = _name(capsule) == b"dltensor"
        code = _code(capsule)
        if code is not None and code.value == _BFLOAT:
            code.value, self.changed = _UINT, True
        return capsule

    def __dlpack_device__(self) -> Any:
        return self._source.__dlpack_device__()


class _Writable:
    """An array whose memory may be written, whatever NumPy says of it: it takes that of capsules of the first
    form, which cannot say, for read-only."""

    def __init__(self, array: Any) -> None:
        self._array = array  # which keeps the memory alive
        found = dict(array.__array_interface__)
        self.__array_interface__ = found | {"data": (found["data"][0], False)}


class _Capsule:
    """A capsule as an object that gives it, once, as the protocol has it now."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the host: what else it holds, NumPy refuses


def taken(source: Any, **options: Any) -> Any:
    """An array that shares the memory of `source`, an object or a capsule."""
    known = _Known(_Capsule(source) if type(source).__name__ == "PyCapsule" else source)
    array = np.from_dlpack(known, **options)
    if known.old and not array.flags.writeable:
        array = np.asarray(_Writable(array))
    return array.view(bfloat16.load()) if known.changed else array


def given_away(array: Any, **options: Any) -> Any:
    """The capsule of an array of bfloat16."""
    capsule = array.view(np.uint16).__dlpack__(**options)
    code = _code(capsule)
    if code is None:
        raise BufferError("bfloat16 cannot be given away: NumPy's capsules are of an unknown kind")
    code.value = _BFLOAT
    return capsule
